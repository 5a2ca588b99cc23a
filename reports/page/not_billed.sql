-- What was not billed yet through the days of the month that are known?  Grain: catalogue, cadence.
select coalesce(c.name, b.catalog) as vendor, b.cadence, b.billed_on
from billed_through b
left join catalogs c using (catalog)
where coalesce(b.billed_on, '1900-01-01'::date) < (select max(day) from seat_occupancy where day < $month + interval 1 month)
order by vendor, b.catalog, b.cadence desc
