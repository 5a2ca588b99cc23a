"""A report as CSV, some rows at a time, and read back from where it was written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

import polars as pl

from flows.errors import UserError
from flows.spreadsheet_cells import without_formulas


def write_csv(name: str, parts: Iterable[pl.DataFrame], file: BinaryIO, *, excel: bool) -> None:
    """Write the parts of a report one after the other, the header once, before the first. The file is open for reading, too.

    Raises: UserError where what was written does not hold what is published.
    """
    for n, rows in enumerate(parts):
        start, is_first = file.tell(), n == 0
        _write(rows, file, excel, is_first)  # into the file itself: to collect the text first takes half as long again
        length = file.tell() - start
        file.seek(start)
        _require_same_totals(name, rows, file.read(length), is_first)


def _write(rows: pl.DataFrame, file: BinaryIO, excel: bool, has_header: bool) -> None:
    """Rows as CSV; a text cell that a spreadsheet would run as a formula gets a quote before it."""
    _days_as_text(without_formulas(rows)).write_csv(
        file,
        include_bom=excel and has_header,
        include_header=has_header,
        line_terminator="\r\n" if excel else "\n",
        datetime_format="%Y-%m-%dT%H:%M:%SZ",
    )


def _days_as_text(rows: pl.DataFrame) -> pl.DataFrame:
    """The same with columns of days as the texts that a CSV has for them, where rows are more than days: each day is then written once.

    Polars would write the date of every row anew, which takes longer than all of a row's numbers.
    """
    return rows.with_columns(_text_of_days(rows[name]) for name, kind in rows.schema.items() if kind == pl.Date)


def _text_of_days(column: pl.Series) -> pl.Series:
    numbers = column.to_physical()
    first, last = numbers.min(), numbers.max()
    if first is None or last - first >= len(numbers):
        return column
    days = pl.int_range(first, last + 1, dtype=numbers.dtype, eager=True).cast(pl.Date).cast(pl.String)
    return days.gather(numbers - first).alias(column.name)


def _require_same_totals(name: str, rows: pl.DataFrame, content: bytes, has_header: bool) -> None:
    """What is read back from a CSV has the rows and the money of what is published."""
    minor = [column for column in rows.columns if column.endswith("_minor")]
    back = pl.scan_csv(content, has_header=has_header, schema=dict.fromkeys(rows.columns, pl.String))
    ours = (rows.height, rows.select(pl.col(minor).sum()).rows())
    height, *sums = back.select(pl.len(), pl.col(minor).cast(pl.Int64).sum()).collect().row(0)
    theirs = (height, [tuple(sums)] if minor else [])
    if ours != theirs:
        raise UserError(f"{name}.csv would hold {theirs} where {ours} is published; it was not written. Please report this.")
