-- Are a month's seats those of its days, and the idle ones some of them?  Returns workspaces and months where they are not.
with days as (
    select workspace_id, date_trunc('month', day)::date as month, count(*) as days, sum(occupied) as seat_days, max(occupied) as peak, max(day) as last_day
    from seat_occupancy group by all
)
select coalesce(u.workspace_id, d.workspace_id) || ' ' || coalesce(u.month, d.month) as what,
    format('{} seat-days and a peak of {}; the days say {} and {}', u.seat_days, u.peak_seats, d.seat_days, d.peak) as problem
from seat_usage_monthly u full join days d on d.workspace_id = u.workspace_id and d.month = u.month
left join seat_occupancy o on o.workspace_id = d.workspace_id and o.day = d.last_day
where u.seat_days is distinct from d.seat_days or u.peak_seats is distinct from d.peak or u.days is distinct from d.days
   or u.last_day_seats is distinct from o.occupied or u.label is distinct from o.label
   or u.idle_seats not between u.never_active_seats and u.last_day_seats
   or u.first_day_seats not between 0 and u.peak_seats or u.average_seats not between 0 and u.peak_seats
   or u.idle_cost_minor < 0
   or (u.idle_cost_minor > 0 and u.idle_seats = 0 and coalesce(o.committed, 0) <= u.last_day_seats)  -- seats agreed that nobody sits on are idle, too
