"""The directory of people that the home keeps, a file a bucket of workspaces: the only place with names and addresses."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from pathlib import Path

import polars as pl

from flows.errors import LostOrDamaged
from flows.fault_points import reached
from flows.lake import Lake, parquet_files_in, remove_folder
from flows.s3_files import S3Path
from transforms.buckets import MOST_BUCKETS, Bucket, buckets, smallest_bucket
from transforms.directory import COLUMNS, directory_from_people


class KeptDirectory:
    """What the home knows of people, and what a run adds to it: seen by others once it is written, after the run was not refused."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._kept_in = self._of = _buckets_in(lake)
        self._waiting: pl.DataFrame | None = None  # of a directory of one bucket; of one of many there is a file each, beside
        self._beside = lake.set_aside("directory")

    def require_there(self) -> None:
        """Where rosters came in before, there is a directory: begun anew, it would take in again whom a later roster had erased (I8). Raises: LostOrDamaged."""
        if not all(self._lake.directory_path(part).exists() for part in buckets(self._kept_in)):
            raise LostOrDamaged(f"{self._lake.directory_path()}: is gone, or a part of it. Restore it from a back-up of the home.")

    def of_workspace(self, workspace_id: str) -> pl.DataFrame:
        """The people of a workspace, as they are kept."""
        path = self._lake.directory_path(smallest_bucket(workspace_id).within(self._kept_in))
        known = self._lake.read(path) if path.exists() else pl.DataFrame(schema=COLUMNS)
        return known.filter(workspace_id=workspace_id)

    def expect(self, of: int) -> None:
        """People will be learnt, by whoever that is, in so many buckets: a directory of fewer is divided first."""
        if of > self._of:
            self._divide(of)

    def learn(self, bucket: Bucket, people: pl.DataFrame, days: Collection[date]) -> None:
        """Add the latest rows of a bucket's people, as the rosters of some days have them. What was `expect`ed may be sent elsewhere for that."""
        for part in buckets(self._of):
            if part.within(bucket.of) != bucket:
                continue
            known, its_people = self._known(part), people if part.of == bucket.of else part.rows(people)
            if its_people.height or (known is not None and known["seen_on"].is_in(list(days)).any()):
                self._put(part, directory_from_people(known, its_people, days))

    def write(self) -> None:
        """Put what was learnt in place; then remove what it was divided from."""
        if self._waiting is not None:
            self._lake.write(self._lake.directory_path(), self._waiting)
        for part in buckets(self._of):
            if (path := self._path_beside(part)).exists():
                self._lake.move(path, self._lake.directory_path(part))
        self.forget()
        reached("directory: in place")
        for number in _numbers_in(self._lake) - {self._of}:
            for part in buckets(number):
                self._lake.directory_path(part).unlink(missing_ok=True)

    def forget(self) -> None:
        """Remove what waits beside."""
        self._waiting = None
        remove_folder(self._beside)

    def _divide(self, of: int) -> None:
        """Put every part, also one of nobody, beside: the new division is whole or is not there."""
        for part in buckets(of):
            known = self._known(part.within(self._of))
            self._put(part, part.rows(known) if known is not None else pl.DataFrame(schema=COLUMNS))
        self._waiting, self._of = None, of

    def _known(self, part: Bucket) -> pl.DataFrame | None:
        if part.of == 1 and self._waiting is not None:
            return self._waiting
        for path in (self._path_beside(part), self._lake.directory_path(part)):
            if path.exists():
                return self._lake.read(path)
        return None

    def _put(self, part: Bucket, directory: pl.DataFrame) -> None:
        if part.of == 1:
            self._waiting = directory
        else:
            self._lake.write(self._path_beside(part), directory)

    def _path_beside(self, part: Bucket) -> Path | S3Path:
        return self._beside / self._lake.directory_path(part).name


def _buckets_in(lake: Lake) -> int:
    """In how many buckets the directory is kept: the finest division that is whole."""
    whole = [of for of in _numbers_in(lake) if all(lake.directory_path(part).exists() for part in buckets(of))]
    return max(whole, default=1)


def _numbers_in(lake: Lake) -> set[int]:
    found = (
        re.fullmatch(r"bucket=\d+-of-(\d+)\.parquet", path.name) for path in parquet_files_in(lake.directory_path(Bucket(0, 2)).parent)
    )
    return {1} | {int(name[1]) for name in found if name and 0 < int(name[1]) <= MOST_BUCKETS}
