-- Which runs are behind the figures?  Grain: run, whatever the month.  Units: days; files; rows; invoices; lines; workspaces.
select * from runs where $month is not null order by run_id
