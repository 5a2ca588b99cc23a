-- Whose recurring revenue moved most?  Grain: currency, workspace; ten of each currency. Units: minor units a month; seats at a day's close.
with workspaces as (
    select workspace_id, currency, sum(opening_minor) as opening_minor, sum(closing_minor) as closing_minor,
        sum(closing_minor) - sum(opening_minor) as change_minor,
        case when sum(closing_minor) = 0 then 'churn'  -- of what it pays in all: a plan or vendor left for another is none
            when sum(opening_minor) = 0 then if(sum(reactivation_minor) <> 0 and sum(new_minor) = 0, 'reactivation', 'new')
            when sum(closing_minor) > sum(opening_minor) then 'expansion' else 'contraction' end as movement
    from mrr_movements
    where month = $month
    group by all
)
select w.*, u.first_day_seats, u.last_day_seats
from workspaces w
left join seat_usage_monthly u on u.workspace_id = w.workspace_id and u.month = $month
where change_minor <> 0
qualify row_number() over (partition by w.currency order by abs(change_minor) desc, w.workspace_id) <= 10
order by w.currency, abs(change_minor) desc, w.workspace_id
