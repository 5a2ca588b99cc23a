-- Is every day of the month billed, free with a reason, or held?  Grain: workspace.
select * from coverage_monthly where month = $month order by workspace_id
