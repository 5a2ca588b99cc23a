-- What is a workspace called?
-- Grain: workspace with a name. The name is that of its subscription that runs on the last day known, or that ran last before it; of a workspace
-- of which none has started yet, that of the first to come. So a subscription that is only agreed renames nobody. A blank name is none.
create table workspace_names as
with last as (
    select max(day) as last_day from seat_occupancy
)
select workspace_id, workspace_name
from subscriptions, last
where regexp_matches(workspace_name, '\S')
qualify row_number() over (
    partition by workspace_id
    order by coalesce(starts_on <= last_day, false) desc,
        case when starts_on <= last_day then least(coalesce(ended_on, last_day + 1), last_day + 1) end desc nulls last,
        case when starts_on <= last_day then starts_on end desc nulls last,
        starts_on nulls last, subscription_id) = 1
order by workspace_id;
comment on table workspace_names is 'One per workspace with a name: what it is called where no subscription of its own is meant. Key: workspace_id.';
comment on column workspace_names.workspace_id is 'The workspace.';
comment on column workspace_names.workspace_name is 'The name of its subscription that runs on the last day known, or ran last before it; else of its first to come.';
