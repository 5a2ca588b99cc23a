-- What of each invoice line is revenue of the month, and what is deferred at its end?  Grain: invoice line.  Units: money.
select * from revenue_schedule_v where month = $month
order by catalog, year(invoice_on), length(invoice_number), invoice_number, length(line_id), line_id
