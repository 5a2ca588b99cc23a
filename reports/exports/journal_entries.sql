-- Which entries go into the month's books?  Grain: entry, account.  Units: money.
select * from journal_entries_v where month = $month
order by entry_on, catalog, length(invoice_number), invoice_number, entry_id, account_code
