"""The rosters that the home keeps, a file a month: as earlier runs left them, and as this run changes them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date

import polars as pl

from flows.errors import UserError
from flows.lake import Lake
from transforms.buckets import WHOLE, Bucket
from transforms.calendar import ONE_DAY, first_of_month
from transforms.roster_months import NO_ROSTERS, roster_month_from_rows, roster_month_with_days, roster_month_with_repeated_day


class KeptRosters:
    """Roster months by the current version of each of their days. What changes is written at once, under a name of its own."""

    def __init__(self, lake: Lake, versions: Mapping[date, str]) -> None:
        self._lake = lake
        self.versions = dict(versions)
        self._changed: dict[date, pl.DataFrame] = {}

    def months(self) -> list[date]:
        """Every month of which a roster is kept, in order."""
        return sorted({first_of_month(day) for day in self.versions})

    @property
    def buckets(self) -> int:
        """The most buckets that a month is kept in."""
        return 1

    def month(self, month: date, bucket: Bucket = WHOLE) -> pl.DataFrame:
        """A month's rosters of a bucket's workspaces: all its days that have come in.

        Raises: UserError where its file is gone.
        """
        return bucket.rows(self._whole(month))

    def _whole(self, month: date) -> pl.DataFrame:
        if month in self._changed:
            return self._changed[month]
        versions = self._of(month)
        if not versions:
            return NO_ROSTERS
        path = self._lake.roster_month_path(month, versions)
        if path.exists():
            return pl.read_parquet(path, hive_partitioning=False)
        return self._from_days(versions)

    def replace(self, month: date, fresh: pl.DataFrame, versions: Mapping[date, str]) -> None:
        """Let some days of a month take the place of what was there of them."""
        self._changed[month] = roster_month_with_days(self.month(month), fresh, versions)
        self.versions |= versions

    def repeat(self, day: date) -> None:
        """Let a lost day repeat the one before (G1)."""
        month, before = first_of_month(day), day - ONE_DAY
        self._changed[month] = roster_month_with_repeated_day(self.month(month), self.month(first_of_month(before)), day, before)
        self.versions[day] = self.versions[before]

    def write(self) -> None:
        """Keep the months that were changed. Until the ledger tells the versions of their days, nobody asks for them."""
        for month, rosters in self._changed.items():
            self._lake.write(self._lake.roster_month_path(month, self._of(month)), rosters)

    def _of(self, month: date) -> dict[date, str]:
        return {day: version for day, version in sorted(self.versions.items()) if first_of_month(day) == month}

    def _from_days(self, versions: dict[date, str]) -> pl.DataFrame:
        """A home of the first ledger version kept a file a day."""
        paths = {day: self._lake.day_path("users", day, version) for day, version in versions.items()}
        gone = [path for path in paths.values() if not path.exists()]
        if gone:
            raise UserError(
                f"{gone[0].parent.parent.parent}: the rosters of {min(versions):%Y-%m} are gone. Restore the home from a back-up."
            )
        rows = [pl.read_parquet(path, hive_partitioning=False).with_columns(day=pl.lit(day, pl.Date)) for day, path in paths.items()]
        return roster_month_from_rows(pl.concat(rows))


def by_month(days: Mapping[date, object]) -> dict[date, list[date]]:
    """Days grouped by month, both in order."""
    months: dict[date, list[date]] = defaultdict(list)
    for day in sorted(days):
        months[first_of_month(day)].append(day)
    return months
