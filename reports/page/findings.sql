-- What was found in the month that does not stop billing, what does it mean, and what can one do?  Grain: finding; twenty of a kind.
with kinds(finding, means, mend) as (values
    ('event_refused', 'An event has no effect: the rules refuse it.', 'If it was meant, let someone who may ask for it again, within the rules.'),
    ('event_without_effect', 'An event before a subscription starts, or after it ended.', 'Nothing, or a subscription for that time.'),
    ('unknown_subscription', 'An event for a subscription that no row names.', 'Add the subscription, or supersede the activity file.'),
    ('seat_limit', 'More seats held than agreed or allowed; not billed.', 'Sell more seats, or have some released.'),
    ('broken_alias', 'An alias that cannot work.', 'Let its login be enabled, or remove it.'),
    ('vanished', 'A user left the roster, and no activity says why; the seat ended.', 'If the roster is wrong, supersede it.'),
    ('activity_disagrees', 'An event says what that day''s roster does not; the roster decides.', 'Nothing, if the roster is right.'),
    ('no_subscription', 'A workspace on rosters without a subscription; not billed.', 'Add its subscription.'),
    ('no_roster', 'A subscription whose workspace is on no roster.', 'Deliver its users, or end the subscription.'),
    ('repeated_day', 'A lost day was declared to repeat the day before.', 'If it turns up, supersede it.'),
    ('long_trial', 'A trial longer than usual.', 'Nothing, if it was agreed.'),
    ('other_cadence', 'A term monthly where annual was asked for, or the reverse: its plan is sold at that one alone.', 'Tell the customer, or have the price list sell the plan at both.'),
    ('unbilled_after_closing', 'A difference that has no next invoice.', 'Settle it outside, or leave it.'),
    ('beyond_plan', 'Use beyond the plan; not billed.', 'Offer the plan that includes it.')
)
select
    e.finding, e.severity, k.means, k.mend, count(*) over (partition by e.finding) as found, e.workspace_id, e.day,
    regexp_replace(e.detail, '[^\s@]+@[^\s@]+', '(address)', 'g') as detail, e.file, e."row"
from exceptions e
left join kinds k using (finding)
where e.day is null or told_in(e.day) = $month
qualify row_number() over (partition by e.finding order by e.day, e.workspace_id, e.detail, e.file, e."row") <= 20
order by e.severity = 'notice', e.finding, e.day, e.workspace_id, e.detail, e.file, e."row"
