"""`seat_usage_monthly` and `coverage_monthly`: how many seats, how many of them idle, and why each day is billed or is not."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from flows.finance_tables import reports_in_order
from flows.month_reports import REPORTS
from tests.reports.books import Books
from tests.story import shipped, told
from transforms.catalog import catalog_from_toml
from transforms.idle_seats import idle_seats_from_idle_users, idle_users_from_roster

USAGE = "month, days, seat_days, peak_seats, average_seats, first_day_seats, last_day_seats, seat_limit, percent_used"
IDLE = "idle_seats, never_active_seats, idle_cost_minor"


def test_seat_days_peak_and_average_of_a_month_with_an_arrival_and_a_departure() -> None:
    books = Books().spell("2026-04-01", "2026-05-01", 3900).seats("2026-04-01", "2x15 3x5 2x10", "2026-04-01")
    assert books.report("seat_usage_monthly", USAGE) == told("""
        2026-04-01 30 65 3 2.17 2 2 - -     # 15 × 2 + 5 × 3 + 10 × 2 = 65; 65/30 = 2.1666…
    """)


def test_the_share_of_the_limit_is_in_percent_and_may_be_over_100() -> None:
    books = (
        Books()
        .seats("2026-04-29", "97", seat_limit=100, label="Active seats used: 97/100")
        .seats("2026-04-30", "8", seat_limit=7, workspace_id="wt")
    )
    assert books.report("seat_usage_monthly", "workspace_id, percent_used, label") == told("""
        ws 97.0 Active seats used: 97/100
        wt 114.3 Active seats used: 8          # 8/7
    """)


def test_the_limit_is_that_of_the_last_day_also_where_there_is_none_any_more() -> None:
    books = Books().seats("2026-04-29", "1", seat_limit=1).spell("2026-04-30", "2026-05-30", 3900).seats("2026-04-30", "2", "2026-04-30")
    assert books.report("seat_usage_monthly", "seat_limit, percent_used, plan") == ["- - team"]


@pytest.mark.parametrize(
    ("cadence", "price", "cost"),
    [
        ("monthly", 3900, 7800),  # 2 × 39.00
        ("annual", 38400, 6400),  # 2 × 384.00 / 12
        ("annual", 10000, 1667),  # 2 × 100.00 / 12 = 16.666…, rounded once: not 2 × 8.33
        ("annual", 0, 0),
    ],
)
def test_idle_seats_cost_the_price_of_a_month_rounded_once(cadence: str, price: int, cost: int) -> None:
    books = Books().spell("2026-04-01", "2027-04-01", price, cadence=cadence).seats("2026-04-01", "5x30", "2026-04-01")
    books.given("idle_seats", "workspace_id | day | idle_seats | never_active_seats\nws | 2026-04-30 | 2 | 1")
    assert books.report("seat_usage_monthly", IDLE) == [f"2 1 {cost}"]


@pytest.mark.parametrize(
    ("held", "committed", "idle", "cost"),
    [
        (10, 9, 2, 5000),  # 8 are used of 9 agreed: 1 × 600.00 / 12
        (8, 3, 8, 15000),  # none is used of 3 agreed; the 5 over them are not billed
        (1, 20, 0, 95000),  # 19 that nobody ever sat on
        (5, 5, 0, 0),
        (7, 5, 1, 0),  # 6 are used: more than are paid for
    ],
)
def test_of_agreed_seats_those_cost_that_nobody_uses_held_or_not(held: int, committed: int, idle: int, cost: int) -> None:
    books = Books().spell("2026-04-01", "2027-04-01", 60000, cadence="annual", basis="committed")
    books.seats("2026-04-30", str(held), "2026-04-01", committed=str(committed))
    if idle:
        books.given("idle_seats", f"workspace_id | day | idle_seats | never_active_seats\nws | 2026-04-30 | {idle} | 0")
    assert books.report("seat_usage_monthly", IDLE) == [f"{idle} 0 {cost}"]
    assert books.wrong("seat_usage_adds_up") == []


def test_of_a_workspace_without_a_subscription_it_is_not_known_in_which_currency_seats_cost_nothing() -> None:
    books = Books().seats("2026-04-30", "0", coverage="no subscription", subscription_id="-", catalog="-")
    assert books.report("seat_usage_monthly", IDLE) == ["0 0 -"]


def test_idle_seats_on_a_free_plan_cost_nothing_and_without_a_price_it_is_not_known() -> None:
    books = Books().seats("2026-04-30", "5").seats("2026-04-30", "5", workspace_id="held", coverage="held")
    books.given("idle_seats", "workspace_id | day | idle_seats | never_active_seats\nws | 2026-04-30 | 2 | 0\nheld | 2026-04-30 | 2 | 0")
    assert books.report("seat_usage_monthly", f"workspace_id, {IDLE}") == ["held 2 0 -", "ws 2 0 0"]


def test_a_seat_is_idle_from_the_30th_day_without_activity_on_and_only_if_it_is_held() -> None:
    on = date(2026, 4, 30)
    users = [
        ("a", "active", date(2026, 4, 1)),  # 29 days before: not yet
        ("b", "active", date(2026, 3, 31)),  # 30 days before
        ("c", "active", None),  # never
        ("d", "deactivated", date(2025, 1, 1)),  # holds no seat
        ("e", "pending", None),  # holds one where pending does
    ]
    roster = pl.DataFrame(
        [("ws", user, "teammate", status, last) for user, status, last in users],
        schema={"workspace_id": pl.String, "user_id": pl.String, "kind": pl.String, "status": pl.String, "last_active_on": pl.Date},
        orient="row",
    )
    counted = [idle_users_from_roster(roster, on)]
    for vendor, idle in (("pivotal", (2, 1)), ("pensero", (3, 2))):
        occupancy = pl.DataFrame({"workspace_id": ["ws"], "on": [on], "catalog": [vendor]})
        seats = idle_seats_from_idle_users(counted, occupancy, {vendor: catalog_from_toml(shipped(vendor), vendor)})
        assert seats.select("idle_seats", "never_active_seats").rows() == [idle]


def test_G6_the_days_of_a_month_are_each_of_one_kind() -> None:
    books = Books().seats("2026-04-01", "0", coverage="no subscription").seats("2026-04-02", "3x14", coverage="trial")
    books.spell("2026-04-16", "2026-05-16", 3900).seats("2026-04-16", "3x10", "2026-04-16").seats("2026-04-26", "3x3", coverage="ended")
    books.seats("2026-04-29", "3x2", coverage="held")
    kinds = "days, billed_days, trial_days, free_plan_days, ended_days, no_subscription_days, held_days, seat_days, billed_seat_days"
    assert books.report("coverage_monthly", kinds) == ["30 10 14 0 3 1 2 87 30"]


def test_before_any_roster_every_report_is_empty_and_nothing_is_wrong() -> None:
    books = Books()
    books.report("coverage_monthly", "*")
    assert [path.stem for path in reports_in_order() if books.finance.execute(f"from {path.stem}").fetchall()] == []
    assert [books.wrong(path.stem) for path in (REPORTS / "checks").glob("*.sql") if books.wrong(path.stem)] == []
