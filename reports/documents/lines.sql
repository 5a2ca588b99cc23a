-- What is on those invoices?  Grain: invoice line.  Units: seats; days; minor units.
select *
from invoice_lines
where ($month is null or date_trunc('month', invoice_on) = $month)
    and ($catalog is null or catalog = $catalog)
    and ($numbers is null or list_contains($numbers, invoice_number))
order by length(invoice_number), invoice_number, length(line_id), line_id
