"""From the ledger and the lake to the frames that the transforms ask for: current versions, every day there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import polars as pl

from flows.errors import UserError, name_days
from flows.kept_rosters import KeptRosters
from flows.lake import Lake
from flows.ledger import Ledger
from flows.repeated_days import DECLARED
from transforms.billing import Billed, Facts
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


def facts_until(horizon: date, ledger: Ledger, lake: Lake) -> Facts:
    """All that is known for computing up to the close of a day.

    Raises: UserError naming the days whose rosters are missing; a missing day is never read as seats removed (G1).
    """
    days = roster_days(ledger)
    if not days:
        raise UserError("no roster has been ingested yet. Start with: seatledger ingest SOURCE")
    opening_on = opening_day(ledger, days)
    if horizon < opening_on:
        raise UserError(f"{horizon} is before the ledger's opening day, {opening_on}: there is nothing to bill.")
    missing = [day for day in days_between(opening_on, horizon) if day not in days]
    if missing:
        raise UserError(f"users are missing for {name_days(missing)}. Ingest every day up to {horizon} before billing through it.")
    subscriptions = _rows("subscriptions", ledger, lake)
    return Facts(
        subscription_rows=subscriptions,
        activity=_activity(ledger, lake),
        usage=_rows("usage", ledger, lake).rename({"day": "on"}).filter(pl.col("on").is_between(opening_on, horizon)),
        roster_months=_roster_months(KeptRosters(lake, days), opening_on, horizon),
        holds=pl.concat(
            [
                _holds_from_faults(ledger.current_faults()),
                _holds_from_repeated_events(_rows("activity", ledger, lake)),
                _holds_from_lost_subscriptions(subscriptions, ledger),
            ]
        ),
        opening_on=opening_on,
        horizon=horizon,
        repeated_days=tuple(day for day in ledger.declared_days(DECLARED) if opening_on <= day <= horizon),
        idle_users=_idle_users(KeptRosters(lake, days), opening_on, horizon),
    )


def owners_of_workspaces(ledger: Ledger, lake: Lake) -> pl.DataFrame:
    """Which catalogue each workspace's subscriptions are of: workspace_id, catalog."""
    return _rows("subscriptions", ledger, lake).select("workspace_id", "catalog")


def facts_of_workspace(known: Facts, workspace_id: str) -> Facts:
    """The same facts, of one workspace only: enough for all that is computed of it, its holds included.

    Subscriptions of others stay where one of its events names them, or their row has an id of its own: that may hold it.
    """
    activity = known.activity.filter(workspace_id=workspace_id)
    mine = known.subscription_rows.filter(workspace_id=workspace_id)["subscription_id"]
    named = pl.concat([mine, activity["subscription_id"].drop_nulls()]).unique()
    return replace(
        known,
        subscription_rows=known.subscription_rows.filter(pl.col("subscription_id").is_in(named.implode())),
        activity=activity,
        usage=known.usage.filter(workspace_id=workspace_id),
        roster_months=[(month, roster.filter(workspace_id=workspace_id)) for month, roster in known.roster_months],
        holds=known.holds.filter(workspace_id=workspace_id),
    )


def billed_so_far(ledger: Ledger) -> Billed:
    """What earlier runs decided."""
    return Billed(ledger.billed_charges(), ledger.passed_dates(), ledger.balances())


def _rows(table: str, ledger: Ledger, lake: Lake) -> pl.DataFrame:
    """The rows of a table's current versions, with the `day` that delivered them (null: the subscriptions)."""
    paths = [(day, lake.day_path(t, day, version)) for (t, day), version in ledger.current_versions().items() if t == table]
    if not paths:
        return SOURCE_ROWS[table].empty().with_columns(file=pl.lit(None, pl.String), row=pl.lit(None, pl.Int64), day=pl.lit(None, pl.Date))
    return pl.concat([pl.read_parquet(path, hive_partitioning=False).with_columns(day=pl.lit(day, pl.Date)) for day, path in paths])


def _activity(ledger: Ledger, lake: Lake) -> pl.DataFrame:
    """Every event once: the same event again is a no-op."""
    rows = _rows("activity", ledger, lake)
    return rows.unique("event_id", keep="first", maintain_order=True)


def _roster_months(kept: KeptRosters, first: date, last: date) -> Iterator[tuple[date, pl.DataFrame]]:
    """Each month's bits, of the days from the first to the last."""
    for month in kept.months():
        days = [day for day in kept.versions if first_of_month(day) == month and first <= day <= last]
        if days:
            yield month, roster_month_of_days(kept.month(month), days)


def _idle_users(kept: KeptRosters, first: date, last: date) -> Iterator[pl.DataFrame]:
    """Who was not active for a while at the close of each month's last day, as that day's roster says."""
    for day in {first_of_month(day): day for day in sorted(kept.versions)}.values():
        if first <= day <= last:
            on_it = kept.month(first_of_month(day)).filter(on_day(day))
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


def _holds_from_lost_subscriptions(subscriptions: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """A subscription that was billed and is no longer among the rows did not end by that: its workspace is held."""
    lost = ledger.billed_subscriptions().join(subscriptions, on="subscription_id", how="anti")
    lost = lost.with_columns(since_on=pl.lit(ledger.subscriptions_came_on(), pl.Date))
    detail = pl.format("subscription {} was billed before, and no row names it any more", "subscription_id")
    return holds(
        lost,
        "subscription_lost",
        "put its row back into subscriptions; to end it, deliver a canceled event",
        detail=detail,
        since_on="since_on",
    )


def _holds_from_repeated_events(rows: pl.DataFrame) -> pl.DataFrame:
    """The same event id with other content is a contradiction: every workspace that it names is held."""
    facts = [c for c in rows.columns if c not in ("file", "row", "day")]
    several = rows.unique(facts, keep="first", maintain_order=True).filter(pl.col("event_id").is_duplicated())
    if several.is_empty():
        return NO_HOLDS
    detail = pl.format("event {} is there again with other content", "event_id")
    return holds(several, "event_contradicts", "supersede the activity file that carries the wrong one", detail=detail, since_on="day")
