-- Who used more than the plan allows in the month, or needs a word?  Grain: workspace, matter, subject.  Units: seats, or what the metric counts; days.
select * from plan_compliance where month = $month order by workspace_id, matter, subject
