-- Which credit was granted or applied in the month?  Grain: change of an account's credit.  Units: money.
select * from credit_ledger_v where entry_on between $month and last_day($month) order by entry_number
