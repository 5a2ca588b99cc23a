-- What was deferred at the month's start and end, and what lies between?  Grain: currency.
--     opening + invoiced - recognised = closing
with schedule as (
    select currency,
        coalesce(sum(deferred_minor) filter (month < $month), 0) as opening_minor,
        coalesce(sum(recognised_minor) filter (month = $month), 0) as recognised_minor,
        coalesce(sum(deferred_minor) filter (month = $month), 0) as closing_minor
    from revenue_schedule
    where month in ($month, ($month - interval 1 month)::date)
    group by currency
), invoiced as (
    select currency, sum(net_minor) as invoiced_minor
    from invoices where invoice_on >= $month and invoice_on < $month + interval 1 month group by currency
)
select currency, opening_minor, coalesce(invoiced_minor, 0) as invoiced_minor, recognised_minor, closing_minor
from schedule
left join invoiced using (currency)
order by currency
