-- Do the causes of an invoice's change add up to it, and is it the change from the invoice before?  Returns invoices where not.
with run as (
    select invoice_id, invoice_number, amount_due_minor, credit_granted_minor - credit_applied_minor as credited,
        lag(invoice_number) over w as number_before, lag(amount_due_minor, 1, 0) over w as due_before,
        lag(credit_granted_minor - credit_applied_minor, 1, 0) over w as credited_before
    from invoices window w as (partition by subscription_id order by invoice_on)
)
select coalesce(r.invoice_number, c.invoice_number) as what, format(
    'changed by {}, of which the causes explain {}; it says {} due after {} of {}, the invoices {} after {} of {}, in minor units',
    difference_minor, seats_minor + plan_minor + price_minor + days_minor + term_minor + corrections_minor + credits_minor,
    c.amount_due_minor, previous_due_minor, coalesce(previous_invoice_number, 'none'),
    r.amount_due_minor, due_before, coalesce(number_before, 'none')) as problem
from run r full join invoice_changes c using (invoice_id)
where difference_minor is distinct from r.amount_due_minor - due_before
   or seats_minor + plan_minor + price_minor + days_minor + term_minor + corrections_minor + credits_minor is distinct from difference_minor
   or credits_minor is distinct from credited - credited_before
   or previous_invoice_number is distinct from number_before
   or c.amount_due_minor is distinct from r.amount_due_minor or previous_due_minor is distinct from due_before
