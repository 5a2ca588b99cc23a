"""Whether the lake has every file that the ledger tells of, and each as it was written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from flows.errors import LostOrDamaged
from flows.kept_rosters import KeptRosters
from flows.lake import Lake
from flows.s3_files import S3Path
from transforms.buckets import WHOLE, Bucket, buckets

Problem = tuple[str, str]
_GONE, _DAMAGED = "is gone; restore it from a back-up", "is not as it was written; restore it from a back-up"


def problems_of_lake(lake: Lake, versions: list[tuple[str, date | None, str]], rosters: KeptRosters, has_people: bool) -> list[Problem]:
    """What is lost or damaged, by its place in the lake: of the tables' versions (table, day, version), also superseded ones,
    which `explain` reads; of the current rosters; of the directory; and of whatever else lies there.

    Raises: UserError where a store does not answer.
    """
    kept = list(lake.files())
    there = set(kept)
    expected = [lake.day_path(*version) for version in versions] + list(_directory(lake, there) if has_people else ())
    lost = [(_place(lake, path), _GONE) for path in (*(path for path in expected if path not in there), *_lost_rosters(lake, rosters, there))]
    return sorted([*lost, *((_place(lake, path), _DAMAGED) for path in kept if _is_damaged(lake, path))])


def _lost_rosters(lake: Lake, rosters: KeptRosters, there: set[Path | S3Path]) -> Iterator[Path | S3Path]:
    """The files of a month that are not there, where what they held cannot be told from others either."""
    for month in rosters.months():
        for bucket in buckets(rosters.buckets_of_months().get(month, 1)):
            if (path := rosters.path(month, bucket)) not in there and not _can_be_told(rosters, month, bucket):
                yield path


def _can_be_told(rosters: KeptRosters, month: date, bucket: Bucket) -> bool:
    try:
        rosters.month(month, bucket)
    except LostOrDamaged:
        return False
    return True


def _is_damaged(lake: Lake, path: Path | S3Path) -> bool:
    try:
        lake.require_whole(path)
    except LostOrDamaged:
        return True
    return False


def _directory(lake: Lake, there: set[Path | S3Path]) -> Iterator[Path | S3Path]:
    """The files of the directory: one, or all of the finest division of which there is one."""
    folder = lake.directory_path(Bucket(0, 2)).parent
    parts = (re.fullmatch(r"bucket=\d+-of-(\d+)\.parquet", path.name) for path in there if path.parent == folder)
    of = max((int(part[1]) for part in parts if part), default=1)
    return (lake.directory_path(part) for part in (buckets(of) if of > 1 else [WHOLE]))


def _place(lake: Lake, path: Path | S3Path) -> str:
    return str(path)[len(str(lake.root)) + 1 :]
