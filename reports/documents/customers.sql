-- What is every workspace called, invoiced or not?  Grain: workspace.
-- A workspace whose rows are all unusable or without a name has none.
select workspace_id, workspace_name
from (select workspace_id from subscriptions union select workspace_id from invoices)
left join workspace_names using (workspace_id)
order by workspace_id
