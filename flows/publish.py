"""What leaves the house: finance.duckdb, built beside and renamed into place, and the CSV reports of a month."""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from graphlib import TopologicalSorter
from itertools import chain
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import duckdb
import polars as pl

from flows.errors import UserError
from flows.exact_paths import exact
from flows.fault_points import reached
from flows.ledger import Ledger
from flows.memory_of_duckdb import hold_within_bounds
from flows.month_reports import REPORTS, Report, meanings_of_columns, report_names, reports_of_month
from flows.months_changed import earlier_months_that_differ
from flows.page import PAGE_NAME, page_of_month
from flows.progress import Progress, progress
from flows.report_csv import write_csv
from flows.whole_files import put_in_place, whole
from transforms.catalog import Catalog
from transforms.findings import UNBILLED_AFTER_CLOSING
from transforms.money import CURRENCY_DECIMALS

if TYPE_CHECKING:
    import pyarrow

    Rows = pyarrow.Table | pyarrow.RecordBatchReader | list[Path]

_ROWS_OF_A_GROUP = 30_720  # of DuckDB's 122,880: what a thread takes at once, so that tables of ten thousands of rows are worked on by all
_WRITTEN_AT_ONCE = 2  # reports: DuckDB sorts for one while the other is put in words
_LONGEST = "seat_occupancy"  # of the reports: as much to write as all others together
MADE_FROM = "made_from"  # a macro: the digest of the facts that all was made from
FROM_LEDGER = {"invoices": "invoice_id", "invoice_lines": "line_id", "credit_ledger": "all", "runs": "run_id", "inputs": "all"}  # and in which order


ShownRows = Iterable[tuple[str, Iterator[pl.DataFrame] | list[Path]]]  # of each table any number of frames, or Parquet files of them


def publish(
    path: Path, ledger: Ledger, shown: ShownRows, catalogs: Mapping[str, Catalog], made_from: str, first: date | None = None
) -> list[date] | None:
    """Build the finance database beside the old one and put it in its place, whole: an open reader keeps the old one.

    Shapes: `shown` has the tables that no ledger keeps; `made_from` is a digest of the facts that they were made from.
    Returns the months before that of the `first` day touched of which it now says something else; None where that is not known.
    """

    def fill(finance: duckdb.DuckDBPyConnection) -> None:
        issued = ((table, ledger.batches(f"select * from {table} order by {key}")) for table, key in FROM_LEDGER.items())
        fill_finance(finance, chain(issued, _rows(shown)), catalogs)
        finance.execute(f"create macro {MADE_FROM}() as '{made_from}'")

    with _beside(path) as beside:
        _write(beside, fill)
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
            _fill(finance, table, ledger.batches(f"select * from {table} where {of_run} order by {FROM_LEDGER[table]}"))
        for table, rows in _rows(owed):
            finance.execute(f"delete from {table} where {superseded[table]}")
            _fill(finance, table, rows)
        for report in _reports_that_follow_from({"runs", *issued, *superseded}):
            finance.execute(f"drop table {report.stem}")
            finance.execute(report.read_text(encoding="utf-8"))

    with _beside(path) as beside:
        shutil.copyfile(path, beside)
        _write(beside, add)
        return _compared_and_put_in_place(beside, path, ledger, first)


def publish_runs(path: Path, ledger: Ledger) -> None:
    """The same for a run that found nothing new: what is published stays, and its list of runs has one more."""
    with _beside(path) as beside:
        shutil.copyfile(path, beside)
        _write(beside, lambda finance: _tell_runs(finance, ledger))
        _put_in_place(beside, path, ledger)


def _tell_runs(finance: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    finance.execute("delete from runs")
    _fill(finance, "runs", ledger.batches(f"select * from runs order by {FROM_LEDGER['runs']}"))


def _rows(shown: ShownRows) -> Iterator[tuple[str, Rows]]:
    return ((table, parts if isinstance(parts, list) else _read_once(parts)) for table, parts in shown)


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


def _write(beside: Path, fill: Callable[[duckdb.DuckDBPyConnection], None]) -> None:
    with duckdb.connect(config={"temp_directory": f"{beside}.tmp"}) as finance:
        hold_within_bounds(finance)
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
    put_in_place(beside, path)
    reached("publish: in place")


def fill_finance(finance: duckdb.DuckDBPyConnection, rows: Iterable[tuple[str, Rows]], catalogs: Mapping[str, Catalog]) -> None:
    """Everything that is published, in an empty database: the tables, of which the rows may come in parts, the reports made of them, the views."""
    finance.execute((REPORTS / "tables.sql").read_text(encoding="utf-8"))
    ours = (("currencies", _currencies(catalogs).to_arrow()), ("catalogs", _catalogs(catalogs).to_arrow()))
    for table, part in chain(ours, rows):
        _fill(finance, table, part)
    for report in reports_in_order():
        finance.execute(report.read_text(encoding="utf-8"))
    _create_money_views(finance, max(CURRENCY_DECIMALS[c.currency] for c in catalogs.values()))


def reports_in_order() -> list[Path]:
    """The reports that are tables, each after those that its header names (`-- After: …`)."""
    paths = {path.stem: path for path in sorted(REPORTS.glob("*.sql")) if path.name != "tables.sql"}
    needs = {name: re.findall(r"^-- After: (\w+)\.$", path.read_text(encoding="utf-8"), re.MULTILINE) for name, path in paths.items()}
    return [paths[name] for name in TopologicalSorter(needs).static_order()]


def _reports_that_follow_from(tables: set[str]) -> list[Path]:
    """The reports that are tables and name one of these, or one of those that do; in their order."""
    found, named = [], set(tables)
    for report in reports_in_order():
        if named & set(re.findall(r"\w+", report.read_text(encoding="utf-8"))):
            found.append(report)
            named.add(report.stem)
    return found


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


def _fill(finance: duckdb.DuckDBPyConnection, table: str, rows: Rows) -> None:
    if isinstance(rows, list):  # read by all of DuckDB's threads, and with no copy of it held here
        read = f"insert into {table} by name select * from read_parquet($files, hive_partitioning = false)"
        finance.execute(read, {"files": [exact(path) for path in rows]})
        return
    finance.register("incoming", rows)
    finance.execute(f"insert into {table} by name select * from incoming")
    finance.unregister("incoming")


def _read_once(frames: Iterator[pl.DataFrame]) -> pyarrow.RecordBatchReader:
    """Frames as one stream, of which only the present one is held. (Of tables registered one by one DuckDB keeps all until it commits.)"""
    import pyarrow

    first = next(frames).to_arrow()
    return pyarrow.RecordBatchReader.from_batches(
        first.schema, chain(first.to_batches(), (batch for frame in frames for batch in frame.to_arrow().to_batches()))
    )


def _currencies(catalogs: Mapping[str, Catalog]) -> pl.DataFrame:
    codes = sorted({c.currency for c in catalogs.values()})
    rows = [(code, CURRENCY_DECIMALS[code], f"{Decimal(1).scaleb(-CURRENCY_DECIMALS[code]):.4f}") for code in codes]
    frame = pl.DataFrame(rows, schema=["currency", "decimals", "unit"], orient="row")
    return frame.with_columns(pl.col("unit").str.to_decimal(scale=4))


def _catalogs(catalogs: Mapping[str, Catalog]) -> pl.DataFrame:
    rows = [(c.id, c.name, c.currency, c.timezone, c.invoice_prefix, c.rounding) for c in sorted(catalogs.values(), key=lambda c: c.id)]
    return pl.DataFrame(rows, schema=["catalog", "name", "currency", "timezone", "invoice_prefix", "rounding"], orient="row")


def _create_money_views(finance: duckdb.DuckDBPyConnection, decimals: int) -> None:
    """Beside each column in minor units, the same amount as a DECIMAL with the most decimals of any currency.

    What one minor unit is worth has no more decimals than that: multiplied so, an amount need not be divided again, which costs ten times as much.
    """
    worth = f"c.unit::decimal({decimals + 1}, {decimals})"
    described = (
        "select table_name, column_name, coalesce(comment, '') from duckdb_columns() where not internal order by table_name, column_index"
    )
    tables: dict[str, list[tuple[str, str]]] = {}
    for table, name, comment in finance.execute(described).fetchall():
        tables.setdefault(table, []).append((name, comment))
    statements = []
    for table, columns in tables.items():
        minor = [name for name, _ in columns if name.endswith("_minor")]
        if not minor:
            continue
        amounts = [f"(t.{name} * {worth})::decimal(24, {decimals}) as {name.removesuffix('_minor')}" for name in minor]
        statements.append(
            f"create view {table}_v as select t.*, {', '.join(amounts)} from {table} t left join currencies c using (currency)"
        )
        statements.append(f"comment on view {table}_v is 'As {table}, with money also in the currency''s own unit.'")
        readable = [(name.removesuffix("_minor"), f"{name} in the currency's own unit.") for name in minor]
        statements += [_comment(f'{table}_v."{name}"', comment) for name, comment in columns + readable]
    finance.execute(";".join(statements))


def _comment(column: str, comment: str) -> str:
    text = comment.replace("'", "''")
    return f"comment on column {column} is '{text}'"


def export_reports(path: Path, to: Path, months: Iterable[date] | None, *, excel: bool = False, xlsx: bool = False) -> list[Path]:
    """Write every report of each month (None: all that the database knows) as CSV to TO/YYYY-MM/. Returns the folders.

    With `xlsx` a workbook of them all lies beside; one that is there already is written anew, so that it never tells another story.
    """
    with duckdb.connect(str(path), read_only=True) as opened, _asked(opened) as finance:
        hold_within_bounds(opened)
        known = [m for (m,) in finance.execute("select distinct month from seat_usage_monthly order by 1").fetchall()]
        wanted = known if months is None else sorted(set(months))
        for month in wanted:
            if month not in known:
                raise UserError(_no_such_month(month, known))
        with progress("Writing reports", len(wanted) * len(report_names())) as told:
            return [_export_month(finance, month, to / f"{month:%Y-%m}", told, excel=excel, xlsx=xlsx) for month in wanted]


@contextmanager
def _asked(finance: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The same database for one thread to ask. The times of a CSV end in Z, wherever it is written."""
    with finance.cursor() as asked:
        asked.execute("set TimeZone = 'UTC'")
        yield asked


def _no_such_month(month: date, known: list[date]) -> str:
    if not known:
        return "no day is known yet. Start with: seatledger ingest SOURCE"
    same = [other for other in known if other.month == month.month]  # a slip of the year
    near = min(same or known, key=lambda other: abs(other - month))
    return f"{month:%Y-%m}: no day of that month is known. Did you mean {near:%Y-%m}? Known: {known[0]:%Y-%m} to {known[-1]:%Y-%m}."


def workbook_path(folder: Path) -> Path:
    """Where the workbook of a month's folder lies."""
    return folder / f"seatledger-{folder.name}.xlsx"


def _export_month(finance: duckdb.DuckDBPyConnection, month: date, folder: Path, told: Progress, *, excel: bool, xlsx: bool) -> Path:
    def write(report: Report) -> None:
        with _asked(finance) as asked:
            (mine,) = reports_of_month(asked, month, [report.name])
            with whole(folder / f"{report.name}.csv") as beside, beside.open("w+b", buffering=0) as file:
                write_csv(mine.name, goes_on(mine.parts()), file, excel=excel)

    def write_page() -> None:
        with _asked(finance) as asked, whole(folder / PAGE_NAME) as beside:
            beside.write_bytes(page_of_month(asked, month))

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _workbook(finance, month, workbook_path(folder), xlsx) as add, _writers() as (writers, goes_on):
            reports = list(reports_of_month(finance, month))
            longest_first = sorted(reports, key=lambda report: report.name != _LONGEST)
            written = {report.name: writers.submit(write, report) for report in longest_first}
            page = writers.submit(write_page)
            for report in reports:
                told.now(f"Writing reports of {month:%Y-%m}: {report.name}")
                written[report.name].result()
                add(report)
                told.advance()
            told.now(f"Writing the page of {month:%Y-%m}")
            page.result()
    except OSError as reason:
        raise UserError(f"{folder}: reports cannot be written: {reason.strerror}.") from None
    return folder


@contextmanager
def _writers() -> Iterator[tuple[ThreadPoolExecutor, Callable[[Iterable[pl.DataFrame]], Iterator[pl.DataFrame]]]]:
    """Threads that write reports side by side, and what each passes its parts through: once the block is left, none goes on."""
    is_over = Event()

    def goes_on(parts: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        for part in parts:
            if is_over.is_set():
                raise InterruptedError
            yield part

    writers = ThreadPoolExecutor(_WRITTEN_AT_ONCE)
    try:
        yield writers, goes_on
    finally:
        is_over.set()
        writers.shutdown(cancel_futures=True)


@contextmanager
def _workbook(finance: duckdb.DuckDBPyConnection, month: date, path: Path, is_wanted: bool) -> Iterator[Callable[[Report], None]]:
    """What adds a report to the month's workbook, if one is wanted or there; whole at the end, or not at all."""
    if not is_wanted and not path.exists():
        yield lambda report: None
        return
    from flows.workbook import Workbook

    ((known_on,),) = finance.execute("select max(day) from seat_occupancy").fetchall()
    with whole(path) as beside, Workbook(beside, month, known_on) as book:
        yield lambda report: book.add(report, meanings_of_columns(finance, report.source))


def csv_reports(finance: duckdb.DuckDBPyConnection, month: date, *, only: Collection[str] = ()) -> Iterator[tuple[str, bytes]]:
    """Every report of a month (or some): the file's name and its bytes. Raises UserError where a CSV does not hold what is published."""
    for report in reports_of_month(finance, month, only):
        content = io.BytesIO()
        write_csv(report.name, report.parts(), content, excel=False)
        yield f"{report.name}.csv", content.getvalue()
