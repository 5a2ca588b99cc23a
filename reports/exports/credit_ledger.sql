-- Which credit was granted or applied in the month?  Grain: change of an account's credit.  Units: money.
select * from credit_ledger_v where date_trunc('month', entry_on) = $month order by entry_number
