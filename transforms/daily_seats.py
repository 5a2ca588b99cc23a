"""Seats of a workspace, day by day, from the changes of its users (rules D1, D6). Small from here on: no users any more."""

from __future__ import annotations

import polars as pl

from transforms.contracts.findings import holds
from transforms.contracts.seats import DailySeats, Reactivations
from transforms.money import MAX_QUANTITY
from transforms.sorted_rows import in_order, with_running_sum

WORKSPACE = ["catalog", "workspace_id"]


def daily_seats_from_seat_changes(changes: pl.DataFrame) -> pl.DataFrame:
    """Sum the changes of a workspace's users by day, and run the total.

    Grain:  catalogue, workspace, user, day of change -> catalogue, workspace, day of change.
    Needs:  every change since the ledger's opening day, when each seat then held counts as added.
    """
    is_arrival = pl.col("change") == 1
    is_back = is_arrival & pl.col("released_on").is_not_null()
    moved = changes.select(*WORKSPACE, on="moved_on", added=is_arrival, removed=~is_arrival, reactivated=is_back)
    daily = moved.group_by(*WORKSPACE, "on").agg(pl.all().sum().cast(pl.Int64))
    daily = with_running_sum(in_order(daily, *WORKSPACE, "on"), "occupied", pl.col("added") - pl.col("removed"), *WORKSPACE)
    return DailySeats.validate(daily)


def holds_from_crowds(daily: pl.DataFrame) -> pl.DataFrame:
    """Workspaces of more seats than a charge may have: held, as a wrapped number would be worse (G2). Grain: workspace -> hold."""
    crowded = daily.filter(pl.col("occupied") > MAX_QUANTITY).group_by("workspace_id").agg(on=pl.col("on").min())
    detail = pl.lit(f"more than {MAX_QUANTITY} seats, the most that is reckoned with")
    return holds(crowded, "too_many_seats", "correct the rosters, or divide the workspace", detail=detail, since_on="on")


def reactivations_from_seat_changes(changes: pl.DataFrame) -> pl.DataFrame:
    """Count the users who came back, by the day they did and the day their seat had been released (D6).

    Grain:  catalogue, workspace, user, day of change -> catalogue, workspace, day, day of release.
    """
    back = changes.filter((pl.col("change") == 1) & pl.col("released_on").is_not_null())
    counted = back.group_by(*WORKSPACE, "released_on", on="moved_on").agg(seats=pl.len().cast(pl.Int64))
    columns = [*WORKSPACE, "on", "released_on", "seats"]
    return Reactivations.validate(in_order(counted.select(columns), *columns))


def seats_at(daily: pl.DataFrame, moments: pl.DataFrame, name: str = "occupied") -> pl.DataFrame:
    """Add to each moment (catalogue, workspace, `on`) the seats occupied at that day's close, 0 where never any.

    Grain: row -> row, in the same order.
    """
    seats = daily.select(*WORKSPACE, "on", pl.col("occupied").alias(name)).sort("on")
    numbered = moments.with_row_index("_row").sort("on")
    joined = numbered.join_asof(seats, on="on", by=WORKSPACE, strategy="backward", check_sortedness=False)
    return joined.sort("_row").drop("_row").with_columns(pl.col(name).fill_null(0))
