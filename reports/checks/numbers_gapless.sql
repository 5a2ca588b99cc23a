-- Are invoice numbers gapless for each catalogue and year?  Returns the catalogues and years where they are not.
with numbered as (
    select catalog, year(invoice_on) as year, invoice_number, try_cast(split_part(invoice_number, '-', 3) as bigint) as number from invoices
)
select catalog || ' ' || year as what, format('{} invoices, last number {}', count(*), max(number)) as problem
from numbered group by catalog, year
having max(number) is distinct from count(*) or min(number) is distinct from 1 or count(distinct number) <> count(*)
    or count(distinct invoice_number) <> count(*)
