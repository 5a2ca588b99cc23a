-- How many workspaces that were invoiced are held on the month's last known day, and in no figure of its recurring revenue?  Grain: one row.
select count(distinct o.workspace_id) as workspaces
from seat_occupancy o
where o.day = (select max(day) from seat_occupancy where day < $month + interval 1 month)
  and o.coverage = 'held'
  and o.workspace_id in (select workspace_id from invoices)
  and o.workspace_id not in (select workspace_id from mrr_movements where month = $month and closing_minor <> 0)
