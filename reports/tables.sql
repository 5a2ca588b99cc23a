-- The finance database: every table with its grain, every column with its unit. Money is in minor units; the *_v views show it readably.
-- The division of money in SQL: half up, away from zero, in whole numbers (the same as transforms/money.py).
-- Whole numbers of 128 bits are divided ten times as slowly as those of 64, and hardly a numerator needs them.
create macro half_up(numerator, denominator) as
    case when abs(numerator::hugeint) < 1_000_000_000_000_000_000 and denominator < 1_000_000_000_000_000_000
        then sign(numerator) * ((2 * abs(numerator::bigint) + denominator::bigint) // (2 * denominator::bigint))
        else (sign(numerator) * ((2 * abs(numerator::hugeint) + denominator) // (2 * denominator)))::bigint end;
comment on macro half_up is 'Numerator / denominator as a whole number, half up, away from zero.';
-- The same for what a catalogue that rounds half even has rounded.
create macro half_even(numerator, denominator) as
    (sign(numerator) * (abs(numerator::hugeint) // denominator + case
        when 2 * (abs(numerator::hugeint) % denominator) > denominator then 1
        when 2 * (abs(numerator::hugeint) % denominator) = denominator then (abs(numerator::hugeint) // denominator) % 2 else 0 end))::bigint;
comment on macro half_even is 'Numerator / denominator as a whole number, half to the even one.';
create macro many(number, noun) as number || ' ' || noun || case abs(number) when 1 then '' else 's' end;
comment on macro many is 'A number of things in words, as in 1 seat and 12 seats.';
-- What is found of days before any roster, as of an event from before the opening day, is told in the first month that there is.
create macro told_in(day) as greatest(date_trunc('month', day)::date, (select min(month) from seat_usage_monthly));
comment on macro told_in is 'The month in whose reports a finding of a day is told.';

create table currencies (currency varchar, decimals bigint, unit decimal(5, 4));
comment on table currencies is 'One per currency of the catalogues. Key: currency.';
comment on column currencies.currency is 'ISO 4217 code.';
comment on column currencies.decimals is 'Decimals of its minor unit.';
comment on column currencies.unit is 'What one minor unit is worth.';

create table catalogs (catalog varchar, name varchar, currency varchar, timezone varchar, invoice_prefix varchar, rounding varchar);
comment on table catalogs is 'One per catalogue that the last run knew. Key: catalog.';
comment on column catalogs.catalog is 'The catalogue.';
comment on column catalogs.name is 'The vendor''s name.';
comment on column catalogs.currency is 'ISO 4217 code.';
comment on column catalogs.timezone is 'Whose days count.';
comment on column catalogs.invoice_prefix is 'What its invoice numbers begin with.';
comment on column catalogs.rounding is 'half_up or half_even.';

create table invoices (
    invoice_id varchar, invoice_number varchar, subscription_id varchar, workspace_id varchar, catalog varchar, currency varchar,
    invoice_on date, lines bigint, net_minor bigint, credit_applied_minor bigint, credit_granted_minor bigint,
    amount_due_minor bigint, credit_balance_minor bigint, run_id varchar
);
comment on table invoices is 'One per invoice, as issued. An issued invoice never changes; corrections are lines of a later one. Key: invoice_id.';
comment on column invoices.invoice_id is 'The subscription and the invoice date: unique.';
comment on column invoices.invoice_number is 'Gapless per catalogue and year of the invoice date.';
comment on column invoices.subscription_id is 'The subscription that is invoiced.';
comment on column invoices.workspace_id is 'The workspace whose seats these are; credit belongs to it.';
comment on column invoices.catalog is 'The catalogue whose policy and prices apply.';
comment on column invoices.currency is 'ISO 4217 code.';
comment on column invoices.invoice_on is 'The invoice date: everything that moved on or before it is billed.';
comment on column invoices.lines is 'Number of lines.';
comment on column invoices.net_minor is 'Sum of the lines, in the currency''s minor unit; may be negative.';
comment on column invoices.credit_applied_minor is 'Credit of the account used up by this invoice, minor unit.';
comment on column invoices.credit_granted_minor is 'Credit that this invoice adds to the account, minor unit.';
comment on column invoices.amount_due_minor is 'What the customer owes: net - applied + granted, never below 0, minor unit.';
comment on column invoices.credit_balance_minor is 'The account''s credit after this invoice, minor unit.';
comment on column invoices.run_id is 'The run that issued it.';

create table invoice_lines (
    line_id varchar, invoice_id varchar, invoice_number varchar, subscription_id varchar, workspace_id varchar, catalog varchar, currency varchar,
    invoice_on date, term_from date, term_until date, cadence varchar, plan varchar, reason varchar, moved_on date,
    service_from date, service_until date, quantity bigint, quantity_billed_before bigint, days bigint, period_days bigint,
    unit_price_minor bigint, amount_minor bigint, is_correction boolean, description varchar
);
comment on table invoice_lines is 'One per line: a charge''s quantity now known less the quantity billed before. Key: line_id.';
comment on column invoice_lines.line_id is 'The invoice number and the line''s place on it.';
comment on column invoice_lines.invoice_id is 'The invoice.';
comment on column invoice_lines.invoice_number is 'The invoice''s number.';
comment on column invoice_lines.subscription_id is 'The subscription.';
comment on column invoice_lines.workspace_id is 'The workspace.';
comment on column invoice_lines.catalog is 'The catalogue.';
comment on column invoice_lines.currency is 'ISO 4217 code.';
comment on column invoice_lines.invoice_on is 'The invoice date.';
comment on column invoice_lines.term_from is 'First day of the term that is charged.';
comment on column invoice_lines.term_until is 'The day after the term''s last planned day.';
comment on column invoice_lines.cadence is 'monthly or annual: that of the term.';
comment on column invoice_lines.plan is 'The plan whose price applies.';
comment on column invoice_lines.reason is 'opening, seats_added, seats_removed, reactivated, seats_reduced or plan_switch.';
comment on column invoice_lines.moved_on is 'The day on which the seats moved.';
comment on column invoice_lines.service_from is 'First day charged.';
comment on column invoice_lines.service_until is 'The day after the last day charged.';
comment on column invoice_lines.quantity is 'Seats on this line: the signed difference to what was billed before.';
comment on column invoice_lines.quantity_billed_before is 'Seats of the same charge on earlier lines.';
comment on column invoice_lines.days is 'Days of service, service_from to service_until.';
comment on column invoice_lines.period_days is 'Days of the term''s whole period: what a full price pays for.';
comment on column invoice_lines.unit_price_minor is 'Price of a seat for a whole period, minor unit.';
comment on column invoice_lines.amount_minor is 'A(billed before + quantity) - A(billed before), A(q) = sign(q) x round(|q| x unit price x days / period days), minor unit.';
comment on column invoice_lines.is_correction is 'Whether an earlier run had passed an invoice date that could have carried it.';
comment on column invoice_lines.description is 'The line in words, with the formula.';

create table credit_ledger (workspace_id varchar, currency varchar, invoice_id varchar, entry_on date, change_minor bigint, balance_minor bigint, entry_number bigint);
comment on table credit_ledger is 'One per change of an account''s credit; an account is a workspace and a currency. Key: entry_number.';
comment on column credit_ledger.workspace_id is 'The workspace that the credit belongs to.';
comment on column credit_ledger.currency is 'ISO 4217 code.';
comment on column credit_ledger.invoice_id is 'The invoice that granted or used the credit.';
comment on column credit_ledger.entry_on is 'That invoice''s date.';
comment on column credit_ledger.change_minor is 'Credit granted (+) or applied (-), minor unit.';
comment on column credit_ledger.balance_minor is 'The account''s credit after the entry, minor unit.';
comment on column credit_ledger.entry_number is 'The order of entries, from 1.';

create table seat_occupancy (
    workspace_id varchar, day date, subscription_id varchar, catalog varchar, plan varchar, occupied bigint, added bigint, removed bigint,
    reactivated bigint, pending bigint, alias bigint, portal bigint, deactivated bigint, committed bigint, seat_limit bigint, label varchar, coverage varchar, spell_from date
);
comment on table seat_occupancy is 'One per workspace and day, at the day''s close in the catalogue''s time zone. Key: workspace_id, day.';
comment on column seat_occupancy.workspace_id is 'The workspace.';
comment on column seat_occupancy.day is 'The day.';
comment on column seat_occupancy.subscription_id is 'The subscription that runs that day, if any.';
comment on column seat_occupancy.catalog is 'The catalogue whose seat policy applies: that day''s, or the nearest subscription''s.';
comment on column seat_occupancy.plan is 'The plan at the day''s close.';
comment on column seat_occupancy.occupied is 'Seats held.';
comment on column seat_occupancy.added is 'Seats newly held: not held the day before. On the ledger''s opening day, all.';
comment on column seat_occupancy.removed is 'Seats held the day before and no more.';
comment on column seat_occupancy.reactivated is 'Of those added, how many had held a seat on an earlier day.';
comment on column seat_occupancy.pending is 'Teammates invited and not yet active.';
comment on column seat_occupancy.alias is 'Alias users: never a seat.';
comment on column seat_occupancy.portal is 'Portal users: never a seat.';
comment on column seat_occupancy.deactivated is 'Deactivated teammates.';
comment on column seat_occupancy.committed is 'Seats agreed, on plans that bill committed seats.';
comment on column seat_occupancy.seat_limit is 'The plan''s seat limit, or the seats agreed; null: none.';
comment on column seat_occupancy.label is 'What the vendor shows: Active seats used: 97/100.';
comment on column seat_occupancy.coverage is 'Exactly one of: billed, trial, free plan, ended, no subscription, held.';
comment on column seat_occupancy.spell_from is 'First day of the spell that the day belongs to (spells); null: in no term.';

create table subscriptions (
    subscription_id varchar, workspace_id varchar, workspace_name varchar, catalog varchar, plan varchar, cadence varchar, billing_day bigint, state varchar,
    starts_on date, trial_until date, activated_on date, canceled_on date, ended_on date, term_from date, term_until date,
    seats_occupied bigint, seats_committed bigint, seat_limit bigint
);
comment on table subscriptions is 'One per subscription, as it stands at the close of the last day known. Key: subscription_id.';
comment on column subscriptions.subscription_id is 'The subscription.';
comment on column subscriptions.workspace_id is 'Its workspace.';
comment on column subscriptions.workspace_name is 'The workspace''s name.';
comment on column subscriptions.catalog is 'Its catalogue.';
comment on column subscriptions.plan is 'The plan it is on, or was on last.';
comment on column subscriptions.cadence is 'That of the running term; else the one last asked for.';
comment on column subscriptions.billing_day is 'Day of the month on which monthly terms begin; null: the activation''s anniversary.';
comment on column subscriptions.state is 'One of: active; trial; free plan; canceled, term running; ended; not started; held.';
comment on column subscriptions.starts_on is 'First day of the subscription.';
comment on column subscriptions.trial_until is 'The day after the trial, with its extensions; null: none.';
comment on column subscriptions.activated_on is 'First day of the current or last run of paid days.';
comment on column subscriptions.canceled_on is 'Day of the cancellation.';
comment on column subscriptions.ended_on is 'The day after its last day.';
comment on column subscriptions.term_from is 'First day of the running term.';
comment on column subscriptions.term_until is 'The day after the running term.';
comment on column subscriptions.seats_occupied is 'Seats held at the last day''s close.';
comment on column subscriptions.seats_committed is 'Seats agreed, on plans that bill committed seats.';
comment on column subscriptions.seat_limit is 'The plan''s seat limit, or the seats agreed.';

create table terms (
    subscription_id varchar, workspace_id varchar, catalog varchar, currency varchar, cadence varchar, plan varchar, term_from date, term_until date, ended_on date,
    period_days bigint, unit_price_minor bigint, price_reference varchar
);
comment on table terms is 'One per term begun by the last day known. Terms tile the paid days without gap or overlap. Key: subscription_id, term_from.';
comment on column terms.subscription_id is 'The subscription.';
comment on column terms.workspace_id is 'Its workspace.';
comment on column terms.catalog is 'Its catalogue.';
comment on column terms.currency is 'ISO 4217 code.';
comment on column terms.cadence is 'monthly or annual.';
comment on column terms.plan is 'The plan on the term''s first day.';
comment on column terms.term_from is 'First day.';
comment on column terms.term_until is 'The day after the last day as planned.';
comment on column terms.ended_on is 'The day after the last day in fact: earlier where a move to a free plan cut it short.';
comment on column terms.period_days is 'Days of the whole period; more than the term''s days where the term is a stub.';
comment on column terms.unit_price_minor is 'Price of a seat for the whole period on the first day, minor unit; null for terms billed before the opening day.';
comment on column terms.price_reference is 'Where that price stands.';

create table holds (workspace_id varchar, subscription_id varchar, reason varchar, since_on date, detail varchar, file varchar, "row" bigint, mend varchar);
comment on table holds is 'One per held workspace, reason and place. A held workspace gets no invoice until the cause is mended.';
comment on column holds.workspace_id is 'The workspace that is held.';
comment on column holds.subscription_id is 'The subscription at fault, where it is one.';
comment on column holds.reason is 'What kind of fault.';
comment on column holds.since_on is 'The first day that cannot be billed, or of a fault without a day the last day known when it came in.';
comment on column holds.detail is 'What is wrong, without personal values.';
comment on column holds.file is 'The source file.';
comment on column holds."row" is 'The row in it; 1 is the first after the header.';
comment on column holds.mend is 'What to do.';

create table exceptions (
    rule varchar, finding varchar, severity varchar, workspace_id varchar, subscription_id varchar, day date, detail varchar, file varchar, "row" bigint
);
comment on table exceptions is 'One per finding that is reported and does not stop billing.';
comment on column exceptions.rule is 'The rule that it belongs to.';
comment on column exceptions.finding is 'What kind of finding.';
comment on column exceptions.severity is 'warning or notice.';
comment on column exceptions.workspace_id is 'The workspace concerned.';
comment on column exceptions.subscription_id is 'The subscription concerned, where it is one.';
comment on column exceptions.day is 'The day concerned.';
comment on column exceptions.detail is 'What was found; users as ids.';
comment on column exceptions.file is 'The source file, where there is one.';
comment on column exceptions."row" is 'The row in it; 1 is the first after the header.';

create table runs (
    run_id varchar, command varchar, through date, cadence varchar, started_at timestamptz, finished_at timestamptz, product_version varchar,
    days_ingested bigint, files_ingested bigint, rows_ingested bigint, invoices bigint, lines bigint, held_workspaces bigint, chain varchar, catalog varchar
);
comment on table runs is 'One per run that committed. Key: run_id.';
comment on column runs.run_id is 'Counted from run-000001.';
comment on column runs.command is 'ingest, bill or run.';
comment on column runs.through is 'The day up to which it billed.';
comment on column runs.cadence is 'The only cadence billed, if one was named.';
comment on column runs.catalog is 'The only catalogue billed, if one was named.';
comment on column runs.started_at is 'When it began.';
comment on column runs.finished_at is 'When it committed.';
comment on column runs.product_version is 'The version of seatledger.';
comment on column runs.days_ingested is 'Days of rosters accepted.';
comment on column runs.files_ingested is 'Files accepted.';
comment on column runs.rows_ingested is 'Rows in them.';
comment on column runs.invoices is 'Invoices issued.';
comment on column runs.lines is 'Lines on them.';
comment on column runs.held_workspaces is 'Workspaces held when it billed.';
comment on column runs.chain is 'Digest of all that the run wrote and of the run before: a changed row breaks it.';

create table inputs (
    table_name varchar, day date, version varchar, file varchar, sha256 varchar, bytes bigint, rows bigint, ingested_at timestamptz, run_id varchar, superseded_by varchar, repeats bigint
);
comment on table inputs is 'One per file version accepted. Superseded versions stay. Key: table_name, day, version, file.';
comment on column inputs.table_name is 'users, activity, usage or subscriptions.';
comment on column inputs.day is 'The day that the file is of; null for subscriptions.';
comment on column inputs.version is 'The content of all files of that table and day together.';
comment on column inputs.file is 'The path inside the source.';
comment on column inputs.sha256 is 'Of the file''s bytes.';
comment on column inputs.bytes is 'The file''s size.';
comment on column inputs.rows is 'Its rows.';
comment on column inputs.repeats is 'How many of its rows repeat an identical one of that day; such a row counts once.';
comment on column inputs.ingested_at is 'When it was accepted.';
comment on column inputs.run_id is 'By which run.';
comment on column inputs.superseded_by is 'The version that replaced it; null: it is current.';

create table spells (
    subscription_id varchar, workspace_id varchar, catalog varchar, currency varchar, cadence varchar, term_from date, term_until date,
    period_days bigint, plan varchar, basis varchar, spell_from date, spell_until date, unit_price_minor bigint, price_reference varchar,
    back_bills boolean
);
comment on table spells is 'One per subscription and stretch of days on one plan within one term, with the price that it keeps. Those that had ended by the opening day are left out, and so are those without a price. Key: subscription_id, spell_from.';
comment on column spells.subscription_id is 'The subscription.';
comment on column spells.workspace_id is 'Its workspace.';
comment on column spells.catalog is 'Its catalogue.';
comment on column spells.currency is 'ISO 4217 code.';
comment on column spells.cadence is 'monthly or annual: that of the term.';
comment on column spells.term_from is 'First day of the term.';
comment on column spells.term_until is 'The day after the term''s last planned day.';
comment on column spells.period_days is 'Days of the whole period that a full price pays for.';
comment on column spells.plan is 'The plan.';
comment on column spells.basis is 'What the plan bills: active or committed seats.';
comment on column spells.spell_from is 'First day on the plan within the term.';
comment on column spells.spell_until is 'The day after the last one.';
comment on column spells.unit_price_minor is 'Price of a seat for a whole period, in the currency''s minor unit.';
comment on column spells.price_reference is 'Where that price stands.';
comment on column spells.back_bills is 'Whether who comes back is charged from the day of release (D6).';

create table reactivations (
    catalog varchar, workspace_id varchar, day date, released_on date, seats bigint
);
comment on table reactivations is 'One per workspace, day on which users hold a seat again, and day on which their seat had been released (D6). Key: catalog, workspace_id, day, released_on.';
comment on column reactivations.catalog is 'The catalogue whose seat policy applies.';
comment on column reactivations.workspace_id is 'The workspace.';
comment on column reactivations.day is 'The day of return.';
comment on column reactivations.released_on is 'The day on which the seat had been released.';
comment on column reactivations.seats is 'How many users.';

create table unbilled_charges (
    subscription_id varchar, workspace_id varchar, catalog varchar, currency varchar, cadence varchar, term_from date, term_until date,
    reason varchar, moved_on date, service_from date, service_until date, plan varchar, unit_price_minor bigint, period_days bigint,
    days bigint, quantity bigint, quantity_billed_before bigint, amount_minor bigint, due_on date, has_next_invoice boolean
);
comment on table unbilled_charges is 'One per charge that is owed and on no invoice yet: what the next invoice would bill of it. None for held workspaces. Key: subscription_id, term_from, reason, moved_on, service_from, service_until, plan, unit_price_minor, period_days.';
comment on column unbilled_charges.subscription_id is 'The subscription.';
comment on column unbilled_charges.workspace_id is 'Its workspace.';
comment on column unbilled_charges.catalog is 'Its catalogue.';
comment on column unbilled_charges.currency is 'ISO 4217 code.';
comment on column unbilled_charges.cadence is 'monthly or annual: that of the term.';
comment on column unbilled_charges.term_from is 'First day of the term that is charged.';
comment on column unbilled_charges.term_until is 'The day after the term''s last planned day.';
comment on column unbilled_charges.reason is 'As in invoice_lines.';
comment on column unbilled_charges.moved_on is 'The day on which the seats moved.';
comment on column unbilled_charges.service_from is 'First day charged.';
comment on column unbilled_charges.service_until is 'The day after the last day charged.';
comment on column unbilled_charges.plan is 'The plan whose price applies.';
comment on column unbilled_charges.unit_price_minor is 'Price of a seat for a whole period, minor unit.';
comment on column unbilled_charges.period_days is 'Days of the term''s whole period.';
comment on column unbilled_charges.days is 'Days of service.';
comment on column unbilled_charges.quantity is 'Seats: the signed difference to what was billed.';
comment on column unbilled_charges.quantity_billed_before is 'Seats of the same charge that were billed.';
comment on column unbilled_charges.amount_minor is 'What the line would come to, rounded as a line is, minor unit.';
comment on column unbilled_charges.due_on is 'The invoice date that has come and is not billed; null: none has come yet.';
comment on column unbilled_charges.has_next_invoice is 'Whether the subscription has another invoice; if not, the difference is not billed (I4), unless the subscription is paid for again.';

create table plan_usage (
    workspace_id varchar, day date, catalog varchar, plan varchar, metric varchar, value bigint, allowed bigint, is_beyond boolean,
    file varchar, "row" bigint
);
comment on table plan_usage is 'One per workspace, day and metric that the plan limits: what is used against what is allowed. Key: workspace_id, day, metric.';
comment on column plan_usage.workspace_id is 'The workspace.';
comment on column plan_usage.day is 'The day.';
comment on column plan_usage.catalog is 'The catalogue.';
comment on column plan_usage.plan is 'The plan at the day''s close.';
comment on column plan_usage.metric is 'What is counted.';
comment on column plan_usage.value is 'How much of it is used.';
comment on column plan_usage.allowed is 'How much the plan allows; 0: it does not include it.';
comment on column plan_usage.is_beyond is 'Whether more is used than allowed.';
comment on column plan_usage.file is 'The source file.';
comment on column plan_usage."row" is 'The row in it; 1 is the first after the header.';

create table broken_aliases (
    workspace_id varchar, user_id varchar, broken_from date, broken_until date
);
comment on table broken_aliases is 'One per alias and stretch of days on which it cannot work (D5). Key: workspace_id, user_id, broken_from.';
comment on column broken_aliases.workspace_id is 'The workspace.';
comment on column broken_aliases.user_id is 'The alias.';
comment on column broken_aliases.broken_from is 'The first day on which it could not work.';
comment on column broken_aliases.broken_until is 'The day on which it worked again, or was gone; null: it still cannot work.';

create table idle_seats (
    workspace_id varchar, day date, idle_seats bigint, never_active_seats bigint
);
comment on table idle_seats is 'One per workspace and last known day of a month with seats whose holder was not active for 30 days. Key: workspace_id, day.';
comment on column idle_seats.workspace_id is 'The workspace.';
comment on column idle_seats.day is 'The month''s last known day.';
comment on column idle_seats.idle_seats is 'Seats held whose holder was never active, or last at least 30 days before.';
comment on column idle_seats.never_active_seats is 'Of those, seats whose holder was never active.';

create table accounts (
    code varchar, name varchar, type varchar, increases_by varchar, holds varchar
);
comment on table accounts is 'One per account of the journal. Key: code.';
comment on column accounts.code is 'Its number.';
comment on column accounts.name is 'Its name.';
comment on column accounts.type is 'asset, liability or income.';
comment on column accounts.increases_by is 'debit or credit: the side that makes it more.';
comment on column accounts.holds is 'What it holds.';
insert into accounts values
    ('1100', 'Accounts receivable', 'asset', 'debit', 'What invoices ask customers to pay. Payments are booked elsewhere.'),
    ('2100', 'Deferred revenue', 'liability', 'credit', 'What was invoiced for service that is still to come.'),
    ('2200', 'Customer credit', 'liability', 'credit', 'Credit that workspaces may use for later invoices.'),
    ('4000', 'Revenue', 'income', 'credit', 'Service that was rendered and invoiced.');
