-- Are the days of a line those from service_from to service_until, and no more than the period?  Returns lines that are not.
select line_id as what, format('{} days of {}', days, period_days) as problem
from invoice_lines
where days <> service_until - service_from or days < 1 or days > period_days
   or service_from < term_from or service_until > term_until or moved_on > invoice_on
