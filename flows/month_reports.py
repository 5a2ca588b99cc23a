"""The reports of a month: each SELECT of reports/exports with what its header says of it, in the order in which one reads them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import NamedTuple

import duckdb
import polars as pl

_ROWS_AT_ONCE = 50_000
REPORTS = Path(__file__).resolve().parent.parent / "reports"
_READING_ORDER = (
    *("invoices", "invoice_lines", "invoice_changes", "credit_ledger", "unbilled_charges"),
    *("mrr_movements", "revenue_schedule", "journal_entries", "reconciliation"),
    *("seat_usage_monthly", "seat_occupancy", "coverage_monthly", "plan_compliance"),
    *("subscriptions", "terms", "holds", "exceptions", "inputs", "runs"),
)
_HEADER = re.compile(r"^-- (?P<question>.+?)  Grain: (?P<grain>.+?)\.(?:  Units: (?P<units>.+?)\.)?$", re.MULTILINE)


class Report(NamedTuple):
    """A report of a month: its name, the question that it answers, its grain and units in words, where it is read from, and its rows.

    `parts` asks for the rows, some at a time, in their order: at least one frame, which may be empty.
    """

    name: str
    question: str
    grain: str
    units: str
    source: str
    parts: Callable[[], Iterator[pl.DataFrame]]

    @property
    def rows(self) -> pl.DataFrame:
        """All of them."""
        return pl.concat(self.parts())


def reports_of_month(finance: duckdb.DuckDBPyConnection, month: date, only: Collection[str] = ()) -> Iterator[Report]:
    """Every report of a month (or some), one after the other, so that the rows of only one need be held, or some of one."""
    for path in sorted((REPORTS / "exports").glob("*.sql"), key=_place):
        if only and path.stem not in only:
            continue
        sql = path.read_text(encoding="utf-8")
        said = _HEADER.search(sql)
        question, grain, units = said.group("question", "grain", "units") if said else ("", "", "")
        source = re.search(r"\bfrom (\w+)", sql, re.IGNORECASE).group(1)
        yield Report(path.stem, question, grain, units or "", source, partial(_parts, finance, sql, month))


def _parts(finance: duckdb.DuckDBPyConnection, sql: str, month: date) -> Iterator[pl.DataFrame]:
    reader = finance.sql(sql, params={"month": month}).to_arrow_reader(_ROWS_AT_ONCE)
    first = next(reader, None)
    yield pl.from_arrow(reader.schema.empty_table() if first is None else first)
    yield from map(pl.from_arrow, reader)


def report_names() -> list[str]:
    """The names of all reports, in reading order."""
    return [path.stem for path in sorted((REPORTS / "exports").glob("*.sql"), key=_place)]


def meanings_of_columns(finance: duckdb.DuckDBPyConnection, source: str) -> dict[str, str]:
    """What the finance database says of each column of a table or view."""
    asked = "select column_name, coalesce(comment, '') from duckdb_columns() where not internal and table_name = ? order by column_index"
    return dict(finance.execute(asked, [source]).fetchall())


def _place(path: Path) -> tuple[int, str]:
    known = path.stem in _READING_ORDER
    return (_READING_ORDER.index(path.stem) if known else len(_READING_ORDER), path.stem)
