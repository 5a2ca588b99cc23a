-- Is each finding about limits, use and aliases in the month's list, and each row of it found?  Returns those that are not.
with found as (
    select distinct workspace_id, date_trunc('month', day)::date as month,
        case finding when 'seat_limit' then 'over_seat_limit' else finding end as matter
    from exceptions where finding in ('seat_limit', 'beyond_plan', 'broken_alias')
), over as (
    select workspace_id, date_trunc('month', day)::date as month, 'over_seat_limit' as matter, count(*) as days, max(occupied - seat_limit) as most
    from seat_occupancy where occupied > seat_limit group by all
), reached as (
    select workspace_id, date_trunc('month', day)::date as month, 'seat_limit_reached' as matter, count(*) as days, 0 as most
    from seat_occupancy where occupied >= seat_limit and occupied > 0 group by all having not bool_or(occupied > seat_limit)
), limits as (
    from over union all from reached
)
select workspace_id || ' ' || month || ' ' || matter as what, 'is found and not in the list' as problem
from found anti join plan_compliance using (workspace_id, month, matter)
union all
select coalesce(p.workspace_id, l.workspace_id) || ' ' || coalesce(p.month, l.month) || ' ' || coalesce(p.matter, l.matter),
    format('{} days and {} over; the days say {} and {}', p.days, p.used - p.allowed, l.days, l.most)
from (select * from plan_compliance where matter in ('over_seat_limit', 'seat_limit_reached')) p
full join limits l on l.workspace_id = p.workspace_id and l.month = p.month and l.matter = p.matter
where p.days is distinct from l.days or p.used - p.allowed is distinct from l.most
union all
select p.workspace_id || ' ' || p.month || ' ' || p.subject, format('{} used of {}; no finding says so', used, allowed)
from plan_compliance p
where matter = 'beyond_plan' and not exists (
    select 1 from exceptions e
    where e.workspace_id = p.workspace_id and e.finding = 'beyond_plan' and date_trunc('month', e.day) = p.month
      and (e.detail = format('{} of {}; plan {} allows {}', p.used, p.subject, p.plan, p.allowed)
        or e.detail = format('{} is used; plan {} does not include it', p.subject, p.plan)))
union all
select p.workspace_id || ' ' || p.month, format('{} aliases cannot work; no finding says so', used)
from plan_compliance p
where matter = 'broken_alias' and used > (
    select count(*) from exceptions e where e.workspace_id = p.workspace_id and e.finding = 'broken_alias' and e.day < p.month + interval 1 month)
union all
select workspace_id || ' ' || month, format('its trial is said to end on {}', last_on)
from plan_compliance p
where matter = 'trial_ending' and not exists (
    select 1 from subscriptions s where s.workspace_id = p.workspace_id and s.trial_until = p.last_on and p.days = p.last_on - p.first_on)
