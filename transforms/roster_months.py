"""A day is a bit: the daily rosters of a month, one 32-bit integer for each user and standing (rule D1).

A user's *standing* is what decides whether they hold a seat: kind, status and, for an alias, whether login is enabled.
Bit d-1 is set where the user stood so at the close of day d. The OR makes order and repetition irrelevant, and no policy
is in it yet, so a roster month depends on the rosters of its days alone. It is also how rosters are kept: a day of a month
can be taken out, put in and replaced without the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import polars as pl

from transforms.sorted_rows import in_order, positions_of, with_rows_added

STANDING = ["workspace_id", "user_id", "kind", "status", "login_enabled"]
SCHEMA = {
    "workspace_id": pl.String,
    "user_id": pl.String,
    "kind": pl.String,
    "status": pl.String,
    "login_enabled": pl.Boolean,  # aliases only, else null
    "bits": pl.UInt32,
    "last_active_on": pl.Date,  # as the roster of the month's last day says; null for who is not on it
}
NO_ROSTERS = pl.DataFrame(schema=SCHEMA)


def bits_of(days: Iterable[date]) -> int:
    """The mask of some days of a month."""
    return sum({1 << (day.day - 1) for day in days})


def roster_month_from_rows(rows: pl.DataFrame, last: date | None = None) -> pl.DataFrame:
    """Fold the rosters of one month by the text of their rows: what a few thousand users cost least.

    Grain:  users rows of one month, with their `day` -> workspace, user, standing.
    Shapes: `last` is the last day that came in, where it may have no row that is sound.
    """
    if rows.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    numbered = {day: bits_of([day]) for day in rows["day"].unique()}
    told = rows.select(
        "workspace_id",
        "user_id",
        pl.col("kind", "status").cast(pl.String),
        login_enabled=pl.when(pl.col("kind") == "alias").then("login_enabled"),
        bits=pl.col("day").replace_strict(numbered, return_dtype=pl.UInt32),
        last_active_on=pl.when(pl.col("day") == (last or pl.col("day").max())).then("last_active_on"),
    )
    folded = told.group_by(STANDING).agg(pl.col("bits").bitwise_or(), pl.col("last_active_on").max())
    return in_order(folded.select(list(SCHEMA)), *STANDING)


def on_day(day: date) -> pl.Expr:
    """Whether a row of a roster month is on that day's roster."""
    return (pl.col("bits") & bits_of([day])) != 0


def roster_month_of_days(roster_month: pl.DataFrame, days: Iterable[date]) -> pl.DataFrame:
    """The same month as if only these of its days had come in."""
    mask = bits_of(days)
    kept = roster_month.with_columns(pl.col("bits") & pl.lit(mask, pl.UInt32))
    return kept.filter(pl.col("bits") != 0)


def roster_month_with_days(
    kept: pl.DataFrame, fresh: pl.DataFrame, days: Iterable[date], known: Iterable[date] | None = None
) -> pl.DataFrame:
    """A roster month in which the rosters of some days, now in `fresh`, take the place of what was there of them.

    Grain:  workspace, user, standing -> the same, sorted.
    Shapes: `kept` and `fresh` are sorted. `known` are the days that `kept` was made of, where its rows alone do not tell them: a bucket's.
    """
    days = list(days)
    replaced = {day.day for day in days}
    others = {day.day for day in known} - replaced if known is not None else _days_of(kept) - replaced
    before = roster_month_of_days(kept, [date(days[0].year, days[0].month, d) for d in others])
    is_latest = max(others, default=0) < max(replaced)  # the roster of the month's last day speaks of when users were active
    said = fresh if is_latest else fresh.with_columns(last_active_on=pl.lit(None, pl.Date))
    if before.is_empty():
        return said.select(list(SCHEMA))
    found = positions_of(fresh, before, STANDING)
    is_known = found.is_not_null()
    again, at = said.filter(is_known), found.filter(is_known)
    bits = before["bits"].scatter(at, before["bits"].gather(at) | again["bits"])
    active = before["last_active_on"]
    if is_latest:
        active = active.clear(before.height).scatter(at, again["last_active_on"])
    return with_rows_added(before.with_columns(bits, active).select(list(SCHEMA)), said.filter(~is_known), STANDING)


def roster_month_with_repeated_day(
    roster_month: pl.DataFrame, before: pl.DataFrame, day: date, day_before: date, known: Iterable[date] | None = None
) -> pl.DataFrame:
    """A roster month in which a lost day's roster is that of the day before, which may be in the month `before` (G1)."""
    repeated = before.filter(on_day(day_before)).with_columns(bits=pl.lit(bits_of([day]), pl.UInt32))
    return roster_month_with_days(roster_month, repeated, [day], known)


def _days_of(roster_month: pl.DataFrame) -> set[int]:
    """The days, by their number, that anyone is on the roster of."""
    together = roster_month["bits"].bitwise_or() if roster_month.height else 0
    return {n + 1 for n in range(31) if (together or 0) >> n & 1}
