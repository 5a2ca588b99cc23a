-- Are a file's other cells in order, and who was seen in it for the last time before the month's last day?  Grain: file.  Unit: rows, bytes.
create or replace table cells as
with leavers as (select user_hash, length(bin(bits)) as last_day from members where bits < $last_bit)
select
    file_index,
    any_value(filename) as "filename",
    count(*) as "rows",
    bool_and(coalesce(list_contains($roles, role), false) and login_enabled is not null)
        and coalesce(min(last_active_on) >= $first_date and max(last_active_on) <= $last_date, true) as is_whole,
    greatest(max(strlen(name)), max(strlen(email)), 0) as longest,
    list({
        user_hash: l.user_hash, workspace_id: workspace_id, user_id: user_id, status: status, name: name, email: email,
        last_active_on: null::date, day: last_day
    }) filter (where l.user_hash is not null) as leavers
from read_parquet($files, hive_partitioning = false, filename = true) r
left join leavers l on l.user_hash = hash(r.workspace_id, r.user_id) and l.last_day = list_extract($days, file_index::bigint + 1)
group by file_index;
