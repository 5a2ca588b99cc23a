"""The rosters that the home keeps, a file a month and bucket of workspaces: as earlier runs left them, and as this run changes them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path

import polars as pl

from flows.errors import LostOrDamaged, UserError
from flows.lake import Lake
from flows.roster_versions import RosterVersions
from flows.s3_files import S3Path
from transforms.buckets import WHOLE, Bucket, buckets, buckets_for_users
from transforms.calendar import ONE_DAY, first_of_month
from transforms.roster_months import (
    NO_ROSTERS,
    STANDING,
    on_day,
    roster_month_from_rows,
    roster_month_of_days,
    roster_month_with_days,
    roster_month_with_repeated_day,
)
from transforms.sorted_rows import in_order


class KeptRosters:
    """Roster months by the current version of each of their days. What changes is written under a name of its own.

    `buckets` says in how many a month is kept, where it is more than one: `ledger.buckets_of_months()`.
    """

    def __init__(self, lake: Lake, versions: Mapping[date, str], buckets: Mapping[date, int] | None = None) -> None:
        self._lake = lake
        self.versions, self._before = dict(versions), dict(versions)
        self._buckets = dict(buckets or {})
        self._changed: dict[date, pl.DataFrame] = {}  # months of one bucket
        self._touched: set[date] = set()
        self._written: list[Path | S3Path] = []

    def __getstate__(self) -> dict[str, object]:
        """What a refusal removes stays with the run: of many buckets it would be most of what each worker is sent."""
        return self.__dict__ | {"_written": []}

    def months(self) -> list[date]:
        """Every month of which a roster is kept, in order."""
        return sorted({first_of_month(day) for day in self.versions})

    @property
    def buckets(self) -> int:
        """The most buckets that a month is kept in."""
        return max((self._buckets.get(month, 1) for month in self.months()), default=1)

    def buckets_of_months(self) -> dict[date, int]:
        """In how many buckets each month is kept, where it is more than one."""
        return {month: self._buckets[month] for month in self.months() if self._buckets.get(month, 1) > 1}

    def month(self, month: date, bucket: Bucket = WHOLE, columns: list[str] | None = None) -> pl.DataFrame:
        """A month's rosters of a bucket's workspaces: all its days that have come in, sorted. Of some columns, others may not be read.

        Raises: LostOrDamaged, as what keeps it does.
        """
        of, versions = self._buckets.get(month, 1), self._of(month)
        if not versions:
            return NO_ROSTERS
        if of <= bucket.of:
            rosters = self._kept(month, bucket.within(of), versions, columns)
            return rosters if of == bucket.of else bucket.rows(rosters)
        parts = [self._kept(month, Bucket(number, of), versions) for number in range(bucket.number, of, bucket.of)]
        return in_order(pl.concat(parts), *STANDING)

    def path(self, month: date, bucket: Bucket) -> Path | S3Path:
        """Where a month lies that is kept in so many buckets."""
        return self._lake.roster_month_path(month, self._of(month), bucket)

    def rows_on(self, day: date) -> int:
        """How many users are on a day's rosters."""
        month = first_of_month(day)
        return sum(self.month(month, bucket).filter(on_day(day)).height for bucket in buckets(self._buckets.get(month, 1)))

    def settle(self, month: date, users: int) -> int:
        """In how many buckets a month is kept: settled when it first comes in, by the users on its first day's rosters."""
        if month not in self.months():
            self._buckets[month] = buckets_for_users(users)
        return self._buckets.get(month, 1)

    def expect(self, month: date, versions: Mapping[date, str]) -> None:
        """Some days of a month will be replaced, by whoever that is: note what a refusal has to remove again."""
        of, all_versions = self._buckets.get(month, 1), self._of(month) | versions
        if of > 1:
            paths = (self._lake.roster_month_path(month, all_versions, bucket) for bucket in buckets(of))
            self._written += [path for path in paths if not path.exists()]

    def replace(self, month: date, bucket: Bucket, fresh: pl.DataFrame, versions: Mapping[date, str]) -> None:
        """Let some days of a month take the place of what was there of them, in a bucket. What was `expect`ed may be sent elsewhere for that."""
        known = self._of(month)
        self._put(month, bucket, roster_month_with_days(self.month(month, bucket), fresh, versions, known), known | versions)

    def accept(self, versions: Mapping[date, str]) -> None:
        """Every bucket has the days as they are now."""
        self.versions |= versions
        self._touched |= {first_of_month(day) for day in versions}

    def repeat(self, day: date, its_version: str) -> None:
        """Let a lost day repeat the one before (G1)."""
        month, before = first_of_month(day), day - ONE_DAY
        known, earlier = self._of(month), first_of_month(before)
        version, of = {day: its_version}, self.settle(month, self.rows_on(before))
        self.expect(month, version)
        for bucket in buckets(of):
            now = roster_month_with_repeated_day(self.month(month, bucket), self.month(earlier, bucket), day, before, known)
            self._put(month, bucket, now, known | version)
        self.accept(version)

    def write(self) -> None:
        """Keep the months that were changed. Until the ledger tells the versions of their days, nobody asks for them."""
        for month, rosters in self._changed.items():
            path = self._lake.roster_month_path(month, self._of(month))
            self._written += [] if path.exists() else [path]
            self._lake.write(path, rosters)
        for month in sorted(self._touched):
            self._note(month)

    def let_go(self) -> None:
        """After the ledger tells of them: of the months that were changed, remove what is in their new versions too."""
        with suppress(OSError, UserError):  # what cannot be removed, the next run that changes the month removes
            for month in sorted(self._touched):
                RosterVersions(self._lake, month).let_go(_of_month(month, self.versions))

    def withdraw(self) -> None:
        """Remove what was written and was not there before: the run that brought it is refused."""
        for path in self._written:
            path.unlink(missing_ok=True)

    def _note(self, month: date) -> None:
        """Say of which days a month's version is, and that before it, which may be of a home that has no notes."""
        kept = RosterVersions(self._lake, month)
        for days in filter(None, (_of_month(month, self._before), _of_month(month, self.versions))):
            if not (path := kept.note_path(days)).exists():
                self._written.append(path)
                kept.note(days)

    def _put(self, month: date, bucket: Bucket, rosters: pl.DataFrame, versions: Mapping[date, str]) -> None:
        """A month of one bucket waits in memory to be written, one of many is too large for that."""
        if bucket.of == 1:
            self._changed[month] = rosters
            return
        self._lake.write(self._lake.roster_month_path(month, versions, bucket), rosters)

    def _kept(self, month: date, bucket: Bucket, versions: Mapping[date, str], columns: list[str] | None = None) -> pl.DataFrame:
        if month in self._changed:
            return self._changed[month]
        path = self._lake.roster_month_path(month, versions, bucket)
        if path.exists():
            return self._lake.read(path, columns)
        known = self._from_others(month, bucket, versions)
        return self._from_days(versions, path) if known is None else known

    def _from_others(self, month: date, bucket: Bucket, versions: Mapping[date, str]) -> pl.DataFrame | None:
        """What an earlier run knew, out of versions with other days beside; none where they are not there. Who was last active when is not in them."""
        kept, known = RosterVersions(self._lake, month), None
        if kept.note_path(versions).exists():
            return None  # what was not let go is to be there itself
        for other, days in kept.that_cover(versions):
            rosters = roster_month_of_days(self._lake.read(self._lake.roster_month_path(month, other, bucket)), days)
            known = rosters if known is None else roster_month_with_days(known, rosters, days)
        return None if known is None else known.with_columns(last_active_on=pl.lit(None, pl.Date))

    def _of(self, month: date) -> dict[date, str]:
        return _of_month(month, self.versions)

    def _from_days(self, versions: Mapping[date, str], wanted: Path | S3Path) -> pl.DataFrame:
        """A home of the first ledger version kept a file a day. Where there are none of these either, it is the `wanted` file that is gone."""
        paths = {day: self._lake.day_path("users", day, version) for day, version in versions.items()}
        gone = [path for path in paths.values() if not path.exists()]
        if gone:
            lost = wanted if len(gone) == len(paths) else gone[0]
            raise LostOrDamaged(f"{lost}: is gone, and with it rosters of {min(versions):%Y-%m}. Restore it from a back-up of the home.")
        rows = [self._lake.read(path).with_columns(day=pl.lit(day, pl.Date)) for day, path in paths.items()]
        return roster_month_from_rows(pl.concat(rows))


def _of_month(month: date, versions: Mapping[date, str]) -> dict[date, str]:
    return {day: version for day, version in sorted(versions.items()) if first_of_month(day) == month}


def by_month(days: Mapping[date, object]) -> dict[date, list[date]]:
    """Days grouped by month, both in order."""
    months: dict[date, list[date]] = defaultdict(list)
    for day in sorted(days):
        months[first_of_month(day)].append(day)
    return months
