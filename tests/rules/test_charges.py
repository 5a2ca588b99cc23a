"""Section 4: which charges a term has, committed seats, and the one formula."""

import pytest

from tests.story import Story, priced, told

APRIL = ("2026-04-01", "2026-05-01")
MARCH_TO_JULY = ("2026-03-15", "2026-07-15")  # for a year from 15 March: 287 days are left on 1 June, 248 on 10 July


def test_S4_opening_charges_the_seats_held_at_the_close_of_the_terms_first_day() -> None:
    story = Story("pivotal", "2026-03-31", "2026-04-01").subscription("team", starts="2026-04-01")
    story.user("a").user("b", since="2026-04-01").user("c", until="2026-04-01")
    assert story.bill().lines() == ["2026-04-01 opening 2 × 39.00 × 30/30 = 78.00"]  # a, and b who came that day; c left


def test_S4_seats_added_and_seats_removed_on_a_day_are_two_charges_and_not_netted() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").user("b", since="2026-04-16").user("c", until="2026-04-16")
    assert story.bill().lines()[1:3] == told("""
        2026-05-01  seats_added    1 × 39.00 × 15/30 =  19.50
        2026-05-01  seats_removed -1 × 39.00 × 15/30 = -19.50
    """)


def test_S4_seats_removed_gives_back_the_seats_released_from_that_day_to_the_terms_end() -> None:
    story = Story("pivotal", "2026-04-10", "2026-05-10").subscription("team", billing_day="anniversary").user("a")
    story.user("b", until="2026-04-20").user("c", until="2026-04-20")
    assert story.bill().lines("service_from", "service_until")[1] == told("""
        2026-05-10  seats_removed -2 × 39.00 × 20/30 = -52.00  2026-04-20 2026-05-10
    """)[0]


def test_S4_charges_alike_are_one_and_rounded_once() -> None:
    story = Story("pivotal", "2026-05-01", "2026-06-01").subscription("team").user("a")
    for name in "bcd":
        story.user(name, since="2026-05-18")
    assert story.bill().lines()[1] == "2026-06-01 seats_added 3 × 39.00 × 14/31 = 52.84"  # 52.838…; three times 17.61 would be 52.83


def test_S4_reactivated_is_one_charge_for_each_day_of_release() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a")
    story.user("b", until="2026-04-06", back="2026-04-21").user("c", until="2026-04-06", back="2026-04-21")
    story.user("d", until="2026-04-16", back="2026-04-21")
    assert [line for line in story.bill().lines() if "reactivated" in line] == told("""
        2026-05-01  reactivated  2 × 39.00 × 25/30 = 65.00   # b and c, from 6 April
        2026-05-01  reactivated  1 × 39.00 × 15/30 = 19.50   # d, from 16 April
    """)


def test_S4_reactivated_is_cut_at_every_plan_switch_each_part_at_its_own_plans_price() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").user("c", until="2026-04-06", back="2026-04-21")
    assert story.event("2026-04-16", "plan_changed", plan="pro").bill().lines("service_from", "service_until") == told("""
        2026-04-01  opening        2 × 39.00 × 30/30 =  78.00  2026-04-01 2026-05-01
        2026-05-01  seats_removed -1 × 39.00 × 25/30 = -32.50  2026-04-06 2026-05-01
        2026-05-01  plan_switch   -1 × 39.00 × 15/30 = -19.50  2026-04-16 2026-05-01
        2026-05-01  plan_switch    1 × 79.00 × 15/30 =  39.50  2026-04-16 2026-05-01
        2026-05-01  reactivated    1 × 39.00 × 10/30 =  13.00  2026-04-06 2026-04-16   # ten days on team
        2026-05-01  reactivated    1 × 79.00 × 15/30 =  39.50  2026-04-16 2026-05-01   # fifteen on pro
        2026-05-01  opening        2 × 79.00 × 31/31 = 158.00  2026-05-01 2026-06-01
    """)


def test_S4_plan_switch_replaces_the_added_and_removed_seats_of_its_day() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").user("b", since="2026-04-16").user("d", since="2026-04-16")
    story.user("c", until="2026-04-16").event("2026-04-16", "plan_changed", plan="pro")
    assert story.bill().lines()[1:-1] == told("""
        2026-05-01  plan_switch -2 × 39.00 × 15/30 = -39.00   # a and c, at the close of 15 April
        2026-05-01  plan_switch  3 × 79.00 × 15/30 = 118.50   # a, b and d, at the close of 16 April
    """)


def test_S4_plan_switch_leaves_of_a_back_billing_the_part_before_it() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").user("c", until="2026-04-06", back="2026-04-16")
    assert story.event("2026-04-16", "plan_changed", plan="pro").bill().lines()[2:-1] == told("""
        2026-05-01  reactivated  1 × 39.00 × 10/30 =  13.00   # 6 to 15 April; from the 16th c is one of the two on pro
        2026-05-01  plan_switch -1 × 39.00 × 15/30 = -19.50
        2026-05-01  plan_switch  2 × 79.00 × 15/30 =  79.00
    """)


def test_S4_seats_reduced_gives_committed_seats_back() -> None:
    story = Story("pensero", *MARCH_TO_JULY).subscription("growth", seats=10, billing_day="anniversary").user("a")
    assert story.event("2026-06-01", "seats_updated", quantity=8).bill().lines()[1:] == told("""
        2026-06-15  seats_reduced -2 × 600.00 × 287/365 = -943.56   # 943.561…
    """)


def test_S4_committed_seats_within_a_day_departures_count_before_the_update() -> None:
    story = Story("pensero", *MARCH_TO_JULY).subscription("growth", seats=10, billing_day="anniversary").user("a").user("b", until="2026-07-10")
    assert story.event("2026-07-10", "seats_updated", quantity=12).bill().lines()[1:] == told("""
        2026-07-15  seats_added    3 × 600.00 × 248/365 = 1223.01   # from the 9 that b left to 12; 1223.013…
        2026-07-15  seats_removed -1 × 600.00 × 248/365 = -407.67
    """)


def test_S4_committed_seats_are_released_from_the_day_after_the_subscription_starts() -> None:
    story = Story("pensero", "2026-03-14", "2026-04-15").subscription("growth", seats=10, billing_day="anniversary", starts="2026-03-15").user("a")
    story.user("leaves on the first day", until="2026-03-15").user("leaves on the second", until="2026-03-16")
    assert story.bill().lines() == told("""
        2026-03-15  opening       10 × 600.00 × 365/365 = 6000.00
        2026-04-15  seats_removed -1 × 600.00 × 364/365 = -598.36   # from 16 March; 598.356…
    """)


def test_S4_committed_seats_never_fall_below_0() -> None:
    story = Story("pensero", "2026-03-15", "2026-05-15").subscription("growth", seats=1, billing_day="anniversary")
    story.user("a", until="2026-04-01").user("b", until="2026-05-01")
    assert story.bill().lines() == told("""
        2026-03-15  opening        1 × 600.00 × 365/365 =  600.00
        2026-04-15  seats_removed -1 × 600.00 × 348/365 = -572.05   # a, from 1 April: 365 less 17 days; b has none to give back
    """)


@pytest.mark.parametrize(
    ("releases", "lines"),
    [(True, ["2026-07-15 seats_removed -1 × 600.00 × 248/365 = -407.67"]), (False, [])],  # 407.671…
)
def test_S4_whether_a_departure_releases_a_committed_seat_is_the_catalogues_policy(releases: bool, lines: list[str]) -> None:
    story = Story("pensero", *MARCH_TO_JULY, release_committed_on_removal=releases)
    story.subscription("growth", seats=10, billing_day="anniversary").user("a").user("b", until="2026-07-10")
    assert story.bill().lines()[1:] == lines


@pytest.mark.parametrize(
    ("wanted", "lines", "findings"),
    [
        (3, ["2026-06-15 seats_reduced -7 × 600.00 × 287/365 = -3302.47"], []),  # 3302.465…
        (2, [], ["2026-06-01 §4 event_refused"]),
    ],
)
def test_S4_committed_seats_cannot_be_updated_below_those_occupied(wanted: int, lines: list[str], findings: list[str]) -> None:
    story = Story("pensero", *MARCH_TO_JULY).subscription("growth", seats=10, billing_day="anniversary").user("a").user("b").user("c")
    bills = story.event("2026-06-01", "seats_updated", quantity=wanted).bill()
    assert (bills.lines()[1:], bills.findings()) == (lines, findings)


def test_S4_committed_seats_more_occupied_than_agreed_is_reported_and_not_billed() -> None:
    story = Story("pensero", *MARCH_TO_JULY).subscription("growth", seats=1, billing_day="anniversary").user("a").user("b", since="2026-06-01")
    bills = story.bill()
    assert bills.lines() == ["2026-03-15 opening 1 × 600.00 × 365/365 = 600.00"]
    assert bills.findings() == ["2026-06-01 §4 seat_limit", "2026-07-01 §4 seat_limit"]  # each month tells its own
    assert "You've reached your seat limit" in bills.shown().exceptions["detail"][0]


@pytest.mark.parametrize(
    ("rounding", "price", "added", "removed"),
    [
        ("half_up", "0.25", "0.13", "-0.13"),  # 12.5 cents
        ("half_even", "0.25", "0.12", "-0.12"),
        ("half_up", "0.35", "0.18", "-0.18"),  # 17.5 cents
        ("half_even", "0.35", "0.18", "-0.18"),
        ("half_even", "0.37", "0.18", "-0.18"),  # 18.5 cents
    ],
)
def test_S4_formula_rounds_halves_as_the_catalogue_says_alike_on_both_sides_of_zero(rounding: str, price: str, added: str, removed: str) -> None:
    story = Story("pivotal", *APRIL, rounding=rounding).subscription("team", unit_price_month=price)
    story.user("a").user("b", since="2026-04-16").user("c", until="2026-04-16")
    assert story.bill().lines()[1:3] == [
        f"2026-05-01 seats_added 1 × {price} × 15/30 = {added}",
        f"2026-05-01 seats_removed -1 × {price} × 15/30 = {removed}",
    ]


@pytest.mark.parametrize(
    ("currency", "price", "added"),
    [("USD", "39.00", "17.61"), ("JPY", "3900", "1761"), ("BHD", "39.000", "17.613")],  # 17.61290…, 1761.290…
)
def test_S4_formula_rounds_to_the_currencys_own_minor_unit(currency: str, price: str, added: str) -> None:
    plans = {"team": {"prices": [priced(month=price)]}, "pro": {"prices": [priced(month="90")]}}
    story = Story("pivotal", "2026-05-01", "2026-06-01", currency=currency, plans=plans).subscription("team").user("a").user("b", since="2026-05-18")
    assert story.bill().lines()[1] == f"2026-06-01 seats_added 1 × {price} × 14/31 = {added}"  # 18 to 31 May


def test_S4_formula_is_exact_where_a_binary_fraction_would_not_be() -> None:
    story = Story("pensero", "2026-03-15", "2026-03-15").subscription("growth", seats=9_999_999, unit_price_year="9999999.99").user("a")
    # (10^7 - 1) × (10^9 - 1) cents = 10^16 - 10^9 - 10^7 + 1, an odd number beyond the 2^53 that a float can tell apart
    assert story.bill().lines() == ["2026-03-15 opening 9999999 × 9999999.99 × 365/365 = 99999989900000.01"]


def test_S4_a_price_of_0_makes_no_line() -> None:
    bills = Story("pivotal", *APRIL).subscription("team", unit_price_month="0.00").user("a").user("b", since="2026-04-16").bill()
    assert (bills.lines(), bills.holds(), bills.coverage()) == ([], [], "31 billed")
