"""Rosters folded day by day, users known by number, are the rosters folded by their text; and a month's days come and go."""

from __future__ import annotations

import random
from datetime import date

import polars as pl
import pytest

from transforms import roster_fold
from transforms.catalog import KINDS, STATUSES
from transforms.contracts.sources import UserRows
from transforms.directory import directory_from_rosters
from transforms.roster_fold import HashesCollide, RosterFold
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
                rows.append((workspace, user, kind, "member", status, rng.random() < 0.5, f"{user} on {day}", None, last))
        rng.shuffle(rows)
        if rows:
            days[on] = pl.DataFrame(rows, schema=UserRows.types(), orient="row")
    return days


def folded(days: dict[date, pl.DataFrame]) -> RosterFold:
    fold = RosterFold()
    for on, rows in days.items():
        assert fold.add(fold.look_up(on, rows))
    return fold


def rows_of(days: dict[date, pl.DataFrame]) -> pl.DataFrame:
    return pl.concat([rows.with_columns(day=pl.lit(on)) for on, rows in days.items()])


@pytest.mark.parametrize("seed", range(40))
def test_folded_by_number_or_by_text_a_month_is_the_same(seed: int) -> None:
    days = some_rosters(random.Random(seed))
    by_number = folded(days).roster_month().sort(STANDING)
    assert by_number.equals(roster_month_from_rows(rows_of(days)))
    bits = sum(by_number["bits"].bitwise_count_ones().to_list())
    assert bits == sum(rows.height for rows in days.values())  # a row, a bit


@pytest.mark.parametrize("seed", range(20))
def test_the_people_of_a_fold_are_what_the_directory_learns_from_all_rows(seed: int) -> None:
    days = some_rosters(random.Random(seed))
    assert directory_from_rosters(None, folded(days).people()).equals(directory_from_rosters(None, rows_of(days)))


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


def test_a_user_who_is_there_twice_is_not_folded() -> None:
    ((on, rows), *_) = some_rosters(random.Random(2)).items()
    fold = RosterFold()
    assert not fold.add(fold.look_up(on, pl.concat([rows, rows.head(1).with_columns(status=pl.lit("revoked"))])))
    assert fold.roster_month().is_empty()
    assert fold.add(fold.look_up(on, rows.slice(1)))  # without the one who was there twice
    assert fold.roster_month().sort(STANDING).equals(roster_month_from_rows(rows_of({on: rows.slice(1)})))


def test_two_users_of_one_hash_are_noticed_on_one_day_or_on_two(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = roster_fold._hash
    monkeypatch.setattr(roster_fold, "_hash", lambda *seeds: pl.lit(7, pl.UInt64) if 1 in seeds else sound(*seeds))
    ((on, rows), (later, _), *_) = some_rosters(random.Random(3)).items()
    fold = RosterFold()
    with pytest.raises(HashesCollide):
        fold.add(fold.look_up(on, rows.head(2).with_columns(pl.col("user_id"))))
    fold = RosterFold()
    fold.add(fold.look_up(on, rows.head(1)))
    with pytest.raises(HashesCollide):
        fold.look_up(later, rows.slice(1, 1))
