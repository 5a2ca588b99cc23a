-- Whose recurring revenue moved most?  Grain: currency, workspace; ten of each currency. Units: minor units a month; seats billed at the close.
with workspaces as (
    select workspace_id, currency, sum(opening_minor) as opening_minor, sum(closing_minor) as closing_minor,
        sum(closing_minor) - sum(opening_minor) as change_minor, sum(closing_seats)::bigint as closing_seats,
        case when sum(closing_minor) = 0 then 'churn'  -- of what it pays in all: a plan or vendor left for another is none
            when sum(opening_minor) = 0 then if(sum(reactivation_minor) <> 0 and sum(new_minor) = 0, 'reactivation', 'new')
            when sum(closing_minor) > sum(opening_minor) then 'expansion' else 'contraction' end as movement
    from mrr_movements
    where month = $month
    group by all
)
from workspaces w
where change_minor <> 0
qualify row_number() over (partition by w.currency order by abs(change_minor) desc, w.workspace_id) <= 10
order by w.currency, abs(change_minor) desc, w.workspace_id
