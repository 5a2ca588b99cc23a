"""Which versions of a month's rosters the lake holds. Each is named by the versions of its days, and a note beside it says which these are.

Where a day is added to a month, the new version has all that the one before it had, which is then let go; what runs knew of it is read
from the new one. Where a day is superseded, both are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple

import polars as pl

from flows.lake import Lake, parquet_files_in, remove_folder
from flows.s3_files import S3Path

Days = Mapping[date, str]  # the version of each day's rosters

_NOTE = ".days.parquet"


class RosterVersions(NamedTuple):
    """The versions of a month in a lake."""

    lake: Lake
    month: date

    def note_path(self, days: Days) -> Path | S3Path:
        """Where the note of a version lies."""
        path = self.lake.roster_month_path(self.month, days)
        return path.with_name(path.name.removesuffix(".parquet") + _NOTE)

    def note(self, days: Days) -> None:
        """Say of which days a version is."""
        self.lake.write(self.note_path(days), pl.DataFrame({"day": list(days), "version": list(days.values())}))

    def that_cover(self, days: Days) -> list[tuple[Days, Days]]:
        """As few versions as have these days as they are, each with those that it is read for; none where one is in no version.

        Mostly it is one: that to which days were added since. Of a day that came, went and came back it may take several.
        """
        kept, left, found = list(self._noted()), days, []
        while left and kept:
            # of two that have as many, the one that a run going on meanwhile does not let go
            largest = max(kept, key=lambda version: (len(left.items() & version.items()), len(version)))
            its_days = dict(sorted(left.items() & largest.items()))
            if not its_days:
                return []
            found.append((largest, its_days))
            left = dict(left.items() - its_days.items())
        return [] if left else found

    def let_go(self, now: Days) -> None:
        """Remove the versions that have no day that is not in this one."""
        for kept in list(self._noted()):
            if kept.items() < now.items():
                path = self.lake.roster_month_path(self.month, kept)
                path.unlink(missing_ok=True)
                remove_folder(path.with_name(path.name.removesuffix(".parquet")))
                self.note_path(kept).unlink(missing_ok=True)  # last: without it nobody knows what the others are

    def _noted(self) -> Iterator[Days]:
        for path in parquet_files_in(self.lake.roster_month_path(self.month, {}).parent):
            if path.name.endswith(_NOTE):
                yield dict(self.lake.read(path).select("day", "version").iter_rows())
