-- What are these workspaces called?  Grain: workspace; the name of its latest subscription that has one.
select workspace_id, arg_max(workspace_name, {'starts_on': starts_on, 'id': subscription_id}) as name
from subscriptions
where workspace_id in (select unnest($workspaces)) and workspace_name is not null
group by workspace_id
order by workspace_id
