-- Through which day was each catalogue billed, at each cadence?
-- Grain: catalogue that was ever subscribed to or invoiced, cadence. A run may bill one catalogue alone, or one cadence.
create table billed_through as
with ours as (
    select catalog from invoices union (select catalog from subscriptions semi join catalogs using (catalog))
), cadences(cadence) as (
    values ('monthly'), ('annual')
)
select o.catalog, c.cadence, max(r.through) as billed_on
from ours o
cross join cadences c
left join runs r on coalesce(r.catalog = o.catalog, true) and coalesce(r.cadence = c.cadence, true)
group by all
order by o.catalog, c.cadence;
comment on table billed_through is 'One per catalogue and cadence: how far it was billed. Key: catalog, cadence.';
comment on column billed_through.catalog is 'The catalogue.';
comment on column billed_through.cadence is 'monthly or annual: the terms that are meant.';
comment on column billed_through.billed_on is 'The last day through which a run billed them; null: none has. Invoices dated after it are still to come.';
