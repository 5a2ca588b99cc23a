-- Why is an invoice more or less than the one before of the same subscription?
-- Grain: invoice. Units: minor units, signed: what each cause makes the amount due differ by.
--     seats + plan + price + days + term + corrections + credits = difference = amount due - amount due before
-- The opening charges of the two are turned into each other a step at a time: other seats, then another plan's price (or the same plan's new one),
-- then other days (a stub), rounded half up after each. Seats that moved inside a term are seats, plan switches inside it plan. Where only one of
-- the two opens a term, or their cadences differ, the difference of their opening charges is term.
create table invoice_changes as
with openings as (
    select invoice_id, plan, cadence, quantity, unit_price_minor, days, period_days, amount_minor
    from invoice_lines where reason = 'opening' and not is_correction
    qualify row_number() over (partition by invoice_id order by term_from desc, line_id desc) = 1
), sums as (
    select invoice_id,
        coalesce(sum(amount_minor) filter (reason = 'opening' and not is_correction), 0)::bigint as opened,
        coalesce(sum(amount_minor) filter (reason = 'plan_switch' and not is_correction), 0)::bigint as switched,
        coalesce(sum(amount_minor) filter (reason not in ('opening', 'plan_switch') and not is_correction), 0)::bigint as moved,
        coalesce(sum(amount_minor) filter (is_correction), 0)::bigint as corrected
    from invoice_lines group by all
), invoices_told as (
    select i.*, coalesce(s.opened, 0) as opened, coalesce(s.switched, 0) as switched, coalesce(s.moved, 0) as moved,
        coalesce(s.corrected, 0) as corrected, i.credit_granted_minor - i.credit_applied_minor as credited,
        o.plan, o.cadence, o.quantity, o.unit_price_minor, o.days, o.period_days, o.amount_minor as opening
    from invoices i left join sums s using (invoice_id) left join openings o using (invoice_id)
), numbered as (
    select *, row_number() over (partition by subscription_id order by invoice_on, invoice_number) as place from invoices_told
), steps as (
    select n.*, p.invoice_number as number_before, p.invoice_on as on_before, p.plan as plan_before, p.quantity as quantity_before,
        coalesce(p.amount_due_minor, 0) as due_before, coalesce(p.opened, 0) as opened_before, coalesce(p.switched, 0) as switched_before,
        coalesce(p.moved, 0) as moved_before, coalesce(p.corrected, 0) as corrected_before, coalesce(p.credited, 0) as credited_before,
        coalesce(n.cadence = p.cadence, false) as is_alike,
        p.opening as step_0,
        half_up(n.quantity::hugeint * p.unit_price_minor * p.days, p.period_days) as step_seats,
        half_up(n.quantity::hugeint * n.unit_price_minor * p.days, p.period_days) as step_price,
        n.opening as step_days
    from numbered n left join numbered p on p.subscription_id = n.subscription_id and p.place = n.place - 1
), causes as (
    select *,
        case when is_alike then step_seats - step_0 else 0 end + moved - moved_before as seats_minor,
        case when is_alike and plan <> plan_before then step_price - step_seats else 0 end + switched - switched_before as plan_minor,
        case when is_alike and plan = plan_before then step_price - step_seats else 0 end as price_minor,
        case when is_alike then step_days - step_price else 0 end as days_minor,
        opened - opened_before - case when is_alike then step_days - step_0 else 0 end as term_minor,
        corrected - corrected_before as corrections_minor,
        credited - credited_before as credits_minor
    from steps
)
select
    invoice_id, invoice_number, subscription_id, workspace_id, catalog, currency, invoice_on,
    number_before as previous_invoice_number, on_before as previous_invoice_on,
    plan, plan_before as previous_plan, quantity as opened_seats, quantity_before as previous_opened_seats,
    amount_due_minor, due_before as previous_due_minor, amount_due_minor - due_before as difference_minor,
    seats_minor, plan_minor, price_minor, days_minor, term_minor, corrections_minor, credits_minor
from causes
order by invoice_on, catalog, invoice_number;
comment on table invoice_changes is 'One per invoice: what makes its amount due differ from that of the invoice before of the same subscription.';
comment on column invoice_changes.invoice_id is 'The invoice.';
comment on column invoice_changes.invoice_number is 'Its number.';
comment on column invoice_changes.subscription_id is 'The subscription.';
comment on column invoice_changes.workspace_id is 'The workspace.';
comment on column invoice_changes.catalog is 'The catalogue.';
comment on column invoice_changes.currency is 'ISO 4217 code.';
comment on column invoice_changes.invoice_on is 'The invoice date.';
comment on column invoice_changes.previous_invoice_number is 'The invoice before of the subscription; null: it is the first.';
comment on column invoice_changes.previous_invoice_on is 'Its date.';
comment on column invoice_changes.plan is 'The plan of the term that the invoice opens; null: it opens none.';
comment on column invoice_changes.previous_plan is 'The same of the invoice before.';
comment on column invoice_changes.opened_seats is 'The seats that the term opens with; null: the invoice opens none.';
comment on column invoice_changes.previous_opened_seats is 'The same of the invoice before.';
comment on column invoice_changes.amount_due_minor is 'What is due on this invoice, minor unit.';
comment on column invoice_changes.previous_due_minor is 'What was due on the one before; 0: it is the first; minor unit.';
comment on column invoice_changes.difference_minor is 'The one less the other: the sum of the causes, minor unit.';
comment on column invoice_changes.seats_minor is 'More or fewer seats: at the opening, and moved inside the term, minor unit.';
comment on column invoice_changes.plan_minor is 'Another plan: at the opening, and switched inside the term, minor unit.';
comment on column invoice_changes.price_minor is 'Another price of the same plan, minor unit.';
comment on column invoice_changes.days_minor is 'More or fewer days of the period: a stub, minor unit.';
comment on column invoice_changes.term_minor is 'Only one of the two opens a term, or at another cadence, minor unit.';
comment on column invoice_changes.corrections_minor is 'Lines that correct what was known before, minor unit.';
comment on column invoice_changes.credits_minor is 'Credit granted (+) or applied (-), minor unit.';
