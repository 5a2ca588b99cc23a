-- How many seats did each workspace use in a month?
-- Grain: workspace, month. Units: seats; seat_days are seats held at a day's close, summed over the month's days known.
create table seat_usage_monthly as
select
    workspace_id,
    date_trunc('month', day)::date as month,
    arg_max(catalog, day) as catalog,
    arg_max(plan, day) as plan,
    count(*)::bigint as days,
    sum(occupied)::bigint as seat_days,
    max(occupied) as peak_seats,
    ((sum(occupied) * 100 // count(*))::bigint * 0.01::decimal(3, 2))::decimal(18, 2) as average_seats,
    arg_min(occupied, day) as first_day_seats,
    arg_max(occupied, day) as last_day_seats,
    arg_max(seat_limit, day) as seat_limit,
    sum(added)::bigint as added,
    sum(removed)::bigint as removed
from seat_occupancy
group by all
order by all;
comment on table seat_usage_monthly is 'One per workspace and month.';
comment on column seat_usage_monthly.workspace_id is 'The workspace.';
comment on column seat_usage_monthly.month is 'The month''s first day.';
comment on column seat_usage_monthly.catalog is 'The catalogue on the month''s last day known.';
comment on column seat_usage_monthly.plan is 'The plan on the month''s last day known.';
comment on column seat_usage_monthly.days is 'Days of the month that are known.';
comment on column seat_usage_monthly.seat_days is 'Seats held at a day''s close, summed over those days.';
comment on column seat_usage_monthly.peak_seats is 'The most seats held on any of those days.';
comment on column seat_usage_monthly.average_seats is 'seat_days / days, to two decimals, rounded down.';
comment on column seat_usage_monthly.first_day_seats is 'Seats held on the first of those days.';
comment on column seat_usage_monthly.last_day_seats is 'Seats held on the last of those days.';
comment on column seat_usage_monthly.seat_limit is 'Limit, or seats agreed, on the last of those days; null: none.';
comment on column seat_usage_monthly.added is 'Seats newly held in the month.';
comment on column seat_usage_monthly.removed is 'Seats released in the month.';
