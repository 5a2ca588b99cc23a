-- Are a day's seats those of the day before, with those added and removed?  Returns days that are not.
with run as (
    select workspace_id, day, catalog, occupied, added, removed,
        lag(occupied, 1, 0) over w as before, lag(catalog, 1, catalog) over w as catalog_before
    from seat_occupancy window w as (partition by workspace_id order by day)
)
select workspace_id || ' ' || day as what, format('{} seats after {} with {} added and {} removed', occupied, before, added, removed) as problem
from run where before + added - removed <> occupied and catalog = catalog_before
