-- The same by plan; what moved from one plan to another is plan_change.  Grain: currency, catalogue, plan.
select
    currency,
    catalog,
    plan,
    sum(closing_seats) as closing_seats,
    sum(opening_minor) as opening_minor,
    sum(new_minor) as new_minor,
    sum(reactivation_minor) as reactivation_minor,
    sum(expansion_minor) as expansion_minor,
    sum(contraction_minor) as contraction_minor,
    sum(churn_minor) as churn_minor,
    sum(plan_change_minor) as plan_change_minor,
    sum(closing_minor) as closing_minor
from mrr_movements
where month = $month
group by all
order by currency, catalog, plan
