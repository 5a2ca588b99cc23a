"""From the ledger and the lake to the frames that the transforms ask for: current versions, every day there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import NamedTuple

import polars as pl

from flows.errors import UserError, name_days
from flows.kept_rosters import KeptRosters
from flows.lake import Lake
from flows.ledger import Ledger
from flows.repeated_days import DECLARED
from transforms.billing import Billed, Facts
from transforms.buckets import WHOLE, Bucket
from transforms.calendar import ONE_DAY, days_between, first_of_month
from transforms.contracts.findings import NO_HOLDS, holds
from transforms.contracts.sources import SOURCE_ROWS
from transforms.idle_seats import idle_users_from_roster
from transforms.roster_months import on_day, roster_month_of_days


def roster_days(ledger: Ledger) -> dict[date, str]:
    """The current version of every day's rosters, in order."""
    return {day: version for (table, day), version in ledger.current_versions().items() if table == "users"}


def opening_day(ledger: Ledger, days: dict[date, str]) -> date:
    """The first day of rosters ever ingested; settled by the first run that bills (I9)."""
    settled = ledger.setting("opening_on")
    return date.fromisoformat(settled) if settled else min(days)


def last_whole_day(days: dict[date, str], opening_on: date) -> date:
    """The last day up to which every roster since the opening day is there."""
    day = opening_on
    while day + ONE_DAY in days:
        day += ONE_DAY
    return day


class Told(NamedTuple):
    """What the ledger tells of a bucket: all that a pass over it needs beside the lake, so that it can be made elsewhere."""

    bucket: Bucket
    versions: Mapping[tuple[str, date | None], str]
    buckets_of_months: Mapping[date, int]
    opening_on: date
    faults: pl.DataFrame
    repeated_days: tuple[date, ...]
    billed_subscriptions: pl.DataFrame
    subscriptions_came_on: date | None
    repeated_events: pl.DataFrame
    billed: Billed


def told_by_ledger(ledger: Ledger, lake: Lake, bucket: Bucket = WHOLE) -> Told:
    """What the ledger tells of the workspaces of a bucket.

    Raises: UserError where no roster ever came in.
    """
    days = roster_days(ledger)
    if not days:
        raise UserError("no roster has been ingested yet. Start with: seatledger ingest SOURCE")
    versions = ledger.current_versions()
    return Told(
        bucket=bucket,
        versions=versions,
        buckets_of_months=ledger.buckets_of_months(),
        opening_on=opening_day(ledger, days),
        faults=bucket.rows(ledger.current_faults()),
        repeated_days=tuple(ledger.declared_days(DECLARED)),
        billed_subscriptions=ledger.billed_subscriptions(bucket),
        subscriptions_came_on=ledger.subscriptions_came_on(),
        repeated_events=repeated_events(versions, lake),
        billed=Billed(ledger.billed_charges(bucket), ledger.passed_dates(), ledger.balances(bucket)),
    )


def facts_until(horizon: date, told: Told, lake: Lake) -> Facts:
    """All that is known, of the workspaces of a bucket, for computing up to the close of a day.

    Raises: UserError naming the days whose rosters are missing; a missing day is never read as seats removed (G1).
    """
    days = {day: version for (table, day), version in told.versions.items() if table == "users"}
    require_every_roster(horizon, days, told.opening_on)
    first = told.opening_on
    subscriptions, kept = rows_of("subscriptions", told.versions, lake), KeptRosters(lake, days, told.buckets_of_months)
    mine = told.bucket.rows(subscriptions)
    activity = _activity(told, lake)
    usage = rows_of("usage", told.versions, lake, told.bucket).rename({"day": "on"})
    return Facts(
        subscription_rows=mine,
        other_rows=_rows_of_others(subscriptions, mine, activity),
        activity=activity,
        usage=usage.filter(pl.col("on").is_between(first, horizon)),
        roster_months=_roster_months(kept, told.bucket, first, horizon),
        holds=pl.concat(
            [_holds_from_faults(told.faults), _holds_from_repeated_events(told), _holds_from_lost_subscriptions(subscriptions, told)]
        ),
        opening_on=first,
        horizon=horizon,
        repeated_days=tuple(day for day in told.repeated_days if first <= day <= horizon),
        idle_users=_idle_users(kept, told.bucket, first, horizon),
    )


def require_every_roster(horizon: date, days: Mapping[date, str], opening_on: date) -> None:
    """Every day from the opening day to the horizon has its rosters. Raises UserError where one has not."""
    if horizon < opening_on:
        raise UserError(f"{horizon} is before the ledger's opening day, {opening_on}: there is nothing to bill.")
    missing = [day for day in days_between(opening_on, horizon) if day not in days]
    if missing:
        raise UserError(f"users are missing for {name_days(missing)}. Ingest every day up to {horizon} before billing through it.")


def owners_of_workspaces(ledger: Ledger, lake: Lake) -> pl.DataFrame:
    """Which catalogue each workspace's subscriptions are of: workspace_id, catalog."""
    return rows_of("subscriptions", ledger.current_versions(), lake).select("workspace_id", "catalog")


def facts_of_workspace(known: Facts, workspace_id: str) -> Facts:
    """The same facts, of one workspace only: enough for all that is computed of it, its holds included."""
    activity = known.activity.filter(workspace_id=workspace_id)
    everyone = pl.concat([known.subscription_rows, known.other_rows])
    mine = known.subscription_rows.filter(workspace_id=workspace_id)
    return replace(
        known,
        subscription_rows=mine,
        other_rows=_rows_of_others(everyone, mine, activity),
        activity=activity,
        usage=known.usage.filter(workspace_id=workspace_id),
        roster_months=[(month, roster.filter(workspace_id=workspace_id)) for month, roster in known.roster_months],
        holds=known.holds.filter(workspace_id=workspace_id),
        idle_users=[users.filter(workspace_id=workspace_id) for users in known.idle_users],
    )


def rows_of(table: str, versions: Mapping[tuple[str, date | None], str], lake: Lake, bucket: Bucket = WHOLE) -> pl.DataFrame:
    """The rows of a table's current versions, of a bucket, with the `day` that delivered them (null: the subscriptions)."""
    paths = [(day, lake.day_path(t, day, version)) for (t, day), version in versions.items() if t == table]
    if not paths:
        return SOURCE_ROWS[table].empty().with_columns(file=pl.lit(None, pl.String), row=pl.lit(None, pl.Int64), day=pl.lit(None, pl.Date))
    return pl.concat([bucket.rows(lake.read(path)).with_columns(day=pl.lit(day, pl.Date)) for day, path in paths])


def repeated_events(versions: Mapping[tuple[str, date | None], str], lake: Lake) -> pl.DataFrame:
    """Every row of the events whose id is there more than once, in any workspace, in the order in which they were delivered."""
    paths = [(day, lake.day_path(table, day, version)) for (table, day), version in versions.items() if table == "activity"]
    ids = pl.concat([pl.Series("event_id", dtype=pl.String), *(lake.read(path, columns=["event_id"])["event_id"] for _, path in paths)])
    several = ids.filter(ids.is_duplicated()).unique()
    if several.is_empty():
        return rows_of("activity", {}, lake)
    is_one = pl.col("event_id").is_in(several.implode())
    return pl.concat([lake.read(path).filter(is_one).with_columns(day=pl.lit(day, pl.Date)) for day, path in paths])


def _activity(told: Told, lake: Lake) -> pl.DataFrame:
    """Every event once: the same event again is a no-op."""
    rows, several = rows_of("activity", told.versions, lake, told.bucket), told.repeated_events
    if several.is_empty():
        return rows
    first = several.unique("event_id", keep="first", maintain_order=True)
    place = ["event_id", "day", "file", "row"]
    others = several.join(first.select(place), on=place, how="anti")
    return rows.join(others.select(place), on=place, how="anti", maintain_order="left")


def _rows_of_others(everyone: pl.DataFrame, mine: pl.DataFrame, activity: pl.DataFrame) -> pl.DataFrame:
    """Subscription rows of other workspaces that bear upon ours: an event of ours names them, or their id is one of ours."""
    named = pl.concat([mine["subscription_id"], activity["subscription_id"].drop_nulls()]).unique()
    others = everyone.join(mine.select("workspace_id").unique(), on="workspace_id", how="anti", maintain_order="left")
    return others.filter(pl.col("subscription_id").is_in(named.implode()))


def _roster_months(kept: KeptRosters, bucket: Bucket, first: date, last: date) -> Iterator[tuple[date, pl.DataFrame]]:
    """Each month's bits, of the days from the first to the last."""
    for month in kept.months():
        days = [day for day in kept.versions if first_of_month(day) == month and first <= day <= last]
        if days:
            yield month, roster_month_of_days(kept.month(month, bucket), days)


def _idle_users(kept: KeptRosters, bucket: Bucket, first: date, last: date) -> Iterator[pl.DataFrame]:
    """Who was not active for a while at the close of each month's last day, as that day's roster says."""
    for day in {first_of_month(day): day for day in sorted(kept.versions)}.values():
        if first <= day <= last:
            on_it = kept.month(first_of_month(day), bucket).filter(on_day(day))
            yield idle_users_from_roster(on_it, day)


def _holds_from_faults(faults: pl.DataFrame) -> pl.DataFrame:
    detail = pl.format("{} {}", pl.col("column").fill_null("the row"), "fault")
    daily, undated = faults.filter(pl.col("day").is_not_null()), faults.filter(pl.col("day").is_null())
    again = "correct the row and deliver the file again, then ingest"
    return pl.concat(
        [
            holds(daily, "broken_row", f"{again} with --supersede", detail=detail, since_on="since_on"),
            holds(undated, "broken_row", again, detail=detail, since_on="since_on"),
        ]
    )


def _holds_from_lost_subscriptions(subscriptions: pl.DataFrame, told: Told) -> pl.DataFrame:
    """A subscription that was billed and is no longer among the rows did not end by that: its workspace is held."""
    lost = told.billed_subscriptions.join(subscriptions, on="subscription_id", how="anti")
    lost = lost.with_columns(since_on=pl.lit(told.subscriptions_came_on, pl.Date))
    detail = pl.format("subscription {} was billed before, and no row names it any more", "subscription_id")
    return holds(
        lost,
        "subscription_lost",
        "put its row back into subscriptions; to end it, deliver a canceled event",
        detail=detail,
        since_on="since_on",
    )


def _holds_from_repeated_events(told: Told) -> pl.DataFrame:
    """The same event id with other content is a contradiction: every workspace that it names is held."""
    facts = [c for c in told.repeated_events.columns if c not in ("file", "row", "day")]
    several = told.repeated_events.unique(facts, keep="first", maintain_order=True).filter(pl.col("event_id").is_duplicated())
    several = told.bucket.rows(several)
    if several.is_empty():
        return NO_HOLDS
    detail = pl.format("event {} is there again with other content", "event_id")
    return holds(several, "event_contradicts", "supersede the activity file that carries the wrong one", detail=detail, since_on="day")
