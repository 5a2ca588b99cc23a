"""Every workspace and day with its seats, its standings and whether it is billed (rules D5, D7, G6)."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.contracts.occupancy import SeatOccupancy, StandingDays

_MORE_THAN_DAYS = 10_000_000  # than there are dates
STANDING_COUNTS = ["pending", "alias", "portal", "deactivated"]


def standing_days_from_roster_month(roster_month: pl.DataFrame, month: date, first: date, last: date) -> pl.DataFrame:
    """Count the users who hold no plain seat, day by day: pending and deactivated teammates, aliases, portal users.

    Grain: workspace, user, standing -> workspace, day, for the days `first` to `last` of the month; workspaces on any roster of it.
    """
    days = range(first.day, last.day + 1)
    every = roster_month.select(pl.col("workspace_id").unique().sort())
    none = pl.lit([0] * len(days), dtype=pl.List(pl.Int64))
    counted = roster_month.select("workspace_id", "bits", standing=_standing()).drop_nulls("standing")
    for standing in STANDING_COUNTS:
        counts = _counts_by_day(counted.filter(standing=standing), days).rename({"counts": standing})
        every = every.join(counts, on="workspace_id", how="left", maintain_order="left").with_columns(pl.col(standing).fill_null(none))
    on = pl.lit([month.replace(day=day) for day in days], dtype=pl.List(pl.Date))
    return every.select("workspace_id", *STANDING_COUNTS, on=on).explode("on", *STANDING_COUNTS).select(StandingDays.names())


def _standing() -> pl.Expr:
    """As what a user without a plain seat is counted; null for all others."""
    is_waiting_or_gone = (pl.col("kind") == "teammate") & pl.col("status").is_in(["pending", "deactivated"])
    return pl.when(pl.col("kind").is_in(["alias", "portal"])).then("kind").when(is_waiting_or_gone).then("status")


def _counts_by_day(users: pl.DataFrame, days: range) -> pl.DataFrame:
    """How many users each workspace has on each of some days of a month, as a list in their order. Grain: workspace."""
    of_day = [((pl.col("bits") & (1 << (day - 1))) != 0).sum().cast(pl.Int64).alias(str(day)) for day in days]
    sums = users.group_by("workspace_id").agg(of_day)
    return sums.select("workspace_id", counts=pl.concat_arr([str(day) for day in days]).arr.to_list())


def occupancy_from_days(
    standing_days: pl.DataFrame,
    subscription_days: pl.DataFrame,
    daily: pl.DataFrame,
    agreed: pl.DataFrame,
    held_workspaces: pl.Series,
) -> pl.DataFrame:
    """Put together what is known of each workspace's day.

    Grain:  workspace, day -> the same: every day of a workspace that is on a roster that month or has a subscription then.
    Shapes: `subscription_days` has workspace_id, on, subscription_id, catalog, plan, basis, seat_limit, coverage, spell_from; where
            no subscription runs that day, the catalogue of the nearest one; `agreed` subscription_id, on, agreed.
    """
    place = _place(pl.concat([standing_days["workspace_id"], subscription_days["workspace_id"]]))
    counted, covered = (_in_order(frame.with_columns(place=place)) for frame in (standing_days, subscription_days))
    every = pl.merge_sorted([counted.select("place"), covered.select("place")], key="place")
    every = _in_order(every.filter((pl.col("place") != pl.col("place").shift()).fill_null(True)))
    days = every.join(counted, on="place", how="left", maintain_order="left")
    days = days.join(covered, on="place", how="left", maintain_order="left", suffix="_of_subscription")
    days = days.with_columns(pl.coalesce(name, f"{name}_of_subscription") for name in ("workspace_id", "on"))
    days = _with_seats(days, daily).join(agreed, on=["subscription_id", "on"], how="left", maintain_order="left")
    is_committed = pl.col("basis") == "committed"
    days = days.with_columns(committed=pl.when(is_committed).then("agreed")).with_columns(
        seat_limit=pl.when(is_committed).then("committed").otherwise("seat_limit"),
        coverage=pl.when(pl.col("workspace_id").is_in(held_workspaces.implode()))
        .then(pl.lit("held"))
        .otherwise(pl.col("coverage").fill_null("no subscription")),
    )
    used = pl.format("Active seats used: {}", "occupied")
    limited = pl.format("Active seats used: {}/{}", "occupied", "seat_limit")
    days = days.with_columns(pl.col(*STANDING_COUNTS, "occupied", "added", "removed", "reactivated").fill_null(0)).with_columns(
        label=pl.when(pl.col("seat_limit").is_null()).then(used).otherwise(limited)
    )
    return SeatOccupancy.validate(days.select(SeatOccupancy.names()))


def _place(workspace_ids: pl.Series) -> pl.Expr:
    """A number for each day of each workspace, in their order: to join and sort by it costs a fraction of what the texts do."""
    in_order = pl.Enum(workspace_ids.unique().sort())
    return pl.col("workspace_id").cast(in_order).to_physical().cast(pl.Int64) * _MORE_THAN_DAYS + pl.col("on").to_physical()


def _in_order(days: pl.DataFrame) -> pl.DataFrame:
    """Rows in order of their places, and known to be: such are joined side by side, without a table of all of them."""
    in_order = days["place"].is_sorted()
    return days.with_columns(pl.col("place").set_sorted()) if in_order else days.sort("place", maintain_order=True)


def _with_seats(days: pl.DataFrame, daily: pl.DataFrame) -> pl.DataFrame:
    """Add the seats occupied at each day's close, and those that moved on the very day. Each workspace's days are in order, which is enough."""
    moved = ["added", "removed", "reactivated"]
    seats = daily.select("catalog", "workspace_id", "on", "occupied", *moved).sort("on")
    latest = days.join_asof(seats, on="on", by=["catalog", "workspace_id"], coalesce=False, check_sortedness=False)
    return latest.with_columns(pl.when(pl.col("on_right") == pl.col("on")).then(pl.col(*moved))).drop("on_right")


def subscription_days(
    subscriptions: pl.DataFrame, spells: pl.DataFrame, standings: pl.DataFrame, plans: pl.DataFrame, first: date, last: date
) -> pl.DataFrame:
    """Which subscription, plan and coverage each workspace's day has.

    Grain:  workspace, day from `first` to `last`, for workspaces with a subscription.
    Shapes: `standings` has subscription_id, ended_on: a subscription that had ended before `first` ended all the same (G6), and
            its catalogue is that of the days after it.
    """
    owner = subscriptions.select("subscription_id", "workspace_id", "catalog")
    on_plan = spells.join(owner, on="subscription_id").join(
        plans.select("catalog", "plan", "basis", "seat_limit", "is_free"), on=["catalog", "plan"]
    )
    on_plan = on_plan.join(standings.select("subscription_id", "ended_on"), on="subscription_id")
    on_plan = on_plan.with_columns(
        until=pl.min_horizontal(
            pl.coalesce("spell_until", "ended_on", pl.lit(last) + pl.duration(days=1)), pl.lit(last) + pl.duration(days=1)
        ).cast(pl.Date),
        since=pl.max_horizontal("spell_from", pl.lit(first)),
        coverage=pl.when("is_free")
        .then(pl.lit("free plan"))
        .when(pl.col("term_from").is_null())
        .then(pl.lit("trial"))
        .otherwise(pl.lit("billed")),
    ).filter(pl.col("since") < pl.col("until"))
    covered = (
        on_plan.sort("workspace_id", maintain_order=True).with_columns(on=pl.date_ranges("since", "until", closed="left")).explode("on")
    )
    told = ["workspace_id", "on", "subscription_id", "catalog", "plan", "basis", "seat_limit", "coverage"]
    covered = covered.select(*told, spell_from=pl.when(pl.col("term_from").is_not_null()).then("spell_from"))
    place = _place(owner["workspace_id"])
    covered = _in_order(covered.with_columns(place=place).drop("workspace_id", "on"))
    if covered["place"].n_unique() < covered.height:  # subscriptions that overlap: their workspace is held
        covered = _in_order(covered.unique("place", keep="first", maintain_order=True))
    every = _every_day(owner.select(pl.col("workspace_id").unique().sort()), first, last)
    full = _in_order(every.with_columns(place=place)).join(covered, on="place", how="left", maintain_order="left").drop("place")
    full = full.join(_endings(owner, standings, first), on="workspace_id", how="left", maintain_order="left")
    latest = pl.coalesce(pl.col("catalog").forward_fill().over("workspace_id"), "catalog_before")
    has_ended = pl.col("coverage").is_null() & (pl.col("on") >= pl.col("ended_on"))
    return full.select(
        "workspace_id",
        "on",
        "subscription_id",
        latest.backward_fill().over("workspace_id").alias("catalog"),
        "plan",
        "basis",
        "seat_limit",
        pl.when(has_ended).then(pl.lit("ended")).otherwise("coverage").alias("coverage"),
        "spell_from",
    )


def _endings(owner: pl.DataFrame, standings: pl.DataFrame, first: date) -> pl.DataFrame:
    """From when a workspace has had a subscription that ended, and the catalogue of the last that ended by `first`.

    Grain: workspace of such a one: `ended_on`, `catalog_before`.
    """
    over = owner.join(standings.select("subscription_id", "ended_on").drop_nulls(), on="subscription_id").sort(
        "ended_on", "subscription_id"
    )
    before = pl.col("catalog").filter(pl.col("ended_on") <= first).last()
    return over.group_by("workspace_id").agg(pl.col("ended_on").first(), catalog_before=before)


def with_days_of_unresolved(days: pl.DataFrame, unresolved: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    """Add the days of workspaces of which no subscription can be resolved: they are held, on a roster or not.

    Grain:  workspace, day -> the same. `unresolved` has workspace_id and the one catalogue that its rows name, by which its
            seats are counted (null: none that there is, or two); none of them is in `days`.
    """
    if unresolved.is_empty():
        return days
    return pl.concat([days, _every_day(unresolved.sort("workspace_id"), first, last)], how="diagonal")


def _every_day(workspaces: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    days = pl.DataFrame({"on": pl.date_range(first, last, eager=True)})
    return workspaces.join(days, how="cross", maintain_order="left_right")
