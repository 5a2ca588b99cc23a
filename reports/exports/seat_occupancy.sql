-- How many seats were held on each day of the month?  Grain: workspace, day.  Units: seats at the day's close.
select * from seat_occupancy where day between $month and last_day($month) order by workspace_id, day
