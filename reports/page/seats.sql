-- How many seats were held at each day's close, of the month and the two before it?  Grain: day, catalogue.
-- The six catalogues with most seats; the others are one.
with days as (
    select day, catalog, sum(occupied) as held, coalesce(sum(occupied) filter (coverage = 'billed'), 0) as billed
    from seat_occupancy
    where day >= $month - interval 2 month and day < $month + interval 1 month
    group by all
), ranked as (
    select catalog, row_number() over (order by max(held) desc, catalog) as place from days where catalog is not null group by catalog
)
select
    d.day,
    case when d.catalog is null then 'no subscription' when r.place <= 6 then coalesce(c.name, d.catalog) else 'others' end as series,
    min(coalesce(r.place, 100)) as place,
    sum(d.held) as held,
    sum(d.billed) as billed
from days d
left join ranked r using (catalog)
left join catalogs c using (catalog)
group by all
order by d.day, place, series
