"""Every workspace and day with its seats, its standings and whether it is billed (rules D5, D7, G6)."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.calendar import MORE_THAN_DAYS
from transforms.contracts.occupancy import SeatOccupancy, StandingDays

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


def first_days_from_roster_month(roster_month: pl.DataFrame, month: date, first: date, last: date) -> pl.DataFrame:
    """The first day on which a workspace is on a roster. Grain: workspace, user, standing -> workspace, `on`; of the days `first` to `last` of the month."""
    asked = sum(1 << (day - 1) for day in range(first.day, last.day + 1))
    together = roster_month.group_by("workspace_id").agg(pl.col("bits").bitwise_or() & pl.lit(asked, pl.UInt32)).filter(pl.col("bits") != 0)
    return together.select("workspace_id", on=pl.lit(month) + pl.duration(days=pl.col("bits").bitwise_trailing_zeros()))


def _standing() -> pl.Expr:
    """As what a user without a plain seat is counted; null for all others."""
    is_waiting_or_gone = (pl.col("kind") == "teammate") & pl.col("status").is_in(["pending", "deactivated"])
    return pl.when(pl.col("kind").is_in(["alias", "portal"])).then("kind").when(is_waiting_or_gone).then("status")


def _counts_by_day(users: pl.DataFrame, days: range) -> pl.DataFrame:
    """How many users each workspace has on each of some days of a month, as a list in their order. Grain: workspace."""
    is_there = {str(day): (pl.col("bits") & (1 << (day - 1))) != 0 for day in days}
    sums = users.select("workspace_id", **is_there).group_by("workspace_id").agg(pl.all().sum().cast(pl.Int64))
    return sums.select("workspace_id", counts=pl.concat_arr([str(day) for day in days]).arr.to_list())


def occupancy_from_days(
    standing_days: pl.DataFrame, subscription_days: pl.DataFrame, daily: pl.DataFrame, held_workspaces: pl.Series
) -> pl.DataFrame:
    """Put together what is known of each workspace's day.

    Grain:  workspace, day -> the same: every day of a workspace that is on a roster that month or has a subscription then.
    Shapes: `subscription_days` has workspace_id, on, subscription_id, catalog, plan, basis, seat_limit, coverage, spell_from, agreed;
            where no subscription runs that day, the catalogue of the nearest one.
    """
    workspaces = _numbered(standing_days["workspace_id"], subscription_days["workspace_id"])
    counted, covered = (_in_order(frame.with_columns(place=_place(workspaces))) for frame in (standing_days, subscription_days))
    days = _with_seats(_side_by_side(counted, covered), daily, workspaces)
    is_committed = pl.col("basis") == "committed"
    days = days.with_columns(
        pl.col(*STANDING_COUNTS, "occupied", "added", "removed", "reactivated").fill_null(0),
        committed=pl.when(is_committed).then("agreed"),
        seat_limit=pl.when(is_committed).then("agreed").otherwise("seat_limit"),
        coverage=pl.when(pl.col("workspace_id").is_in(held_workspaces.implode()))
        .then(pl.lit("held"))
        .otherwise(pl.col("coverage").fill_null("no subscription")),
    )
    return SeatOccupancy.validate(days.with_columns(label=_labels(days)).select(SeatOccupancy.names()))


def _numbered(*texts: pl.Series) -> pl.Enum:
    """The different ones of some texts, each with a number, in their order. Those that are alike are most often neighbours."""
    once = [each.filter((each != each.shift()).fill_null(True)) for each in texts]
    return pl.Enum(pl.concat(once).unique().drop_nulls().sort())


def _place(workspaces: pl.Enum) -> pl.Expr:
    """A number for each day of each workspace, in their order: to join and sort by it costs a fraction of what the texts do."""
    return pl.col("workspace_id").cast(workspaces).to_physical().cast(pl.Int64) * MORE_THAN_DAYS + pl.col("on").to_physical()


def _in_order(days: pl.DataFrame) -> pl.DataFrame:
    """Rows in order of their places, and known to be: such are joined side by side, without a table of all of them."""
    in_order = days["place"].is_sorted()
    return days.with_columns(pl.col("place").set_sorted()) if in_order else days.sort("place", maintain_order=True)


def _side_by_side(counted: pl.DataFrame, covered: pl.DataFrame) -> pl.DataFrame:
    """Every place that is in one of two frames or in both, with what they say of it. Most often the same places are in both."""
    if counted["place"].equals(covered["place"]):
        return pl.concat([counted, covered.drop("place", "workspace_id", "on")], how="horizontal")
    every = pl.merge_sorted([counted.select("place"), covered.select("place")], key="place")
    every = _in_order(every.filter((pl.col("place") != pl.col("place").shift()).fill_null(True)))
    days = every.join(counted, on="place", how="left", maintain_order="left")
    days = days.join(covered, on="place", how="left", maintain_order="left", suffix="_of_subscription")
    return days.with_columns(pl.coalesce(name, f"{name}_of_subscription") for name in ("workspace_id", "on"))


def _with_seats(days: pl.DataFrame, daily: pl.DataFrame, workspaces: pl.Enum) -> pl.DataFrame:
    """Add the seats occupied at each day's close by the day's catalogue, and those that moved on the very day; none where none ever were.

    The latest row of a workspace and catalogue is the latest of all by a number in their order, if it is one of theirs.
    """
    catalogs = _numbered(days["catalog"], daily["catalog"])
    none = len(catalogs.categories)  # what a day without a catalogue is counted by: nobody holds a seat
    counted_by = pl.col("catalog").cast(catalogs).to_physical().cast(pl.Int64).fill_null(none)
    place = (pl.col("place") // MORE_THAN_DAYS * (none + 1) + counted_by) * MORE_THAN_DAYS + pl.col("on").to_physical()
    moved = ["added", "removed", "reactivated"]
    seats = daily.with_columns(place=_place(workspaces)).select("occupied", *moved, place=place).sort("place")
    asked = _in_order(days.select(row=pl.int_range(pl.len(), dtype=pl.UInt32), place=place))
    latest = asked.join_asof(seats, on="place", coalesce=False, check_sortedness=False)
    is_theirs = pl.col("place_right") // MORE_THAN_DAYS == pl.col("place") // MORE_THAN_DAYS
    is_of_the_day = pl.col("place_right") == pl.col("place")
    found = latest.select("row", pl.when(is_theirs).then("occupied"), pl.when(is_of_the_day).then(pl.col(*moved)))
    return pl.concat([days, found.sort("row").drop("row")], how="horizontal")


def _labels(days: pl.DataFrame) -> pl.Series:
    """What is told of each day's seats: put into words once for all days beside each other of which it is the same."""
    said = ["occupied", "seat_limit"]
    is_other = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift()) for name in said)
    told = days.select(*said, begins=is_other | (pl.int_range(pl.len()) == 0))
    used = pl.format("Active seats used: {}", "occupied")
    limited = pl.format("Active seats used: {}/{}", "occupied", "seat_limit")
    words = told.filter("begins").select(pl.when(pl.col("seat_limit").is_null()).then(used).otherwise(limited)).to_series()
    return words.gather(told["begins"].cum_sum() - 1)
