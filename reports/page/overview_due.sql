-- How many invoices carry a date of each month, and what is due on them?  Grain: month, currency.
select date_trunc('month', invoice_on)::date as month, currency, count(*) as invoices, sum(amount_due_minor)::bigint as due_minor
from invoices
group by all
order by all
