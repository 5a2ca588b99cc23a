"""Stays: a user's days of a month on which they stood the same, found by comparing each day's rows with those of the day before.

From one day to the next nearly all rows are alike, wherever in their file they are. A stay goes on as long as they are; the others end.
One that is not found again though it is there only makes two stays of one: what is made of stays (roster months, people) is the same
however they are cut, so nothing depends on the order of rows, only how many stays there are.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import polars as pl

from transforms.contracts.sources import PERSON
from transforms.roster_months import SCHEMA, STANDING, bits_of
from transforms.sorted_rows import in_order

_USER = ["workspace_id", "user_id"]
_FOUND_BY = [*_USER, "kind", "role", "status"]  # and login_enabled: rows that are alike in these are one stay
_STIR = 0x9E3779B97F4A7C15
_PLACES_A_ROW = 4
_STAYS_AT_ONCE = 1_000_000
_APART = 64  # rows
_LOWER = (
    1,
    1 << 20,
    1 << 40,
)  # what numbers are divided by, one after the other: a place has room for one, and who is pushed out is looked for by other bits
STAYS = {
    **dict.fromkeys(STANDING, pl.String),
    "login_enabled": pl.Boolean,  # aliases only, else null
    "bits": pl.UInt32,
    "name": pl.String,
    "email": pl.String,
    "last_active_on": pl.Date,
    "day": pl.Date,  # the last of the stay, of which name, email and last_active_on are
    "user": pl.UInt64,  # a hash of the user
}


class OpenStays(NamedTuple):
    """The stays that a day's rows go on with or begin, one a row: the rows, and of each the user's hash, another of all that it is found by, and the days."""

    rows: pl.DataFrame
    user: pl.Series
    mark: pl.Series
    bits: pl.Series
    day: date


class DayAfter(NamedTuple):
    """What a day makes of the stays before it: those that are open now; those that ended (STAYS); and the rows that began one: workspace_id, user_id, kind, role, status."""

    open: OpenStays
    ended: pl.DataFrame
    began: pl.DataFrame


class MonthOfStays(NamedTuple):
    """A roster month, and the last row of each of its users; both sorted."""

    rosters: pl.DataFrame
    people: pl.DataFrame


def stays_after_day(before: OpenStays | None, rows: pl.DataFrame, day: date) -> DayAfter:
    """Go on with the stays that a day's rows are alike to, end the others, begin those of new rows.

    Grain:  workspace, user of the day, in the order of its rows. `before` is what was open on the last day before, None for the first.
    Shapes: rows of the users contract that keep it.
    """
    user, mark = _marks(rows)
    bit, asked = bits_of([day]), rows.select(_FOUND_BY)
    if before is None:
        bits = pl.repeat(bit, rows.height, dtype=pl.UInt32, eager=True)
        return DayAfter(OpenStays(rows, user, mark, bits, day), pl.DataFrame(schema=STAYS), asked)
    place = _places(user, mark, before)
    has_ended = _left_over(before.rows.height, place)
    if len(place) - place.null_count() + has_ended.sum() > before.rows.height:  # a user twice on this day goes on with a stay once
        place = _where(place.is_first_distinct(), place)
    bits = before.bits.gather(place).fill_null(0) | bit
    return DayAfter(OpenStays(rows, user, mark, bits, day), _told(before, has_ended), asked.filter(place.is_null()))


def all_ended(stays: OpenStays) -> pl.DataFrame:
    """What is open still, after the last day: STAYS."""
    return _told(stays, pl.repeat(True, stays.rows.height, dtype=pl.Boolean, eager=True))


def _told(stays: OpenStays, which: pl.Series) -> pl.DataFrame:
    """Some open stays as they are told to others."""
    columns = [column for column in STAYS if column in stays.rows.columns]
    told = stays.rows.select(*columns, stays.bits.alias("bits"), stays.user.alias("user")).filter(which).with_columns(day=pl.lit(stays.day))
    return told.with_columns(login_enabled=pl.when(pl.col("kind") == "alias").then("login_enabled")).select(list(STAYS))


def days_with_repeats(stays: pl.DataFrame) -> int:
    """The mask of the days on which a user has two rows.

    Grain:  stay with `user` and `bits`; every one of the month.
    """
    of, days = max(1, -(-stays.height // _STAYS_AT_ONCE)), 0
    for n in range(of):
        days |= _days_with_repeats(stays.filter(pl.col("user") % of == n) if of > 1 else stays)
    return days


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
    told = stays.with_columns(last_active_on=pl.when(pl.col("day") == last).then("last_active_on"))
    ordered = in_order(told, *STANDING, "day")
    standing, user = _begins(ordered, STANDING), _begins(ordered, _USER)
    days = _of_several(ordered, standing, pl.col("bits").bitwise_or(), pl.col("last_active_on").max())
    rosters = ordered.select(list(SCHEMA)).filter(standing)
    rosters = rosters.with_columns(rosters[name].scatter(days["of"], days[name]) for name in ("bits", "last_active_on"))
    latest = _of_several(ordered, user, at=pl.col("at").sort_by("day").last())
    return MonthOfStays(rosters, ordered.select(PERSON)[user.arg_true().scatter(latest["of"], latest["at"])])


def _begins(ordered: pl.DataFrame, key: list[str]) -> pl.Series:
    """Which rows are the first of their key."""
    is_as_before = pl.all_horizontal(pl.col(column).eq_missing(pl.col(column).shift()) for column in key)
    return ordered.select(~is_as_before | (pl.int_range(pl.len()) == 0)).to_series()


def _of_several(ordered: pl.DataFrame, begins: pl.Series, *told: pl.Expr, **named: pl.Expr) -> pl.DataFrame:
    """What is told of the rows of those keys that have several, with the number of the key as `of`; `at` is the number of a row."""
    has_several = ~(begins & begins.shift(-1, fill_value=True))
    rows = ordered.select("bits", "last_active_on", "day", of=begins.cum_sum() - 1, at=pl.int_range(pl.len(), dtype=pl.UInt32))
    return rows.filter(has_several).group_by("of").agg(*told, **named)


# --- finding rows again -----------------------------------------------------------------------------------------------------


def _marks(rows: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """Of each row 64 bits of its user, and 64 others of all that it is found by."""
    words = pl.col("kind").hash(1) + pl.col("role").hash(2) + pl.col("status").hash(3)
    marks = rows.select(user=_user(1), mark=_user(11) + words + pl.col("login_enabled").cast(pl.UInt64))
    return marks["user"], marks["mark"]


def _user(seed: int) -> pl.Expr:
    return pl.col("workspace_id").hash(seed) * pl.lit(_STIR, pl.UInt64) + pl.col("user_id").hash(seed + 1)  # wraps, as hashes may


def _places(user: pl.Series, mark: pl.Series, before: OpenStays) -> pl.Series:
    """Where each row is among those before, by position; null where it was not found. Compared in 128 bits."""
    found = _in_order(mark, before.mark)
    left, free = found.is_null().arg_true(), _left_over(len(before.mark), found).arg_true()
    for divisor in _LOWER:
        if len(left) and len(free):
            marks, others = mark.gather(left), before.mark.gather(free)
            at = _candidates(marks // divisor, others // divisor, free)
            again = _where(before.mark.gather(at) == marks, at)
            found = found.scatter(left, again)
            left = left.filter(again.is_null())
    return _where(before.user.gather(found) == user, found)


def _in_order(marks: pl.Series, others: pl.Series) -> pl.Series:
    """Where rows are that are as far from the row found before them, or after them, as they were: found are one row in so many."""
    asked = pl.DataFrame({"mark": marks.gather_every(_APART)}).with_row_index("asked").unique("mark", keep="any")
    among = pl.DataFrame({"mark": others}).with_row_index("at")
    seen = among.join(asked, on="mark").select("asked", shift=pl.col("at").cast(pl.Int32) - pl.col("asked").cast(pl.Int32) * _APART)
    shifts = pl.repeat(None, len(marks) // _APART + 2, dtype=pl.Int32, eager=True).scatter(seen["asked"], seen["shift"])
    before, after = shifts.fill_null(strategy="forward"), shifts.fill_null(strategy="backward").shift(-1)
    row, last = pl.int_range(len(marks), dtype=pl.Int32, eager=True), len(others) - 1
    by_one = (row + before.gather(row // _APART)).clip(0, last)
    found = _where(others.gather(by_one) == marks, by_one)
    left = found.is_null().arg_true().cast(pl.Int32)
    by_other = (left + after.gather(left // _APART)).clip(0, last)
    return found.scatter(left, _where(others.gather(by_other) == marks.gather(left), by_other)).cast(pl.UInt32)


def _candidates(marks: pl.Series, others: pl.Series, positions: pl.Series) -> pl.Series:
    """For each mark the position of the other one that is equal to it in some bits, if it was not pushed out; else any position."""
    most = (1 << (len(others) * _PLACES_A_ROW).bit_length()) - 1
    table = pl.zeros(most + 1, dtype=pl.UInt32, eager=True).scatter((others & most).cast(pl.UInt32), positions)
    return table.gather((marks & most).cast(pl.UInt32))


def _left_over(height: int, found: pl.Series) -> pl.Series:
    """Which positions were not found."""
    return pl.repeat(True, height, dtype=pl.Boolean, eager=True).scatter(found.drop_nulls(), False)


def _where(is_so: pl.Series, values: pl.Series) -> pl.Series:
    return pl.select(pl.when(is_so).then(values)).to_series()
