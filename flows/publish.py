"""finance.duckdb, built beside or copied and added to, counted against the ledger, and renamed into place: an open reader keeps the old one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from itertools import chain
from pathlib import Path

import duckdb

from flows.errors import UserError
from flows.fault_points import reached
from flows.finance_tables import ShownRows, fill_finance, fill_table, reports_that_follow_from, rows_of_shown
from flows.ledger import Ledger
from flows.memory_of_duckdb import hold_within_bounds
from flows.months_changed import earlier_months_that_differ
from flows.whole_files import put_in_place
from transforms.catalog import Catalog
from transforms.findings import UNBILLED_AFTER_CLOSING

_ROWS_OF_A_GROUP = 30_720  # of DuckDB's 122,880: what a thread takes at once, so that tables of ten thousands of rows are worked on by all
MADE_FROM = "made_from"  # a macro: the digest of the facts that all was made from
FROM_LEDGER = {"invoices": "invoice_id", "invoice_lines": "line_id", "credit_ledger": "all", "runs": "run_id", "inputs": "all"}  # and in which order


def publish(
    path: Path, ledger: Ledger, shown: ShownRows, catalogs: Mapping[str, Catalog], made_from: str, first: date | None = None
) -> list[date] | None:
    """Build the finance database beside the old one and put it in its place, whole: an open reader keeps the old one.

    Shapes: `shown` has the tables that no ledger keeps; `made_from` is a digest of the facts that they were made from.
    Returns the months before that of the `first` day touched of which it now says something else; None where that is not known.
    """

    def fill(finance: duckdb.DuckDBPyConnection) -> None:
        issued = ((table, ledger.batches(f"select * from {table} order by {key}")) for table, key in FROM_LEDGER.items())
        fill_finance(finance, chain(issued, rows_of_shown(shown)), catalogs)
        finance.execute(f"create macro {MADE_FROM}() as '{made_from}'")

    with _beside(path) as beside:
        _write(beside, ledger, fill)
        return _compared_and_put_in_place(beside, path, ledger, first)


def publish_billed(path: Path, ledger: Ledger, run_id: str, owed: ShownRows, first: date | None = None) -> list[date] | None:
    """The same for a run that billed from facts that are published already: what it issued is added, and what follows from that made anew.

    Shapes: `owed` has what is still owed after it, in place of what was before.
    """
    of_run = f"invoice_id in (select invoice_id from invoices where run_id = '{run_id}')"
    issued = ("invoices", "invoice_lines", "credit_ledger")
    superseded = {"exceptions": f"finding = '{UNBILLED_AFTER_CLOSING}'", "unbilled_charges": "true"}

    def add(finance: duckdb.DuckDBPyConnection) -> None:
        _tell_runs(finance, ledger)
        for table in issued:
            fill_table(finance, table, ledger.batches(f"select * from {table} where {of_run} order by {FROM_LEDGER[table]}"))
        for table, rows in rows_of_shown(owed):
            finance.execute(f"delete from {table} where {superseded[table]}")
            fill_table(finance, table, rows)
        for report in reports_that_follow_from({"runs", *issued, *superseded}):
            finance.execute(f"drop table {report.stem}")
            finance.execute(report.read_text(encoding="utf-8"))

    with _beside(path) as beside:
        shutil.copyfile(path, beside)
        _write(beside, ledger, add)
        return _compared_and_put_in_place(beside, path, ledger, first)


def publish_runs(path: Path, ledger: Ledger) -> None:
    """The same for a run that found nothing new: what is published stays, and its list of runs has one more."""
    with _beside(path) as beside:
        shutil.copyfile(path, beside)
        _write(beside, ledger, lambda finance: _tell_runs(finance, ledger))
        _put_in_place(beside, path, ledger)


def _tell_runs(finance: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    finance.execute("delete from runs")
    fill_table(finance, "runs", ledger.batches(f"select * from runs order by {FROM_LEDGER['runs']}"))


def _compared_and_put_in_place(beside: Path, path: Path, ledger: Ledger, first: date | None) -> list[date] | None:
    changed = earlier_months_that_differ(path, beside, first) if first and path.exists() else None
    _put_in_place(beside, path, ledger)
    return changed


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    try:
        yield beside
    finally:
        beside.unlink(missing_ok=True)
        beside.with_name(f"{beside.name}.wal").unlink(missing_ok=True)


def _write(beside: Path, ledger: Ledger, fill: Callable[[duckdb.DuckDBPyConnection], None]) -> None:
    with duckdb.connect(config={"temp_directory": f"{beside}.tmp"}) as finance:
        hold_within_bounds(finance, ledger.value("select count(*) from invoices"))
        quoted = str(beside).replace("'", "''")
        finance.execute(f"attach '{quoted}' as finance (storage_version 'v1.5.0', row_group_size {_ROWS_OF_A_GROUP})")
        finance.execute("use finance")
        finance.execute("set checkpoint_threshold = '0b'")  # what is committed goes into the file at once, and not into a log before
        finance.begin()  # in one go: hundreds of small statements would each be flushed to disk
        fill(finance)
        finance.commit()
        finance.execute("checkpoint")


def _put_in_place(beside: Path, path: Path, ledger: Ledger) -> None:
    _require_whole(beside, path, ledger)
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    beside.chmod(0o640)
    reached("publish: filled beside")
    path.with_name(f"{path.name}.wal").unlink(missing_ok=True)  # of someone who writes into the database that is replaced: of this one it is not
    put_in_place(beside, path)
    reached("publish: in place")


def _require_whole(beside: Path, path: Path, ledger: Ledger) -> None:
    """Open what was built and count: a database that a full disk cut short closes without a word."""
    totals = (
        "select (select count(*) from invoices), (select coalesce(sum(net_minor), 0) from invoices), (select count(*) from invoice_lines)"
    )
    totals += (
        ", (select coalesce(sum(amount_minor), 0) from invoice_lines), (select count(*) from credit_ledger), (select count(*) from inputs)"
    )
    with duckdb.connect(str(beside), read_only=True) as built:
        found = built.execute(totals).fetchone()
    wanted = ledger.connection.execute(totals).fetchone()
    if found != wanted:
        told = "invoices, their net, lines, their amounts, entries of credit and files"
        raise UserError(
            f"{path}: was not published: of {told} what was built holds {found}, the ledger {wanted}, in minor units. "
            "Run again; if it stays so, ask seatledger verify."
        )
