-- Who is on the month's rosters, and on which of its days?  Grain: user.  Unit: bits, rows.
create or replace table members as
select user_hash, bit_or(bits) as bits, sum("rows") as "rows", min(least) as least, max(largest) as largest
from folded
group by user_hash;
