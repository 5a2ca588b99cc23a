"""Fold the rosters of a month into bits, a day at a time, each user known by a number (rule D1).

Rosters of neighbouring days are nearly the same. So a user's text is kept once, and each day costs a look-up of numbers: a 64-bit
hash of workspace and user finds the user, a second one makes sure of it.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import polars as pl

from transforms.catalog import KINDS, STATUSES
from transforms.roster_months import NO_ROSTERS, SCHEMA, bits_of

USER = ["workspace_id", "user_id"]
PERSON = [*USER, "status", "name", "email"]
_CODES = pl.DataFrame(
    [(kind, status, enabled) for kind in KINDS for status in STATUSES for enabled in (None, False, True)],
    schema={"kind": pl.String, "status": pl.String, "login_enabled": pl.Boolean},
    orient="row",
).with_row_index("standing")


class HashesCollide(Exception):
    """Two users have the same hash, as one pair in 10¹⁹ may: the rosters have to be folded by their text."""


class Day(NamedTuple):
    """A day's roster with the number of each row's user; null: not met before in this month."""

    on: date
    rows: pl.DataFrame
    hashes: pl.DataFrame
    users: pl.Series

    @property
    def newcomers(self) -> pl.DataFrame:
        """The rows of users not met before."""
        return self.rows.filter(self.users.is_null())


class RosterFold:
    """The rosters of one month so far. Days are added in order, each with a user once."""

    def __init__(self) -> None:
        self._known = pl.DataFrame(schema={"hash": pl.UInt64, "user": pl.UInt32})
        self._texts: list[pl.DataFrame] = []
        # by user number: the second hash, the present standing, its bits, and the last day on a roster
        self._sure = pl.Series(dtype=pl.UInt64)
        self._standing = pl.Series(dtype=pl.UInt32)
        self._bits = pl.Series(dtype=pl.UInt32)
        self._seen = pl.Series(dtype=pl.UInt32)
        self._earlier: list[pl.DataFrame] = []  # the standings that users had before their present one
        self._left: list[pl.DataFrame] = []  # the last rows of users who left a roster
        self._last: Day | None = None

    def look_up(self, on: date, rows: pl.DataFrame) -> Day:
        """Find the users of a day's rows.

        Shapes: `rows` has the columns of a users row, typed.
        Raises: HashesCollide.
        """
        hashes = rows.select(hash=_hash(1, 2), sure=_hash(3, 4))
        return Day(on, rows, hashes, self._found(hashes, self._known))

    def add(self, day: Day) -> bool:
        """Fold a day. False, and it is not folded, where a user is there twice. Raises HashesCollide."""
        users = self._numbered(day)
        if users.n_unique() < len(users):
            return False
        standing = _standing_codes(day.rows)
        has_moved = standing != self._standing.gather(users)
        if has_moved.any():
            moved = users.filter(has_moved)
            self._earlier.append(self._standings().select(pl.all().gather(moved)).filter(pl.col("bits") != 0))
            self._standing.scatter(moved, standing.filter(has_moved))
            self._bits.scatter(moved, 0)
        self._bits.scatter(users, _with_bit(self._bits.gather(users), day.on))
        self._seen.scatter(users, day.on.day)
        if self._last:
            is_gone = self._seen.gather(self._last.users) != day.on.day
            self._left.append(_of_its_own(_people(self._last._replace(rows=self._last.rows.select(PERSON).filter(is_gone)))))
        self._last = day._replace(users=users)
        return True

    def roster_month(self) -> pl.DataFrame:
        """The month's roster, as far as it was added. Grain: workspace, user, standing."""
        if not self._last:
            return NO_ROSTERS
        active = pl.Series("last_active_on", [None], dtype=pl.Date).new_from_index(0, len(self._bits))
        active.scatter(self._last.users, self._last.rows["last_active_on"])
        present = self._standings().with_columns(active).filter(pl.col("bits") != 0)
        earlier = pl.concat([present.clear(), *(frame.with_columns(last_active_on=pl.lit(None, pl.Date)) for frame in self._earlier)])
        together = present
        if earlier.height:  # who came back to a standing has two rows of it
            both = pl.concat([present, earlier])
            together = both.group_by("user", "standing").agg(pl.col("bits").bitwise_or(), pl.col("last_active_on").max())
        texts = pl.concat(self._texts).select(pl.all().gather(together["user"]))
        standings = _CODES.select(pl.all().gather(together["standing"])).drop("standing")
        return pl.concat([texts, standings, together.select("bits", "last_active_on")], how="horizontal").select(list(SCHEMA))

    def people(self) -> pl.DataFrame:
        """Of every user the row of the last day on a roster, with that `day`: what the directory asks for."""
        return pl.concat([*self._left, _people(self._last)])

    def _found(self, hashes: pl.DataFrame, known: pl.DataFrame) -> pl.Series:
        users = hashes.select("hash").join(known, on="hash", how="left", maintain_order="left")["user"]
        is_known = users.is_not_null()
        if not (self._sure.gather(users.filter(is_known)) == hashes["sure"].filter(is_known)).all():
            raise HashesCollide
        return users

    def _numbered(self, day: Day) -> pl.Series:
        """The number of each row's user; users not met before get the next ones. Raises HashesCollide."""
        is_new = day.users.is_null()
        if not is_new.any():
            return day.users
        newcomers = pl.concat([day.rows.select(USER), day.hashes], how="horizontal").filter(is_new)
        fresh = newcomers.unique("hash", keep="first", maintain_order=True)
        first = len(self._sure)
        numbers = fresh.select("hash", user=pl.int_range(first, first + pl.len(), dtype=pl.UInt32))
        self._known = pl.concat([self._known, numbers])
        self._texts.append(_of_its_own(fresh.select(USER)))
        self._sure = pl.concat([self._sure, fresh["sure"]], rechunk=True)
        self._standing, self._bits, self._seen = (_longer(of, fresh.height) for of in (self._standing, self._bits, self._seen))
        users = day.users.clone()
        return users.scatter(is_new.arg_true(), self._found(newcomers, numbers))

    def _standings(self) -> pl.DataFrame:
        numbers = pl.int_range(len(self._bits), dtype=pl.UInt32, eager=True)
        return pl.DataFrame({"user": numbers, "standing": self._standing, "bits": self._bits})


def _hash(*seeds: int) -> pl.Expr:
    workspace, user = (pl.col(column).hash(seed) for column, seed in zip(USER, seeds, strict=True))
    return workspace * pl.lit(0x9E3779B97F4A7C15, pl.UInt64) + user  # wraps, as hashes may


def _of_its_own(rows: pl.DataFrame) -> pl.DataFrame:
    """A copy that keeps nothing else in memory: a few texts of a column hold on to all of it."""
    return pl.from_arrow(rows.to_arrow(compat_level=pl.CompatLevel.oldest()))


def _longer(series: pl.Series, more: int) -> pl.Series:
    return pl.concat([series, pl.zeros(more, series.dtype, eager=True)], rechunk=True)


def _with_bit(bits: pl.Series, day: date) -> pl.Series:
    return bits.to_frame("bits").select(pl.first() | pl.lit(bits_of([day]), pl.UInt32)).to_series()


def _standing_codes(rows: pl.DataFrame) -> pl.Series:
    """Kind, status and, of an alias, whether login is enabled, as one number: a row of `_CODES`."""
    kind = pl.col("kind").cast(pl.Enum(KINDS)).to_physical().cast(pl.UInt32)
    status = pl.col("status").cast(pl.Enum(STATUSES)).to_physical().cast(pl.UInt32)
    enabled = pl.when(kind == KINDS.index("alias")).then(pl.col("login_enabled").cast(pl.UInt32) + 1).otherwise(0)
    return rows.select(standing=(kind * len(STATUSES) + status) * 3 + enabled.cast(pl.UInt32)).to_series()


def _people(day: Day) -> pl.DataFrame:
    return day.rows.select(PERSON).with_columns(pl.col("status").cast(pl.String), day=pl.lit(day.on, pl.Date))
