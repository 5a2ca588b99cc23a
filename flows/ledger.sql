-- What has been decided, and from what: private, written by one transaction a run. Money in minor units.
create table settings (name varchar primary key, value varchar not null);
insert into settings values ('ledger_version', '3');

create table runs (
    run_id varchar primary key, command varchar not null, through date, cadence varchar,
    started_at timestamptz not null, finished_at timestamptz not null, product_version varchar not null,
    days_ingested bigint not null, files_ingested bigint not null, rows_ingested bigint not null,
    invoices bigint not null, lines bigint not null, held_workspaces bigint not null, chain varchar not null, catalog varchar
);
create table inputs (
    table_name varchar not null, day date, version varchar not null, file varchar not null,
    sha256 varchar not null, bytes bigint not null, rows bigint not null,
    ingested_at timestamptz not null, run_id varchar not null, superseded_by varchar,
    repeats bigint default 0
);
create table row_faults (
    table_name varchar not null, day date, version varchar not null,
    workspace_id varchar, file varchar not null, row bigint not null, "column" varchar, fault varchar not null
);
create table invoices (
    invoice_id varchar primary key, invoice_number varchar unique not null, subscription_id varchar not null, workspace_id varchar not null,
    catalog varchar not null, currency varchar not null, invoice_on date not null, lines bigint not null, net_minor bigint not null,
    credit_applied_minor bigint not null, credit_granted_minor bigint not null, amount_due_minor bigint not null,
    credit_balance_minor bigint not null, run_id varchar not null
);
create table invoice_lines (
    line_id varchar primary key, invoice_id varchar not null, invoice_number varchar not null, subscription_id varchar not null,
    workspace_id varchar not null, catalog varchar not null, currency varchar not null, invoice_on date not null,
    term_from date not null, term_until date not null, cadence varchar not null, plan varchar not null, reason varchar not null,
    moved_on date not null, service_from date not null, service_until date not null,
    quantity bigint not null, quantity_billed_before bigint not null, days bigint not null, period_days bigint not null,
    unit_price_minor bigint not null, amount_minor bigint not null, is_correction boolean not null, description varchar not null
);
-- Invoice dates that a run has passed are done, also where they made no invoice (rule I4).
create table invoice_dates (subscription_id varchar not null, invoice_on date not null, cadence varchar not null, occasion varchar not null, run_id varchar not null);
create table credit_ledger (
    workspace_id varchar not null, currency varchar not null, invoice_id varchar not null, entry_on date not null,
    change_minor bigint not null, balance_minor bigint not null, entry_number bigint not null
);
