"""Section 2: the plans as sold, dated prices, agreed prices."""

from datetime import date

import pytest

from flows.catalogs import read_catalogs
from tests.story import Story, priced, told

APRIL = ("2026-04-01", "2026-05-01")


@pytest.mark.parametrize(
    ("catalog", "plan", "cadence", "opening"),
    [
        ("pensero", "growth", "annual", "1 × 600.00 × 365/365 = 600.00"),  # 50.00 × 12
        ("pivotal", "team", "monthly", "1 × 39.00 × 30/30 = 39.00"),
        ("pivotal", "team", "annual", "1 × 384.00 × 365/365 = 384.00"),  # 32.00 × 12
        ("pivotal", "pro", "monthly", "1 × 79.00 × 30/30 = 79.00"),
        ("pivotal", "pro", "annual", "1 × 780.00 × 365/365 = 780.00"),  # 65.00 × 12
    ],
)
def test_S2_each_plan_has_its_list_price_at_each_cadence(catalog: str, plan: str, cadence: str, opening: str) -> None:
    story = Story(catalog, "2026-04-01", "2026-04-01").subscription(plan, cadence=cadence, seats=1).user("a")
    assert story.bill().lines() == [f"2026-04-01 opening {opening}"]


@pytest.mark.parametrize(("catalog", "plan", "limit"), [("pensero", "starter", 5), ("pivotal", "solo", 1)])
def test_S2_a_free_plan_costs_nothing_and_reports_more_seats_than_its_limit(catalog: str, plan: str, limit: int) -> None:
    story = Story(catalog, *APRIL).subscription(plan).user("one too many", since="2026-04-10")
    for n in range(limit):
        story.user(f"user {n}")
    bills = story.bill()
    assert bills.lines() == []
    assert bills.findings() == ["2026-04-10 §4 seat_limit", "2026-05-01 §4 seat_limit"]  # each month tells its own
    assert bills.occupancy("2026-04-10")["label"] == f"Active seats used: {limit + 1}/{limit}"


def test_S2_each_unbroken_stretch_of_days_over_the_limit_is_reported_once_from_its_first_day_to_its_last() -> None:
    stands = {"2026-04-01": "active", "2026-04-04": "deactivated", "2026-04-05": "active", "2026-04-07": "deactivated"}
    story = Story("pivotal", *APRIL).subscription("solo").user("a").user("b", stands=stands)
    found = story.bill().shown().exceptions
    assert found["finding"].unique().to_list() == ["seat_limit"]
    assert [f"{day} {detail.split(', ')[-1]}" for day, detail in found.select("day", "detail").rows()] == [
        "2026-04-01 until 2026-04-03",
        "2026-04-05 until 2026-04-06",  # on the 4th there was one seat: a day is a gap
    ]


@pytest.mark.parametrize(("catalog", "plan"), [("pivotal", "team"), ("pivotal", "pro"), ("pensero", "enterprise")])
def test_S2_plans_without_a_seat_limit_bill_every_active_seat(catalog: str, plan: str) -> None:
    story = Story(catalog, "2026-04-01", "2026-04-01").subscription(plan, cadence="annual", unit_price_year="100.00", seats=3)
    for n in range(12):
        story.user(f"user {n}")
    bills = story.bill()
    assert bills.lines() == ["2026-04-01 opening 12 × 100.00 × 365/365 = 1200.00"]
    assert (bills.findings(), bills.occupancy("2026-04-01")["seat_limit"]) == ([], None)


def test_S2_growth_bills_the_committed_seats_and_is_limited_to_them() -> None:
    bills = Story("pensero", "2026-04-01", "2026-04-01").subscription("growth", seats=4).user("a").bill()
    assert bills.lines() == ["2026-04-01 opening 4 × 600.00 × 365/365 = 2400.00"]
    assert bills.occupancy("2026-04-01")["label"] == "Active seats used: 1/4"


def test_S2_enterprise_without_an_agreed_price_is_held() -> None:
    bills = Story("pensero", *APRIL).subscription("enterprise").user("a").bill()
    assert (bills.lines(), bills.holds()) == ([], ["ws no_price"])


@pytest.mark.parametrize("plan", ["growth", "enterprise"])
def test_S2_penseros_paid_plans_are_not_sold_monthly(plan: str) -> None:
    bills = Story("pensero", *APRIL).subscription(plan, cadence="monthly", seats=3).user("a").bill()
    assert (bills.lines(), bills.holds()) == ([], ["ws cadence_not_sold"])


def test_S2_what_a_plan_includes_is_in_the_catalogue() -> None:
    pivotal = read_catalogs(None)["pivotal"].plans
    integrated = {"integrations", "api", "webhooks"}
    more = {"sso", "audit_log", "custom_domain", "white_label", "priority_support"}
    assert {name: set(plan.entitlements) for name, plan in pivotal.items()} == {"solo": set(), "team": integrated, "pro": integrated | more}
    assert {name: dict(plan.caps) for name, plan in pivotal.items()} == {"solo": {"customers": 5}, "team": {}, "pro": {}}


DEARER_TEAM = {"team": {"prices": [priced(month="39.00"), priced("2026-04-10", month="45.00")]}}


def test_S2_a_term_keeps_the_price_in_force_on_its_first_day() -> None:
    story = Story("pivotal", *APRIL, plans=DEARER_TEAM).subscription("team").user("a").user("b", since="2026-04-16")
    assert story.bill().lines() == told("""
        2026-04-01  opening      1 × 39.00 × 30/30 = 39.00
        2026-05-01  seats_added  1 × 39.00 × 15/30 = 19.50   # after the rise of 10 April, in a term begun before it
        2026-05-01  opening      2 × 45.00 × 31/31 = 90.00
    """)


@pytest.mark.parametrize(("starts", "opening"), [("2026-04-09", "1 × 39.00 × 30/30 = 39.00"), ("2026-04-10", "1 × 45.00 × 30/30 = 45.00")])
def test_S2_a_price_is_in_force_from_its_very_day(starts: str, opening: str) -> None:
    story = Story("pivotal", "2026-04-01", "2026-04-10", plans=DEARER_TEAM).subscription("team", starts=starts, billing_day="anniversary").user("a")
    assert story.bill().lines() == [f"{starts} opening {opening}"]


def test_S2_a_plan_switch_takes_the_price_in_force_on_its_day() -> None:
    dearer = {"pro": {"prices": [priced(month="79.00"), priced("2026-04-10", month="90.00")]}} | DEARER_TEAM
    story = Story("pivotal", *APRIL, plans=dearer).subscription("team").user("a").event("2026-04-16", "plan_changed", plan="pro")
    assert story.bill().lines()[1:3] == told("""
        2026-05-01  plan_switch -1 × 39.00 × 15/30 = -19.50   # at the price of 1 April, as it was charged
        2026-05-01  plan_switch  1 × 90.00 × 15/30 =  45.00   # at the price of 16 April
    """)


def test_S2_the_price_list_says_where_each_price_stands() -> None:
    prices = [priced(month="39.00", reference="page 1"), priced("2026-05-01", month="45.00", reference="page 2")]
    story = Story("pivotal", *APRIL, plans={"team": {"prices": prices}})
    assert story.subscription("team").user("a").bill().shown().terms.select("term_from", "price_reference").rows() == [
        (date(2026, 4, 1), "page 1"),
        (date(2026, 5, 1), "page 2"),
    ]


def test_S2_an_agreed_price_replaces_the_list_price_whenever_that_rises() -> None:
    story = Story("pivotal", *APRIL, plans=DEARER_TEAM).subscription("team", unit_price_month="30.00").user("a")
    assert story.bill().lines() == told("""
        2026-04-01  opening  1 × 30.00 × 30/30 = 30.00
        2026-05-01  opening  1 × 30.00 × 31/31 = 30.00
    """)
