-- Which invoices does the page show?  Grain: invoice; of each currency the largest and most changed first, 1,000 in all. As issued, for good.
select
    i.invoice_number, i.invoice_on, i.workspace_id, i.subscription_id, i.currency, i.lines,
    i.net_minor, i.credit_applied_minor, i.credit_granted_minor, i.amount_due_minor,
    c.previous_invoice_number, c.previous_invoice_on, c.previous_due_minor, c.difference_minor,
    c.seats_minor, c.plan_minor, c.price_minor, c.days_minor, c.term_minor, c.corrections_minor, c.credits_minor
from invoices i
join invoice_changes c using (invoice_id)
where i.invoice_on >= $month and i.invoice_on < $month + interval 1 month
order by
    row_number() over (
        partition by i.currency
        order by greatest(abs(i.net_minor), i.amount_due_minor, abs(c.difference_minor)) desc, length(i.invoice_number), i.invoice_number
    ),
    i.currency
limit 1000
