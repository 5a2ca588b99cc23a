-- Is every workspace and day from the first to the last there once, and billed, free with a reason, or held?  Returns those that are not.
select workspace_id || ' ' || day as what, format('{} rows, coverage {}', count(*), any_value(coverage)) as problem
from seat_occupancy group by workspace_id, day
having count(*) <> 1 or any_value(coverage) not in ('billed', 'trial', 'free plan', 'ended', 'no subscription', 'held')
union all
select s.workspace_id || ' ' || d.day, 'no row for that day'
from (select distinct workspace_id from subscriptions) s
cross join (select distinct day from seat_occupancy) d
anti join seat_occupancy o on o.workspace_id = s.workspace_id and o.day = d.day
