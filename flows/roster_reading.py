"""A month of rosters read share by share: a share of every day's rows, one day after the other, made into stays.

Shares are read side by side, by whoever makes calls. What comes of a share waits on disk, bucket by bucket, until all of a bucket are put
together: side by side, too. Memory is that of a share of two days for each worker, and then that of a bucket.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow
import pyarrow.ipc

from flows.lake import NO_FAULTS
from flows.progress import SILENT, Progress
from flows.roster_files import DayFile, Fetched
from flows.roster_shares import shares_of
from flows.s3_files import S3Path
from flows.share_reading import ShareRead, read_share
from flows.workers import WorkerLost, Workers, dismiss, in_turn, or_in_turn
from transforms.buckets import Bucket, buckets
from transforms.roster_stays import STAYS, days_with_repeats, month_from_stays

_ASKED_AT_ONCE = 16
_MANY_SHARES = 8  # a worker's memory comes to be in pieces with each share that it reads


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
        if len(shares) > _MANY_SHARES:
            dismiss()  # others put buckets together
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
