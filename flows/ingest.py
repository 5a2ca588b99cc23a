"""Bring SOURCE in: survey, compare with what was accepted, read, check, keep. Whole days or nothing."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl

from flows.bucket_keeping import keep_bucket
from flows.checked_rows import AcceptedDay, TableDay, checked, read_day
from flows.errors import UserError, name_days
from flows.fault_points import reached
from flows.kept_directory import KeptDirectory
from flows.kept_rosters import KeptRosters
from flows.lake import NO_FAULTS, Lake
from flows.ledger import Ledger
from flows.progress import Progress, progress
from flows.roster_intake import MonthIn, get_ready, months_of_rosters
from flows.s3_files import shown
from flows.source import Part, digest, survey, version_of
from flows.workers import Workers
from transforms.calendar import days_between
from transforms.sorted_rows import in_order

log = logging.getLogger("seatledger.ingest")

_BYTES_AT_ONCE = 40_000_000


@dataclass(frozen=True)
class IngestRequest:
    """Which days of which source; without bounds, every day there is. Lost days may be declared to repeat the one before (G1)."""

    source: Path | str
    first: date | None = None
    last: date | None = None
    supersede: bool = False
    accept_drop: bool = False
    repeated_days: tuple[date, ...] = ()


@dataclass
class Ingested:
    """What an ingest accepted: counts, and the days that it brought or replaced."""

    days: int = 0
    files: int = 0
    rows: int = 0
    touched: list[date] = field(default_factory=list)
    roster_days: set[date] = field(default_factory=set)


class Readers(NamedTuple):
    """Who reads large rosters, and whether they are on other machines: then the source and the lake are on a store that they reach."""

    workers: Workers
    are_far: bool


class RunMark(NamedTuple):
    """Which run brings something in, and when it began."""

    id: str
    started_at: datetime


def new_table_days(request: IngestRequest, ledger: Ledger) -> list[TableDay]:
    """The table days of the source that differ from what was accepted before.

    Raises: UserError for a day that is missing, or that differs from what was accepted without `supersede`.
    """
    grouped: dict[tuple[str, date | None], list[Part]] = defaultdict(list)
    for part in survey(request.source):
        if _is_wanted(part, request):
            grouped[part.table, part.day].append(part)
    current = ledger.current_versions()
    found = [TableDay(table, day, tuple(parts)) for (table, day), parts in grouped.items()]
    _require_every_day({t.day for t in found if t.table == "users"} | set(request.repeated_days), request, current)
    known = _with_versions([t for t in found if (t.table, t.day) in current])
    changed = [t for t in known if current[t.table, t.day] != t.version]
    replaced = [t for t in changed if t.day]
    if replaced and not request.supersede:
        names = ", ".join(t.name for t in replaced[:5]) + (f" and {len(replaced) - 5} more" if len(replaced) > 5 else "")
        raise UserError(f"{names}: came before with other content. If it replaces what came first, ingest again with --supersede.")
    same = {(t.table, t.day) for t in known} - {(t.table, t.day) for t in changed}
    return [t for t in found if (t.table, t.day) not in same]


def _with_versions(table_days: list[TableDay]) -> list[TableDay]:
    """Read the files of table days only to know their versions: two at once, for a digest leaves other threads alone."""
    with ThreadPoolExecutor(2) as readers:
        digests = dict(zip(parts := [part for t in table_days for part in t.parts], readers.map(digest, parts), strict=True))
    return [replace(t, version=version_of(digests[part] for part in t.parts)) for t in table_days]


def _is_wanted(part: Part, request: IngestRequest) -> bool:
    if part.day is None:
        return True
    return (request.first is None or part.day >= request.first) and (request.last is None or part.day <= request.last)


def _require_every_day(found: set[date], request: IngestRequest, current: dict) -> None:
    """No roster is ever assumed: each day asked for is in the source or was accepted before (G1)."""
    known = {day for table, day in current if table == "users"}
    first, last = request.first or min(found | known, default=None), request.last or max(found, default=None)
    if first is None or last is None:
        days = sorted(part.day for part in survey(request.source) if part.table == "users")
        has = f"; it has {days[0]} to {days[-1]}" if days else ""
        raise UserError(f"{shown(request.source)}: has no roster of any day asked for{has}. users/date=YYYY-MM-DD/ is required for every day.")
    missing = [day for day in days_between(first, last) if day not in found and day not in known]
    if missing:
        raise UserError(
            f"{shown(request.source)}: users are missing for {name_days(missing)}. A missing day is never read as seats removed: deliver it."
        )


def ingest(
    table_days: list[TableDay], kept: KeptRosters, directory: KeptDirectory, ledger: Ledger, lake: Lake, run: RunMark, readers: Readers
) -> Ingested:
    """Read and check every new table day, put its rows where they are kept, and tell the ledger: in its open transaction.

    Rosters go to `kept`, and who is on them to `directory`: for the caller to look at once more and to write.
    """
    done, accepted = Ingested(), []
    rosters = [t for t in table_days if t.table == "users"]
    get_ready(rosters, readers.workers)
    for batch in _batches([t for t in table_days if t.table != "users"]):
        accepted += _taken(batch, lake)
    with progress("Reading rosters, days", len(rosters)) as told:
        for month in months_of_rosters(rosters, kept.settle, lake, *readers, told):
            _keep(month, kept, directory, told)
            accepted += month.accepted
            done.days += len(month.accepted)
            told.advance(len(month.accepted))
    _tell_unknown_columns(accepted)
    done.files = sum(len(a.files) for a in accepted)
    done.rows = sum(file.rows for a in accepted for file in a.files)
    done.roster_days = {a.table_day.day for a in accepted if a.table_day.table == "users"}
    done.touched = [a.table_day.day for a in accepted if a.table_day.day]
    if accepted:
        _record(accepted, ledger, run)
    return done


def _taken(batch: list[TableDay], lake: Lake) -> list[AcceptedDay]:
    """Read, check and keep table days of one table. Their rows are let go of: who reads rosters next needs the memory."""
    contents = {t: parts for t, parts in map(read_day, batch)}
    found = checked(batch[0].table, contents)
    accepted = [AcceptedDay.of(t, parts, found) for t, parts in contents.items()]
    _write(accepted, found.rows, lake)
    return accepted


def _keep(month: MonthIn, kept: KeptRosters, directory: KeptDirectory, told: Progress) -> None:
    """Put a month's rosters where they are kept, bucket by bucket; the directory learns who is on them."""
    versions = {a.table_day.day: a.version for a in month.accepted}
    kept.expect(month.month, versions)
    directory.expect(len(month.parts))
    done = month.workers(keep_bucket, [(part, month.month, versions, kept, directory) for part in month.parts])
    for _ in told.following(done, len(month.parts), f"Reading rosters, days; {{n}} of {{of}} parts of {month.month:%Y-%m} are kept"):
        pass
    kept.accept(versions)


def _batches(table_days: Iterable[TableDay]) -> Iterable[list[TableDay]]:
    """Table days of one table that together are worth one pass, so that many small files cost little."""
    by_table: dict[str, list[TableDay]] = defaultdict(list)
    for table_day in table_days:
        by_table[table_day.table].append(table_day)
    for of_table in by_table.values():
        batch, size = [], 0
        for table_day in of_table:
            batch.append(table_day)
            size += sum(part.size for part in table_day.parts)
            if size > _BYTES_AT_ONCE:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch


def _write(accepted: list[AcceptedDay], rows: pl.DataFrame, lake: Lake) -> None:
    """Keep each table day's rows in the lake."""
    of_day = rows.partition_by("day", as_dict=True, include_key=False)
    none = rows.drop("day").clear()
    for a in accepted:
        lake.write_day(a.table_day.table, a.table_day.day, a.version, in_order(of_day.get((a.table_day.day,), none), *none.columns))


def _record(accepted: list[AcceptedDay], ledger: Ledger, run: RunMark) -> None:
    """Tell the ledger, in one go, which versions are now the current ones, from which files, with which faults."""
    keys = pl.DataFrame(
        [(a.table_day.table, a.table_day.day, a.version) for a in accepted],
        schema={"table_name": pl.String, "day": pl.Date, "version": pl.String},
        orient="row",
    )
    files = [(*key, *file, a.repeats.get(file[0], 0)) for key, a in zip(keys.iter_rows(), accepted, strict=True) for file in a.told()]
    columns = ["file", "sha256", "bytes", "rows", "repeats"]
    inputs = pl.DataFrame(
        files, schema=keys.schema | dict.fromkeys(columns[:2], pl.String) | dict.fromkeys(columns[2:], pl.Int64), orient="row"
    )
    marked = [a.faults.join(keys.slice(n, 1), how="cross") for n, a in enumerate(accepted) if a.faults.height]
    faults = pl.concat(marked) if marked else NO_FAULTS.join(keys.clear(), how="cross")
    ledger.accept(keys, inputs.with_columns(ingested_at=pl.lit(run.started_at), run_id=pl.lit(run.id)), faults)
    reached("ledger: inputs told")


def _tell_unknown_columns(accepted: list[AcceptedDay]) -> None:
    """Unknown columns are ignored, and named once."""
    unknown = {f"{a.table_day.table}.{column or '(without a name)'}" for a in accepted for file in a.files for column in file.unknown_columns}
    if unknown:
        log.info("ignored unknown columns: %s", ", ".join(sorted(unknown)))
