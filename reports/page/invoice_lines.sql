-- What is on those invoices?  Grain: invoice line; at most 50 of an invoice and 10,000 in all, in the order of $invoices.
with wanted as (
    select unnest($invoices) as invoice_number, generate_subscripts($invoices, 1) as place
), ranked as (
    select w.place, l.*, row_number() over (partition by invoice_number order by length(line_id), line_id) as place_on_invoice
    from wanted w
    join invoice_lines l using (invoice_number)
    where l.invoice_on >= $month and l.invoice_on < $month + interval 1 month
)
select invoice_number, line_id, plan, description, amount_minor
from ranked
where place_on_invoice <= 50
order by place, length(line_id), line_id
limit 10000
