"""From what a pass is told, and the rosters in the lake, to the frames that the transforms ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date

import polars as pl

from flows.errors import UserError, name_days
from flows.kept_rosters import KeptRosters, by_month
from flows.lake import Lake
from flows.told import Told
from transforms.billing import Facts
from transforms.buckets import Bucket
from transforms.calendar import ONE_DAY, days_between
from transforms.idle_seats import idle_users_from_roster
from transforms.roster_months import on_day, roster_month_of_days


def last_whole_day(days: Mapping[date, str], opening_on: date) -> date:
    """The last day up to which every roster since the opening day is there."""
    day = opening_on
    while day + ONE_DAY in days:
        day += ONE_DAY
    return day


def facts_until(horizon: date, told: Told, lake: Lake) -> Facts:
    """All that is known, of the workspaces of a bucket, for computing up to the close of a day.

    Raises: UserError naming the days whose rosters are missing; a missing day is never read as seats removed (G1).
    """
    first = told.opening_on
    rosters = _Rosters(KeptRosters(lake, told.rosters, told.buckets_of_months), told.bucket, first, horizon)
    _require_every_roster(horizon, told.rosters, first)
    return Facts(
        subscription_rows=told.rows("subscriptions"),
        other_rows=told.rows("others"),
        activity=told.rows("activity"),
        usage=told.rows("usage").rename({"day": "on"}).filter(pl.col("on").is_between(first, horizon)),
        roster_months=rosters.months(),
        holds=told.rows("holds"),
        opening_on=first,
        horizon=horizon,
        # of no workspace, so told with the first bucket alone: else each would report it
        repeated_days=tuple(day for day in told.repeated_days if first <= day <= horizon and told.bucket.number == 0),
        idle_users=rosters.idle_users(),
    )


def facts_of_workspace(known: Facts, workspace_id: str) -> Facts:
    """The same facts, of one workspace only: enough for all that is computed of it, its holds included.

    Rows of others stay where one of its events names them, or they share an id with one of its own: that may hold it.
    """
    activity, mine = known.activity.filter(workspace_id=workspace_id), known.subscription_rows.filter(workspace_id=workspace_id)
    named = pl.concat([mine["subscription_id"], activity["subscription_id"].drop_nulls()]).unique()
    others = pl.concat([known.subscription_rows, known.other_rows]).filter(pl.col("workspace_id") != workspace_id)
    return replace(
        known,
        subscription_rows=mine,
        other_rows=others.filter(pl.col("subscription_id").is_in(named.implode())),
        activity=activity,
        usage=known.usage.filter(workspace_id=workspace_id),
        roster_months=[(month, roster.filter(workspace_id=workspace_id)) for month, roster in known.roster_months],
        holds=known.holds.filter(workspace_id=workspace_id),
        idle_users=[users.filter(workspace_id=workspace_id) for users in known.idle_users],
    )


def _require_every_roster(horizon: date, days: Mapping[date, str], opening_on: date) -> None:
    if horizon < opening_on:
        raise UserError(f"{horizon} is before the ledger's opening day, {opening_on}: there is nothing to bill.")
    missing = [day for day in days_between(opening_on, horizon) if day not in days]
    if missing:
        raise UserError(
            f"users are missing for {name_days(missing)}. Ingest every day up to {horizon} before billing through it; "
            f"as it is, --through {last_whole_day(days, opening_on)} is the last that can be billed."
        )


class _Rosters:
    """A bucket's rosters from the first day to the last. Each month is read once: who was idle is counted as it passes."""

    def __init__(self, kept: KeptRosters, bucket: Bucket, first: date, last: date) -> None:
        self._kept, self._bucket = kept, bucket
        self._days = by_month(kept.versions)
        self._first, self._last = first, last
        self._idle: dict[date, pl.DataFrame] = {}

    def months(self) -> Iterator[tuple[date, pl.DataFrame]]:
        """Each month's bits, of the days from the first to the last."""
        for month, its_days in self._days.items():
            days = [day for day in its_days if self._first <= day <= self._last]
            if days:
                rosters = self._kept.month(month, self._bucket)
                if its_days[-1] <= self._last:
                    self._idle[month] = _idle_on(its_days[-1], rosters)
                yield month, roster_month_of_days(rosters, days)

    def idle_users(self) -> Iterator[pl.DataFrame]:
        """Who was not active for a while at the close of each month's last day, as that day's roster says."""
        for month, its_days in self._days.items():
            if self._first <= its_days[-1] <= self._last:
                yield self._idle[month] if month in self._idle else _idle_on(its_days[-1], self._kept.month(month, self._bucket))


def _idle_on(day: date, rosters: pl.DataFrame) -> pl.DataFrame:
    return idle_users_from_roster(rosters.filter(on_day(day)), day)
