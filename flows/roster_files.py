"""Rosters that can be read where they lie: Parquet in exactly the contract's types. All others are read and checked row by row first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pyarrow
import pyarrow.parquet

from flows.errors import UserError
from flows.parquet_rows import require_loadable
from flows.s3_files import S3File, S3Path
from flows.source import FileRead, Part, digest
from transforms.contracts.sources import UserRows

_TYPES = {  # of a column in a footer: physical, logical
    "String": ("BYTE_ARRAY", "STRING"),
    "Boolean": ("BOOLEAN", "NONE"),
    "Date": ("INT32", "DATE"),
}
_NO_VALUES = ("INT32", "UNKNOWN")  # of a column that its writer gave no type, for there is no value in it
_INT32 = 5  # a field's type in Thrift's compact protocol


class HashesCollide(Exception):
    """Two users have the same hash, as one pair in 10¹⁹ may: the rosters have to be folded by their text."""


class Fetched(NamedTuple):
    """What a file of a store was when it was fetched."""

    sha256: str
    bytes: int


class DayFile(NamedTuple):
    """A Parquet file of one day's roster in the contract's types, and how many rows it says that each of its row groups has."""

    path: Path | S3Path
    day: date
    groups: tuple[int, ...]
    has_checksums: bool = False

    @property
    def rows(self) -> int:
        return sum(self.groups)


class RosterFile(NamedTuple):
    """A file that is read where it lies: its rows by its own account, and what tells whether it is still the same.

    One on a store is fetched whole by whoever reads it, and its digest is of what was fetched: that it changes meanwhile does not matter.
    """

    part: Part
    groups: tuple[int, ...]
    has_checksums: bool
    unknown_columns: tuple[str, ...]
    state: tuple[int, ...]

    @property
    def rows(self) -> int:
        return sum(self.groups)

    def of_day(self) -> DayFile:
        """The same as a file of a day's roster."""
        path, day = self.part.path, self.part.day
        if isinstance(path, S3File):
            return DayFile(S3Path(path.key), day, (self.rows,), self.has_checksums)
        return DayFile(path.absolute(), day, self.groups, self.has_checksums)

    def is_the_same(self) -> bool:
        """Whether nobody wrote to the file since it was looked at."""
        return isinstance(self.part.path, S3File) or _state(self.part.path) == self.state

    def told(self, fetched: Mapping[str, Fetched]) -> FileRead:
        """What the ledger is told of the file, of which some were fetched."""
        found = fetched.get(str(self.of_day().path)) or Fetched(digest(self.part), self.state[0])
        return FileRead(self.part, found.sha256, found.bytes, self.rows, self.unknown_columns)


def roster_file(part: Part) -> RosterFile | None:
    """A part that can be read where it lies; else None."""
    if part.path.suffix != ".parquet":
        return None
    try:
        state = _state(part.path)
        with _opened(part.path) as file:
            says = pyarrow.parquet.read_metadata(file)
            file.seek(0)
            has_checksums = not _is_without_checksums(file.read(64))
        require_loadable(part.name, says, state[0])
        if not _has_the_types(says):
            return None
    except (UserError, pyarrow.ArrowException, OSError, ValueError, KeyError, IndexError):
        return None  # what it is that is wrong is told by who reads it carefully
    wanted = UserRows.names()
    unknown = tuple(c for c in says.schema.to_arrow_schema().names if c not in wanted)
    return RosterFile(part, rows_of_groups(says), has_checksums, unknown, state)


def rows_of_groups(says: pyarrow.parquet.FileMetaData) -> tuple[int, ...]:
    """How many rows a file says that each of its row groups has."""
    return tuple(says.row_group(n).num_rows for n in range(says.num_row_groups))


def _has_the_types(says: pyarrow.parquet.FileMetaData) -> bool:
    """Whether each column of the contract is there once, flat, in its own type, or without any value where that is allowed. DuckDB does not tell `Kind` from `kind`."""
    names = [name.lower() for name in says.schema.to_arrow_schema().names]
    columns = {column.path: column for column in map(says.schema.column, range(len(says.schema.names)))}
    if len(set(names)) < len(names):
        return False
    optional = {name for name, column in UserRows.to_schema().columns.items() if column.nullable}
    return all(name in columns and _is(columns[name], str(wanted), name in optional) for name, wanted in UserRows.types().items())


def _is(column: pyarrow.parquet.ColumnSchema, wanted: str, may_be_empty: bool) -> bool:
    given = (column.physical_type, column.logical_type.type)
    fits = given == _TYPES[wanted] or (may_be_empty and given == _NO_VALUES)
    return fits and column.max_repetition_level == 0 and column.max_definition_level <= 1


def _opened(path: Path | S3File) -> pyarrow.NativeFile:
    return path.opened() if isinstance(path, S3File) else pyarrow.OSFile(str(path))


def _is_without_checksums(header: bytes) -> bool:
    """Whether pages carry no CRC: Arrow checks them, Polars does not.

    The first page's header tells: of its fields, in Thrift's compact protocol, the fourth is the CRC, after three that are always there.
    """
    if header[:4] != b"PAR1":
        return False
    at = 4
    for _ in range(3):
        if header[at] != 0x10 | _INT32:
            return False
        at += 1
        while header[at] & 0x80:
            at += 1
        at += 1
    return header[at] >> 4 > 1  # the next field is a later one than the CRC


def _state(path: Path | S3File) -> tuple[int, ...]:
    if isinstance(path, S3File):
        return (path.size,)
    said = path.stat()
    return said.st_size, said.st_mtime_ns, said.st_ino
