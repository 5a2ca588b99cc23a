-- Does every entry balance, and do the accounts hold what invoices, credit and the revenue schedule say?  Returns what does not.
with balances as (
    select workspace_id, catalog, currency, account_code, sum(debit_minor - credit_minor) as balance from journal_entries group by all
), closed as (  -- a month is over for a catalogue once runs of both cadences went past it
    select catalog, least(
        coalesce(max(through) filter (coalesce(cadence, 'monthly') = 'monthly'), '1900-01-01'::date),
        coalesce(max(through) filter (coalesce(cadence, 'annual') = 'annual'), '1900-01-01'::date)) as closed_on
    from (select distinct i.catalog, r.run_id, r.through, r.cadence from invoices i left join runs r on coalesce(r.catalog, i.catalog) = i.catalog)
    group by catalog
), wanted as (
    select workspace_id, catalog, currency, '1100' as account_code, sum(amount_due_minor) as balance from invoices group by all
    union all
    select workspace_id, catalog, currency, '2200', sum(credit_applied_minor - credit_granted_minor) from invoices group by all
    union all
    select workspace_id, catalog, currency, '4000', -sum(recognised_minor) from revenue_schedule join closed using (catalog) where last_day(month) <= closed_on group by all
    union all
    select workspace_id, catalog, currency, '2100', -sum(recognised_minor) from revenue_schedule join closed using (catalog) where last_day(month) > closed_on group by all
)
select entry_id as what, format('debits {}, credits {}', sum(debit_minor), sum(credit_minor)) as problem
from journal_entries group by entry_id
having sum(debit_minor) <> sum(credit_minor) or count(distinct (month, currency, workspace_id)) > 1 or count(distinct account_code) <> count(*)
union all
select entry_id, format('{} debited and {} credited on account {}', debit_minor, credit_minor, account_code)
from journal_entries anti join (select invoice_id, invoice_number, workspace_id, catalog, currency, run_id from invoices)
    using (invoice_id, invoice_number, workspace_id, catalog, currency, run_id)
union all
select entry_id, format('{} debited and {} credited on account {} {}', debit_minor, credit_minor, account_code, account)
from journal_entries left join accounts on code = account_code
where account is distinct from name or least(debit_minor, credit_minor) <> 0 or greatest(debit_minor, credit_minor) <= 0
   or month <> date_trunc('month', entry_on) or (kind = 'recognition' and entry_on <> last_day(entry_on))
union all
select coalesce(b.workspace_id, w.workspace_id) || ' account ' || coalesce(b.account_code, w.account_code),
    format('holds {}; invoices and schedule say {}', coalesce(b.balance, 0), coalesce(w.balance, 0))
from (select * from balances) b
full join wanted w on w.workspace_id = b.workspace_id and w.catalog = b.catalog and w.currency = b.currency and w.account_code = b.account_code
where coalesce(b.balance, 0) <> coalesce(w.balance, 0)
union all
select a.workspace_id || ' account 2200', format('holds {}; the credit ledger says {}', a.balance, c.balance)
from (select workspace_id, currency, -sum(balance) as balance from balances where account_code = '2200' group by all) a
full join (select workspace_id, currency, arg_max(balance_minor, entry_number) as balance from credit_ledger group by all) c
    on c.workspace_id = a.workspace_id and c.currency = a.currency
where coalesce(a.balance, 0) <> coalesce(c.balance, 0)
