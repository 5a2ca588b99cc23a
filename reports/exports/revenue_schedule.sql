-- What of each invoice line is revenue of the month, and what is deferred at its end?  Grain: invoice line.  Units: money.
select * from revenue_schedule_v where month = $month order by line_id
