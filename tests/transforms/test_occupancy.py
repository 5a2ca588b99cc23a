"""Days put together by numbers say what counting them one by one says (rules D1, D5, D7)."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.agreed_seats import with_agreed_seats
from transforms.contracts.seats import DailySeats
from transforms.contracts.terms import AgreedSeats
from transforms.occupancy import occupancy_from_days, standing_days_from_roster_month
from transforms.roster_months import SCHEMA
from transforms.seat_months import seat_month_from_roster_month
from transforms.subscription_days import subscription_days

MONTH = date(2026, 1, 1)
COUNTED = {("alias", "active"): "alias", ("portal", "pending"): "portal", ("teammate", "pending"): "pending"}
standings = st.sampled_from([*COUNTED, ("teammate", "deactivated"), ("teammate", "active"), ("teammate", "deleted")])
rosters = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.sampled_from("uvwxyz"), standings), st.integers(1, 2**31 - 1), min_size=1, max_size=20
)


def roster_month(users: dict) -> pl.DataFrame:
    rows = [(workspace, user, *standing, None, bits, None) for (workspace, user, standing), bits in users.items()]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


@settings(max_examples=100, deadline=None)
@given(rosters, st.integers(1, 31), st.integers(0, 30))
def test_each_day_counts_who_holds_no_plain_seat(users: dict, first: int, more: int) -> None:
    last = min(first + more, 31)
    days = standing_days_from_roster_month(roster_month(users), MONTH, MONTH.replace(day=first), MONTH.replace(day=last))
    counted = {
        (w, MONTH.replace(day=d)): dict.fromkeys(["pending", "alias", "portal", "deactivated"], 0)
        for w, _, _ in users
        for d in range(first, last + 1)
    }
    for (workspace, _, (kind, status)), bits in users.items():
        name = COUNTED.get((kind, status)) or ("deactivated" if status == "deactivated" else None)
        for day in range(first, last + 1):
            if name and bits >> (day - 1) & 1:
                counted[workspace, MONTH.replace(day=day)][name] += 1
    assert {(row.pop("workspace_id"), row.pop("on")): row for row in days.iter_rows(named=True)} == counted
    assert list(days.select("workspace_id", "on").iter_rows()) == sorted(counted)


@settings(max_examples=60, deadline=None)
@given(rosters, st.randoms(use_true_random=False))
def test_seats_do_not_depend_on_the_order_of_a_roster_month(users: dict, random) -> None:
    owners = pl.DataFrame({"workspace_id": ["a", "b", "b"], "catalog": ["c", "c", "d"]})
    told = list(users.items())
    in_order = roster_month(dict(sorted(told)))
    random.shuffle(told)
    is_active = pl.col("status") == "active"
    one, other = (
        seat_month_from_roster_month(r, owners, is_active, MONTH, None).sort(pl.all()) for r in (in_order, roster_month(dict(told)))
    )
    assert one.equals(other)


@pytest.fixture
def subscribed() -> dict[str, pl.DataFrame]:
    """Workspace `a` has two subscriptions that overlap from the 3rd on, `b` one that ends on the 3rd, `c` one that starts on the 3rd."""
    third = MONTH + timedelta(days=2)
    ids, ends = ["a1", "a2", "b1", "c1"], [None, None, third, None]
    spells = {
        "subscription_id": ids,
        "plan": ["p"] * 4,
        "spell_from": [MONTH, third, MONTH, third],
        "spell_until": ends,
        "term_from": [MONTH] * 4,
    }
    return {
        "subscriptions": pl.DataFrame(
            {
                "subscription_id": ids,
                "workspace_id": ["a", "a", "b", "c"],
                "catalog": ["k", "l", "k", "k"],
                "starts_on": [MONTH, third, MONTH, third],
            }
        ),
        "spells": pl.DataFrame(spells),
        "standings": pl.DataFrame({"subscription_id": ids, "ended_on": ends}, schema={"subscription_id": pl.String, "ended_on": pl.Date}),
        "plans": pl.DataFrame({"catalog": ["k", "l"], "plan": "p", "basis": "active", "seat_limit": [5, 5], "is_free": False}),
    }


def test_a_day_of_two_subscriptions_is_the_first_ones_and_is_there_once(subscribed: dict[str, pl.DataFrame]) -> None:
    days = subscription_days(**subscribed, first=MONTH, last=MONTH + timedelta(days=3))
    assert days.filter(workspace_id="a")["subscription_id"].to_list() == ["a1"] * 4
    assert days.filter(workspace_id="b")["coverage"].to_list() == ["billed", "billed", "ended", "ended"]
    assert days.filter(workspace_id="c").select("catalog", "coverage").rows() == [("k", None)] * 2 + [("k", "billed")] * 2


def test_days_before_a_subscription_that_begins_after_the_last_of_them_are_of_its_catalogue_already(subscribed: dict[str, pl.DataFrame]) -> None:
    second = MONTH + timedelta(days=1)
    known_early = subscription_days(**subscribed, first=MONTH, last=second).filter(workspace_id="c")
    known_late = subscription_days(**subscribed, first=MONTH, last=MONTH + timedelta(days=3)).filter(workspace_id="c")
    assert known_early.rows() == known_late.filter(pl.col("on") <= second).rows()
    assert known_early["catalog"].to_list() == ["k", "k"]


def test_days_of_a_subscription_that_ended_on_the_day_on_which_it_began_are_of_its_catalogue(subscribed: dict[str, pl.DataFrame]) -> None:
    """Canceled on its first day, on trial or on a free plan: it has no day of its own, and its workspace has seats all the same (D7)."""
    third = MONTH + timedelta(days=2)
    subscribed["standings"] = subscribed["standings"].with_columns(ended_on=pl.when(subscription_id="c1").then(pl.lit(third)).otherwise("ended_on"))
    subscribed["spells"] = subscribed["spells"].filter(pl.col("subscription_id") != "c1")
    days = subscription_days(**subscribed, first=MONTH, last=MONTH + timedelta(days=3)).filter(workspace_id="c")
    assert days.select("catalog", "coverage").rows() == [("k", None), ("k", None), ("k", "ended"), ("k", "ended")]


def test_a_workspace_without_rosters_and_one_without_a_subscription_both_have_their_days(subscribed: dict[str, pl.DataFrame]) -> None:
    last = MONTH + timedelta(days=3)
    users = roster_month({("c", "u", ("alias", "active")): 0b0110, ("z", "u", ("teammate", "pending")): 0b1111})
    daily = pl.DataFrame(
        {
            "catalog": "k",
            "workspace_id": "b",
            "on": [MONTH, last],
            "added": [2, 0],
            "removed": [0, 1],
            "reactivated": [0, 0],
            "occupied": [2, 1],
        }
    )
    known = with_agreed_seats(subscription_days(**subscribed, first=MONTH, last=last), AgreedSeats.empty())
    days = occupancy_from_days(standing_days_from_roster_month(users, MONTH, MONTH, last), known, daily, pl.Series(["a"]))
    assert days.select("workspace_id", "on").rows() == [(w, MONTH + timedelta(days=n)) for w in "abcz" for n in range(4)]
    assert days.filter(workspace_id="b").select("occupied", "added", "removed").rows() == [(2, 2, 0), (2, 0, 0), (2, 0, 0), (1, 0, 1)]
    assert days.filter(workspace_id="c")["alias"].to_list() == [0, 1, 1, 0]
    assert set(days.filter(workspace_id="z").select("coverage", "pending").rows()) == {("no subscription", 1)}
    assert days.filter(workspace_id="a")["coverage"].to_list() == ["held"] * 4


DAYS = st.integers(-3, 9).map(lambda n: MONTH + timedelta(days=n))
STRETCHES = st.lists(st.tuples(st.sampled_from("abc"), DAYS, st.none() | st.integers(1, 6), st.booleans()), max_size=6)
LAST = MONTH + timedelta(days=6)
DAYS_SHOWN = [MONTH + timedelta(days=n) for n in range((LAST - MONTH).days + 1)]
MOVED = st.dictionaries(st.tuples(st.sampled_from(["k0", "k1"]), st.sampled_from("abc"), st.sampled_from(DAYS_SHOWN)), st.integers(0, 9))


def subscriptions_of(stretches: list[tuple]) -> dict[str, pl.DataFrame]:
    """A subscription for each (workspace, start, days until it ends, whether in a term), each by a catalogue of its own."""
    rows = [
        (f"{n}", workspace, f"k{n}", since, None if length is None else since + timedelta(days=length), since if is_in_term else None)
        for n, (workspace, since, length, is_in_term) in enumerate(stretches)
    ]
    told = pl.DataFrame(
        rows,
        schema={
            "subscription_id": pl.String,
            "workspace_id": pl.String,
            "catalog": pl.String,
            "spell_from": pl.Date,
            "spell_until": pl.Date,
            "term_from": pl.Date,
        },
        orient="row",
    ).with_columns(plan=pl.lit("p"), ended_on="spell_until", basis=pl.lit("active"), seat_limit=pl.lit(5, pl.Int64), is_free=pl.lit(False))
    return {
        "subscriptions": told.select("subscription_id", "workspace_id", "catalog", starts_on="spell_from"),
        "spells": told.select("subscription_id", "plan", "spell_from", "spell_until", "term_from"),
        "standings": told.select("subscription_id", "ended_on"),
        "plans": told.select("catalog", "plan", "basis", "seat_limit", "is_free"),
    }


def plainly(stretches: list[tuple], workspace: str, on: date) -> tuple:
    """Day by day: whose the day is, by which catalogue, how it is covered."""
    mine = [
        (n, s, None if length is None else s + timedelta(days=length)) for n, (w, s, length, _) in enumerate(stretches) if w == workspace
    ]
    running = [n for n, since, until in mine if since <= on and (until is None or on < until)]
    if running:
        return str(running[0]), f"k{running[0]}", "billed" if stretches[running[0]][3] else "trial"
    covered = {
        day: plainly(stretches, workspace, day)[1] for day in DAYS_SHOWN if any(s <= day and (u is None or day < u) for _, s, u in mine)
    }
    over = sorted((until, str(n)) for n, _, until in mine if until and until <= MONTH)
    earlier = [covered[day] for day in sorted(covered) if day < on] or [f"k{n}" for _, n in over]
    to_come = sorted((since, str(n)) for n, since, _ in mine if since > LAST)
    later = [covered[day] for day in sorted(covered) if day > on] or [f"k{n}" for _, n in to_come]
    has_ended = any(until and until <= on for _, _, until in mine)
    return None, earlier[-1] if earlier else later[0] if later else None, "ended" if has_ended else None


@settings(max_examples=200, deadline=None)
@given(STRETCHES)
def test_each_day_is_of_the_subscription_that_runs_or_of_the_nearest_ones_catalogue(stretches: list[tuple]) -> None:
    days = subscription_days(**subscriptions_of(stretches), first=MONTH, last=LAST)
    said = {
        (w, on): tuple(rest) for w, on, *rest in days.select("workspace_id", "on", "subscription_id", "catalog", "coverage").iter_rows()
    }
    assert said == {(w, on): plainly(stretches, w, on) for w in {s[0] for s in stretches} for on in DAYS_SHOWN}
    assert list(said) == sorted(said)


@settings(max_examples=60, deadline=None)
@given(STRETCHES, rosters, MOVED)
def test_a_days_seats_are_the_latest_of_its_own_workspace_and_catalogue(stretches: list[tuple], users: dict, moved: dict) -> None:
    rows = [(*place, n, 0, 0, n) for place, n in sorted(moved.items())]
    daily = pl.DataFrame(rows, schema=DailySeats.types(), orient="row")
    known = with_agreed_seats(subscription_days(**subscriptions_of(stretches), first=MONTH, last=LAST), AgreedSeats.empty())
    counted = standing_days_from_roster_month(roster_month(users), MONTH, MONTH, LAST)
    daily = daily.filter(pl.col("workspace_id").is_in([*{w for w, *_ in users}, *{s[0] for s in stretches}]))
    days = occupancy_from_days(counted, known, daily, pl.Series(dtype=pl.String))
    assert list(days.select("workspace_id", "on").iter_rows()) == sorted(
        {*known.select("workspace_id", "on").iter_rows(), *counted.select("workspace_id", "on").iter_rows()}
    )
    for row in days.iter_rows(named=True):
        earlier = [on for catalog, w, on in moved if (catalog, w) == (row["catalog"], row["workspace_id"]) and on <= row["on"]]
        seats = moved[row["catalog"], row["workspace_id"], max(earlier)] if earlier else 0
        limit = f"/{row['seat_limit']}" if row["subscription_id"] else ""
        added = moved.get((row["catalog"], row["workspace_id"], row["on"]), 0)
        assert (row["occupied"], row["added"], row["label"]) == (seats, added, f"Active seats used: {seats}{limit}")
