-- What is held, why, and what mends it?  Grain: workspace, reason, place; of the last run, whatever the month.
select * from holds where $month is not null order by all
