-- Which runs are behind the figures?  Grain: run, whatever the month.
select * from runs where $month is not null order by run_id
