-- What does each user's last row of the month say?  Grain: user.  Unit: day of the month, bucket.
create or replace temp table people as
select *, (md5_number_upper(workspace_id) % $buckets)::usmallint as bucket
from (
    select hash(workspace_id, user_id) as user_hash, workspace_id, user_id, status, name, email, last_active_on, $last_day::bigint as day
    from read_parquet($last_files, hive_partitioning = false)
    union all by name
    select unnest(leavers, recursive := true) from cells
)
order by bucket;
