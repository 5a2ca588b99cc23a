-- What is held, why, and what mends it?  Grain: workspace, reason, place; as it stands, whatever the month; the first 200.
select workspace_id, reason, since_on, regexp_replace(detail, '[^\s@]+@[^\s@]+', '(address)', 'g') as detail, file, "row", mend,
    (select count(distinct workspace_id) from holds) as held_workspaces, (select count(*) from holds) as in_all
from holds
order by workspace_id, reason, since_on, file, "row", detail
limit 200
