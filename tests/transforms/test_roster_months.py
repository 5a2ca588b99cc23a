"""A month's days come and go; bucket by bucket it is the same; and what is told of people is their latest row."""

from __future__ import annotations

import random
from datetime import date

import polars as pl
import pytest

from transforms import sorted_rows
from transforms.buckets import buckets
from transforms.catalog import KINDS, STATUSES
from transforms.contracts.sources import UserRows
from transforms.directory import directory_from_people, people_from_rosters
from transforms.roster_months import (
    NO_ROSTERS,
    STANDING,
    on_day,
    roster_month_from_rows,
    roster_month_of_days,
    roster_month_with_days,
    roster_month_with_repeated_day,
)


def some_rosters(rng: random.Random) -> dict[date, pl.DataFrame]:
    """Rosters of some days of January: a dozen users who come and go, change their standing and come back to an earlier one."""
    users = [(f"w{n % 3}", f"u{n % 7}{n}") for n in range(12)]
    days = {}
    for day in sorted(rng.sample(range(1, 32), rng.randint(1, 31))):
        on, rows = date(2026, 1, day), []
        for workspace, user in users:
            if rng.random() < 0.8:
                kind = rng.choice(KINDS) if rng.random() < 0.1 else "alias"
                status = rng.choice(STATUSES) if rng.random() < 0.3 else "active"
                last = rng.choice([None, date(2026, 1, rng.randint(1, day))])
                rows.append((workspace, user, kind, "member", status, rng.random() < 0.5, f"{user} on {on}", None, last))
        rng.shuffle(rows)
        if rows:
            days[on] = pl.DataFrame(rows, schema=UserRows.types(), orient="row")
    return days


def rows_of(days: dict[date, pl.DataFrame]) -> pl.DataFrame:
    return pl.concat([rows.with_columns(day=pl.lit(on)) for on, rows in days.items()])


@pytest.mark.parametrize("seed", range(10))
def test_a_row_of_a_roster_is_a_bit_of_its_month(seed: int) -> None:
    days = some_rosters(random.Random(seed))
    bits = roster_month_from_rows(rows_of(days))["bits"].bitwise_count_ones()
    assert sum(bits) == sum(rows.height for rows in days.values())


@pytest.mark.parametrize("seed", range(20))
def test_the_directory_learns_the_latest_row_of_each_user_in_whatever_steps(seed: int) -> None:
    rng = random.Random(seed)
    days = some_rosters(rng)
    at_once = directory_from_people(None, people_from_rosters(rows_of(days)))
    order, stepwise = list(days), None
    rng.shuffle(order)
    for on in order:
        stepwise = directory_from_people(stepwise, people_from_rosters(rows_of({on: days[on]})))
    assert stepwise.equals(at_once)
    for row in at_once.iter_rows(named=True):
        seen = max(on for on in days if days[on].filter(workspace_id=row["workspace_id"], user_id=row["user_id"]).height)
        assert row["seen_on"] == seen
        assert row["name"] == ("Deactivated user" if row["is_erased"] else f"{row['user_id']} on {seen}")


@pytest.mark.parametrize("seed", range(20))
def test_days_put_in_in_any_order_and_replaced_give_the_month_that_all_of_them_give_at_once(seed: int) -> None:
    rng = random.Random(seed)
    days, others = some_rosters(rng), some_rosters(rng)
    month = NO_ROSTERS
    order = [*(d for d in others if d in days), *days]  # some come first with another content
    rng.shuffle(order)
    sources = {}
    for n, on in enumerate(order):
        is_last_time = on not in order[n + 1 :]
        sources[on] = days[on] if is_last_time else others[on]
        month = roster_month_with_days(month, roster_month_from_rows(rows_of({on: sources[on]})), [on])
    assert month.drop("last_active_on").equals(roster_month_from_rows(rows_of(days)).drop("last_active_on"))
    last = max(days)
    said = month.filter(on_day(last)).sort(STANDING)["last_active_on"]
    assert said.equals(roster_month_from_rows(rows_of(days)).filter(on_day(last)).sort(STANDING)["last_active_on"])


@pytest.mark.parametrize("seed", range(10))
def test_a_month_of_some_of_its_days_is_as_if_the_others_had_not_come(seed: int) -> None:
    rng = random.Random(seed)
    days = some_rosters(rng)
    some = sorted(rng.sample(sorted(days), rng.randint(1, len(days))))
    found = roster_month_of_days(roster_month_from_rows(rows_of(days)), some).drop("last_active_on")
    assert found.equals(roster_month_from_rows(rows_of({on: days[on] for on in some})).drop("last_active_on"))


def test_a_lost_day_repeats_the_one_before_also_over_the_months_end() -> None:
    january = roster_month_from_rows(rows_of(some_rosters(random.Random(1))))
    last = max(n for n in range(1, 32) if january.filter(on_day(date(2026, 1, n))).height)
    same = roster_month_with_repeated_day(january, january, date(2026, 1, last), date(2026, 1, last))
    assert same.equals(january)
    before = roster_month_of_days(january, [date(2026, 1, 31)]) if last == 31 else january
    february = roster_month_with_repeated_day(NO_ROSTERS, before, date(2026, 2, 1), date(2026, 1, last))
    assert february.select(STANDING).equals(january.filter(on_day(date(2026, 1, last))).select(STANDING))
    assert set(february["bits"]) == {1}


@pytest.mark.parametrize("seed", range(20))
def test_bucket_by_bucket_a_day_changes_a_month_as_it_changes_the_whole(seed: int) -> None:
    """A bucket that has nobody on a month's last day still knows that there was one."""
    rng = random.Random(seed)
    days = some_rosters(rng)
    late = rng.choice(sorted(days))
    kept = roster_month_from_rows(rows_of({on: rows for on, rows in days.items() if on != late} or days))
    fresh, known = roster_month_from_rows(rows_of({late: days[late]})), set(days) - {late} or set(days)
    whole = roster_month_with_days(kept, fresh, [late], known)
    parts = [roster_month_with_days(b.rows(kept), b.rows(fresh), [late], known) for b in buckets(4)]
    assert pl.concat(parts).sort(STANDING).equals(whole)
    assert whole.equals(whole.sort(STANDING))


def test_keys_of_one_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    days = some_rosters(random.Random(3))
    *earlier, late = sorted(days)
    kept, fresh = roster_month_from_rows(rows_of({on: days[on] for on in earlier})), roster_month_from_rows(rows_of({late: days[late]}))
    expected = roster_month_with_days(kept, fresh, [late])
    for few in (1, 5):  # every key has one hash; one of five
        sound = sorted_rows._hash
        monkeypatch.setattr(sorted_rows, "_hash", lambda key, few=few, sound=sound: (sound(key) % few).alias("hash"))
        assert roster_month_with_days(kept, fresh, [late]).equals(expected)


def test_a_key_that_only_shares_its_hash_with_another_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorted_rows, "_hash", lambda key: pl.lit(7, pl.UInt64).repeat_by(1).explode().alias("hash") + pl.col(key[0]).str.len_bytes() * 0)
    one, other = pl.DataFrame({"a": ["x"]}), pl.DataFrame({"a": ["y"]})
    assert sorted_rows.positions_of(other, one, ["a"]).to_list() == [None]
    assert sorted_rows.positions_of(one, one, ["a"]).to_list() == [0]
