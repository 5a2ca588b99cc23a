"""Seats that are paid for and not used: who was not active for a while, at the close of each month's last known day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

import polars as pl

from transforms.catalog import Catalog
from transforms.contracts.occupancy import IdleSeats, IdleUsers
from transforms.policy import holds_a_seat

IDLE_AFTER_DAYS = 30


def idle_users_from_roster(roster: pl.DataFrame, on: date) -> pl.DataFrame:
    """Count the users of a day's roster who were never active, or last on the 30th day before or earlier.

    Grain: workspace, user -> workspace, kind, status. No policy is in it: it depends on the day's roster alone.
    """
    last = pl.col("last_active_on")
    is_idle = last.is_null() | (last <= on - timedelta(days=IDLE_AFTER_DAYS))
    counts = roster.filter(is_idle).group_by("workspace_id", "kind", "status")
    counted = counts.agg(idle=pl.len().cast(pl.Int64), never_active=last.is_null().sum().cast(pl.Int64))
    return counted.with_columns(on=pl.lit(on)).select(IdleUsers.names()).sort(pl.all())


def idle_seats_from_idle_users(
    idle_users: Iterable[pl.DataFrame], occupancy: pl.DataFrame, catalogs: Mapping[str, Catalog]
) -> pl.DataFrame:
    """Those of them who hold a seat, by the seat policy of the day's catalogue (D3).

    Grain: workspace, day, kind, status -> workspace, day.
    """
    users = IdleUsers.validate(pl.concat([IdleUsers.empty(), *idle_users]))
    of_day = occupancy.filter(pl.col("on").is_in(users["on"].unique().implode())).select("workspace_id", "on", "catalog")
    seats = users.join(of_day, on=["workspace_id", "on"]).filter(holds_a_seat(catalogs.values()))
    summed = seats.group_by("workspace_id", "on").agg(idle_seats=pl.col("idle").sum(), never_active_seats=pl.col("never_active").sum())
    return IdleSeats.validate(summed.select(IdleSeats.names()).sort("workspace_id", "on"))
