-- Is every day of the month billed, free with a reason, or held?  Grain: workspace.  Units: days; seat-days.
select * from coverage_monthly where month = $month order by workspace_id
