-- What did each user say last who is not?  Grain: user.  Unit: day of the month, bucket.
insert into people by name
select *, (md5_number_upper(workspace_id) % $buckets)::usmallint as bucket
from (select unnest(leavers, recursive := true) from cells);
