-- Is every invoice the sum of its lines, and what is due net less credit?  Returns invoices that are not.
with sums as (select invoice_id, count(*) as n, sum(amount_minor) as total from invoice_lines group by all)
select i.invoice_number as what,
    case
        when n is distinct from i.lines or total is distinct from net_minor
        then format('{} lines over {}, invoice says {} over {}, in minor units', coalesce(n, 0), coalesce(total, 0), i.lines, net_minor)
        else format('a net of {} less a credit of {} and with {} granted is not the {} due, in minor units',
            net_minor, credit_applied_minor, credit_granted_minor, amount_due_minor)
    end as problem
from invoices i left join sums using (invoice_id)
where n is distinct from i.lines or total is distinct from net_minor
   or net_minor - credit_applied_minor + credit_granted_minor <> amount_due_minor or amount_due_minor < 0
union all
select line_id, 'its invoice does not exist' from invoice_lines anti join invoices using (invoice_id)
