-- Is every line recognised in whole, over its own days, and never before its invoice?  Returns lines that are not.
with run as (
    select *, sum(recognised_minor) over (partition by line_id order by month rows unbounded preceding) as so_far,
        row_number() over (partition by line_id order by month desc) = 1 as is_last
    from revenue_schedule
), sums as (
    select line_id, sum(recognised_minor) as recognised, min(month) as first_month, max(month) as last_month, count(*) as months
    from revenue_schedule group by all
)
select line_id as what, format('{} of {} is recognised', coalesce(recognised, 0), l.amount_minor) as problem
from invoice_lines l full join sums using (line_id)
where recognised is distinct from l.amount_minor
   or first_month <> date_trunc('month', invoice_on)
   or last_month <> greatest(date_trunc('month', invoice_on), date_trunc('month', service_until - 1))
   or months <> date_diff('month', first_month, last_month) + 1
union all
select r.line_id || ' ' || r.month, format('{} deferred after {} of {}', deferred_minor, so_far, r.amount_minor)
from run r join invoice_lines l using (line_id)
where deferred_minor <> r.amount_minor - so_far or r.amount_minor <> l.amount_minor or (is_last and deferred_minor <> 0)
   -- within half a minor unit of the share of its days
   or 2 * abs(so_far::hugeint * l.days - l.amount_minor::hugeint * greatest(0, least(l.days, last_day(month) + 1 - l.service_from))) > l.days
