"""From text to typed rows, strictly: a cell is what its contract says, or the row is broken and its workspace is held (G2)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import NamedTuple

import pandera.errors
import polars as pl

from transforms.calendar import CALENDAR
from transforms.contracts.base import Contract
from transforms.contracts.sources import BROKEN, SOURCE_ROWS

PLACE = ["file", "row"]
_A_SECOND = {"ms": 10**3, "us": 10**6, "ns": 10**9}
_MOST = 2**63 - 1
_TIMES = (datetime(1970, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))


class SourceRows(NamedTuple):
    """`rows` that keep their contract, with `file` and `row`; `broken` cells (workspace_id, file, row, column, fault)."""

    rows: pl.DataFrame
    broken: pl.DataFrame


def typed_rows_from_source(table: str, source: pl.DataFrame) -> SourceRows:
    """Type the cells of source rows and check them against the table's contract.

    Grain:  row of a file -> the same row, or its broken cells. No row is dropped in silence.
    Shapes: `source` has the contract's columns, as text or already of their type, and `file`, `row` (1 is the first row);
            other columns are carried along.
    Privacy: a fault names the place and what is expected, never the value.
    """
    contract = SOURCE_ROWS[table]
    columns = contract.to_schema().columns
    types = {name: _polars_type(column) for name, column in columns.items()}
    carried = [name for name in source.columns if name not in types]
    typed = source.select(*[_typed(pl.col(name), source.schema[name], types[name]).alias(name) for name in types], *carried)
    unread = [_places(typed.filter(source[name].is_not_null() & typed[name].is_null()), name) for name in types]
    broken = _of_cells_first(pl.concat([*(frame for frame in unread if frame.height), _broken_by_contract(contract, typed, types)]).unique())
    if broken.is_empty():
        return SourceRows(typed, pl.DataFrame(schema=BROKEN))
    whole = typed.join(broken.select(PLACE).unique(), on=PLACE, how="anti", maintain_order="left")
    says = {name: f"must be {column.description}" for name, column in columns.items()}
    named = broken.with_columns(
        workspace_id=_named_workspace(),
        fault=pl.coalesce("fault", pl.col("column").replace_strict(says, default=None, return_dtype=pl.String)),
    )
    return SourceRows(whole, named.select(list(BROKEN)).sort("file", "row", "column", nulls_last=True))


def _of_cells_first(broken: pl.DataFrame) -> pl.DataFrame:
    """Without what is said of whole rows that have a broken cell: of what that was meant to be, nothing is known."""
    is_of_cell = pl.col("column").is_not_null()
    of_rows = broken.filter(~is_of_cell).join(broken.filter(is_of_cell), on=PLACE, how="anti")
    return pl.concat([broken.filter(is_of_cell), of_rows])


def _places(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    return rows.select("workspace_id", *PLACE, column=pl.lit(column), fault=pl.lit(None, pl.String))


def _named_workspace() -> pl.Expr:
    """The workspace that a broken row means: its id less the blanks and control characters that may be the fault."""
    return pl.col("workspace_id").str.replace_all(r"[\x00-\x1f\x7f-\x9f]", "").str.strip_chars()


def _polars_type(column) -> pl.DataType:
    return column.dtype.type


def _typed(cell: pl.Expr, given: pl.DataType, wanted: pl.DataType) -> pl.Expr:
    """A cell in its contract's type; null where it is not exactly that. Text is never trimmed or guessed at."""
    if wanted == pl.Date and given in (pl.Date, pl.String):
        return _in_calendar(cell if given == pl.Date else _date(cell), *CALENDAR)
    if wanted == given and wanted != pl.Datetime:
        return cell
    if wanted == pl.String:
        return cell.cast(pl.String)
    if wanted == pl.Datetime and (given == pl.String or getattr(given, "time_zone", None)):
        return _in_calendar(_timestamp(cell) if given == pl.String else _in_utc(cell, given), *_TIMES)
    if given != pl.String:
        return cell.cast(pl.Int64, strict=False) if wanted.is_integer() and given.is_integer() else pl.lit(None, wanted)
    if wanted == pl.Boolean:
        return cell.str.to_lowercase().replace_strict({"true": True, "false": False}, default=None, return_dtype=pl.Boolean)
    return pl.when(cell.str.contains(r"^-?\d{1,18}$")).then(cell).cast(pl.Int64, strict=False)


def _in_calendar(value: pl.Expr, first: date, last: date) -> pl.Expr:
    """Null outside the years that are reckoned with: a term that starts in the year 1 is a slip, not an agreement."""
    return pl.when(value.is_between(first, last)).then(value)


def _date(cell: pl.Expr) -> pl.Expr:
    return pl.when(cell.str.contains(r"^\d{4}-\d{2}-\d{2}$")).then(cell).str.to_date("%Y-%m-%d", strict=False)


def _in_utc(cell: pl.Expr, given: pl.Datetime) -> pl.Expr:
    """In microseconds; null before what is beyond the calendar would wrap or end the process."""
    first, last = (int(time.timestamp()) * _A_SECOND[given.time_unit] for time in _TIMES)
    known = pl.when(cell.to_physical().is_between(max(first, -_MOST), min(last, _MOST))).then(cell)
    return known.cast(pl.Datetime("us", given.time_zone)).dt.convert_time_zone("UTC")


def _timestamp(cell: pl.Expr) -> pl.Expr:
    pattern = r"^(\d{4}-\d{2}-\d{2})[T ](\d{2}:[0-5]\d)(:[0-5]\d)?(\.\d{1,9})?(Z|[+-]\d{2}(?::?\d{2})?)$"
    parts = cell.str.extract_groups(pattern)
    part = [parts.struct.field(str(n)) for n in range(1, 6)]
    offset = part[4].str.replace(":", "", literal=True).str.pad_end(5, "0")  # +01 is +0100
    zone = pl.when(part[4] == "Z").then(pl.lit("+0000")).otherwise(offset)
    iso = pl.concat_str(part[0], pl.lit("T"), part[1], part[2].fill_null(":00"), part[3].fill_null(".0"), zone)
    return iso.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", strict=False, time_unit="us").dt.convert_time_zone("UTC")


def _broken_by_contract(contract: type[Contract], typed: pl.DataFrame, types: dict[str, pl.DataType]) -> pl.DataFrame:
    """Where pandera finds a value against the contract, by row and column; a check of whole rows names no column."""
    try:
        contract.validate(typed.select(list(types)), lazy=True)
        return pl.DataFrame(schema=BROKEN)
    except pandera.errors.SchemaErrors as found:
        cases = found.failure_cases.filter(pl.col("index").is_not_null())
        numbered = typed.select("workspace_id", *PLACE).with_row_index("index")
        is_of_column = pl.col("column").is_in(list(types))
        placed = cases.with_columns(pl.col("index").cast(pl.UInt32)).join(numbered, on="index")
        return placed.select(
            "workspace_id",
            *PLACE,
            column=pl.when(is_of_column).then("column"),
            fault=pl.when(~is_of_column | pl.col("column").is_null()).then("check"),
        )
