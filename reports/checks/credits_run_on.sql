-- Is every balance the one before and the change, never below 0, and every change that of its invoice?  Returns entries that are not.
with run as (
    select *, lag(balance_minor, 1, 0) over (partition by workspace_id, currency order by entry_number) as before from credit_ledger
)
select 'entry ' || entry_number as what, format('balance {} after {} and a change of {}', balance_minor, before, change_minor) as problem
from run where before + change_minor <> balance_minor or balance_minor < 0
union all
select i.invoice_number, 'its credit and its entry in the credit ledger differ'
from invoices i left join credit_ledger c using (invoice_id)
where coalesce(c.change_minor, 0) <> credit_granted_minor - credit_applied_minor
   or (c.invoice_id is not null and c.balance_minor <> i.credit_balance_minor)
