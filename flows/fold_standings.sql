-- In which bucket is each user's standing?  Grain: user, standing.
create or replace table standings as
select p.bucket, f.user_hash, f.standing, f.bits from folded f join people p using (user_hash)

