-- What is on the month's invoices?  Grain: invoice line.  Units: seats; days; money.
select * from invoice_lines_v where invoice_on between $month and last_day($month)
order by invoice_on, catalog, length(invoice_number), invoice_number, length(line_id), line_id
