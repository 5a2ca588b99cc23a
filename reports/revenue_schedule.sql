-- In which month is each invoice line revenue, and what is still deferred?
-- Grain: invoice line, month; from the month of its invoice to the one of its last service day, also months to come. Units: minor units.
-- A line is recognised evenly over its days of service. Recognised through a day = amount x days gone / days, rounded once, half up; a month's
-- share is the difference of two such totals, so that the shares add up to the line exactly.
-- Nothing is recognised before the month of the invoice: what a line charges for earlier months (seats that moved since the last invoice,
-- corrections) is recognised in the month of its invoice.
create table revenue_schedule as
with months as (
    select *,
        date_trunc('month', invoice_on)::date as first_month,
        unnest(generate_series(
            first_month, greatest(first_month, date_trunc('month', service_until - 1)::date), interval 1 month))::date as month
    from invoice_lines
), totals as (
    select *,
        half_up(amount_minor::hugeint * greatest(0, least(days, (month + interval 1 month)::date - service_from)), days) as through_month,
        case when month = first_month then 0
            else half_up(amount_minor::hugeint * greatest(0, least(days, month - service_from)), days) end as through_month_before
    from months
)
select
    line_id,
    month,
    invoice_id,
    invoice_number,
    subscription_id,
    workspace_id,
    catalog,
    plan,
    currency,
    invoice_on,
    service_from,
    service_until,
    is_correction,
    amount_minor,
    (through_month - through_month_before)::bigint as recognised_minor,
    (amount_minor - through_month)::bigint as deferred_minor
from totals
order by line_id, month;
comment on table revenue_schedule is 'One per invoice line and month, from the month of its invoice to that of its last service day. Key: line_id, month.';
comment on column revenue_schedule.line_id is 'The invoice line.';
comment on column revenue_schedule.month is 'The month''s first day.';
comment on column revenue_schedule.invoice_id is 'Its invoice.';
comment on column revenue_schedule.invoice_number is 'The invoice''s number.';
comment on column revenue_schedule.subscription_id is 'The subscription.';
comment on column revenue_schedule.workspace_id is 'The workspace.';
comment on column revenue_schedule.catalog is 'The catalogue.';
comment on column revenue_schedule.plan is 'The plan whose price applies.';
comment on column revenue_schedule.currency is 'ISO 4217 code.';
comment on column revenue_schedule.invoice_on is 'The invoice date.';
comment on column revenue_schedule.service_from is 'First day charged.';
comment on column revenue_schedule.service_until is 'The day after the last day charged.';
comment on column revenue_schedule.is_correction is 'Whether the line corrects what was known when an earlier invoice was issued.';
comment on column revenue_schedule.amount_minor is 'The line''s amount, minor unit.';
comment on column revenue_schedule.recognised_minor is 'Its share that is revenue of this month, minor unit.';
comment on column revenue_schedule.deferred_minor is 'What is still to be recognised at the month''s end, minor unit.';
