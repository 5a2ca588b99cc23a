-- Is every day of a month in one kind, and billed just where a term covers it?  Returns workspaces, months and spells that are not.
select workspace_id || ' ' || month as what,
    format('{} days, in kinds {}', days, billed_days + trial_days + free_plan_days + ended_days + no_subscription_days + held_days) as problem
from coverage_monthly
where days <> billed_days + trial_days + free_plan_days + ended_days + no_subscription_days + held_days or billed_seat_days > seat_days
union all
select workspace_id || ' ' || day, format('{}, and its spell is from {}', coverage, coalesce(spell_from::varchar, 'none'))
from seat_occupancy where (coverage = 'billed' and spell_from is null) or (coverage not in ('billed', 'held') and spell_from is not null)
union all
select s.subscription_id || ' ' || s.spell_from, format('{} of its {} days are there', coalesce(d.days, 0), s.until - s.since)
from (
    select subscription_id, spell_from, greatest(spell_from, first_day) as since, least(spell_until, last_day + 1) as until
    from spells, (select min(day) as first_day, max(day) as last_day from seat_occupancy)
) s
left join (select subscription_id, spell_from, count(*) as days from seat_occupancy where spell_from is not null group by all) d
    on d.subscription_id = s.subscription_id and d.spell_from = s.spell_from
where coalesce(d.days, 0) <> s.until - s.since
  and s.subscription_id not in (select subscription_id from subscriptions where state = 'held')
union all
select coalesce(c.workspace_id, d.workspace_id) || ' ' || coalesce(c.month, d.month),
    format('{} days with {} billed and {} seat-days; the days say {}, {} and {}', c.days, c.billed_days, c.seat_days, d.days, d.billed, d.seat_days)
from coverage_monthly c
full join (
    select workspace_id, date_trunc('month', day)::date as month, count(*) as days, count_if(coverage = 'billed') as billed, sum(occupied) as seat_days
    from seat_occupancy group by all
) d on d.workspace_id = c.workspace_id and d.month = c.month
where c.days is distinct from d.days or c.billed_days is distinct from d.billed or c.seat_days is distinct from d.seat_days
