-- What is folded of each share of the files, folded together.  Grain: user, standing.  Unit: bits, rows.
create table folded as
select user_hash, standing, bit_or(bits) as bits, sum("rows")::uinteger as "rows", min(least) as least, max(largest) as largest
from shares
group by all;
