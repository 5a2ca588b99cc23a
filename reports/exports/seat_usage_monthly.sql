-- How many seats did each workspace use in the month?  Grain: workspace.
select * from seat_usage_monthly where month = $month order by workspace_id
