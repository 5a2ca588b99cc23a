-- Which entries go into the books?
-- Grain: entry, account. Units: minor units; every entry balances, and so does every month and currency.
-- After: billed_through.
-- After: revenue_schedule.
-- An invoice: debit receivable (what is due) and customer credit (applied), credit deferred revenue (net) and customer credit (granted); a negative
-- net debits deferred revenue. A month of an invoice: debit deferred revenue, credit revenue, on the month's last day, once all days of the
-- month were billed for its catalogue, at both cadences: by one run, or by some of them. Both follow from an issued
-- invoice alone, which never changes: an entry once there stays as it is.
create table journal_entries as
with named as (
    select map(list(code), list(name)) as names from accounts
), closed as (
    select catalog, min(coalesce(billed_on, '1900-01-01'::date)) as closed_on from billed_through group by all
), recognised as (
    select invoice_id, month, sum(recognised_minor)::bigint as amount
    from revenue_schedule join closed using (catalog) where last_day(month) <= closed_on group by all
), entries as (
    select invoice_number as entry_id, invoice_on as entry_on, 'invoice' as kind, invoice_id, invoice_number, workspace_id, catalog, currency, run_id,
        [
            {'code': '1100', 'debit': amount_due_minor},
            {'code': '2100', 'debit': -net_minor},
            {'code': '2200', 'debit': credit_applied_minor - credit_granted_minor}] as postings
    from invoices
    union all
    select invoice_number || '/' || strftime(month, '%Y-%m'), last_day(month), 'recognition', invoice_id, invoice_number, workspace_id, catalog, currency, run_id,
        [{'code': '2100', 'debit': amount}, {'code': '4000', 'debit': -amount}]
    from recognised join invoices using (invoice_id)
), posted as (  -- entries are put in order, not postings: there are half as many
    select *, unnest(postings) as posting from (from entries order by entry_on, entry_id)
)
select
    e.entry_id,
    e.posting.code as account_code,
    a.names[e.posting.code] as account,
    e.entry_on,
    date_trunc('month', e.entry_on)::date as month,
    e.kind,
    e.invoice_id,
    e.invoice_number,
    e.workspace_id,
    e.catalog,
    e.currency,
    greatest(e.posting.debit, 0)::bigint as debit_minor,
    greatest(-e.posting.debit, 0)::bigint as credit_minor,
    e.run_id
from posted e, named a
where e.posting.debit <> 0;
comment on table journal_entries is 'One per entry and account: double entry, balanced by entry. Key: entry_id, account_code.';
comment on column journal_entries.entry_id is 'The invoice number, or invoice number and month: unique for an entry.';
comment on column journal_entries.account_code is 'The account (accounts).';
comment on column journal_entries.account is 'Its name.';
comment on column journal_entries.entry_on is 'The invoice date, or the last day of the month recognised.';
comment on column journal_entries.month is 'First day of the month of entry_on.';
comment on column journal_entries.kind is 'invoice or recognition.';
comment on column journal_entries.invoice_id is 'The invoice that the entry follows from.';
comment on column journal_entries.invoice_number is 'The invoice''s number.';
comment on column journal_entries.workspace_id is 'The workspace.';
comment on column journal_entries.catalog is 'The catalogue: the vendor whose books these are.';
comment on column journal_entries.currency is 'ISO 4217 code.';
comment on column journal_entries.debit_minor is 'Debited, minor unit.';
comment on column journal_entries.credit_minor is 'Credited, minor unit.';
comment on column journal_entries.run_id is 'The run that issued the invoice: one later than the month of entry_on posted into a month that may be closed.';
