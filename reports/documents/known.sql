-- Of when, and of which catalogues, are there invoices?  Grain: one row.
select min(invoice_on) as first_on, max(invoice_on) as last_on, string_agg(distinct catalog, ', ' order by catalog) as catalogs from invoices
