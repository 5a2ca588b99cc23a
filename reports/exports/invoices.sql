-- Which invoices were issued with a date in the month?  Grain: invoice.  Units: money.
select * from invoices_v where invoice_on between $month and last_day($month) order by invoice_on, catalog, length(invoice_number), invoice_number
