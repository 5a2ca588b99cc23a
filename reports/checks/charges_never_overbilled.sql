-- Does each line continue what was billed of its charge before?  Returns lines whose quantity_billed_before is not the sum of earlier lines.
with run as (
    select line_id, quantity_billed_before,
        coalesce(sum(quantity) over (
            partition by subscription_id, term_from, reason, moved_on, service_from, service_until, plan, unit_price_minor, period_days
            order by r.position, invoice_on rows between unbounded preceding and 1 preceding), 0) as billed
    from invoice_lines join (select invoice_id, run_id from invoices) using (invoice_id)
    join (select run_id, row_number() over (order by run_id) as position from runs) r using (run_id)
)
select line_id as what, format('says {} seats were billed before; earlier lines say {}', quantity_billed_before, billed) as problem
from run where billed <> quantity_billed_before
