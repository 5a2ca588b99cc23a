-- Which months are known, up to which day, how many seats were held then, and what was found in each?  Grain: month, the latest first.
with last as (
    select max(day) as day from seat_occupancy
), found as (
    select told_in(day) as month, count(*) as findings from exceptions where day is not null group by all
), months as (
    select month, least(last_day(month), any_value(last.day)) as known_through, sum(last_day_seats)::bigint as seats
    from seat_usage_monthly, last
    group by month
)
select
    month, known_through, known_through = last_day(month) as is_over, seats,
    coalesce(findings, 0) + (select count(*) from exceptions where day is null) as findings
from months
left join found using (month)
order by month desc
