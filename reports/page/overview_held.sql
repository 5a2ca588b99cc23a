-- How many workspaces are held, as it stands?  Grain: one row.
select count(distinct workspace_id) as workspaces from holds
