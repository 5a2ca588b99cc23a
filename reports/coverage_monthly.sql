-- Is every day of every workspace billed, free with a reason, or held (rule G6)?
-- Grain: workspace, month. Units: days; the six kinds of days add up to days.
create table coverage_monthly as
select
    workspace_id,
    date_trunc('month', day)::date as month,
    count(*)::bigint as days,
    count(*) filter (coverage = 'billed')::bigint as billed_days,
    count(*) filter (coverage = 'trial')::bigint as trial_days,
    count(*) filter (coverage = 'free plan')::bigint as free_plan_days,
    count(*) filter (coverage = 'ended')::bigint as ended_days,
    count(*) filter (coverage = 'no subscription')::bigint as no_subscription_days,
    count(*) filter (coverage = 'held')::bigint as held_days,
    sum(occupied)::bigint as seat_days,
    coalesce(sum(occupied) filter (coverage = 'billed'), 0)::bigint as billed_seat_days
from seat_occupancy
group by all
order by workspace_id, month;
comment on table coverage_monthly is 'One per workspace and month: every day is billed, free with a reason, or held. Key: workspace_id, month.';
comment on column coverage_monthly.workspace_id is 'The workspace.';
comment on column coverage_monthly.month is 'The month''s first day.';
comment on column coverage_monthly.days is 'Days of the month that are known.';
comment on column coverage_monthly.billed_days is 'Days in a paid term.';
comment on column coverage_monthly.trial_days is 'Days on a trial: free.';
comment on column coverage_monthly.free_plan_days is 'Days on a free plan.';
comment on column coverage_monthly.ended_days is 'Days after the subscription ended: free.';
comment on column coverage_monthly.no_subscription_days is 'Days before any subscription, on the roster or not: free.';
comment on column coverage_monthly.held_days is 'Days of a workspace that is held now; what was billed of them before stays billed, the rest waits until the hold is mended.';
comment on column coverage_monthly.seat_days is 'Seats held at a day''s close, summed over the days.';
comment on column coverage_monthly.billed_seat_days is 'Those of the billed days.';
