-- What was found in the month that does not stop billing?  Grain: finding.
select * from exceptions where coalesce(date_trunc('month', day), $month) = $month order by workspace_id, day, rule, detail
