-- Where does a workspace use more than its plan allows, or need a word before the month is over?
-- Grain: workspace, month, matter, subject. Units: seats, or what the metric counts; days. Nothing of this is billed.
-- matter: over_seat_limit, seat_limit_reached, beyond_plan (subject: the metric), broken_alias, trial_ending (within 31 days of the month's
-- last known day).
-- After: workspace_names.
create table plan_compliance as
with months as (
    select date_trunc('month', day)::date as month, max(day) as last_day from (select distinct day from seat_occupancy) group by all
), at_limit as (
    select workspace_id, date_trunc('month', day)::date as month, count(*) filter (occupied > seat_limit) as days_over,
        count(*) as days_reached, min(day) as first_reached, max(day) as last_reached,
        min(day) filter (occupied > seat_limit) as first_over, max(day) filter (occupied > seat_limit) as last_over,
        max({'over': occupied - seat_limit, 'used': occupied, 'allowed': seat_limit, 'plan': plan}) as most
    from seat_occupancy
    where occupied >= seat_limit and occupied > 0
    group by all
), beyond as (
    select workspace_id, date_trunc('month', day)::date as month, metric, count(distinct day) as days, min(day) as first_on, max(day) as last_on,
        max({'over': value - allowed, 'used': value, 'allowed': allowed, 'plan': plan}) as most
    from plan_usage where is_beyond group by all
), broken as (
    select a.workspace_id, a.user_id, m.month, greatest(broken_from, m.month) as first_on,
        least(coalesce(broken_until - 1, m.last_day), m.last_day) as last_on
    from months m
    join broken_aliases a on a.broken_from <= m.last_day and coalesce(a.broken_until > m.month, true)
), alias_days as (  -- an alias is broken once on a day: its stretches do not overlap
    select workspace_id, month, day, count(*) as users
    from (select workspace_id, month, unnest(generate_series(first_on, last_on, interval 1 day))::date as day from broken)
    group by all
), aliases as (
    select b.*, d.days, d.most
    from (
        select workspace_id, month, count(distinct user_id) as users, min(first_on) as first_on, max(last_on) as last_on,
            list_sort(list(distinct user_id)) as ids
        from broken group by all
    ) b
    join (select workspace_id, month, count(*) as days, max(users) as most from alias_days group by all) d using (workspace_id, month)
), trials as (
    select o.workspace_id, m.month, m.last_day, s.trial_until, o.plan, o.occupied
    from months m
    join seat_occupancy o on o.day = m.last_day and o.coverage = 'trial'
    join subscriptions s on s.subscription_id = o.subscription_id
    where s.trial_until > m.last_day and s.trial_until <= m.last_day + 31
), matters as (
    select workspace_id, month, 'over_seat_limit' as matter, null as subject, most.plan as plan, days_over as days, first_over as first_on,
        last_over as last_on, most.used as used, most.allowed as allowed,
        format('more seats than allowed on {}: up to {} of {} on plan {}',
            many(days_over, 'day'), most.used, most.allowed, most.plan) as words
    from at_limit where days_over > 0
    union all
    select workspace_id, month, 'seat_limit_reached', null, most.plan, days_reached, first_reached, last_reached, most.used, most.allowed,
        format('no seat to spare on {}: {} of {} on plan {}',
            many(days_reached, 'day'), most.used, most.allowed, most.plan)
    from at_limit where days_over = 0
    union all
    select workspace_id, month, 'beyond_plan', metric, most.plan, days, first_on, last_on, most.used, most.allowed,
        case most.allowed when 0 then format('{} is used; plan {} does not include it', metric, most.plan)
            else format('{} {} are used; plan {} allows {}', most.used, metric, most.plan, most.allowed) end
    from beyond
    union all
    select workspace_id, month, 'broken_alias', null, null, days, first_on, last_on, most, 0,
        format('{} cannot work, login is disabled or the user deactivated: {}{}', case users when 1 then '1 alias' else users || ' aliases' end,
            array_to_string(ids[1:5], ', '), case when users > 5 then ', …' else '' end)
    from aliases
    union all
    select workspace_id, month, 'trial_ending', null, plan, trial_until - last_day, last_day, trial_until, occupied, null,
        format('the trial of plan {} ends on {}, with {} held', plan, trial_until, many(occupied, 'seat'))
    from trials
)
select
    month, workspace_id, workspace_name, matter, subject, plan, days::bigint as days, first_on, last_on, used::bigint as used,
    allowed::bigint as allowed, words
from matters
left join workspace_names using (workspace_id)
order by month, workspace_id, matter, subject;
comment on table plan_compliance is 'One per workspace, month, matter and subject: limits reached, use beyond the plan, aliases that cannot work, trials that end soon. Key: workspace_id, month, matter, subject.';
comment on column plan_compliance.month is 'The month''s first day.';
comment on column plan_compliance.workspace_id is 'The workspace.';
comment on column plan_compliance.workspace_name is 'The workspace''s name (workspace_names).';
comment on column plan_compliance.matter is 'over_seat_limit, seat_limit_reached, beyond_plan, broken_alias or trial_ending.';
comment on column plan_compliance.subject is 'beyond_plan: the metric; else null.';
comment on column plan_compliance.plan is 'The plan then; null: it does not matter.';
comment on column plan_compliance.days is 'On how many days of the month; trial_ending: in how many days.';
comment on column plan_compliance.first_on is 'The first such day of the month; trial_ending: the last day known.';
comment on column plan_compliance.last_on is 'The last such day of the month; trial_ending: the day after the trial.';
comment on column plan_compliance.used is 'What was used at a day''s close, on the day that was furthest beyond what was allowed: seats, the metric, or aliases that cannot work.';
comment on column plan_compliance.allowed is 'What the plan allowed on that day; 0: nothing; null: no limit.';
comment on column plan_compliance.words is 'The matter in a sentence.';
