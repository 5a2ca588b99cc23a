-- What is due on the month's invoices, and what was the month before?  Grain: currency.
select
    currency,
    count(*) filter (invoice_on >= $month) as invoices,
    coalesce(sum(net_minor) filter (invoice_on >= $month), 0) as net_minor,
    coalesce(sum(credit_applied_minor) filter (invoice_on >= $month), 0) as credit_applied_minor,
    coalesce(sum(credit_granted_minor) filter (invoice_on >= $month), 0) as credit_granted_minor,
    coalesce(sum(amount_due_minor) filter (invoice_on >= $month), 0) as due_minor,
    coalesce(sum(amount_due_minor) filter (invoice_on < $month), 0) as due_before_minor
from invoices
where invoice_on >= $month - interval 1 month and invoice_on < $month + interval 1 month
group by currency
order by currency
