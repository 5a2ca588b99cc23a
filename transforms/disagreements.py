"""Where activity says of a user what that day's roster does not: a seat, an invitation, an alias."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

from transforms.catalog import Catalog
from transforms.contracts.findings import exceptions
from transforms.contracts.sources import SEAT_IS_GONE, USER_EVENTS
from transforms.policy import local_day
from transforms.sorted_rows import with_latest

_SEAT_IS_HELD = ["accepted", "reactivated"]
_IS_THERE = ["added", "invited", "alias_granted"]


def users_said_to_be_there(activity: pl.DataFrame) -> pl.DataFrame:
    """Whose standings `disagreement_findings` asks for, and in which month. Grain: event -> workspace, user, month.

    The day of an event is that of a catalogue's time zone: near a month's end both months are asked for.
    """
    named = activity.filter(pl.col("event").is_in(_IS_THERE)).select("workspace_id", "user_id", "occurred_at").drop_nulls()
    ends = [pl.col("occurred_at").dt.offset_by(by).dt.date().dt.truncate("1mo") for by in ("-12h", "14h")]  # the zones furthest from UTC
    return pl.concat([named.select("workspace_id", "user_id", month=end) for end in ends]).unique()


def disagreement_findings(
    changes: pl.DataFrame,
    standings: pl.DataFrame,
    activity: pl.DataFrame,
    counted_by: pl.DataFrame,
    catalogs: Mapping[str, Catalog],
    opening_on: date,
    horizon: date,
) -> pl.DataFrame:
    """Where activity and roster disagree at a day's close the roster decides, and the disagreement is reported (G5).

    Grain:  user, day of an event -> finding, from the last event of the user's day.
    Shapes: `changes` of seats; `standings` of `users_said_to_be_there`, in their months; `counted_by` workspace_id, catalog: those by which a seat was ever counted.
    """
    says = activity.filter(pl.col("event").is_in(USER_EVENTS) & pl.col("user_id").is_not_null())
    says = says.join(counted_by, on="workspace_id").with_columns(on=local_day(catalogs))
    says = says.filter(pl.col("on").is_between(opening_on, horizon)).sort("occurred_at", "event_id")
    user = ["catalog", "workspace_id", "user_id"]
    last = says.unique([*user, "on"], keep="last", maintain_order=True)
    told = pl.concat([_denied_seats(last, changes, user), _denied_standings(last, standings)])
    wrong = told.unique(["workspace_id", "user_id", "event_id"], keep="first").sort("workspace_id", "on", "user_id", "event_id")
    detail = pl.format("event {} says {} of user {}, who {} on that day's roster", "event_id", "event", "user_id", "roster")
    return exceptions(wrong, "G5", "activity_disagrees", detail, severity="notice")


def _denied_seats(says: pl.DataFrame, changes: pl.DataFrame, user: list[str]) -> pl.DataFrame:
    """Events that say that a seat is held, of who holds none, and the other way round; with what the `roster` says."""
    of_seats = says.filter(pl.col("event").is_in(SEAT_IS_GONE + _SEAT_IS_HELD))
    known = with_latest(of_seats, changes.select(*user, "change", on="moved_on"), "change", user)
    holds_seat = (pl.col("change") == 1).fill_null(False)
    wrong = known.filter(holds_seat != pl.col("event").is_in(_SEAT_IS_HELD)).drop("change", "catalog")
    return wrong.with_columns(roster=pl.when(pl.col("event").is_in(SEAT_IS_GONE)).then(pl.lit("holds a seat")).otherwise(pl.lit("holds no seat")))


def _denied_standings(says: pl.DataFrame, standings: pl.DataFrame) -> pl.DataFrame:
    """Events that say that someone was added, invited or made an alias, who is not there so."""
    named = says.filter(pl.col("event").is_in(_IS_THERE)).drop("catalog").unique(maintain_order=True)
    user_month = ["workspace_id", "user_id", "month"]
    asked = named.with_row_index("asked").with_columns(month=pl.col("on").dt.truncate("1mo"), bit=pl.lit(2, pl.Int64).pow(pl.col("on").dt.day() - 1))
    stands = asked.select("asked", "event", *user_month, "bit").join(standings, on=user_month)
    stands = stands.filter((pl.col("bits").cast(pl.Int64) & pl.col("bit")) != 0)
    is_there = pl.col("status").is_in(["pending", "active"]) & ((pl.col("event") != "alias_granted") | (pl.col("kind") == "alias"))
    wrong = asked.join(stands.filter(is_there), on="asked", how="anti", maintain_order="left")
    roster = pl.when(event="alias_granted").then(pl.lit("is no alias")).otherwise(pl.lit("is neither pending nor active"))
    return wrong.with_columns(roster=roster).drop("asked", "month", "bit")
