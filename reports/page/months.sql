-- Which month is this, up to which day is it known, and which month was before it?  Grain: one row.
select
    $month as month,
    max(day) as known_through,
    max(day) >= last_day($month) as is_over,
    (max(day) filter (day < $month)) is not null as has_month_before,
    (select string_agg(name, ', ' order by name)
        from catalogs where catalog in (select catalog from subscriptions) or catalog in (select catalog from invoices)) as vendors
from seat_occupancy
