"""Committed seats: the number agreed, less what departures release, day by day (rules, section 4; I9)."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.contracts.terms import AgreedSeats
from transforms.sorted_rows import beside, in_order, with_running_sum

_RELEASE, _UPDATE = 1, 2


def agreed_seats_from_updates(
    subscriptions: pl.DataFrame,
    seat_updates: pl.DataFrame,
    daily: pl.DataFrame,
    spells: pl.DataFrame,
    plans: pl.DataFrame,
    opening_on: date,
) -> pl.DataFrame:
    """Run the agreed total of each subscription from the seats agreed as of the opening day, or its start if later.

    What a subscription older than the ledger agreed on or before the opening day is in its `seats` already (I9).
    Within a day departures count first, one seat each and never below 0, then the update, which sets the total. Departures
    release seats only on days that close on a committed plan of a catalogue that says so.

    Grain:  subscription -> subscription, day, step (0 the base, 1 departures, 2 update).
    Shapes: `seats` the total after the step, null before any were agreed; `change` what the step added (null: the base).
    """
    base = subscriptions.select("subscription_id", on=pl.max_horizontal(pl.lit(opening_on), "starts_on"), seats="seats")
    since = base.select("subscription_id", base_on="on").with_columns(is_older=subscriptions["starts_on"] < opening_on)
    steps = [base.with_columns(step=pl.lit(0, pl.Int64), released=pl.lit(0, pl.Int64))]
    releases = _releases(subscriptions, daily, spells, plans)
    releases = releases.join(since, on="subscription_id").filter(pl.col("on") > pl.col("base_on"))
    steps.append(
        releases.select("subscription_id", "on", seats=pl.lit(None, pl.Int64), step=pl.lit(_RELEASE, pl.Int64), released="removed")
    )
    updates = seat_updates.join(since, on="subscription_id").filter(
        (pl.col("on") > pl.col("base_on")) | ((pl.col("on") == pl.col("base_on")) & ~pl.col("is_older"))
    )
    steps.append(updates.select("subscription_id", "on", "seats", step=pl.lit(_UPDATE, pl.Int64), released=pl.lit(0, pl.Int64)))

    of_one = "subscription_id"
    since_set = [of_one, "set_number"]
    run = in_order(pl.concat(steps), of_one, "on", "step")
    run = with_running_sum(run, "set_number", (pl.col("step") != _RELEASE).cast(pl.Int64), of_one)
    run = with_running_sum(run, "released", pl.col("released"), *since_set)
    run = run.with_columns(seats=(pl.col("seats").first().over(since_set) - pl.col("released")).clip(lower_bound=0))
    run = run.with_columns(change=pl.when(pl.col("step") != 0).then(pl.col("seats") - beside("seats", 1, of_one)))
    return AgreedSeats.validate(run.select(AgreedSeats.names()))


def _releases(subscriptions: pl.DataFrame, daily: pl.DataFrame, spells: pl.DataFrame, plans: pl.DataFrame) -> pl.DataFrame:
    """Departures on days that close on a plan that gives committed seats back. Grain: subscription, day."""
    releasing = plans.filter(pl.col("releases_committed") & (pl.col("basis") == "committed")).select("catalog", "plan")
    on_plan = spells.join(subscriptions.select("subscription_id", "workspace_id", "catalog"), on="subscription_id")
    on_plan = on_plan.join(releasing, on=["catalog", "plan"]).select(
        "subscription_id", "catalog", "workspace_id", "spell_from", "spell_until"
    )
    departures = daily.filter(pl.col("removed") > 0).select("catalog", "workspace_id", "on", "removed")
    within = (pl.col("on") >= pl.col("spell_from")) & (pl.col("spell_until").is_null() | (pl.col("on") < pl.col("spell_until")))
    return departures.join(on_plan, on=["catalog", "workspace_id"]).filter(within).select("subscription_id", "on", "removed")


def agreed_at(agreed: pl.DataFrame, moments: pl.DataFrame, name: str = "agreed") -> pl.DataFrame:
    """Add to each moment (subscription, `on`) the seats agreed at that day's close; null before any were.

    Grain: row -> row, in the same order.
    """
    closes = agreed.sort("on", "step").select("subscription_id", "on", pl.col("seats").alias(name))
    closes = closes.group_by("subscription_id", "on", maintain_order=True).last().sort("on")
    numbered = moments.with_row_index("_row").sort("on")
    joined = numbered.join_asof(closes, on="on", by="subscription_id", strategy="backward", check_sortedness=False)
    return joined.sort("_row").drop("_row")


def with_agreed_seats(days: pl.DataFrame, agreed: pl.DataFrame) -> pl.DataFrame:
    """Add to each day of a subscription on committed seats those agreed at its close, as `agreed`; null for all other days.

    Grain: row -> row, in the same order. `days` has subscription_id, on, basis.
    """
    at = days.select((pl.col("basis") == "committed").arg_true()).to_series()
    seats = agreed_at(agreed, days.select("subscription_id", "on")[at])["agreed"]
    return days.with_columns(agreed=pl.repeat(None, days.height, dtype=pl.Int64, eager=True).scatter(at, seats))
