-- Are invoice numbers gapless for each catalogue and year?  Returns the catalogues and years where they are not.
select catalog || ' ' || year(invoice_on) as what, format('{} invoices, last number {}', count(*), max(right(invoice_number, 6)::bigint)) as problem
from invoices group by catalog, year(invoice_on)
having max(right(invoice_number, 6)::bigint) <> count(*) or count(distinct invoice_number) <> count(*)
