-- What is every workspace called, invoiced or not?  Grain: workspace.
-- The name is that of its latest subscription; a workspace whose rows are all unusable has none.
select workspace_id, arg_max(workspace_name, (starts_on, subscription_id)) filter (where trim(workspace_name) <> '') as workspace_name
from (
    select workspace_id, workspace_name, starts_on, subscription_id from subscriptions
    union all
    select distinct workspace_id, null, null, null from invoices
)
group by workspace_id
order by workspace_id
