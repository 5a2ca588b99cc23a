-- What was found in the month that does not stop billing?  Grain: finding.
select * from exceptions where day is null or told_in(day) = $month order by workspace_id, day, rule, detail
