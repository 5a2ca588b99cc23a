-- Do opening and movements make the closing, is it the next month's opening, and today what the subscriptions come to?  Returns what does not.
with rows as (
    select *, workspace_id || ' ' || catalog || ' ' || plan || ' ' || month as what from mrr_movements
), spread as (
    select (month + interval 1 month)::date as month, workspace_id, catalog, plan, closing_minor as amount
    from mrr_movements where closing_minor <> 0 and month < (select max(month) from mrr_movements)
), today as (
    select workspace_id, catalog, plan, sum(half_up(
        case s.basis when 'committed' then n.seats_committed else n.seats_occupied end::hugeint * s.unit_price_minor,
        case s.cadence when 'annual' then 12 else 1 end)) as amount
    from spells s join subscriptions n using (subscription_id, workspace_id, catalog, plan), (select max(day) as last_day from seat_occupancy)
    where s.spell_from <= last_day and s.spell_until > last_day
    group by all
)
select what, format('opening {} and its movements do not make the closing {}', opening_minor, closing_minor) as problem
from rows
where opening_minor + new_minor + expansion_minor + contraction_minor + churn_minor + reactivation_minor + plan_change_minor <> closing_minor
   or least(opening_minor, closing_minor, new_minor, expansion_minor, reactivation_minor) < 0 or greatest(contraction_minor, churn_minor) > 0
union all
select workspace_id || ' ' || catalog || ' ' || month, 'what is carried from plan to plan does not cancel, or it both comes and goes'
from mrr_movements group by all
having sum(plan_change_minor) <> 0
    or sum((new_minor <> 0)::int) + sum((reactivation_minor <> 0)::int) + max((churn_minor <> 0)::int)
        + sum((expansion_minor <> 0)::int) + sum((contraction_minor <> 0)::int) > 1
union all
select coalesce(what, s.workspace_id || ' ' || s.catalog || ' ' || s.plan || ' ' || s.month),
    format('opens with {} after a closing of {}', coalesce(opening_minor, 0), coalesce(amount, 0))
from (select * from rows where opening_minor <> 0 and month > (select min(date_trunc('month', day)) from seat_occupancy)) r
full join spread s on s.month = r.month and s.workspace_id = r.workspace_id and s.catalog = r.catalog and s.plan = r.plan
where coalesce(opening_minor, 0) <> coalesce(amount, 0)
union all
select coalesce(what, t.workspace_id || ' ' || t.catalog || ' ' || t.plan), format('closes with {}; seats and prices say {}', closing_minor, amount)
from (select * from rows where month = (select date_trunc('month', max(day)) from seat_occupancy) and closing_minor <> 0) r
full join (select * from today where amount <> 0) t on t.workspace_id = r.workspace_id and t.catalog = r.catalog and t.plan = r.plan
where closing_minor is distinct from amount
