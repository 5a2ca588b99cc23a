"""A roster that shrinks by a third overnight is more likely cut off than true: it is refused until confirmed (G4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import polars as pl

from flows.errors import UserError
from flows.kept_rosters import KeptRosters, by_month
from transforms.buckets import Bucket, bucket_numbers, buckets
from transforms.calendar import ONE_DAY
from transforms.catalog import Catalog
from transforms.rosters import drops_from_seat_counts, seat_counts_from_roster_months

_ASKED = ["workspace_id", "kind", "status", "bits"]  # not who it is


class DropGuard:
    """Compares each day that came in with the day before it and the day after it, new or kept before."""

    def __init__(self, owners: pl.DataFrame, catalogs: Mapping[str, Catalog]) -> None:
        self._owners, self._catalogs = owners, catalogs

    def look_at(self, days: Iterable[date], kept: KeptRosters) -> None:
        """Refuse rosters that dropped. Raises UserError naming the day, the seats before and after, and the workspace."""
        came_in = sorted(days)
        near = {day + step * ONE_DAY for day in came_in for step in (-1, 0, 1)}
        known = {day: "" for day in near if day in kept.versions}
        if not known:
            return
        owners = self._owners.with_columns(number=bucket_numbers(self._owners["workspace_id"], kept.buckets))
        of_bucket = owners.partition_by("number", as_dict=True, include_key=False)
        nobody = self._owners.clear()
        counts = pl.concat([self._seats(b, of_bucket.get((b.number,), nobody), known, kept) for b in buckets(kept.buckets)])
        drops = drops_from_seat_counts(counts.group_by("day", "workspace_id").agg(pl.col("seats").sum()))
        is_new = pl.col("day").is_in(came_in) | (pl.col("day") - ONE_DAY).is_in(came_in)  # others were looked at when they came in
        drops = drops.filter(is_new)
        if drops.height:
            day, workspace, before, after = drops.row(0)
            whose = f"the roster of {workspace}" if workspace else "all rosters together"
            raise UserError(
                f"users of {day}: {whose} fell from {before} to {after} seats in one day. If that is so, ingest again with --accept-drop."
            )

    def _seats(self, bucket: Bucket, owners: pl.DataFrame, days: Mapping[date, str], kept: KeptRosters) -> pl.DataFrame:
        months = ((kept.month(month, bucket, _ASKED), its_days) for month, its_days in by_month(days).items())
        return seat_counts_from_roster_months(months, owners, self._catalogs.values())
