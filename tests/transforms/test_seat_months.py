"""A day is a bit: the bits say what counting sets day by day says (rules D1, D6), in any order and however often told."""

from __future__ import annotations

import random
from datetime import date, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.calendar import day_in_month, first_of_month
from transforms.roster_months import SCHEMA, roster_month_from_rows
from transforms.seat_months import seat_changes_from_seat_month, seat_month_from_roster_month

FIRST = date(2026, 1, 20)
OWNERS = pl.DataFrame({"workspace_id": ["w"], "catalog": ["c"]})
IS_ACTIVE = pl.col("status") == "active"


def roster(users: dict[str, str]) -> pl.DataFrame:
    rows = [("w", user, "teammate", status, True) for user, status in users.items()] or [("w", "nobody", "portal", "active", True)]
    return pl.DataFrame(rows, schema=["workspace_id", "user_id", "kind", "status", "login_enabled"], orient="row").with_columns(
        last_active_on=pl.lit(None, pl.Date)
    )


def changes_by_bits(days: list[dict[str, str]], shuffle: int) -> set[tuple]:
    by_month: dict[date, list[pl.DataFrame]] = {}
    numbered = [(FIRST + timedelta(days=n), users) for n, users in enumerate(days)]
    last = numbered[-1][0]
    for day, users in random.Random(shuffle).sample(numbered, len(numbered)):
        rows = roster(users)
        twice = pl.concat([rows, rows.sample(1, seed=1)]).with_columns(day=pl.lit(day))
        by_month.setdefault(first_of_month(day), []).append(twice)
    found, previous = set(), None
    for month in sorted(by_month):
        previous = seat_month_from_roster_month(
            roster_month_from_rows(pl.concat(by_month[month])), OWNERS, IS_ACTIVE & (pl.col("kind") == "teammate"), month, previous
        )
        until = min(last, day_in_month(month.year, month.month, 31))
        changes = seat_changes_from_seat_month(previous, month, max(FIRST, month), until)
        found |= set(changes.select("user_id", "moved_on", "change", "released_on", "is_on_roster").iter_rows())
    return found


def changes_by_sets(days: list[dict[str, str]]) -> set[tuple]:
    found, before, last_held = set(), set(), {}
    for n, users in enumerate(days):
        day = FIRST + timedelta(days=n)
        held = {user for user, status in users.items() if status == "active"}
        for user in held - before:
            released = last_held[user] + timedelta(days=1) if user in last_held else None
            found.add((user, day, 1, released, True))
        for user in before - held:
            found.add((user, day, -1, day, user in users))
        last_held |= dict.fromkeys(held, day)
        before = held
    return found


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["active", "active", "pending"])), min_size=1, max_size=75),
    st.integers(0, 99),
)
def test_bits_say_what_sets_say(days: list[dict[str, str]], shuffle: int) -> None:
    assert changes_by_bits(days, shuffle) == changes_by_sets(days)


BITS = st.integers(1, 2**31 - 1)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.tuples(st.sampled_from("uvw"), st.sampled_from(["active", "pending", "deleted"])), BITS, min_size=1))
def test_a_users_standings_are_put_together_bit_by_bit_also_where_two_have_the_same_day(standings: dict[tuple[str, str], int]) -> None:
    rows = [("w", user, "teammate", status, None, bits, None) for (user, status), bits in sorted(standings.items())]
    month = seat_month_from_roster_month(pl.DataFrame(rows, schema=SCHEMA, orient="row"), OWNERS, IS_ACTIVE, date(2026, 1, 1), None)
    held, present = {}, {}
    for (user, status), bits in standings.items():
        held[user] = held.get(user, 0) | (bits if status == "active" else 0)
        present[user] = present.get(user, 0) | bits
    said = {user: bits for user, *bits in month.select("user_id", "held_bits", "present_bits").iter_rows()}
    assert said == {user: [held[user], present[user]] for user in present if held[user]}
