-- Which files are behind the month?  Grain: file version; the subscriptions, which have no day, are in every month.  Units: bytes; rows.
select * from inputs where coalesce(date_trunc('month', day), $month) = $month order by table_name, day, file, ingested_at
