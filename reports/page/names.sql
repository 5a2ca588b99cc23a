-- What are these workspaces called?  Grain: workspace with a name.
select workspace_id, workspace_name as name from workspace_names where workspace_id in (select unnest($workspaces)) order by workspace_id
