-- What recurring revenue came, grew, shrank and went in the month?  Grain: workspace, catalogue, plan.  Units: money a month.
select * from mrr_movements_v where month = $month order by workspace_id, catalog, plan
