-- How many seats did each workspace use in the month, and what did the idle ones cost?  Grain: workspace.  Units: seats; seat-days; money.
select * from seat_usage_monthly_v where month = $month order by workspace_id
