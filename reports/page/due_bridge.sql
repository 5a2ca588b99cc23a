-- What makes the month's total due differ from that of the month before?  Grain: currency, cause. Units: minor units, signed.
--     due before + sum of the causes = due
-- Per subscription: its first invoice of the month against its last of the month before, by the causes of invoice_changes. An invoice that has
-- none to be compared with there counts whole: the subscription's first ever, or one after a month without. So does one that no invoice of
-- the month follows (less; held where its workspace is held now, and its hold reaches into the month or before), and so do further ones of either month.
with two_months as (
    select invoice_number, subscription_id, workspace_id, currency, invoice_on, amount_due_minor as due, invoice_on >= $month as is_now,
        row_number() over (month_of order by invoice_on) as place,
        row_number() over (month_of order by invoice_on desc) as place_from_last
    from invoices
    where invoice_on >= $month - interval 1 month and invoice_on < $month + interval 1 month
    window month_of as (partition by subscription_id, currency, invoice_on >= $month)
), now as (
    select t.due, t.place, c.*, p.invoice_on as before_on
    from two_months t
    join invoice_changes c using (invoice_number)
    left join invoices p on p.invoice_number = c.previous_invoice_number and p.currency = t.currency
    where t.is_now
), steps as (
    select currency,
        unnest([
            {'cause': 'seats', 'minor': seats_minor}, {'cause': 'plan', 'minor': plan_minor}, {'cause': 'price', 'minor': price_minor},
            {'cause': 'days', 'minor': days_minor}, {'cause': 'term', 'minor': term_minor},
            {'cause': 'corrections', 'minor': corrections_minor}, {'cause': 'credits', 'minor': credits_minor}]) as step
    from now where place = 1 and before_on >= $month - interval 1 month
    union all
    select currency, {'cause': case when previous_invoice_number is null then 'first' else 'again' end, 'minor': due}
    from now where place = 1 and (before_on is null or before_on < $month - interval 1 month)
    union all
    select currency, {'cause': 'further', 'minor': due} from now where place > 1
    union all
    select currency, {'cause': 'further', 'minor': -due} from two_months where not is_now and place_from_last > 1
    union all
    select currency, {'cause': case when workspace_id in (select workspace_id from holds where since_on is null or since_on <= last_day($month)) then 'held' else 'none' end, 'minor': -due}
    from two_months b
    where not is_now and place_from_last = 1
        and not exists (from two_months n where n.is_now and n.subscription_id = b.subscription_id and n.currency = b.currency)
), causes(place, cause, label, means) as (values
    (1, 'first', 'First invoices', 'subscriptions invoiced for the first time'),
    (2, 'again', 'Invoiced again', 'subscriptions without an invoice the month before'),
    (3, 'further', 'Further invoices', 'more than one of a subscription in this month (+) or the one before (−)'),
    (4, 'seats', 'Seats', 'more or fewer, at the opening or inside the term'),
    (5, 'plan', 'Plan', 'another plan, at the opening or inside the term'),
    (6, 'price', 'Price', 'another price of the same plan'),
    (7, 'days', 'Days', 'more or fewer days of the period: a stub'),
    (8, 'term', 'Term openings', 'only one of the two invoices opens a term, or at another cadence'),
    (9, 'corrections', 'Corrections', 'of what was known before'),
    (10, 'credits', 'Credits', 'granted (+) or used (−)'),
    (11, 'none', 'Not invoiced', 'subscriptions of the month before without an invoice in this one'),
    (12, 'held', 'Held', 'the same, of workspaces that are held now, since then or before')
)
select s.currency, c.place, c.label, c.means, sum(s.step.minor) as minor
from steps s
join causes c on c.cause = s.step.cause
group by all
having sum(s.step.minor) <> 0
order by s.currency, c.place
