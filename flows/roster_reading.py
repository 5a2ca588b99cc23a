"""A month of rosters read share by share: a share of every day's rows, one day after the other, made into stays.

Shares are read side by side, by whoever makes calls. What comes of a share waits on disk, bucket by bucket, until all of a bucket are put
together: side by side, too. Memory is that of a share of two days for each worker, and then that of a bucket.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from hashlib import sha256
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow
import pyarrow.ipc

from flows.checked_rows import is_mostly_broken
from flows.errors import Unanswered, UserError, is_for_want_of_memory
from flows.lake import NO_FAULTS
from flows.parquet_rows import is_packed_by_gzip, rows_by_arrow, rows_by_polars
from flows.progress import SILENT, Progress
from flows.roster_files import DayFile, Fetched
from flows.roster_shares import RowGroups, Share, shares_of
from flows.s3_files import S3Path
from flows.workers import WorkerLost, Workers, in_turn, or_in_turn
from transforms.buckets import Bucket, bucket_numbers, buckets
from transforms.contracts.base import rows_that_keep
from transforms.contracts.sources import UserRows
from transforms.roster_stays import STAYS, DayAfter, OpenStays, all_ended, days_with_repeats, month_from_stays, stays_after_day
from transforms.rosters import are_in_order, rows_in_order
from transforms.source_rows import SourceRows, typed_rows_from_source

_ASKED_AT_ONCE = 16
_MOST_WAITING = 500_000  # stays in memory; where days are in one order, a share has about as many as rows a day


class MonthPart(NamedTuple):
    """A month's rosters of one bucket, and the last row of each of its users."""

    bucket: Bucket
    rosters: pl.DataFrame
    people: pl.DataFrame

    def put_together(self) -> MonthPart:
        """Itself."""
        return self


class WaitingPart(NamedTuple):
    """The same in stays that wait: `last` is the last day that came in."""

    bucket: Bucket
    paths: tuple[Path | S3Path, ...]
    last: date

    def put_together(self) -> MonthPart:
        """What the stays come to."""
        return MonthPart(self.bucket, *month_from_stays(self._stays(tuple(STAYS)), self.last))

    def days_with_repeats(self) -> int:
        """The mask of the days on which a user has two rows."""
        return days_with_repeats(self._stays(("bits", "user")))

    def _stays(self, columns: Sequence[str]) -> pl.DataFrame:
        """What waits of the bucket, of every share; on a store, which takes its time, many are asked for at once."""
        if not isinstance(self.paths[0], S3Path):
            return pl.concat((_waiting_stays(path, self.bucket, columns) for path in self.paths), rechunk=True)
        with ThreadPoolExecutor(_ASKED_AT_ONCE) as asking:
            return pl.concat(asking.map(lambda path: _waiting_stays(path, self.bucket, columns), self.paths), rechunk=True)


class ShareRead(NamedTuple):
    """The days of a share that have to be looked at row by row; the broken cells of the others, by their file's path; and what was fetched from a store."""

    broken: set[date]
    faults: list[pl.DataFrame]
    fetched: dict[str, Fetched]


class RosterReading:
    """The rosters of one month, of some days, in files; `workers` read their shares.

    `scratch` is where stays wait: on a store, where workers of a cluster find them as they find the files.
    """

    def __init__(self, files: Sequence[DayFile], scratch: Path | S3Path, workers: Workers = in_turn, told: Progress = SILENT) -> None:
        self._files, self._scratch, self._told = list(files), scratch, told
        self._last = max(file.day for file in files)
        self._workers = workers
        self._waiting: list[Path | S3Path] = []
        self.fetched: dict[str, Fetched] = {}
        self.faults = NO_FAULTS

    def close(self) -> None:
        """Remove what waits."""
        for path in self._waiting:
            path.unlink(missing_ok=True)

    def broken_days(self, into: int) -> set[date]:
        """Read every row, for so many buckets, and return the days that have to be looked at row by row first.

        Of the others, `faults` tells the broken cells, by their file's path: their rows are left out of what waits.
        """
        self.close()
        shares = shares_of(self._files)
        self._waiting = [self._scratch / f"stays-{n}.arrow" for n in range(len(shares))]
        jobs = [(share, into, path) for share, path in zip(shares, self._waiting, strict=True)]
        read = self._followed(self._workers(read_share, jobs), jobs) if isinstance(self._scratch, S3Path) else self._read_here(jobs)
        self.fetched = dict(chain.from_iterable(each.fetched.items() for each in read))
        self.faults = pl.concat([NO_FAULTS, *chain.from_iterable(each.faults for each in read)])
        broken: set[date] = set().union(*(each.broken for each in read))
        return broken or self._days_with_repeats(into)

    def _days_with_repeats(self, into: int) -> set[date]:
        days, workers = 0, or_in_turn(self._workers) if into > 1 else in_turn
        for found in workers(WaitingPart.days_with_repeats, [(part,) for part in self.parts(into)]):
            days |= found
        return {self._last.replace(day=n + 1) for n in range(31) if days >> n & 1}

    def _read_here(self, jobs: list[tuple]) -> list[ShareRead]:
        """By processes that may be lost; and by this one, share after share, where a damaged file or want of memory ended one of them."""
        if len(jobs) > 1 and self._workers is not in_turn:
            try:
                return self._followed(self._workers(read_share, [(*job, True) for job in jobs]), jobs)
            except WorkerLost:
                pass
        return self._followed(in_turn(read_share, jobs), jobs)

    def _followed(self, read: Iterator[ShareRead], jobs: list[tuple]) -> list[ShareRead]:
        return list(self._told.following(read, len(jobs), f"Reading rosters, days; {{n}} of {{of}} parts of {self._last:%Y-%m} are read"))

    def parts(self, into: int) -> list[WaitingPart]:
        """The month, bucket by bucket, to be put together by anyone who reaches what waits; after `broken_days` found none."""
        return [WaitingPart(bucket, tuple(self._waiting), self._last) for bucket in buckets(into)]


# --- a share: what a worker does ---------------------------------------------------------------------------------------------------


def read_share(share: Share, into: int, path: Path | S3Path, may_be_lost: bool = False) -> ShareRead:
    """Put the stays of a share's sound rows into a file, bucket by bucket.

    `may_be_lost` tells whether the process is one that may be lost, as a damaged file can make of it where Polars reads.
    """
    broken, faults, fetched, waiting = set(), [], {}, 0
    with _StaysFile(path, into) as file:
        open_stays: OpenStays | None = None
        ended: list[pl.DataFrame] = []
        for day, row_groups in share.items():
            rows = _rows(row_groups, may_be_lost, fetched)
            found = None if rows is None else _day_after(open_stays, rows, row_groups, day)
            if found is None:
                broken.add(day)
                continue
            after, its_faults = found
            open_stays = after.open
            faults.append(its_faults)
            ended.append(_let_go(after.ended))
            waiting += after.ended.height
            if waiting > _MOST_WAITING:
                file.add(ended)
                ended, waiting = [], 0
        file.add([*ended, all_ended(open_stays)] if open_stays else ended)
    return ShareRead(broken, faults, fetched)


def _rows(row_groups: list[RowGroups], may_be_lost: bool, fetched: dict[str, Fetched]) -> pl.DataFrame | None:
    """A share's rows of a day, or none where they cannot be read: what it is that is wrong is told by who reads them carefully."""
    try:
        rows = pl.concat(_read(each, may_be_lost, fetched) for each in row_groups)
    except (UserError, pyarrow.ArrowException, pl.exceptions.PolarsError, OSError, ValueError, KeyError, IndexError) as error:
        if is_for_want_of_memory(error) or isinstance(error, Unanswered):
            raise  # nothing is wrong with the file
        return None
    said = sum(each.rows for each in row_groups)
    return rows if rows.height == said else None


def _day_after(
    open_stays: OpenStays | None, rows: pl.DataFrame, row_groups: list[RowGroups], day: date
) -> tuple[DayAfter, pl.DataFrame] | None:
    """What a day's sound rows make of the stays, and the broken cells of the others; none where these cannot be told."""
    if are_in_order(rows):
        after = stays_after_day(open_stays, rows, day)
        if rows_that_keep(UserRows, after.began).all():
            return after, NO_FAULTS
    sound = _without_broken(rows, row_groups)
    # no stay begins with a broken row, so that the next day's is asked again
    return (stays_after_day(open_stays, sound.rows, day), sound.broken) if sound else None


def _without_broken(rows: pl.DataFrame, row_groups: list[RowGroups]) -> SourceRows | None:
    """The sound ones of a share's rows of a day, and the broken cells of the others; none where these are too many, or name no workspace."""
    is_sound = rows_in_order(rows)
    broken = rows.hstack(pl.concat(_places(each) for each in row_groups)).filter(~is_sound)
    if is_sound.all() or not is_sound.any() or is_mostly_broken(broken.height, rows.height):
        return None
    asked = typed_rows_from_source("users", broken)
    are_told = asked.rows.is_empty() and (asked.broken["workspace_id"] != "").fill_null(False).all()
    return SourceRows(rows.filter(is_sound), asked.broken) if are_told else None


def _places(row_groups: RowGroups) -> pl.DataFrame:
    """The path and the number of each row of some row groups."""
    file, numbers = row_groups
    first = sum(file.groups[: numbers[0]])
    row = pl.int_range(first + 1, first + sum(file.groups[n] for n in numbers) + 1, dtype=pl.Int64, eager=True)
    return pl.DataFrame({"row": row}).select(pl.lit(str(file.path)).alias("file"), "row")


def _read(row_groups: RowGroups, may_be_lost: bool, fetched: dict[str, Fetched]) -> pl.DataFrame:
    """Polars is faster; Arrow looks at pages' checksums, and refuses what is damaged without ending the process."""
    file, numbers = row_groups
    if isinstance(file.path, S3Path):
        content = file.path.read_bytes()
        fetched[str(file.path)] = Fetched(sha256(content).hexdigest(), len(content))
        return rows_by_arrow(BytesIO(content), None)
    if may_be_lost and not file.has_checksums and not is_packed_by_gzip(file.path, numbers):
        return rows_by_polars(file.path, sum(file.groups[: numbers[0]]), row_groups.rows)
    return rows_by_arrow(file.path, numbers)


def _let_go(stays: pl.DataFrame) -> pl.DataFrame:
    """The same with texts of its own: a few rows would keep those of all the rows that they were among."""
    return pl.from_arrow(stays.to_arrow(compat_level=pl.CompatLevel.oldest()))


# --- what waits on disk ---------------------------------------------------------------------------------------------------------


class _StaysFile:
    """A file of stays: whenever some are added, a record batch a bucket."""

    def __init__(self, path: Path | S3Path, into: int) -> None:
        self._path, self._into = path, into
        schema = pl.DataFrame(schema=STAYS).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
        self._file = pyarrow.OSFile(str(path), "wb") if isinstance(path, Path) else pyarrow.BufferOutputStream()
        self._writer = pyarrow.ipc.new_file(self._file, schema)

    def __enter__(self) -> _StaysFile:
        return self

    def __exit__(self, went_wrong: type[BaseException] | None, *_: object) -> None:
        self._writer.close()
        if isinstance(self._path, S3Path) and not went_wrong:
            self._path.write_bytes(self._file.getvalue())
        self._file.close()

    def add(self, frames: Iterable[pl.DataFrame]) -> None:
        """Add stays."""
        stays = pl.concat([pl.DataFrame(schema=STAYS), *frames])
        ordered = stays.with_columns(bucket=bucket_numbers(stays["workspace_id"], self._into)).sort("bucket", maintain_order=True)
        starts = ordered["bucket"].search_sorted(pl.Series(range(self._into + 1), dtype=pl.UInt32)).to_list()
        table = ordered.drop("bucket").to_arrow(compat_level=pl.CompatLevel.oldest()).combine_chunks()
        whole = table.to_batches()[0] if table.num_rows else pyarrow.RecordBatch.from_pylist([], schema=table.schema)
        for n in range(self._into):
            self._writer.write_batch(whole.slice(starts[n], starts[n + 1] - starts[n]))


def _waiting_stays(path: Path | S3Path, bucket: Bucket, columns: Sequence[str]) -> pl.DataFrame:
    """The stays of a bucket that wait in a file."""

    def read(file: pyarrow.NativeFile) -> pl.DataFrame:
        wanted = [list(STAYS).index(column) for column in columns]
        reader = pyarrow.ipc.open_file(file, options=pyarrow.ipc.IpcReadOptions(included_fields=wanted))
        return pl.concat(pl.from_arrow(reader.get_batch(n)) for n in range(bucket.number, reader.num_record_batches, bucket.of))

    if isinstance(path, S3Path):
        return path.read_here_and_there(read)
    with pyarrow.OSFile(str(path)) as file:
        return read(file)
