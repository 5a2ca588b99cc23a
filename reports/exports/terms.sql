-- Which terms cover a day of the month?  Grain: term.  Units: days; money.
select * from terms_v
where term_from < $month + interval 1 month and ended_on > $month
order by subscription_id, term_from
