"""A table's rows of some days, read and checked: typed rows, broken cells, and what the ledger is told of their files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import polars as pl

from flows.errors import UserError, name_days
from flows.lake import NO_FAULTS
from flows.source import FileRead, Part, PartContent, read_part, version_of
from transforms.many import many
from transforms.repeated_rows import rows_without_repeats
from transforms.source_rows import typed_rows_from_source

_MOST_BROKEN = 0.05


@dataclass(frozen=True)
class TableDay:
    """What a table has of one day (None: the subscriptions, which have no day), and its version where it is known before reading."""

    table: str
    day: date | None
    parts: tuple[Part, ...]
    version: str | None = None

    @property
    def name(self) -> str:
        return f"{self.table} of {self.day}" if self.day else self.table


class Checked(NamedTuple):
    """Typed rows of some days with their `day`, the broken cells, and how many rows of each file are repeats."""

    rows: pl.DataFrame
    broken: pl.DataFrame
    repeats: dict[str, int]


class AcceptedDay(NamedTuple):
    """A table day that was read and is kept: its files, the broken cells in them, and repeats by file."""

    table_day: TableDay
    files: list[FileRead]
    faults: pl.DataFrame
    repeats: dict[str, int]

    @classmethod
    def of(cls, table_day: TableDay, parts: list[PartContent], found: Checked) -> AcceptedDay:
        files = [content.file for content in parts]
        is_theirs = pl.col("file").is_in([file.part.name for file in files])
        faults = found.broken.filter(is_theirs) if found.broken.height else found.broken
        return cls(table_day, files, faults, found.repeats)

    @property
    def version(self) -> str:
        return version_of(file.sha256 for file in self.files)

    def told(self) -> list[tuple[str, str, int, int]]:
        """Name, sha256, bytes and rows of each file."""
        return [(file.part.name, file.sha256, file.bytes, file.rows) for file in self.files]


def read_day(table_day: TableDay) -> tuple[TableDay, list[PartContent]]:
    """Read every file of a table day."""
    return table_day, [read_part(part) for part in table_day.parts]


def checked(table: str, contents: dict[TableDay, list[PartContent]]) -> Checked:
    """Type and check the rows of some days of one table.

    Raises: UserError for a file that is mostly broken, or whose broken row names no workspace.
    """
    marked = [content.frame.with_columns(day=pl.lit(t.day, pl.Date)) for t, parts in contents.items() for content in parts]
    rows, faults = [], [NO_FAULTS]
    for group in _alike(marked):
        typed = typed_rows_from_source(table, pl.concat(group))
        rows.append(typed.rows)
        faults.append(typed.broken)
    together, broken = pl.concat(rows), pl.concat(faults)
    _require_mostly_whole(contents, broken)
    if table == "users":
        require_rosters(contents)
    once = rows_without_repeats(table, together)
    return Checked(once.rows, pl.concat([broken, once.contradictions]), once.repeats)


def _alike(frames: list[pl.DataFrame]) -> Iterable[list[pl.DataFrame]]:
    """Frames grouped by schema: CSV is text, Parquet may bring types."""
    groups: dict[tuple, list[pl.DataFrame]] = defaultdict(list)
    for frame in frames:
        groups[tuple(frame.schema.items())].append(frame)
    return groups.values()


def require_rosters(contents: dict[TableDay, list[PartContent]]) -> None:
    """An empty roster is never read as seats removed (G1)."""
    empty = [t.day for t, parts in contents.items() if not any(content.frame.height for content in parts)]
    if empty:
        raise UserError(f"users of {name_days(empty)}: no row at all. An empty roster is never read as seats removed: deliver it again.")


def is_mostly_broken(broken: int, rows: int) -> bool:
    """Whether so many of a file's rows are broken that it is the file that is wrong."""
    return broken > max(1, rows * _MOST_BROKEN)


def _require_mostly_whole(contents: dict[TableDay, list[PartContent]], broken: pl.DataFrame) -> None:
    """A file with more than 5 % broken rows is itself what is wrong; a row of no workspace cannot be held against one."""
    if broken.is_empty():
        return
    nobody = broken.filter(pl.col("workspace_id").is_null() | (pl.col("workspace_id") == "")).sort("file", "row")
    if nobody.height:
        file, row = nobody.select("file", "row").row(0)
        raise UserError(f"{file}, row {row}: workspace_id is empty, so that no workspace can be held for it. Correct the row.")
    sizes = {content.file.part.name: content.frame.height for parts in contents.values() for content in parts}
    for file, rows in broken.group_by("file").agg(pl.col("row").n_unique()).sort("file").iter_rows():
        if is_mostly_broken(rows, sizes[file]):
            first = broken.filter(pl.col("file") == file).sort("row").row(0, named=True)
            raise UserError(
                f"{file}: {rows} of {many(sizes[file], 'row')} are broken, more than a file may have. The first is row {first['row']}: "
                f"{first['column'] or 'the row'} {first['fault']}. Correct the file, then ingest it."
            )
