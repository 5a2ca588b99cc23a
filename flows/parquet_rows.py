"""A Parquet file's rows. Files come from outside: they are read by Arrow, whose reader refuses what is damaged.

Polars' own reader, given a flipped bit, may ask for more memory than there is and take the process with it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import polars as pl
import pyarrow
import pyarrow.parquet

from flows.errors import UserError, is_for_want_of_memory
from transforms.contracts.sources import LARGEST_CELL, SOURCE_ROWS

_MOST_UNPACKED = 1_000  # rows, or bytes of a column, for each byte of a file
_SMALL = 100_000  # bytes
_WORDS = {"kind", "role", "status", "cadence", "event", "actor_role", "metric", "plan", "catalog", "billing_day"}  # few different ones


def rows_of_parquet(name: str, table: str, content: bytes) -> pl.DataFrame:
    """The columns that the table's contract knows, in the file's own types where they fit it; others are there without values.

    Columns of few different words stay coded (Categorical).

    Raises: UserError for a file that is damaged, unpacks to more than it can mean, or has a column of another type.
    """
    wanted = SOURCE_ROWS[table].names()
    try:
        says = pyarrow.parquet.read_metadata(pyarrow.BufferReader(content))
        require_loadable(name, says, len(content))
        columns = says.schema.to_arrow_schema().names
        _require_once(name, columns)
        flat = {says.schema.column(n).path for n in range(len(says.schema.names))}
        arrow = _read_whole(content, says, [column for column in wanted if column in columns], sorted(_WORDS & flat))
        arrow.validate(full=True)
        _require_short_cells(name, arrow)
        str(arrow.schema)  # a time zone that is no text is told here
        _require_holdable(name, table, arrow.schema)
        frame = pl.from_arrow(pyarrow.Table.from_arrays(list(map(_in_utc, arrow.columns)), arrow.column_names))  # without the file's own notes
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, pyarrow.ArrowException, OSError, ValueError, KeyError) as reason:
        if is_for_want_of_memory(reason):
            raise  # nothing is wrong with the file
        raise UserError(f"{name}: is no readable Parquet ({type(reason).__name__}). Deliver the file again.") from None
    _require_types(name, table, frame)
    texts = [pl.col(column).cast(pl.String) for column, given in frame.schema.items() if given == pl.Null or (_is_coded(given) and column not in _WORDS)]
    return frame.with_columns(*texts, *(pl.lit(None).alias(column) for column in columns if column not in wanted))


def _read_whole(content: bytes, says: pyarrow.parquet.FileMetaData, columns: list[str], coded: list[str]) -> pyarrow.Table:
    """Some columns of a file, some of them coded if they are packed in a way that Arrow can read so: newer ones it cannot."""

    def read(words: list[str]) -> pyarrow.Table:
        file = pyarrow.BufferReader(content)
        parquet = pyarrow.parquet.ParquetFile(file, metadata=says, page_checksum_verification=True, read_dictionary=words)
        return parquet.read(columns=columns)

    try:
        return read(coded)
    except (pyarrow.ArrowException, OSError) as reason:
        if is_for_want_of_memory(reason):
            raise
        return read([])


def _in_utc(column: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    """Times with any zone or offset as what they are: instants. Polars knows fewer zones by name."""
    is_zoned = pyarrow.types.is_timestamp(column.type) and column.type.tz
    return column.cast(pyarrow.timestamp(column.type.unit, "UTC")) if is_zoned else column


def _require_holdable(name: str, table: str, schema: pyarrow.Schema) -> None:
    """Before Polars is given what it has no type for, at which it gives up aloud."""
    contract = SOURCE_ROWS[table].to_schema().columns
    for field in schema:
        if pyarrow.types.is_decimal256(field.type):
            raise UserError(f"{name}: column {field.name} has the type {field.type}; {contract[field.name].dtype.type} or text is expected.")


def rows_by_arrow(file: Path | BytesIO, row_groups: Sequence[int] | None) -> pl.DataFrame:
    """Some row groups (None: all) of a roster's file that has the contract's types.

    Raises: what Arrow raises for a file that is damaged, UserError for a cell that is too long.
    """
    wanted = SOURCE_ROWS["users"].types()
    with pyarrow.parquet.ParquetFile(file, page_checksum_verification=True) as parquet:
        numbers = range(parquet.num_row_groups) if row_groups is None else row_groups
        arrow = parquet.read_row_groups(numbers, columns=list(wanted), use_threads=False)
    arrow.validate(full=True)
    _require_short_cells("the file", arrow)
    frame = pl.from_arrow(pyarrow.Table.from_arrays(arrow.columns, arrow.column_names))
    return frame.select(list(wanted)).cast(wanted)  # words may be coded


def is_packed_by_gzip(file: Path, row_groups: Sequence[int]) -> bool:
    """Whether some of a roster's columns are: gzip has a checksum of its own, at which Arrow looks and Polars does not."""
    with pyarrow.parquet.ParquetFile(file) as parquet:
        groups = [parquet.metadata.row_group(n) for n in row_groups]
        return any(group.column(n).compression == "GZIP" for group in groups for n in range(group.num_columns))


def rows_by_polars(file: Path, first: int, rows: int) -> pl.DataFrame:
    """Some rows of a roster's file that has the contract's types. A damaged file may end the process.

    Raises: what Polars raises, UserError for a cell that is too long and where Polars gives up.
    """
    wanted = SOURCE_ROWS["users"].types()
    with _without_a_word_from_below():
        frame = _by_polars(file, first, rows, wanted)
    texts = [name for name, dtype in wanted.items() if dtype == pl.String]
    if max(frame.select(pl.col(texts).str.len_bytes().max()).fill_null(0).row(0)) > LARGEST_CELL:
        raise UserError(f"the file: has a cell of over {LARGEST_CELL} bytes. Deliver the file again.")
    return frame


def _by_polars(file: Path, first: int, rows: int, wanted: Mapping[str, pl.DataType]) -> pl.DataFrame:
    try:
        return pl.scan_parquet(file, glob=False, hive_partitioning=False).slice(first, rows).select(list(wanted)).collect().cast(wanted)
    except pl.exceptions.PanicException as gave_up:
        raise UserError(f"the file: is no readable Parquet ({gave_up}).") from None


@contextmanager
def _without_a_word_from_below() -> Iterator[None]:
    """A library that gives up prints where, for its own developers. To be used where no other thread prints."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def require_loadable(name: str, says: pyarrow.parquet.FileMetaData, size: int) -> None:
    """What a file says of itself, before it is loaded: not more than so many bytes can mean.

    Only row groups are asked: asked for a damaged column's metadata, Arrow ends the process.
    """
    claims = f"{says.num_rows} rows" if says.num_rows > size * _MOST_UNPACKED else None
    for group in map(says.row_group, range(says.num_row_groups)):
        unpacked = group.total_byte_size
        if unpacked > max(size, _SMALL) * _MOST_UNPACKED or unpacked > max(group.num_rows, 1) * LARGEST_CELL:
            claims = claims or f"{unpacked} bytes of {group.num_rows} rows"
    if claims:
        raise UserError(f"{name}: claims {claims} in {size} bytes. It was not loaded; deliver the file again.")


def _require_once(name: str, columns: list[str]) -> None:
    repeated = sorted({column for column in columns if columns.count(column) > 1})
    if repeated:
        raise UserError(f"{name}: the column {', '.join(repeated)} is there twice.")


def _require_short_cells(name: str, arrow: pyarrow.Table) -> None:
    for column in arrow.column_names:
        chunks = [c.dictionary if pyarrow.types.is_dictionary(c.type) else c for c in arrow[column].chunks]
        if any(_longest(chunk) > LARGEST_CELL for chunk in chunks):
            raise UserError(f"{name}: {column} has a cell of over {LARGEST_CELL} bytes. Deliver the file again.")


def _longest(texts: pyarrow.Array) -> int:
    is_text = any(is_of_type(texts.type) for is_of_type in (pyarrow.types.is_string, pyarrow.types.is_large_string, pyarrow.types.is_string_view))
    return pl.from_arrow(texts).str.len_bytes().max() or 0 if is_text else 0


def _require_types(name: str, table: str, frame: pl.DataFrame) -> None:
    contract = SOURCE_ROWS[table].to_schema().columns
    for column, given in frame.schema.items():
        expected = contract[column].dtype.type
        if not _fits(given, expected, column):
            raise UserError(f"{name}: column {column} has the type {given}; {expected} or text is expected.")


def _fits(given: pl.DataType, expected: pl.DataType, column: str) -> bool:
    if given in (pl.String, pl.Null, expected) or _is_coded(given):
        return True
    if column.startswith("unit_price_"):
        return isinstance(given, pl.Decimal) or given.is_integer()
    if expected.is_integer():
        return given.is_integer()
    return expected == pl.Datetime and isinstance(given, pl.Datetime)


def _is_coded(given: pl.DataType) -> bool:
    return isinstance(given, pl.Categorical | pl.Enum)
