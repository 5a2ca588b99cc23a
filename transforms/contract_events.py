"""Contract events, each at its local day and with the seats then occupied (rules T10, I7, I9)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

from transforms.catalog import Catalog
from transforms.contracts.findings import exceptions, holds
from transforms.contracts.sources import CONTRACT_EVENTS
from transforms.daily_seats import seats_at
from transforms.policy import local_day

WHY_REFUSED = {
    "no_right": ("I7", "its actor may not change plan, cadence, seats or cancel"),
    "unknown_plan": ("§2", "the catalogue has no such plan"),
    "plan_not_sold": ("T6", "the plan is not sold at the running cadence"),
    "cadence_not_sold": ("T5", "the plan is not sold at that cadence"),
    "below_occupied": ("§4", "the minimum is the number of seats occupied that day"),
    "trial_over": ("T9", "a trial can be extended only on a day before it ends"),
    "not_later": ("T9", "a trial can be extended only to a later end"),
    "before_start": ("§3", "it comes before the subscription starts"),
    "after_end": ("T8", "it comes after the subscription has ended"),
}


def contract_events_from_activity(
    activity: pl.DataFrame,
    subscriptions: pl.DataFrame,
    daily: pl.DataFrame,
    catalogs: Mapping[str, Catalog],
    opening_on: date,
    horizon: date,
) -> pl.DataFrame:
    """The contract events of known subscriptions, in order of time (T10: occurred_at, then event_id).

    Grain:  event -> event. Adds catalog, `on` (local day), `occupied` (null before the opening day).
    """
    owner = subscriptions.select("subscription_id", "catalog", owner_id="workspace_id")
    events = activity.filter(pl.col("event").is_in(CONTRACT_EVENTS)).join(owner, on="subscription_id")
    events = events.filter(pl.col("workspace_id") == pl.col("owner_id")).drop("owner_id").with_columns(on=local_day(catalogs))
    events = seats_at(daily, events.filter(pl.col("on") <= horizon))
    events = events.with_columns(occupied=pl.when(pl.col("on") >= opening_on).then("occupied"))
    return events.sort("subscription_id", "occurred_at", "event_id")


def holds_from_events(activity: pl.DataFrame, subscription_rows: pl.DataFrame, catalogs: Mapping[str, Catalog]) -> pl.DataFrame:
    """A contract event that names another workspace's subscription contradicts itself: its workspace is held (G2).

    Grain:  event -> hold, since the event's day by the catalogue of the subscription that it names (D1), or in UTC where there is no such catalogue.
    Shapes: `subscription_rows` are as they were delivered: whose a subscription is does not depend on whether it can be billed.
    """
    owners = subscription_rows.select("subscription_id", "workspace_id", "catalog")
    events = activity.filter(pl.col("event").is_in(CONTRACT_EVENTS)).join(owners, on=["subscription_id", "workspace_id"], how="anti")
    named = owners.unique("subscription_id", keep="first", maintain_order=True).drop("workspace_id")
    foreign = events.join(named, on="subscription_id").with_columns(on=pl.coalesce(local_day(catalogs), pl.col("occurred_at").dt.date()))
    detail = pl.format("event {} names subscription {} of another workspace", "event_id", "subscription_id")
    return holds(foreign, "event_contradicts", "supersede the activity file that carries the event", detail=detail, since_on="on")


def unknown_subscription_events(activity: pl.DataFrame, known: pl.Series) -> pl.DataFrame:
    """Contract events for a subscription that no row names are reported and have no effect."""
    strange = activity.filter(pl.col("event").is_in(CONTRACT_EVENTS) & ~pl.col("subscription_id").is_in(known.implode()))
    strange = strange.with_columns(on=pl.col("occurred_at").dt.date())
    return exceptions(strange, "§3", "unknown_subscription", pl.format("event {} names a subscription that is not known", "event_id"))


def exceptions_from_refusals(refusals: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Every event that was refused, with the rule and the reason. Grain: event -> exception."""
    refused = refusals.join(events, on="event_id")
    parts = [
        exceptions(
            refused.filter(reason=reason),
            rule,
            "event_refused" if reason not in ("before_start", "after_end") else "event_without_effect",
            pl.format("{} {} has no effect: {}", "event", "event_id", pl.lit(why)),
        )
        for reason, (rule, why) in WHY_REFUSED.items()
    ]
    return pl.concat(parts)
