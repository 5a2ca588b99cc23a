-- Was each term with a day in the month billed what its seats cost, as known now?  Grain: subscription, term.  Units: money; seat-days.
select * from reconciliation_v
where term_from < $month + interval 1 month and coalesce(ended_on, term_until) > $month
order by subscription_id, term_from
