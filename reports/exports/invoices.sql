-- Which invoices were issued with a date in the month?  Grain: invoice.  Units: money.
select * from invoices_v where date_trunc('month', invoice_on) = $month order by invoice_on, catalog, length(invoice_number), invoice_number
