-- Why is an invoice more or less than the one before of the same subscription?
-- Grain: invoice. Units: minor units, signed: what each cause makes the amount due differ by.
--     seats + plan + price + days + term + corrections + credits = difference = amount due - amount due before
-- The opening charges of the two are turned into each other a step at a time: other seats, then another plan's price (or the same plan's new one),
-- then other days (a stub), rounded after each as the catalogue rounds. Seats that moved inside a term are seats, plan switches inside it plan. Where only one of
-- the two opens a term, or their cadences differ, the difference of their opening charges is term.
create table invoice_changes as
with sums as (
    select invoice_id,
        arg_max({'plan': plan, 'cadence': cadence, 'seats': quantity, 'price': unit_price_minor, 'days': days, 'period_days': period_days,
            'amount': amount_minor}, {'term_from': term_from, 'line_id': line_id}) filter (reason = 'opening' and not is_correction) as opening,
        coalesce(sum(amount_minor) filter (reason = 'opening' and not is_correction), 0)::bigint as opened,
        coalesce(sum(amount_minor) filter (reason = 'plan_switch' and not is_correction), 0)::bigint as switched,
        coalesce(sum(amount_minor) filter (reason not in ('opening', 'plan_switch') and not is_correction), 0)::bigint as moved,
        coalesce(sum(amount_minor) filter (is_correction), 0)::bigint as corrected
    from invoice_lines group by all
), pairs as (
    select i.*, s.opening as now, s.opened, s.switched, s.moved, s.corrected, i.credit_granted_minor - i.credit_applied_minor as credited,
        lag(s.opening) over w as before, lag(i.invoice_number) over w as number_before, lag(i.invoice_on) over w as on_before,
        lag(i.amount_due_minor, 1, 0) over w as due_before, lag(s.opened, 1, 0) over w as opened_before,
        lag(s.switched, 1, 0) over w as switched_before, lag(s.moved, 1, 0) over w as moved_before,
        lag(s.corrected, 1, 0) over w as corrected_before, lag(credited, 1, 0) over w as credited_before
    from invoices i join sums s using (invoice_id)
    window w as (partition by i.subscription_id order by i.invoice_on)
), steps as (
    select *,
        coalesce(now.cadence = before.cadence, false) as is_alike,
        coalesce(now.plan = before.plan, false) as is_same_plan,
        now.seats::hugeint * before.price * before.days as product_seats,
        now.seats::hugeint * now.price * before.days as product_price,
        case c.rounding when 'half_even' then half_even(product_seats, before.period_days)
            else half_up(product_seats, before.period_days) end as step_seats,
        case c.rounding when 'half_even' then half_even(product_price, before.period_days)
            else half_up(product_price, before.period_days) end as step_price
    from pairs left join (select catalog, rounding from catalogs) c using (catalog)
), causes as (
    select *,
        case when is_alike then step_seats - before.amount else 0 end + moved - moved_before as seats_minor,
        case when is_alike and not is_same_plan then step_price - step_seats else 0 end + switched - switched_before as plan_minor,
        case when is_alike and is_same_plan then step_price - step_seats else 0 end as price_minor,
        case when is_alike then now.amount - step_price else 0 end as days_minor,
        opened - opened_before - case when is_alike then now.amount - before.amount else 0 end as term_minor,
        corrected - corrected_before as corrections_minor,
        credited - credited_before as credits_minor
    from steps
)
select
    invoice_id, invoice_number, subscription_id, workspace_id, catalog, currency, invoice_on,
    number_before as previous_invoice_number, on_before as previous_invoice_on,
    now.plan as opened_plan, before.plan as previous_opened_plan, now.seats as opened_seats, before.seats as previous_opened_seats,
    amount_due_minor, due_before as previous_due_minor, amount_due_minor - due_before as difference_minor,
    seats_minor, plan_minor, price_minor, days_minor, term_minor, corrections_minor, credits_minor
from causes
order by invoice_on, catalog, invoice_number;
comment on table invoice_changes is 'One per invoice: what makes its amount due differ from that of the invoice before of the same subscription. Key: invoice_id.';
comment on column invoice_changes.invoice_id is 'The invoice.';
comment on column invoice_changes.invoice_number is 'Its number.';
comment on column invoice_changes.subscription_id is 'The subscription.';
comment on column invoice_changes.workspace_id is 'The workspace.';
comment on column invoice_changes.catalog is 'The catalogue.';
comment on column invoice_changes.currency is 'ISO 4217 code.';
comment on column invoice_changes.invoice_on is 'The invoice date.';
comment on column invoice_changes.previous_invoice_number is 'The invoice before of the subscription; null: it is the first.';
comment on column invoice_changes.previous_invoice_on is 'Its date.';
comment on column invoice_changes.opened_plan is 'The plan of the term that the invoice opens; null: it opens none, or only as a correction.';
comment on column invoice_changes.previous_opened_plan is 'The same of the invoice before.';
comment on column invoice_changes.opened_seats is 'The seats that the term opens with; null: the invoice opens none, or only as a correction.';
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
