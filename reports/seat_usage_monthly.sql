-- How many seats did each workspace use in a month, of how many, and what did the unused ones cost?
-- Grain: workspace, month. Units: seats; seat_days are seats held at a day's close, summed over the month's days known; money in minor units.
-- Seats that are paid for and not used, those billed at the last day's close (held, or agreed) less the users active, cost their number x the price
-- of a seat for a month in the spell of that day (a year's price / 12), rounded once, half up.
create table seat_usage_monthly as
with months as (
    select
        workspace_id,
        date_trunc('month', day)::date as month,
        count(*)::bigint as days,
        sum(occupied)::bigint as seat_days,
        max(occupied) as peak_seats,
        arg_min(occupied, day) as first_day_seats,
        max(day) as last_day,
        sum(added)::bigint as added,
        sum(removed)::bigint as removed
    from seat_occupancy
    group by all
), last_days as (
    select m.*, o.catalog, o.plan, o.occupied as last_day_seats, o.committed, o.seat_limit, o.label, o.coverage, o.subscription_id, o.spell_from,
        coalesce(i.idle_seats, 0) as idle_seats, coalesce(i.never_active_seats, 0) as never_active_seats
    from months m
    join seat_occupancy o on o.workspace_id = m.workspace_id and o.day = m.last_day
    left join idle_seats i on i.workspace_id = m.workspace_id and i.day = m.last_day
    where o.day in (select last_day from months)  -- says nothing more, but leaves one day in thirty to be looked for
)
select
    l.workspace_id,
    l.month,
    l.catalog,
    l.plan,
    c.currency,
    l.days,
    l.seat_days,
    l.peak_seats,
    (half_up(100 * l.seat_days, l.days) * 0.01::decimal(3, 2))::decimal(18, 2) as average_seats,
    l.first_day_seats,
    l.last_day_seats,
    l.seat_limit,
    case when l.seat_limit > 0 then (half_up(1000 * l.last_day_seats, l.seat_limit) * 0.1::decimal(2, 1))::decimal(18, 1) end as percent_used,
    l.label,
    l.added,
    l.removed,
    l.idle_seats,
    l.never_active_seats,
    case
        when s.unit_price_minor is not null
            then half_up(
                greatest(case s.basis when 'committed' then l.committed else l.last_day_seats end - (l.last_day_seats - l.idle_seats), 0)::hugeint
                    * s.unit_price_minor,
                case s.cadence when 'annual' then 12 else 1 end)
        when l.coverage <> 'held' and c.currency is not null then 0
    end as idle_cost_minor
from last_days l
left join spells s on s.subscription_id = l.subscription_id and s.spell_from = l.spell_from
left join catalogs c on c.catalog = l.catalog
order by l.workspace_id, l.month;
comment on table seat_usage_monthly is 'One per workspace and month. Key: workspace_id, month.';
comment on column seat_usage_monthly.workspace_id is 'The workspace.';
comment on column seat_usage_monthly.month is 'The month''s first day.';
comment on column seat_usage_monthly.catalog is 'The catalogue on the month''s last day known.';
comment on column seat_usage_monthly.plan is 'The plan on the month''s last day known; null: no subscription.';
comment on column seat_usage_monthly.currency is 'ISO 4217 code of the catalogue.';
comment on column seat_usage_monthly.days is 'Days of the month that are known.';
comment on column seat_usage_monthly.seat_days is 'Seats held at a day''s close, summed over those days.';
comment on column seat_usage_monthly.peak_seats is 'The most seats held on any of those days.';
comment on column seat_usage_monthly.average_seats is 'seat_days / days, to two decimals, half up.';
comment on column seat_usage_monthly.first_day_seats is 'Seats held on the first of those days.';
comment on column seat_usage_monthly.last_day_seats is 'Seats held on the last of those days.';
comment on column seat_usage_monthly.seat_limit is 'Limit, or seats agreed, on the last of those days; null: none.';
comment on column seat_usage_monthly.percent_used is 'last_day_seats in percent of seat_limit, to one decimal, half up; null: no limit. May be over 100.';
comment on column seat_usage_monthly.label is 'What the vendor shows on the last of those days: Active seats used: 97/100.';
comment on column seat_usage_monthly.added is 'Seats newly held in the month; on the first day of rosters, all.';
comment on column seat_usage_monthly.removed is 'Seats released in the month.';
comment on column seat_usage_monthly.idle_seats is 'Seats held on the last of those days whose holder was not active in the 30 days up to it, or never.';
comment on column seat_usage_monthly.never_active_seats is 'Of the idle seats, those whose holder was never active.';
comment on column seat_usage_monthly.idle_cost_minor is 'What seats cost for a month that are paid for and not used: those billed on that day (held, or agreed) less the users active, x the unit price (a year''s / 12), rounded once, minor unit; 0 where nothing is charged; null: held, without a price, or no catalogue.';
