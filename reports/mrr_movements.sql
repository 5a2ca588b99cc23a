-- What recurring revenue came, grew, shrank and went in a month?
-- Grain: month, workspace, catalogue, plan; rows where there was any at the month's start or end. Units: minor units a month.
-- The revenue of a subscription at a day's close is the seats billed then (held or agreed) x the price of a seat for a month in the spell of that
-- day, a year's price / 12; rounded once for each subscription and day, half up. A trial, a free plan or an ended subscription has none.
-- opening + new + expansion + contraction + churn + reactivation + plan_change = closing, and a month's closing is the next one's opening.
-- What a movement is called is decided for the workspace in its catalogue, whatever the plans; a move to another plan is carried over as
-- plan_change, which cancels within them, and only what the workspace grew or shrank by is a movement.
create table mrr_movements as
with measured as (
    select date_trunc('month', day)::date as month, max(day) as measured_on, min(day) as first_on
    from (select distinct day from seat_occupancy) group by all
), moments as (
    select month, measured_on, measured_on as day, false as is_start from measured
    union all  -- what ran on the day before the ledger's opening day was taken over: it opens the first month
    select min(month), min(measured_on), min(first_on), true from measured having count(*) > 0
), taken_over as (  -- in the opening day's term, or in one that ended as that day's began
    select subscription_id from terms
    where term_from < (select min(first_on) from measured) and ended_on >= (select min(first_on) from measured)
), worth as (
    select m.month, m.is_start, s.workspace_id, s.catalog, s.plan, s.currency,
        case s.basis when 'committed' then o.committed else o.occupied end as seats,
        half_up(seats::hugeint * s.unit_price_minor, case s.cadence when 'annual' then 12 else 1 end) as mrr_minor
    from moments m
    join seat_occupancy o on o.day = m.day
    join spells s on s.subscription_id = o.subscription_id and s.spell_from = o.spell_from
    where not m.is_start or s.subscription_id in (from taken_over)
), sides as (
    select month, workspace_id, catalog, plan, currency, 0 as opening, mrr_minor as closing, seats from worth where not is_start
    union all
    select (month + interval 1 month)::date, workspace_id, catalog, plan, currency, mrr_minor, 0, 0
    from worth where not is_start and month < (select max(month) from measured)
    union all
    select month, workspace_id, catalog, plan, currency, mrr_minor, 0, 0 from worth where is_start
), plans as materialized (
    select month, workspace_id, catalog, plan, currency,
        sum(opening)::bigint as opening_minor, sum(closing)::bigint as closing_minor, sum(seats)::bigint as closing_seats
    from sides group by all having sum(opening) <> 0 or sum(closing) <> 0
), wholes as materialized (  -- of a workspace in its catalogue, beside each of its plans
    select p.*, w.whole_opening, w.whole_closing, f.first_month = p.month as is_first_row
    from plans p
    join (select month, workspace_id, catalog, sum(opening_minor) as whole_opening, sum(closing_minor) as whole_closing
        from plans group by all) w using (month, workspace_id, catalog)
    join (select workspace_id, catalog, min(month) as first_month from plans group by all) f using (workspace_id, catalog)
), doubtful as materialized (  -- spells before the month that a workspace seems to be new in: few, so that only their days are looked at
    select * from spells s
    where exists (
        from wholes f
        where f.is_first_row and f.whole_opening = 0 and f.workspace_id = s.workspace_id and f.catalog = s.catalog and f.month > s.spell_from)
), first_paid as (
    select s.workspace_id, s.catalog, min(o.day) as paid_on
    from seat_occupancy o
    join doubtful s on s.subscription_id = o.subscription_id and s.spell_from = o.spell_from
    where half_up(case s.basis when 'committed' then o.committed else o.occupied end::hugeint * s.unit_price_minor,
        case s.cadence when 'annual' then 12 else 1 end) > 0
    group by all
), movements as (
    select *,
        closing_minor > 0 and whole_opening = 0 as is_start,
        is_first_row and coalesce(paid_on >= month, true) as is_first,
        whole_opening > 0 and whole_closing > 0 as goes_on,
        case when goes_on and closing_minor > 0 then whole_closing - whole_opening else 0 end as growth
    from wholes left join first_paid using (workspace_id, catalog)
)
select
    p.month,
    d.measured_on,
    p.workspace_id,
    p.catalog,
    p.plan,
    p.currency,
    p.closing_seats,
    p.opening_minor,
    case when is_start and is_first then closing_minor else 0 end::bigint as new_minor,
    greatest(growth, 0)::bigint as expansion_minor,
    least(growth, 0)::bigint as contraction_minor,
    case when whole_closing = 0 then -opening_minor else 0 end::bigint as churn_minor,
    case when is_start and not is_first then closing_minor else 0 end::bigint as reactivation_minor,
    case when goes_on then case when closing_minor > 0 then whole_opening else 0 end - opening_minor else 0 end::bigint as plan_change_minor,
    p.closing_minor,
    p.workspace_id in (select workspace_id from holds) as is_held
from movements p
join measured d using (month)
order by p.month, p.workspace_id, p.catalog, p.plan;
comment on table mrr_movements is 'One per month, workspace, catalogue and plan with monthly recurring revenue at its start or end; none of a workspace that is held because what it agreed or its price is not known. Key: month, workspace_id, catalog, plan.';
comment on column mrr_movements.month is 'The month''s first day.';
comment on column mrr_movements.measured_on is 'The day of the closing: the month''s last day, or the last day known.';
comment on column mrr_movements.workspace_id is 'The workspace.';
comment on column mrr_movements.catalog is 'The catalogue.';
comment on column mrr_movements.plan is 'The plan.';
comment on column mrr_movements.currency is 'ISO 4217 code.';
comment on column mrr_movements.closing_seats is 'Seats billed at that day''s close.';
comment on column mrr_movements.opening_minor is 'Recurring revenue at the close of the month before; in the first month that which was taken over, as of the opening day''s close; minor unit a month.';
comment on column mrr_movements.new_minor is 'Of a workspace that had none on any day of an earlier month, in this catalogue and since the opening day.';
comment on column mrr_movements.expansion_minor is 'What a workspace that had some grew by.';
comment on column mrr_movements.contraction_minor is 'What a workspace that keeps some shrank by; negative.';
comment on column mrr_movements.churn_minor is 'What a workspace that has none any more had; negative.';
comment on column mrr_movements.reactivation_minor is 'Of a workspace that had some on a day of an earlier month and none at this month''s start.';
comment on column mrr_movements.plan_change_minor is 'Carried from the plan left (negative) to the plan entered; adds up to 0 for each workspace, catalogue and month.';
comment on column mrr_movements.closing_minor is 'Recurring revenue at the close of measured_on, minor unit a month.';
comment on column mrr_movements.is_held is 'Whether the workspace is held now: its figures are as known and may change.';
