-- What does each user say who is on the roster of the month's last day?  Grain: user.  Unit: day of the month, bucket.
create or replace table people as
select
    hash(workspace_id, user_id) as user_hash, workspace_id, user_id, status, name, email, last_active_on,
    $last_day::bigint as day, (md5_number_upper(workspace_id) % $buckets)::usmallint as bucket
from read_parquet($last_files, hive_partitioning = false)
