"""A month's reports as one Excel workbook: a sheet a report, numbers as numbers, dates as dates, and text that nothing runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

import polars as pl
import xlsxwriter
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from flows.month_reports import Report
from transforms.money import CURRENCY_DECIMALS

MOST_ROWS = 1_048_575  # of a sheet, below its header
_MOST_DIGITS = 15  # a cell is a double: more digits would not all be kept
_TOO_LONG = 10**_MOST_DIGITS
_LONGEST_TEXT = 32_767
_SHEET_NAME = 31
_WIDTHS = (9, 60)
_LOOKED_AT = 300  # rows that decide how wide a column is
_CUT = " … (whole in the CSV)"
_NOTES = (
    "Money is in the unit of the row's currency, with that currency's decimals; in minor units it is in the CSV files of the same names.",
    "A number of more than 15 digits is written as text: a cell would round it. Times are UTC.",
)
_CONTENTS = ("sheet", "answers", "one row per", "units", "rows", "read from", "the same as CSV")


class Workbook:
    """A workbook that is written sheet by sheet, with little memory. Leaving the block writes the list of sheets and closes the file.

    `known_on` is the last day that the reports know: the date that the file carries, so that the same data give the same bytes.
    Raises: OSError where it cannot be written.
    """

    def __init__(self, path: Path, month: date, known_on: date) -> None:
        self._parts = TemporaryDirectory(prefix="seatledger-")  # rows wait here until the file is put together
        self._book = xlsxwriter.Workbook(str(path), {"constant_memory": True, "tmpdir": self._parts.name})
        self._book.set_properties(
            {"title": f"seatledger {month:%Y-%m}", "author": "seatledger", "created": datetime.combine(known_on, time.min)}
        )
        self._book.set_size(2400, 1600)
        self._heading = self._book.add_format({"bold": True, "bottom": 1, "bg_color": "#EEF2F6", "valign": "top"})
        self._formats: dict[str, Format] = {}
        self._title = f"Reports of {month:%Y-%m}, as known at the close of {known_on}"
        self._contents, self._guide = self._book.add_worksheet("contents"), self._book.add_worksheet("columns")
        self._listed: list[tuple[Report, bool]] = []
        self._explained: list[tuple[str, str, str]] = []

    def __enter__(self) -> Workbook:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._parts:
            if kind is None:
                self._write_guide()
                self._write_contents()
                try:
                    self._book.close()
                except FileCreateError as failure:  # the library's wrapping of an OSError
                    raise failure.args[0] from None

    def add(self, report: Report, meanings: Mapping[str, str]) -> None:
        """A sheet for a report. One of more rows than a sheet holds gets none, and a line in the contents that says where it is."""
        rows = _readable(report.rows)
        fits = rows.height <= MOST_ROWS
        self._listed.append((report, fits))
        self._explained += [(report.name, name, meanings.get(name, "")) for name in rows.columns]
        if fits:
            sheet = self._book.add_worksheet(_sheet_name(report.name))
            self._head(sheet, 0, rows.columns, [_width(rows, name) for name in rows.columns], rows.height)
            self._fill(sheet, rows)

    def _head(self, sheet: Worksheet, row: int, columns: Iterable[str], widths: Iterable[int], height: int) -> None:
        for n, (name, width) in enumerate(zip(columns, widths, strict=True)):
            sheet.set_column(n, n, width)
            sheet.write_string(row, n, name, self._heading)
        sheet.freeze_panes(row + 1, 1)
        sheet.autofilter(row, 0, row + max(height, 1), n)

    def _fill(self, sheet: Worksheet, rows: pl.DataFrame) -> None:
        writers = [self._writer(sheet, n, kind) for n, kind in enumerate(rows.dtypes)]
        decimals = _decimals_of_rows(rows)
        for place, (row, of_currency) in enumerate(zip(rows.iter_rows(), decimals, strict=True), start=1):
            for write, value in zip(writers, row, strict=True):
                if value is not None:
                    write(place, value, of_currency)

    def _writer(self, sheet: Worksheet, n: int, kind: pl.DataType) -> Callable[[int, Any, int | None], object]:
        """How a cell of this column is written. A text is never more than a text, whatever it looks like."""
        if kind == pl.Boolean:
            return lambda row, value, _: sheet.write_boolean(row, n, value)
        if kind == pl.Date:
            days = self._format("yyyy-mm-dd")
            return lambda row, value, _: sheet.write_datetime(row, n, value, days)
        if kind == pl.Datetime:
            times = self._format("yyyy-mm-dd hh:mm:ss")
            return lambda row, value, _: sheet.write_datetime(row, n, _in_utc(value), times)
        if kind.is_decimal():
            return lambda row, value, decimals: self._decimal(sheet, row, n, value, kind.scale if decimals is None else decimals)
        if kind.is_integer():
            whole = self._format("#,##0")
            return lambda row, value, _: (
                sheet.write_number(row, n, value, whole) if abs(value) < _TOO_LONG else sheet.write_string(row, n, str(value))
            )
        return lambda row, value, _: sheet.write_string(row, n, _fitting(str(value)))

    def _decimal(self, sheet: Worksheet, row: int, n: int, value: Decimal, decimals: int) -> None:
        if len(value.normalize().as_tuple().digits) > _MOST_DIGITS:
            sheet.write_string(row, n, f"{value:f}")
        else:
            sheet.write_number(row, n, value, self._format(f"#,##0.{'0' * decimals}" if decimals else "#,##0"))

    def _format(self, numbers: str) -> Format:
        if numbers not in self._formats:
            self._formats[numbers] = self._book.add_format({"num_format": numbers})
        return self._formats[numbers]

    def _write_guide(self) -> None:
        columns = ("sheet", "column", "means")
        self._head(self._guide, 0, columns, (22, 24, 110), len(self._explained))
        for place, row in enumerate(self._explained, start=1):
            for n, text in enumerate(row):
                self._guide.write_string(place, n, text)

    def _write_contents(self) -> None:
        sheet, bold = self._contents, self._book.add_format({"bold": True, "font_size": 14})
        sheet.write_string(0, 0, self._title, bold)
        for n, note in enumerate(_NOTES, start=1):
            sheet.write_string(n, 0, note)
        head = len(_NOTES) + 2
        self._head(sheet, head, _CONTENTS, (22, 74, 40, 34, 14, 24, 26), len(self._listed))
        for place, (report, fits) in enumerate(self._listed, start=head + 1):
            csv = f"{report.name}.csv"
            if fits:
                sheet.write_url(place, 0, f"internal:'{_sheet_name(report.name)}'!A1", string=report.name)
            else:
                sheet.write_string(place, 0, report.name)
            for n, text in enumerate((report.question, report.grain, report.units), start=1):
                sheet.write_string(place, n, text)
            sheet.write_number(place, 4, report.rows.height, self._format("#,##0"))
            sheet.write_string(place, 5, report.source)
            sheet.write_string(place, 6, csv if fits else f"no sheet: more rows than a sheet holds. They are in {csv}")


def _readable(rows: pl.DataFrame) -> pl.DataFrame:
    """Without the columns in minor units that are there in the currency's own unit too."""
    return rows.drop(name for name in rows.columns if name.endswith("_minor") and name.removesuffix("_minor") in rows.columns)


def _decimals_of_rows(rows: pl.DataFrame) -> list[int | None]:
    """The decimals of each row's currency; None where a row names none: then those of the column."""
    if "currency" not in rows.columns:
        return [None] * rows.height
    return rows["currency"].replace_strict(CURRENCY_DECIMALS, default=None, return_dtype=pl.Int64).to_list()


def _sheet_name(name: str) -> str:
    """Excel takes 31 characters at most."""
    return name[:_SHEET_NAME]


def _width(rows: pl.DataFrame, name: str) -> int:
    """As wide as the header with its filter's arrow, or as the longest of the first cells, within bounds."""
    longest = rows[name].head(_LOOKED_AT).cast(pl.String, strict=False).str.len_chars().max() or 0
    thousands = longest // 4 if rows[name].dtype.is_numeric() else 0
    narrowest, widest = _WIDTHS
    return min(max(len(name) + 3, longest + thousands + 1, narrowest), widest)


def _in_utc(value: datetime) -> datetime:
    """A cell knows no time zone."""
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def _fitting(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - len(_CUT)] + _CUT
