"""Bring SOURCE in: survey, compare with what was accepted, read, check, keep. Whole days or nothing."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl

from flows.drop_guard import DropGuard
from flows.errors import UserError
from flows.fault_points import reached
from flows.lake import NO_FAULTS, Lake
from flows.ledger import Ledger
from flows.source import Part, PartContent, digest, read_part, survey, version_of
from transforms.calendar import days_between
from transforms.directory import directory_from_rosters
from transforms.rosters import rosters_without_repeats
from transforms.source_rows import typed_rows_from_source

log = logging.getLogger("seatledger.ingest")

_ROWS_AT_ONCE = 2_000_000
_MOST_BROKEN = 0.05


@dataclass(frozen=True)
class IngestRequest:
    """Which days of which source; without bounds, every day there is. Lost days may be declared to repeat the one before (G1)."""

    source: Path
    first: date | None = None
    last: date | None = None
    supersede: bool = False
    accept_drop: bool = False
    repeated_days: tuple[date, ...] = ()


@dataclass(frozen=True)
class TableDay:
    """What a table holds for one day (None: the subscriptions, which have no day), and the version of its content."""

    table: str
    day: date | None
    parts: tuple[Part, ...]
    version: str

    @property
    def name(self) -> str:
        return f"{self.table} of {self.day}" if self.day else self.table


@dataclass
class Ingested:
    """What an ingest accepted: counts, and the days that it brought or replaced."""

    days: int = 0
    files: int = 0
    rows: int = 0
    touched: list[date] = field(default_factory=list)


def new_table_days(request: IngestRequest, ledger: Ledger) -> list[TableDay]:
    """The table days of the source that differ from what was accepted before.

    Raises: UserError for a day that is missing, or that differs from what was accepted without `supersede`.
    """
    parts = [part for part in survey(request.source) if _is_wanted(part, request)]
    grouped: dict[tuple[str, date | None], list[Part]] = defaultdict(list)
    for part in parts:
        grouped[part.table, part.day].append(part)
    found = [TableDay(table, day, tuple(of_day), version_of(map(digest, of_day))) for (table, day), of_day in grouped.items()]
    current = ledger.current_versions()
    _require_every_day({t.day for t in found if t.table == "users"} | set(request.repeated_days), request, current)
    changed = [t for t in found if current.get((t.table, t.day)) not in (None, t.version) and t.day]
    if changed and not request.supersede:
        names = ", ".join(t.name for t in changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
        raise UserError(f"{names}: came before with other content. If it replaces what came first, ingest again with --supersede.")
    return [t for t in found if current.get((t.table, t.day)) != t.version]


def _is_wanted(part: Part, request: IngestRequest) -> bool:
    if part.day is None:
        return True
    return (request.first is None or part.day >= request.first) and (request.last is None or part.day <= request.last)


def _require_every_day(found: set[date], request: IngestRequest, current: dict) -> None:
    """No roster is ever assumed: each day asked for is in the source or was accepted before (G1)."""
    known = {day for table, day in current if table == "users"}
    first, last = request.first or min(found | known, default=None), request.last or max(found, default=None)
    if first is None or last is None:
        raise UserError(f"{request.source}: has no roster of any day asked for. users/date=YYYY-MM-DD/ is required for every day.")
    missing = [day for day in days_between(first, last) if day not in found and day not in known]
    if missing:
        raise UserError(
            f"{request.source}: users are missing for {name_days(missing)}. A missing day is never read as seats removed: deliver it."
        )


def name_days(days: list[date]) -> str:
    """A few days, and how many more."""
    named = ", ".join(str(day) for day in days[:5])
    return named + (f" and {len(days) - 5} more days" if len(days) > 5 else "")


def ingest(table_days: list[TableDay], guard: DropGuard | None, ledger: Ledger, lake: Lake, run_id: str, now: datetime) -> Ingested:
    """Read, check and keep every new table day, in batches; only then tell the ledger, so that a failed try leaves no trace."""
    done, accepted, told, directory = Ingested(), [], set(), lake.directory()
    for batch in _batches(table_days):
        table, contents = batch[0].table, {t: [read_part(part) for part in t.parts] for t in batch}
        _tell_unknown_columns(contents, told)
        rows, faults, repeats = _checked(table, contents)
        if guard:
            guard.look_at(table, rows)
        _write(contents, rows, lake)
        if table == "users":
            directory = directory_from_rosters(directory, rows)
            done.days += len(batch)
        accepted += [
            _Accepted(t, _inputs(parts, repeats), faults.filter(pl.col("file").is_in([c.part.name for c in parts])))
            for t, parts in contents.items()
        ]
        done.files += sum(len(parts) for parts in contents.values())
        done.rows += sum(c.frame.height for parts in contents.values() for c in parts)
        done.touched += [t.day for t in batch if t.day]
    if directory is not None and done.days:
        lake.write(lake.directory_path, directory)
        reached("directory: in place")
    if accepted:
        _record(accepted, ledger, run_id, now)
    return done


def _batches(table_days: Iterable[TableDay]) -> Iterable[list[TableDay]]:
    """Table days of one table that together are worth one pass, so that many small files cost little."""
    by_table: dict[str, list[TableDay]] = defaultdict(list)
    for table_day in table_days:
        by_table[table_day.table].append(table_day)
    for of_table in by_table.values():
        batch, size = [], 0
        for table_day in of_table:
            batch.append(table_day)
            size += sum(part.path.stat().st_size for part in table_day.parts)
            if size > _ROWS_AT_ONCE * 20:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch


class _Checked(NamedTuple):
    """Typed rows of a batch with their `day` and `version`, the broken cells, and how many rows of each file are repeats."""

    rows: pl.DataFrame
    broken: pl.DataFrame
    repeats: dict[str, int]


def _checked(table: str, contents: dict[TableDay, list[PartContent]]) -> _Checked:
    marked = [
        content.frame.with_columns(day=pl.lit(t.day, pl.Date), version=pl.lit(t.version))
        for t, parts in contents.items()
        for content in parts
    ]
    rows, faults = [], [NO_FAULTS]
    for group in _alike(marked):
        typed = typed_rows_from_source(table, pl.concat(group))
        rows.append(typed.rows)
        faults.append(typed.broken)
    together, broken = pl.concat(rows), pl.concat(faults)
    _require_mostly_whole(contents, broken)
    if table == "users":
        _require_rosters(contents)
        once = rosters_without_repeats(together)
        return _Checked(once.rows, pl.concat([broken, once.contradictions]), once.repeats)
    return _Checked(together, broken, {})


def _alike(frames: list[pl.DataFrame]) -> Iterable[list[pl.DataFrame]]:
    """Frames grouped by schema: CSV is text, Parquet may bring types."""
    groups: dict[tuple, list[pl.DataFrame]] = defaultdict(list)
    for frame in frames:
        groups[tuple(frame.schema.items())].append(frame)
    return groups.values()


def _require_rosters(contents: dict[TableDay, list[PartContent]]) -> None:
    empty = [t.day for t, parts in contents.items() if not any(content.frame.height for content in parts)]
    if empty:
        raise UserError(f"users of {name_days(empty)}: no row at all. An empty roster is never read as seats removed: deliver it again.")


def _require_mostly_whole(contents: dict[TableDay, list[PartContent]], broken: pl.DataFrame) -> None:
    """A file with more than 5 % broken rows is itself what is wrong; a row of no workspace cannot be held against one."""
    if broken.is_empty():
        return
    nobody = broken.filter(pl.col("workspace_id").is_null() | (pl.col("workspace_id") == "")).sort("file", "row")
    if nobody.height:
        file, row = nobody.select("file", "row").row(0)
        raise UserError(f"{file}, row {row}: workspace_id is empty, so that no workspace can be held for it. Correct the row.")
    sizes = {content.part.name: content.frame.height for parts in contents.values() for content in parts}
    for file, rows in broken.group_by("file").agg(pl.col("row").n_unique()).sort("file").iter_rows():
        if rows > max(1, sizes[file] * _MOST_BROKEN):
            first = broken.filter(pl.col("file") == file).sort("row").row(0, named=True)
            raise UserError(
                f"{file}: {rows} of {sizes[file]} rows break their contract, first row {first['row']}: {first['column'] or 'the row'} {first['fault']}."
            )


def _write(contents: dict[TableDay, list[PartContent]], rows: pl.DataFrame, lake: Lake) -> None:
    """Keep each table day's rows in the lake, without names and addresses: those are in the directory alone."""
    of_version = rows.drop("name", "email", strict=False).partition_by("version", "day", as_dict=True, include_key=False)
    none = rows.drop("name", "email", "version", "day", strict=False).clear()
    for t in contents:
        lake.write_day(t.table, t.day, t.version, of_version.get((t.version, t.day), none).sort(pl.all()))


class _Accepted(NamedTuple):
    """A table day that was read and kept: its files, and the broken cells in them."""

    table_day: TableDay
    inputs: pl.DataFrame
    faults: pl.DataFrame


def _inputs(contents: list[PartContent], repeats: dict[str, int]) -> pl.DataFrame:
    rows = [(c.part.name, c.sha256, c.bytes, c.frame.height, repeats.get(c.part.name, 0)) for c in contents]
    return pl.DataFrame(rows, schema=["file", "sha256", "bytes", "rows", "repeats"], orient="row")


def _record(accepted: list[_Accepted], ledger: Ledger, run_id: str, now: datetime) -> None:
    """Tell the ledger, in one go, which versions are now the current ones."""
    keys = [
        {"table_name": pl.lit(a.table_day.table), "day": pl.lit(a.table_day.day, pl.Date), "version": pl.lit(a.table_day.version)}
        for a in accepted
    ]
    versions = pl.concat([pl.select(**key) for key in keys])
    inputs = pl.concat([a.inputs.with_columns(**key) for a, key in zip(accepted, keys, strict=True)])
    faults = pl.concat([a.faults.with_columns(**key) for a, key in zip(accepted, keys, strict=True)])
    ledger.accept(versions, inputs.with_columns(ingested_at=pl.lit(now), run_id=pl.lit(run_id)), faults)
    reached("ledger: inputs told")


def _tell_unknown_columns(contents: dict[TableDay, list[PartContent]], told: set[str]) -> None:
    """Unknown columns are ignored, and named once."""
    for table_day, parts in contents.items():
        unknown = {f"{table_day.table}.{column}" for content in parts for column in content.unknown_columns} - told
        if unknown:
            log.info("ignored columns that no contract knows: %s", ", ".join(sorted(unknown)))
            told |= unknown
