"""The reports of a month as they leave the house: CSV, two at a time, the month's page, and a workbook where one is wanted."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from threading import Event

import duckdb
import polars as pl

from flows.errors import UserError
from flows.let_go import letting_go
from flows.memory_of_duckdb import hold_within_bounds
from flows.month_reports import Report, meanings_of_columns, report_names, reports_of_month
from flows.overview import overview_of_months
from flows.page import page_of_month
from flows.page_rendering import PAGE_NAME
from flows.progress import Progress, progress
from flows.report_csv import write_csv
from flows.whole_files import whole

_WRITTEN_AT_ONCE = 2  # reports: DuckDB sorts for one while the other is put in words
_LONGEST = "seat_occupancy"  # of the reports: as much to write as all others together


def export_reports(path: Path, to: Path, months: Iterable[date] | None, *, excel: bool = False, xlsx: bool = False) -> list[Path]:
    """Write every report of each month (None: all that the database knows) as CSV to TO/YYYY-MM/, and beside those the page that leads to all. Returns the folders.

    With `xlsx` a workbook of them all lies beside; one that is there already is written anew, so that it never tells another story.
    """
    with letting_go(), duckdb.connect(str(path), read_only=True) as opened, _asked(opened) as finance:
        hold_within_bounds(opened, opened.execute("select count(*) from invoices").fetchall()[0][0])
        known = [m for (m,) in finance.execute("select distinct month from seat_usage_monthly order by 1").fetchall()]
        wanted = known if months is None else sorted(set(months))
        for month in wanted:
            if month not in known:
                raise UserError(_no_such_month(month, known))
        with progress("Writing reports", len(wanted) * len(report_names())) as told:
            folders = [_export_month(finance, month, _folder(to, month), told, excel=excel, xlsx=xlsx) for month in wanted]
        _write_overview(finance, to, known)
        return folders


def _write_overview(finance: duckdb.DuckDBPyConnection, to: Path, known: Collection[date]) -> None:
    if known:
        with _told_where(to), whole(to / PAGE_NAME) as beside:
            beside.write_bytes(overview_of_months(finance, {month for month in known if (_folder(to, month) / PAGE_NAME).exists()}))


def _folder(to: Path, month: date) -> Path:
    return to / f"{month:%Y-%m}"


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

    with _told_where(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with _workbook(finance, month, workbook_path(folder), xlsx) as add, _writers() as (writers, goes_on):
            reports = list(reports_of_month(finance, month))
            longest_first = sorted(reports, key=lambda report: report.name != _LONGEST)
            longest, *others = longest_first
            written = {longest.name: writers.submit(write, longest)}
            page = writers.submit(write_page)  # one of the longer ones, too: not the last
            written |= {report.name: writers.submit(write, report) for report in others}
            for report in reports:
                told.now(f"Writing reports of {month:%Y-%m}: {report.name}")
                written[report.name].result()
                add(report)
                told.advance()
            told.now(f"Writing the page of {month:%Y-%m}")
            page.result()
    return folder


@contextmanager
def _told_where(folder: Path) -> Iterator[None]:
    """What keeps a folder from being written to, in a sentence."""
    try:
        yield
    except (FileExistsError, NotADirectoryError):
        raise UserError(f"{folder}: a file lies where a folder is to be. Move it away, or write elsewhere with --to.") from None
    except OSError as reason:
        raise UserError(f"{folder}: reports cannot be written: {reason.strerror or reason}.") from None


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
