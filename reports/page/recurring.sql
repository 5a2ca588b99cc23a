-- What recurring revenue came, grew, shrank and went?  Grain: currency. Units: minor units a month.
select
    currency,
    max(measured_on) as measured_on,
    sum(opening_minor) as opening_minor,
    sum(new_minor) as new_minor,
    sum(reactivation_minor) as reactivation_minor,
    sum(expansion_minor) as expansion_minor,
    sum(contraction_minor) as contraction_minor,
    sum(churn_minor) as churn_minor,
    sum(closing_minor) as closing_minor,
    count(distinct workspace_id) filter (is_held) as held_workspaces
from mrr_movements
where month = $month
group by currency
order by currency
