-- Which invoices are to leave the house as documents, or for another system?  Grain: invoice.  Units: minor units.
-- With the names of both parties: the workspace's is that of its latest subscription; a workspace whose rows are all unusable has none.
with names as (
    select workspace_id, arg_max(workspace_name, (starts_on, subscription_id)) as workspace_name
    from subscriptions
    where trim(workspace_name) <> ''
    group by workspace_id
)
select i.*, names.workspace_name, coalesce(seller.name, i.catalog) as catalog_name, coalesce(seller.rounding, 'half_up') as rounding
from invoices i
    left join names using (workspace_id)
    left join catalogs seller on seller.catalog = i.catalog
where ($month is null or date_trunc('month', i.invoice_on) = $month)
    and ($catalog is null or i.catalog = $catalog)
    and ($numbers is null or list_contains($numbers, i.invoice_number))
order by i.invoice_on, i.catalog, i.invoice_number
