"""A share of a month's rosters, one day after the other, made into stays that wait on disk: what a worker does."""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow
import pyarrow.ipc

from flows.checked_rows import is_mostly_broken
from flows.errors import StoreRefuses, Unanswered, UserError, is_for_want_of_memory
from flows.lake import NO_FAULTS
from flows.parquet_rows import is_packed_by_gzip, rows_by_arrow, rows_by_polars
from flows.roster_files import Fetched
from flows.roster_shares import RowGroups, Share
from flows.s3_files import S3Path
from transforms.buckets import bucket_numbers
from transforms.contracts.base import rows_that_keep
from transforms.contracts.sources import UserRows
from transforms.day_after import DayAfter, OpenStays, all_ended, stays_after_day
from transforms.roster_stays import STAYS
from transforms.rosters import are_in_order, rows_in_order
from transforms.source_rows import SourceRows, typed_rows_from_source

_MOST_WAITING = 200_000  # stays in memory that have ended, of a share that has 350,000 rows a day


class ShareRead(NamedTuple):
    """The days of a share that have to be looked at row by row; the broken cells of the others, by their file's path; and what was fetched from a store."""

    broken: set[date]
    faults: list[pl.DataFrame]
    fetched: dict[str, Fetched]


def read_share(share: Share, into: int, path: Path | S3Path, may_be_lost: bool = False) -> ShareRead:
    """Put the stays of a share's sound rows into a file, bucket by bucket.

    `may_be_lost` tells whether the process is one that may be lost, as a damaged file can make of it where Polars reads.
    """
    broken, faults, fetched, waiting = set(), [], {}, 0
    with _StaysFile(path, into) as file:
        open_stays: OpenStays | None = None
        ended: list[pyarrow.Table] = []
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
                file.add(_stays(ended))
                ended, waiting = [], 0
        file.add(_stays(ended))
        if open_stays:
            file.add(all_ended(open_stays))
    return ShareRead(broken, faults, fetched)


def _rows(row_groups: list[RowGroups], may_be_lost: bool, fetched: dict[str, Fetched]) -> pl.DataFrame | None:
    """A share's rows of a day, or none where they cannot be read: what it is that is wrong is told by who reads them carefully."""
    try:
        rows = pl.concat(_read(each, may_be_lost, fetched) for each in row_groups)
    except (UserError, pyarrow.ArrowException, pl.exceptions.PolarsError, OSError, ValueError, KeyError, IndexError) as error:
        if is_for_want_of_memory(error) or isinstance(error, Unanswered | StoreRefuses):
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


def _let_go(stays: pl.DataFrame) -> pyarrow.Table:
    """The same with texts of its own: a few rows would keep those of all the rows that they were among."""
    return stays.to_arrow(compat_level=pl.CompatLevel.oldest())


def _stays(let_go: list[pyarrow.Table]) -> pl.DataFrame:
    """All of some stays."""
    return pl.from_arrow(pyarrow.concat_tables(let_go)) if let_go else pl.DataFrame(schema=STAYS)


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

    def add(self, stays: pl.DataFrame) -> None:
        """Add stays."""
        ordered = stays.with_columns(bucket=bucket_numbers(stays["workspace_id"], self._into)).sort("bucket", maintain_order=True)
        starts = ordered["bucket"].search_sorted(pl.Series(range(self._into + 1), dtype=pl.UInt32)).to_list()
        table = ordered.drop("bucket").to_arrow(compat_level=pl.CompatLevel.oldest()).combine_chunks()
        nobody = pyarrow.RecordBatch.from_pylist([], schema=table.schema)  # a slice of no rows would be written with the texts of all
        whole = table.to_batches()[0] if table.num_rows else nobody
        for n in range(self._into):
            rows = starts[n + 1] - starts[n]
            self._writer.write_batch(whole.slice(starts[n], rows) if rows else nobody)
