-- Which invoices are to leave the house as documents, or for another system?  Grain: invoice.  Units: minor units.
-- With the names of both parties: the workspace's is that of the subscription that is invoiced, so that no other one's row changes a document; where
-- that has none, the workspace's own.
select i.*,
    case when regexp_matches(s.workspace_name, '\S') then s.workspace_name else names.workspace_name end as workspace_name,
    coalesce(seller.name, i.catalog) as catalog_name, coalesce(seller.rounding, 'half_up') as rounding
from invoices i
    left join subscriptions s on s.subscription_id = i.subscription_id and s.workspace_id = i.workspace_id
    left join workspace_names names on names.workspace_id = i.workspace_id
    left join catalogs seller on seller.catalog = i.catalog
where ($month is null or date_trunc('month', i.invoice_on) = $month)
    and ($catalog is null or i.catalog = $catalog)
    and ($numbers is null or list_contains($numbers, i.invoice_number))
order by i.invoice_on, i.catalog, length(i.invoice_number), i.invoice_number
