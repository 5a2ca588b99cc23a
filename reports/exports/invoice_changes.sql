-- Why are the month's invoices more or less than those before?  Grain: invoice.  Units: money.
select * from invoice_changes_v where invoice_on between $month and last_day($month) order by invoice_on, catalog, length(invoice_number), invoice_number
