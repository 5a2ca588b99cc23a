-- Was each term billed what its seats cost, but for rounding, and are all lines in it?  Returns terms that were not.
select subscription_id || ' ' || term_from as what,
    format('expected {}, billed {}, not invoiced {}, never invoiced {}, held {}: {} is more than rounding, {}', expected_minor, billed_minor,
        not_invoiced_minor, never_invoiced_minor, held_minor, difference_minor, difference_bound_minor) as problem
from reconciliation
where state = 'not explained' or abs(difference_minor) > difference_bound_minor or difference_bound_minor > (charges + 1) // 2
   or (state <> 'held' and billed_minor + not_invoiced_minor + never_invoiced_minor + held_minor - expected_minor <> difference_minor)
union all
select coalesce(l.subscription_id, r.subscription_id) || ' ' || coalesce(l.term_from, r.term_from),
    format('{} lines over {}; the reconciliation says {} over {}', coalesce(n, 0), coalesce(total, 0), lines, billed_minor)
from (select subscription_id, term_from, count(*) as n, sum(amount_minor) as total from invoice_lines group by all) l
full join reconciliation r on r.subscription_id = l.subscription_id and r.term_from = l.term_from
where coalesce(n, 0) is distinct from lines or coalesce(total, 0) is distinct from billed_minor
union all
select u.subscription_id || ' ' || u.term_from, 'a charge not yet billed belongs to no term'
from unbilled_charges u anti join reconciliation r using (subscription_id, term_from)
union all
select t.subscription_id || ' ' || t.term_from, 'the term is not reconciled'
from terms t join subscriptions s using (subscription_id)
where s.state <> 'held' and t.ended_on > (select min(day) from seat_occupancy)
  and not exists (select 1 from reconciliation r where r.subscription_id = t.subscription_id and r.term_from = t.term_from)
