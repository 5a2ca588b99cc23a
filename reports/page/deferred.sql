-- What was deferred at the month's start and end, and what lies between?  Grain: currency.
--     opening + invoiced - recognised = closing
-- is_recognised: whether journal_entries has it, or it waits for the month to be billed to its end.
with schedule as (
    select currency,
        coalesce(sum(deferred_minor) filter (month < $month), 0) as opening_minor,
        coalesce(sum(recognised_minor) filter (month = $month), 0) as recognised_minor,
        coalesce(sum(deferred_minor) filter (month = $month), 0) as closing_minor
    from revenue_schedule
    where month in ($month, ($month - interval 1 month)::date)
    group by currency
), closed as (
    select s.currency, bool_and(coalesce(b.billed_on >= last_day($month), false)) as is_recognised
    from (select distinct currency, catalog from revenue_schedule where month = $month) s
    join billed_through b using (catalog)
    group by all
), invoiced as (
    select currency, sum(net_minor) as invoiced_minor
    from invoices where invoice_on >= $month and invoice_on < $month + interval 1 month group by currency
)
select currency, opening_minor, coalesce(invoiced_minor, 0) as invoiced_minor, recognised_minor, closing_minor,
    coalesce(is_recognised, false) as is_recognised
from schedule
left join invoiced using (currency)
left join closed using (currency)
order by currency
