-- Which invoice numbers are written most like this one?  Grain: invoice.
select invoice_number from invoices order by levenshtein(invoice_number, $number), length(invoice_number), invoice_number limit 3
