"""Stays: a user's days of a month on which they stood the same, found by comparing each day's rows with those of the day before.

From one day to the next nearly all rows are alike, wherever in their file they are. A stay goes on as long as they are; the others end.
One that is not found again though it is there only makes two stays of one: what is made of stays (roster months, people) is the same
however they are cut, so nothing depends on the order of rows, only how many stays there are.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl

from transforms.contracts.sources import PERSON
from transforms.roster_months import SCHEMA, STANDING
from transforms.sorted_rows import begins, has_several, in_order, in_order_of_groups

_USER = ["workspace_id", "user_id"]
_STAYS_AT_ONCE = 1_000_000
STAYS = {
    **dict.fromkeys(STANDING, pl.String),
    "login_enabled": pl.Boolean,
    "name": pl.String,
    "email": pl.String,
    "last_active_on": pl.Date,
    "day": pl.Date,  # the last of the stay, of which name, email and last_active_on are
    "bits": pl.UInt32,
    "user": pl.UInt64,  # a hash of the user
}


class MonthOfStays(NamedTuple):
    """A roster month, and the last row of each of its users; both sorted."""

    rosters: pl.DataFrame
    people: pl.DataFrame


def days_with_repeats(stays: pl.DataFrame) -> int:
    """The mask of the days on which a user has two rows.

    Grain:  stay with `user` and `bits`; every one of the month.
    """
    if _are_apart(stays["user"].to_numpy(), stays["bits"].to_numpy()):
        return 0
    of, days = max(1, -(-stays.height // _STAYS_AT_ONCE)), 0
    for n in range(of):
        days |= _days_with_repeats(stays.filter(pl.col("user") % of == n) if of > 1 else stays)
    return days


def _are_apart(user: np.ndarray, bits: np.ndarray) -> bool:
    """Whether nobody has a day in two stays: then as many bits are set once a user's stays are added as before."""
    if not len(user):
        return True
    order = np.argsort(user)
    ordered, days = user[order], bits[order].astype(np.uint64)
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    together = np.bitwise_count(np.add.reduceat(days, first))
    return bool((together == np.add.reduceat(np.bitwise_count(days), first, dtype=np.int64)).all())


def _days_with_repeats(stays: pl.DataFrame) -> int:
    several = stays.filter(stays["user"].is_duplicated())
    together = several.group_by("user").agg(pl.col("bits").bitwise_or().alias("together"), rows=pl.col("bits").bitwise_count_ones().sum())
    repeated = together.filter(pl.col("together").bitwise_count_ones() != pl.col("rows")).select("user")
    theirs = several.join(repeated, on="user", how="semi")
    rows = {n: (pl.col("bits") & pl.lit(1 << n, pl.UInt32) != 0).sum().alias(str(n)) for n in range(31)}
    most = theirs.group_by("user").agg(rows.values()).select(pl.col(map(str, rows)).max()) if theirs.height else None
    return sum(1 << n for n in rows if most is not None and most[str(n)][0] > 1)


def month_from_stays(stays: pl.DataFrame, last: date) -> MonthOfStays:
    """Put the stays of a bucket's users together. `last` is the last day that came in.

    Grain:  stay -> workspace, user, standing; and workspace, user.
    """
    of = -(-stays.height // _STAYS_AT_ONCE)
    if of <= 1:
        return _put_together(stays, last)
    months = [_put_together(stays.filter(pl.col("user") % of == n), last) for n in range(of)]
    return MonthOfStays(in_order(pl.concat([m.rosters for m in months]), *STANDING), in_order(pl.concat([m.people for m in months]), *_USER))


def _put_together(stays: pl.DataFrame, last: date) -> MonthOfStays:
    """In order, stays of one standing are neighbours, and so are the standings of a user. Nearly all have one stay, and theirs are left as they are."""
    told = stays.with_columns(
        login_enabled=pl.when(pl.col("kind") == "alias").then("login_enabled"),
        last_active_on=pl.when(pl.col("day") == last).then("last_active_on"),
    )
    ordered = in_order_of_groups(told, *STANDING, "day")
    user = begins(ordered, *_USER)
    standing = user | begins(ordered, *STANDING[len(_USER) :])
    days = _of_several(ordered, standing, pl.col("bits").bitwise_or(), pl.col("last_active_on").max())
    rosters = ordered.select(list(SCHEMA)).filter(standing)
    rosters = rosters.with_columns(rosters[name].scatter(days["of"], days[name]) for name in ("bits", "last_active_on"))
    latest = _of_several(ordered, user, at=pl.col("at").sort_by("day").last())
    return MonthOfStays(rosters, ordered.select(PERSON)[user.arg_true().scatter(latest["of"], latest["at"])])


def _of_several(ordered: pl.DataFrame, is_first: pl.Series, *told: pl.Expr, **named: pl.Expr) -> pl.DataFrame:
    """What is told of the rows of those keys that have several, with the number of the key as `of`; `at` is the number of a row."""
    rows = ordered.select("bits", "last_active_on", "day", of=is_first.cum_sum() - 1, at=pl.int_range(pl.len(), dtype=pl.UInt32))
    return rows.filter(has_several(is_first)).group_by("of").agg(*told, **named)
