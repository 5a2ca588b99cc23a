"""Stays: rows are found again from one day to the next, wherever they are, and what is made of stays does not depend on how they are cut."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.contracts.sources import UserRows
from transforms.day_after import all_ended, stays_after_day
from transforms.roster_months import STANDING, bits_of
from transforms.roster_stays import STAYS, days_with_repeats, month_from_stays

FIRST = date(2026, 3, 1)


def roster(names: str, **changed: str) -> pl.DataFrame:
    """A user for each letter, teammates and active unless said otherwise: `a="kind=alias,login_enabled=False"`."""
    rows = []
    for name in names:
        row = dict(workspace_id="w", user_id=name, kind="teammate", role="member", status="active", login_enabled=True, name=name.upper(), email=None, last_active_on=FIRST)  # fmt: skip
        for change in filter(None, changed.get(name, "").split(",")):
            column, value = change.split("=")
            row[column] = value == "True" if column == "login_enabled" else value
        rows.append(row)
    return pl.DataFrame(rows, schema=UserRows.types())


def stays_of(*days: pl.DataFrame, first: date = FIRST) -> pl.DataFrame:
    before, told = None, [pl.DataFrame(schema=STAYS)]
    for n, rows in enumerate(days):
        after = stays_after_day(before, rows, first + timedelta(n))
        before = after.open
        told.append(after.ended)
    return pl.concat([*told, all_ended(before)])


def seen(stays: pl.DataFrame) -> set[tuple[str, str, int, int]]:
    return set(stays.select("user_id", "status", "bits", pl.col("day").dt.day()).iter_rows())


def test_a_stay_lasts_as_long_as_a_user_is_there_and_stands_the_same() -> None:
    stays = stays_of(roster("abc"), roster("cab"), roster("cbd", b="status=deactivated"))
    assert seen(stays) == {("a", "active", 0b011, 2), ("b", "active", 0b011, 2), ("b", "deactivated", 0b100, 3), ("c", "active", 0b111, 3), ("d", "active", 0b100, 3)}  # fmt: skip


def test_who_comes_back_begins_another_stay() -> None:
    assert seen(stays_of(roster("ab"), roster("a"), roster("ab"))) == {("a", "active", 0b111, 3), ("b", "active", 0b001, 1), ("b", "active", 0b100, 3)}  # fmt: skip


def test_whether_login_is_enabled_is_told_of_aliases_only() -> None:
    stays = stays_of(roster("ab", a="kind=alias,login_enabled=False"), roster("ab", a="kind=alias"))
    month, _ = month_from_stays(stays, FIRST + timedelta(1))
    assert month.select("user_id", "login_enabled", "bits").rows() == [("a", False, 0b01), ("a", True, 0b10), ("b", None, 0b11)]


def test_a_month_of_stays_has_each_users_days_and_last_row() -> None:
    days = [roster("abc"), roster("ab", a="status=deactivated"), roster("cb", c="name=New")]
    month = month_from_stays(stays_of(*days), FIRST + timedelta(2))
    assert month.rosters.select("user_id", "status", "bits", "last_active_on").rows() == [
        ("a", "active", 0b001, None), ("a", "deactivated", 0b010, None), ("b", "active", 0b111, FIRST), ("c", "active", 0b101, FIRST),
    ]  # fmt: skip
    assert month.people.select("user_id", "status", "name", pl.col("day").dt.day()).rows() == [
        ("a", "deactivated", "A", 2), ("b", "active", "B", 3), ("c", "active", "New", 3),
    ]  # fmt: skip


def test_a_user_who_is_there_twice_is_found_on_that_day() -> None:
    assert days_with_repeats(stays_of(roster("abc"), roster("ab"), roster("abc"))) == 0
    assert days_with_repeats(stays_of(roster("abc"), roster("abca", a="status=revoked"), roster("abc"))) & bits_of([FIRST + timedelta(1)])
    twice = pl.concat([roster("ab"), roster("a", a="status=revoked")])
    assert days_with_repeats(stays_of(roster("abc"), twice, roster("abc"))) == bits_of([FIRST + timedelta(1)])


@pytest.mark.parametrize("twice", [0, 7, 150, 299])
def test_a_user_twice_on_a_day_is_found_on_no_day_before(twice: int) -> None:
    """Two rows beside each other are as far from one place before them as from another: only one of them goes on with the stay there."""
    rows = pl.concat(roster("u").with_columns(user_id=pl.lit(f"u{n:03}")) for n in range(300))
    stays = stays_of(*[rows] * 9, pl.concat([rows[: twice + 1], rows[twice:]]))
    assert days_with_repeats(stays) == 1 << 9


def test_a_share_may_have_no_rows_on_a_day() -> None:
    nobody = roster("")
    assert seen(stays_of(nobody, roster("ab"), nobody, roster("a"))) == {("a", "active", 0b0010, 2), ("b", "active", 0b0010, 2), ("a", "active", 0b1000, 4)}  # fmt: skip


@pytest.mark.parametrize("users", [1, 2, 1_000, 60_000])
def test_every_row_is_found_again_in_any_order(users: int) -> None:
    """But for a few of a thousand, which only begin another stay."""
    ids = pl.format("user-{}", pl.int_range(users).cast(pl.String))
    rows = pl.select(ids.alias("user_id")).join(roster("a").drop("user_id"), how="cross").select(UserRows.names())
    stays = stays_of(rows, rows.sample(fraction=1, shuffle=True, seed=1), rows.reverse())
    assert users <= stays.height <= users + users // 100
    month = month_from_stays(stays, FIRST + timedelta(2))
    assert month.rosters["bits"].to_list() == [0b111] * users
    assert month.rosters.select(STANDING).equals(rows.sort("user_id").with_columns(login_enabled=pl.lit(None, pl.Boolean)).select(STANDING))
    assert days_with_repeats(stays) == 0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, (1 << 31) - 1) | st.integers(0, 30).map(lambda n: 1 << n)), max_size=12))
def test_the_days_with_repeats_are_those_that_are_in_two_stays_of_one_user(told: list[tuple[int, int]]) -> None:
    stays = pl.DataFrame(told, schema={"user": pl.UInt64, "bits": pl.UInt32}, orient="row")
    twice = {n for n in range(31) for user in range(6) if sum(bits >> n & 1 for whose, bits in told if whose == user) > 1}
    assert days_with_repeats(stays) == sum(1 << n for n in twice)
