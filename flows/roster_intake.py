"""Rosters on their way in: a month at a time, checked row by row and folded into bits, bucket by bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow.parquet

from flows.checked_rows import AcceptedDay, TableDay, checked, is_mostly_broken, read_day, require_rosters
from flows.lake import Lake, write_frame
from flows.progress import SILENT, Progress
from flows.roster_files import DayFile, HashesCollide, RosterFile, roster_file, rows_of_groups
from flows.roster_reading import MonthPart, RosterReading, WaitingPart
from flows.s3_files import S3Path
from flows.source import Part
from flows.workers import Workers, in_turn, or_in_turn, start_early
from transforms.buckets import buckets
from transforms.calendar import first_of_month
from transforms.contracts.sources import UserRows
from transforms.directory import people_from_rosters
from transforms.roster_months import roster_month_from_rows

_SMALL_MONTH = 40_000_000  # bytes of files that are read at once
_ROWS_A_GROUP = 100_000  # of what waits on disk: a share of a day is some of them

_LARGE_DAY = 300_000_000  # bytes of CSV: looked at, its rows take some seven times as many
_PACKED = 4  # times smaller is Parquet
_ASKED_AT_ONCE = 16  # objects of a store

Settle = Callable[[date, int], int]  # a month and the users on its first day's rosters -> its number of buckets


class MonthIn(NamedTuple):
    """What came in of a month: each day's files and faults; and, bucket by bucket, its rosters and the last row of everyone on them.

    `workers` are who can put the parts together; until then, the month is not to be left.
    """

    month: date
    accepted: list[AcceptedDay]
    parts: Sequence[MonthPart | WaitingPart]
    workers: Workers


class LookedAt(NamedTuple):
    """What is told of a day of which each row was looked at, and a file with those that are in order."""

    accepted: AcceptedDay
    file: DayFile


def months_of_rosters(
    table_days: Iterable[TableDay], settle: Settle, lake: Lake, workers: Workers = in_turn, is_far: bool = False, told: Progress = SILENT
) -> Iterator[MonthIn]:
    """Read, check and fold each month's days, in order. `is_far`: the workers reach the source and the lake, which are on a store, and no disk of this machine.

    Raises: UserError for a file that cannot be taken.
    """
    for month, days in _by_month(table_days).items():
        if _is_small(days):
            yield _at_once(month, days, settle)
            continue
        try:
            yield from _out_of_core(month, days, settle, lake, workers, is_far, told)
        except HashesCollide:
            yield _at_once(month, days, settle)


def get_ready(table_days: Iterable[TableDay], workers: Workers) -> None:
    """Have those start who will be asked to read a large month."""
    if not all(map(_is_small, _by_month(table_days).values())):
        start_early(workers)


def _by_month(table_days: Iterable[TableDay]) -> dict[date, list[TableDay]]:
    months: dict[date, list[TableDay]] = {}
    for table_day in sorted(table_days, key=lambda t: t.day):
        months.setdefault(first_of_month(table_day.day), []).append(table_day)
    return months


def _is_small(days: list[TableDay]) -> bool:
    return sum(part.size for t in days for part in t.parts) < _SMALL_MONTH


# --- a small month: in memory, users by their text ----------------------------------------------------------------------------


def _at_once(month: date, days: list[TableDay], settle: Settle) -> MonthIn:
    contents = {t: parts for t, parts in map(read_day, days)}
    found = checked("users", contents)
    accepted = [AcceptedDay.of(t, parts, found) for t, parts in contents.items()]
    rosters, people = roster_month_from_rows(found.rows, days[-1].day), people_from_rosters(found.rows)
    of = settle(month, sum(file.rows for file in accepted[0].files))
    return MonthIn(month, accepted, [MonthPart(bucket, bucket.rows(rosters), bucket.rows(people)) for bucket in buckets(of)], in_turn)


# --- a large month: share by share, from files -------------------------------------------------------------------------------------


def _out_of_core(
    month: date, days: list[TableDay], settle: Settle, lake: Lake, workers: Workers, is_far: bool, told: Progress
) -> Iterator[MonthIn]:
    """Fold files where they lie; those of days on which something is not in order once their rows were looked at, one by one."""
    with lake.shared_scratch("rosters") if is_far else lake.scratch("rosters") as scratch:
        lying = {t: files for t in days if (files := _as_they_lie(t))}
        looked_at = _looked_at([t for t in days if t not in lying], scratch, workers, told)
        while True:
            files = {t: [file.of_day() for file in lying[t]] if t in lying else [looked_at[t].file] for t in days}
            of = settle(month, sum(file.rows for file in files[days[0]]))
            reading = RosterReading([file for of_day in files.values() for file in of_day], scratch, workers, told)
            try:
                broken = _broken_days(reading, of, lying)
                if not broken:
                    accepted = [_taken(t, lying[t], reading) if t in lying else looked_at[t].accepted for t in days]
                    broken = [t for t, files in lying.items() if not all(file.is_the_same() for file in files)]
                if not broken:
                    yield MonthIn(month, accepted, reading.parts(of), or_in_turn(workers) if of > 1 else in_turn)
                    return
            finally:
                reading.close()
            looked_at |= _looked_at([t for t in broken if lying.pop(t)], scratch, workers, told)


def _broken_days(reading: RosterReading, of: int, lying: dict[TableDay, list[RosterFile]]) -> list[TableDay]:
    """The days that cannot be taken as they lie."""
    broken = reading.broken_days(of)
    if broken - {t.day for t in lying}:
        raise HashesCollide  # rows that were looked at one by one are in order: it is the reading that is not
    rows = dict(reading.faults.group_by("file").agg(pl.col("row").n_unique()).iter_rows())
    return [
        t
        for t, files in lying.items()
        if t.day in broken or any(is_mostly_broken(rows.get(str(f.of_day().path), 0), f.rows) for f in files)
    ]


def _as_they_lie(table_day: TableDay) -> list[RosterFile]:
    """The day's files, if every one can be read where it lies; else none."""
    is_near = all(isinstance(part.path, Path) for part in table_day.parts)
    with ThreadPoolExecutor(1 if is_near else _ASKED_AT_ONCE) as asking:  # a store takes its time
        files = list(asking.map(roster_file, table_day.parts))
    return files if all(files) and sum(file.rows for file in files) else []


def _looked_at(days: list[TableDay], scratch: Path | S3Path, workers: Workers, told: Progress) -> dict[TableDay, LookedAt]:
    """Days of which each row was looked at: several at once, if they are not so large that memory would not do for that."""
    largest = max((sum(_bytes_unpacked(part) for part in t.parts) for t in days), default=0)
    by_whom = or_in_turn(workers) if len(days) > 1 and largest < _LARGE_DAY else in_turn
    looked_at = by_whom(look_at_each_row, [(t, scratch) for t in days])
    return dict(zip(days, told.following(looked_at, len(days), "Reading rosters, days; {n} of {of} looked at row by row"), strict=True))


def _bytes_unpacked(part: Part) -> int:
    return part.size * (_PACKED if part.path.suffix == ".parquet" else 1)


def look_at_each_row(table_day: TableDay, scratch: Path | S3Path) -> LookedAt:
    """Keep the rows that are in order for a while, and tell of the others: what a worker does.

    Raises: UserError for a file that cannot be taken.
    """
    _, parts = read_day(table_day)
    require_rosters({table_day: parts})
    found = checked("users", {table_day: parts})
    path = (scratch.absolute() if isinstance(scratch, Path) else scratch) / f"{table_day.day}.parquet"
    write_frame(path, found.rows.select(UserRows.names()), "lz4", _ROWS_A_GROUP)
    groups = (found.rows.height,) if isinstance(path, S3Path) else rows_of_groups(pyarrow.parquet.read_metadata(path))
    return LookedAt(AcceptedDay.of(table_day, parts, found), DayFile(path, table_day.day, groups))


def _taken(table_day: TableDay, lying: list[RosterFile], reading: RosterReading) -> AcceptedDay:
    names = {str(file.of_day().path): file.part.name for file in lying}
    theirs = reading.faults.filter(pl.col("file").is_in(list(names)))
    faults = theirs.with_columns(pl.col("file").replace(names)).sort("file", "row", "column", nulls_last=True)
    with ThreadPoolExecutor(2) as readers:
        return AcceptedDay(table_day, list(readers.map(lambda file: file.told(reading.fetched), lying)), faults, {})
