-- What did each user stand as, and on which days of the month?  Grain: user, standing.  Unit: bits, rows.
-- Users are known by a hash; a second one, of which the least and the largest are kept, tells whether two users share it.
select
    hash(workspace_id, user_id) as user_hash,
    ((coalesce(list_position($kinds, kind), 0) * 8 + coalesce(list_position($statuses, status), 0)) * 4
        + case when kind = 'alias' then case when login_enabled then 2 when not login_enabled then 1 else 3 end else 0 end)::utinyint as standing,
    bit_or((1::bigint << (list_extract($days, file_index::bigint + 1) - 1))::uinteger) as bits,
    count(*)::uinteger as "rows",
    min(coalesce(hash(user_id || workspace_id), 0)) as least,
    max(coalesce(hash(user_id || workspace_id), 0)) as largest
from read_parquet($files, hive_partitioning = false)
group by all
