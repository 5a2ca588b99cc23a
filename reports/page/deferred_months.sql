-- In which months will be revenue what is deferred at the month's end?  Grain: currency, month to come.
select currency, month, sum(recognised_minor) as recognised_minor
from revenue_schedule
where month > $month and invoice_on < $month + interval 1 month
group by all
order by currency, month
