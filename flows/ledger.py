"""The only writer of the ledger: what came in, what was decided. One transaction a run, read back after its commit."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from flows.catalogs import BilledCatalog, ListPrices
from flows.errors import UserError, in_a_line, is_for_want_of_memory
from flows.fault_points import reached
from flows.home import Home
from flows.ledger_versions import bring_up_to_date
from flows.memory_of_duckdb import hold_within_bounds
from flows.receipts import chain_of_run, settle_receipts, write_receipt

if TYPE_CHECKING:
    import polars as pl
    import pyarrow

log = logging.getLogger("seatledger")

LONGEST_WAIT = 3.0  # seconds, for someone who looks into the ledger to be done
_BATCH = 100_000  # rows
_LAST_DAY_BY = "select max(day) from inputs where table_name = 'users' and ingested_at <= {}"
_BUCKETS = "buckets "  # of settings: and the month
_ROUNDING, _PRICES = "rounding ", "prices "  # of settings: and the catalogue
_SCHEMA = Path(__file__).with_name("ledger.sql")


class Ledger:
    """A connection to HOME/ledger.duckdb. Frames go in and out by name; every change belongs to the open transaction."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.is_saved = False  # whether a run was committed since it was opened

    def close(self) -> None:
        """Close the connection and let go of it, whoever still holds this ledger (a traceback, Prefect)."""
        self.connection.close()
        del self.connection

    # --- frames in and out ----------------------------------------------------------------------------------------------

    def frame(self, sql: str, parameters: list | None = None) -> pl.DataFrame:
        return self.connection.sql(sql, params=parameters or []).pl()

    def batches(self, sql: str) -> pyarrow.RecordBatchReader:
        """The rows of a query a batch at a time, for what may be larger than memory; to be read before the next query."""
        return self.connection.sql(sql).to_arrow_reader(_BATCH)

    def append(self, table: str, frame: pl.DataFrame, only: str = "true") -> None:
        """Add rows to a table, by column name; `only` those of `incoming` for which a condition holds."""
        if frame.is_empty():
            return
        columns = ", ".join(f'"{name}"' for name in frame.columns)
        self.connection.register("incoming", frame.to_arrow())
        try:
            self.connection.execute(f"insert into {table} ({columns}) select {columns} from incoming where {only}")
        except BaseException:
            with suppress(duckdb.Error):  # says only that the transaction is over, and would be told instead of why
                self.connection.unregister("incoming")
            raise
        self.connection.unregister("incoming")

    def value(self, sql: str, parameters: list | None = None):
        """The one value that a query gives, or None."""
        rows = self.connection.execute(sql, parameters or []).fetchall()
        return rows[0][0] if rows else None

    # --- what came in ---------------------------------------------------------------------------------------------------

    def current_versions(self) -> dict[tuple[str, date | None], str]:
        """The accepted version of every table and day, in order of table and day."""
        current = "select distinct table_name, day, version from inputs where superseded_by is null order by table_name, day nulls first"
        rows = self.connection.execute(current).fetchall()
        return {(table, day): version for table, day, version in rows}

    def declared_days(self, words: str) -> list[date]:
        """Days whose current rosters were not delivered but declared."""
        return [
            day
            for (day,) in self.connection.execute(
                "select day from inputs where file = ? and superseded_by is null order by 1", [words]
            ).fetchall()
        ]

    def accept(self, versions: pl.DataFrame, inputs: pl.DataFrame, faults: pl.DataFrame) -> None:
        """Make each table day's version the current one; whatever it replaces stays, marked as superseded.

        Grain: `versions` table_name, day, version; `inputs` a row a file; `faults` a broken cell. A version accepted before, and
        superseded since, is made current again.
        """
        same = "i.table_name = v.table_name and i.day is not distinct from v.day"
        self.connection.register("v", versions.to_arrow())
        self.connection.execute(
            f"create temp table fresh as select * from v where not exists (select 1 from inputs i where {same} and i.version = v.version)"
        )
        self.connection.execute(f"update inputs i set superseded_by = null from v where {same} and i.version = v.version")
        for table, rows in (("inputs", inputs), ("row_faults", faults)):
            self.append(
                table, rows, only=f"exists (select 1 from fresh v where {same.replace('i.', 'incoming.')} and incoming.version = v.version)"
            )
        self.connection.execute(
            f"update inputs i set superseded_by = v.version from v where {same} and i.version <> v.version and i.superseded_by is null"
        )
        self.connection.execute("drop table fresh")
        self.connection.unregister("v")

    def current_faults(self) -> pl.DataFrame:
        """Broken cells of current versions; `since_on` is their day, or where they have none the last day of rosters that was there when they came in."""
        return self.frame(
            f"""select distinct f.table_name, f.day, coalesce(f.day, ({_LAST_DAY_BY.format("came.at")})) as since_on,
                      f.workspace_id, f.file, f.row, f."column", f.fault
               from row_faults f join (
                   select table_name, day, version, min(ingested_at) as at from inputs where superseded_by is null group by all
               ) came on came.table_name = f.table_name and came.day is not distinct from f.day and came.version = f.version
               order by all"""
        )

    def rows_of_subscriptions(self) -> int:
        """How many rows the current subscriptions have."""
        return int(self.value("select coalesce(sum(rows), 0) from inputs where table_name = 'subscriptions' and superseded_by is null"))

    def subscriptions_came_on(self) -> date | None:
        """The last day of rosters that was there when the current subscriptions came in."""
        came = "select max(ingested_at) as at from inputs where table_name = 'subscriptions' and superseded_by is null"
        return self.value(f"select ({_LAST_DAY_BY.format('came.at')}) from ({came}) came")

    # --- what was decided -----------------------------------------------------------------------------------------------

    def setting(self, name: str) -> str | None:
        return self.value("select value from settings where name = ?", [name])

    def set(self, name: str, value: str) -> None:
        self.connection.execute("insert or replace into settings values (?, ?)", [name, value])

    def buckets_of_months(self) -> dict[date, int]:
        """In how many buckets the rosters of each month are kept, where it is more than one: settled when the month first came in."""
        return buckets_of_months(self.connection.execute("select name, value from settings").fetchall())

    def set_buckets(self, months: Mapping[date, int]) -> None:
        """Remember in how many buckets months are kept."""
        for month, number in months.items():
            self.set(f"{_BUCKETS}{month:%Y-%m}", str(number))

    def billed_charges(self) -> pl.DataFrame:
        """The quantity billed so far of every charge, with the facts of one of its lines, which are the same on all."""
        identity = "subscription_id, term_from, reason, moved_on, service_from, service_until, plan, unit_price_minor, period_days"
        return self.frame(
            f"""select {identity}, any_value(workspace_id) as workspace_id, any_value(catalog) as catalog, any_value(cadence) as cadence,
                any_value(term_until) as term_until, any_value(days) as days, sum(quantity)::bigint as quantity
                from invoice_lines group by {identity} order by all"""
        )

    def billed_subscriptions(self) -> pl.DataFrame:
        """Every subscription that an invoice was issued for, with the workspace and the catalogue of the latest one."""
        latest = "arg_max({0}, (invoice_on, run_id)) as {0}"
        return self.frame(
            f"select subscription_id, {latest.format('workspace_id')}, {latest.format('catalog')} from invoices group by 1 order by all"
        )

    def remember_policy(self, catalog: str, rounding: str, prices: ListPrices) -> None:
        """Remember how a catalogue rounds what it bills, and by which list prices: what is billed later of the same is the difference to it."""
        self.set(f"{_ROUNDING}{catalog}", rounding)
        self.set(f"{_PRICES}{catalog}", json.dumps(json.loads(self.setting(f"{_PRICES}{catalog}") or "{}") | prices, sort_keys=True))

    def passed_dates(self) -> pl.DataFrame:
        return self.frame("select distinct subscription_id, invoice_on from invoice_dates order by all")

    def balances(self) -> pl.DataFrame:
        """Each account's credit after its last entry."""
        return self.frame(
            "select workspace_id, currency, arg_max(balance_minor, entry_number) as balance_minor from credit_ledger group by all order by all"
        )

    def used_numbers(self) -> pl.DataFrame:
        return self.frame(
            "select catalog, year(invoice_on)::bigint as year, count(*)::bigint as used from invoices group by all order by all"
        )

    def require_totals(self, run_id: str) -> None:
        """Lines add up to invoices, and invoices to credits: asked before the commit and after it."""
        of_run = f"select invoice_id from invoices where run_id = '{run_id}'"
        lines, amount = self.connection.execute(
            f"select count(*), coalesce(sum(amount_minor), 0) from invoice_lines where invoice_id in ({of_run})"
        ).fetchone()
        said, net, credit = self.connection.execute(
            "select coalesce(sum(lines), 0), coalesce(sum(net_minor), 0), coalesce(sum(credit_granted_minor - credit_applied_minor), 0)"
            " from invoices where run_id = ?",
            [run_id],
        ).fetchone()
        entered = self.value(f"select coalesce(sum(change_minor), 0) from credit_ledger where invoice_id in ({of_run})")
        if (lines, amount, entered) != (said, net, credit):
            raise UserError(
                f"{run_id} does not add up: {lines} lines over {amount} minor units, invoices say {said} over {net}; "
                f"credit entries of {entered}, invoices say {credit}. Nothing was saved; this is a fault of the program."
            )

    def append_run(self, row: dict[str, object]) -> None:
        """Add the run's own row."""
        columns = ", ".join(row)
        self.connection.execute(f"insert into runs ({columns}) values ({', '.join('?' * len(row))})", list(row.values()))

    def chains(self) -> dict[str, str]:
        """The chain of every run."""
        return dict(self.connection.execute("select run_id, chain from runs").fetchall())

    def last_run(self, before: str = "z") -> str:
        """The last run that was saved, or the last before another; empty: none."""
        return self.value("select coalesce(max(run_id), '') from runs where run_id < ?", [before])

    def next_run_id(self) -> str:
        return f"run-{self.value('select count(*) + 1 from runs'):06d}"


def billed_catalogs(connection: duckdb.DuckDBPyConnection, ledger: str = "main") -> list[BilledCatalog]:
    """Every catalogue that an invoice was issued by; the ledger is the connection's schema, or an attached database."""
    sql = f"""
        select distinct catalog, currency, regexp_extract(invoice_number, '^(.+)-[0-9]{{4}}-[0-9]+$', 1), r.value, p.value
        from {ledger}.invoices i
        left join {ledger}.settings r on r.name = '{_ROUNDING}' || i.catalog
        left join {ledger}.settings p on p.name = '{_PRICES}' || i.catalog
        order by all"""
    return [BilledCatalog(*told, prices and json.loads(prices)) for *told, prices in connection.execute(sql).fetchall()]


def buckets_of_months(settings: Iterable[tuple[str, str]]) -> dict[date, int]:
    """In how many buckets months are kept, from the names and values of a ledger's settings."""
    return {date.fromisoformat(f"{name.removeprefix(_BUCKETS)}-01"): int(value) for name, value in settings if name.startswith(_BUCKETS)}


@contextmanager
def open_ledger(home: Home) -> Iterator[Ledger]:
    """Open the ledger, made where there is none, inside one transaction; without `commit` everything is rolled back, and no file is left.

    Raises: UserError where it is damaged, open elsewhere, of another version, or lacks a run that has a receipt.
    """
    path = home.ledger
    if not path.exists() and home.receipts.exists():
        raise UserError(f"{path}: is gone, and {home.receipts.name} says that runs were saved in it. Restore it from a back-up.")
    is_new, ledger = not path.exists(), None
    try:
        ledger = Ledger(_connect(path))
        hold_within_bounds(ledger.connection)
        ledger.connection.execute("set TimeZone = 'UTC'")
        _begin(ledger, home)
        hold_within_bounds(ledger.connection, ledger.value("select count(*) from invoices"))
        settle_receipts(home.receipts, path, ledger.chains())
        yield ledger
    finally:
        if ledger:
            ledger.close()
        if is_new and not (ledger and ledger.is_saved):
            for left in (path.with_name(f"{path.name}.wal"), path):
                left.unlink(missing_ok=True)


def start_over(ledger: Ledger, home: Home) -> None:
    """Take back what the ledger was told since it was opened, and go on as if it had just been."""
    ledger.connection.rollback()
    _begin(ledger, home)


def _begin(ledger: Ledger, home: Home) -> None:
    """Begin the run's transaction, in which a new ledger is made and an older one brought up to date."""
    ledger.connection.begin()
    if not ledger.value("select count(*) from duckdb_tables() where table_name = 'settings'"):
        ledger.connection.execute(_SCHEMA.read_text(encoding="utf-8"))
    bring_up_to_date(ledger.connection, ledger.setting("ledger_version") or "none", home.ledger)


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    """Connect; where another process has the file open, wait a little for it to be done."""
    deadline = time.monotonic() + LONGEST_WAIT
    while True:
        try:
            return duckdb.connect(str(path), config={"storage_compatibility_version": "v1.5.0"})
        except duckdb.Error as reason:
            said = str(reason)
            if is_for_want_of_memory(reason):
                raise
            if "Conflicting lock" not in said:
                raise UserError(
                    f"{path}: cannot be opened: {in_a_line(reason).rstrip('.')}. Restore it, with its .wal if there is one, from a back-up."
                ) from None
            if time.monotonic() > deadline:
                holder = re.search(r"PID (\d+)", said)
                who = f"process {holder[1]}" if holder else "another process"
                raise UserError(f"{path}: {who} has it open. Close it there, then run again.") from None
            time.sleep(0.2)


def commit(ledger: Ledger, home: Home, row: dict[str, object]) -> None:
    """Save the run as one transaction: totals checked before, the run's row read back after, then its receipt written.

    Raises: UserError where what would be saved does not add up, or where a commit reported success and saved nothing.
    """
    run_id = str(row["run_id"])
    ledger.require_totals(run_id)
    ledger.append_run(row)
    previous = ledger.chains().get(ledger.last_run(before=run_id), "")
    chain = chain_of_run(ledger.connection, run_id, previous)
    ledger.connection.execute("update runs set chain = ? where run_id = ?", [chain, run_id])
    reached("ledger: before commit")
    ledger.connection.commit()
    ledger.is_saved = True
    reached("ledger: after commit")
    if ledger.value("select chain from runs where run_id = ?", [run_id]) != chain:
        raise UserError(f"{home.ledger}: {run_id} was not saved, though the commit reported success. Nothing was changed; run again.")
    ledger.require_totals(run_id)
    try:
        write_receipt(home.receipts, run_id, chain)
    except OSError as reason:  # the run is saved all the same, and is to be shown
        log.warning("%s was saved. Its receipt could not be written (%s): the next run adds it", run_id, in_a_line(reason))
    reached("receipt: written")


def run_row(run_id: str, command: str, started_at: datetime, finished_at: datetime, **figures) -> dict:
    """A row of `runs`."""
    from importlib.metadata import version

    return {
        "run_id": run_id,
        "command": command,
        "started_at": started_at,
        "finished_at": finished_at,
        "product_version": version("seatledger"),
        "chain": "",
        **figures,
    }
