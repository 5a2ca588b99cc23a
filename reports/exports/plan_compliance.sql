-- Who used more than the plan allows in the month, or needs a word?  Grain: workspace, matter, subject.
select * from plan_compliance where month = $month order by workspace_id, matter, subject
