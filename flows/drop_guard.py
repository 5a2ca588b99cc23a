"""A roster that shrinks by a third overnight is more likely cut off than true: it is refused until confirmed (G4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import polars as pl

from flows.errors import UserError
from flows.lake import Lake
from transforms.calendar import ONE_DAY
from transforms.catalog import Catalog
from transforms.rosters import drops_from_seat_counts, seat_counts_from_rosters


class DropGuard:
    """Compares each day that comes in with the day before it and the day after it, new or already kept."""

    def __init__(
        self, current: dict[tuple[str, date | None], str], repeated_days: Iterable[date], lake: Lake, catalogs: Mapping[str, Catalog]
    ) -> None:
        self.current, self.repeated_days, self.lake, self.catalogs = current, sorted(repeated_days), lake, catalogs
        self.owners: pl.DataFrame | None = None
        self.counts: dict[date, pl.DataFrame] = {}

    def look_at(self, table: str, rows: pl.DataFrame) -> None:
        """Refuse rosters that dropped. Raises UserError naming the day, the seats before and after, and the workspace."""
        if table == "subscriptions":
            self.owners = rows.select("workspace_id", "catalog")
        if table != "users":
            return
        fresh = self._count(rows)
        days = {day: fresh.filter(pl.col("day") == day) for day in rows["day"].unique()}
        self.counts |= days
        for day in {near for fresh_day in days for near in (fresh_day - ONE_DAY, fresh_day + ONE_DAY)} - self.counts.keys():
            if ("users", day) in self.current:
                self.counts[day] = self._kept(day)
        self._repeat_lost_days()
        drops = drops_from_seat_counts(pl.concat(self.counts.values()))
        if drops.height:
            day, workspace, before, after = drops.row(0)
            whose = f"the roster of {workspace}" if workspace else "all rosters together"
            raise UserError(
                f"users of {day}: {whose} fell from {before} to {after} seats in one day. If that is so, ingest again with --accept-drop."
            )

    def _repeat_lost_days(self) -> None:
        """A lost day that is declared to repeat the one before has its seats, so that it hides no drop."""
        for day in self.repeated_days:
            before = self.counts.get(day - ONE_DAY)
            if before is None and ("users", day - ONE_DAY) in self.current:
                before = self.counts[day - ONE_DAY] = self._kept(day - ONE_DAY)
            if before is not None:
                self.counts[day] = before.with_columns(day=pl.lit(day))

    def _count(self, rows: pl.DataFrame) -> pl.DataFrame:
        if self.owners is None:
            version = self.current["subscriptions", None]
            self.owners = self.lake.scan_day("subscriptions", None, version).select("workspace_id", "catalog").collect()
        return seat_counts_from_rosters(rows, self.owners, self.catalogs.values())

    def _kept(self, day: date) -> pl.DataFrame:
        rows = self.lake.scan_day("users", day, self.current["users", day]).with_columns(day=pl.lit(day)).collect()
        return self._count(rows)
