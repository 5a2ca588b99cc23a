"""Section 1: who holds a seat on which day (D1-D7)."""

import pytest

from tests.story import Story, told

APRIL = ("2026-04-01", "2026-05-01")


def test_D1_the_day_of_arrival_is_charged_and_the_day_of_departure_is_not() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").user("b", since="2026-04-29", until="2026-04-30")
    assert story.bill().lines() == told("""
        2026-04-01  opening        1 × 39.00 × 30/30 = 39.00
        2026-05-01  seats_added    1 × 39.00 × 2/30  =  2.60   # 29 and 30 April
        2026-05-01  seats_removed -1 × 39.00 × 1/30  = -1.30   # 30 April: one day, the 29th, remains charged
        2026-05-01  opening        1 × 39.00 × 31/31 = 39.00
    """)


def test_D1_who_comes_and_goes_before_the_day_closes_costs_nothing() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").user("b", stands={"2026-04-16": "deactivated"})
    story.event("2026-04-16", "accepted", at="09:00", user_id="b").event("2026-04-16", "deactivated", at="17:00", user_id="b")
    assert story.bill().lines() == told("""
        2026-04-01  opening  1 × 39.00 × 30/30 = 39.00
        2026-05-01  opening  1 × 39.00 × 31/31 = 39.00
    """)
    assert story.bill().findings() == []


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Auckland"])
@pytest.mark.parametrize(
    ("day", "at", "old", "new"),
    [
        ("2026-04-15", "23:59:59.999", "-1 × 39.00 × 16/30 = -20.80", "1 × 79.00 × 16/30 = 42.13"),  # 15 to 30 April; 42.133…
        ("2026-04-16", "00:00", "-1 × 39.00 × 15/30 = -19.50", "1 × 79.00 × 15/30 = 39.50"),  # 16 to 30 April
    ],
)
def test_D1_a_day_closes_at_midnight_of_the_catalogues_time_zone(zone: str, day: str, at: str, old: str, new: str) -> None:
    story = Story("pivotal", *APRIL, timezone=zone).subscription("team").user("a").event(day, "plan_changed", plan="pro", at=at, zone=zone)
    switch = [line for line in story.bill().lines() if "plan_switch" in line]
    assert switch == [f"2026-05-01 plan_switch {old}", f"2026-05-01 plan_switch {new}"]


def test_D2_service_runs_up_to_the_day_on_which_the_next_begins() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").event("2026-04-16", "plan_changed", plan="pro")
    assert story.bill().lines("service_from", "service_until") == told("""
        2026-04-01  opening      1 × 39.00 × 30/30 =  39.00  2026-04-01 2026-05-01
        2026-05-01  plan_switch -1 × 39.00 × 15/30 = -19.50  2026-04-16 2026-05-01
        2026-05-01  plan_switch  1 × 79.00 × 15/30 =  39.50  2026-04-16 2026-05-01
        2026-05-01  opening      1 × 79.00 × 31/31 =  79.00  2026-05-01 2026-06-01
    """)


def everyone(catalog: str, plan: str, **columns) -> Story:
    """A teammate of each role and of each status."""
    story = Story(catalog, "2026-04-01", "2026-04-02").subscription(plan, **columns)
    for role in ("owner", "admin", "member"):
        story.user(role, role=role)
    for status in ("pending", "revoked", "deactivated", "deleted"):
        story.user(status, stands={"2026-04-01": status})
    return story


def test_D3_at_pivotal_active_teammates_of_any_role_hold_a_seat() -> None:
    assert everyone("pivotal", "team").bill().occupancy("2026-04-01")["occupied"] == 3  # owner, admin, member


def test_D3_at_pensero_a_teammate_holds_a_seat_as_soon_as_added() -> None:
    assert everyone("pensero", "growth", seats=9).bill().occupancy("2026-04-01")["occupied"] == 4  # and the pending one


def test_D3_at_pensero_it_does_not_matter_whether_one_can_log_in() -> None:
    story = Story("pensero", "2026-04-01", "2026-04-02").subscription("growth", seats=9).user("a", login_enabled=False)
    assert story.bill().occupancy("2026-04-01")["occupied"] == 1


@pytest.mark.parametrize(("statuses", "opening"), [(["active"], "1 × 39.00 × 30/30 = 39.00"), (["pending", "active"], "2 × 39.00 × 30/30 = 78.00")])
def test_D3_which_statuses_hold_a_seat_is_the_catalogues_policy(statuses: list[str], opening: str) -> None:
    story = Story("pivotal", "2026-04-01", "2026-04-02", statuses=statuses).subscription("team").user("a").user("b", stands={"2026-04-01": "pending"})
    assert story.bill().lines() == [f"2026-04-01 opening {opening}"]


@pytest.mark.parametrize(("catalog", "plan"), [("pivotal", "team"), ("pensero", "starter")])
def test_D4_portal_and_alias_users_never_hold_a_seat(catalog: str, plan: str) -> None:
    story = Story(catalog, "2026-04-01", "2026-04-02").subscription(plan).user("a").user("customer", kind="portal").user("investor", kind="alias")
    assert story.bill().occupancy("2026-04-02")["occupied"] == 1


def test_D5_a_broken_alias_is_reported_on_the_day_it_broke_and_not_billed() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").user("works", kind="alias")
    story.user("locked", stands={"2026-04-01": {"status": "active"}, "2026-04-10": {"status": "active", "login_enabled": False}}, kind="alias")
    story.user("gone", until="2026-04-12", kind="alias")
    bills = story.bill()
    assert bills.findings() == ["2026-04-10 D5 broken_alias", "2026-04-12 D5 broken_alias"]
    assert bills.lines() == told("""
        2026-04-01  opening  1 × 39.00 × 30/30 = 39.00
        2026-05-01  opening  1 × 39.00 × 31/31 = 39.00
    """)


def test_D5_an_alias_that_is_mended_and_breaks_again_is_reported_again() -> None:
    works, breaks = {"status": "active", "login_enabled": True}, {"status": "active", "login_enabled": False}
    login = {"2026-04-01": works, "2026-04-05": breaks, "2026-04-08": works, "2026-04-20": breaks}
    story = Story("pivotal", *APRIL).subscription("team").user("a").user("investor", stands=login, kind="alias")
    assert story.bill().findings() == ["2026-04-05 D5 broken_alias", "2026-04-20 D5 broken_alias"]


@pytest.mark.parametrize("status", ["revoked", "deleted"])
def test_D5_an_alias_that_was_revoked_or_deleted_is_gone_and_not_broken(status: str) -> None:
    gone = {"2026-04-01": {"status": "active"}, "2026-04-10": {"status": status, "login_enabled": False}}
    story = Story("pivotal", *APRIL).subscription("team").user("a").user("investor", stands=gone, kind="alias")
    assert story.bill().findings() == []


def test_D6_pivotal_charges_who_comes_back_from_the_day_of_release() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").user("c", until="2026-04-10", back="2026-04-20")
    assert story.bill().lines() == told("""
        2026-04-01  opening        2 × 39.00 × 30/30 =  78.00
        2026-05-01  seats_removed -1 × 39.00 × 21/30 = -27.30   # 10 to 30 April
        2026-05-01  reactivated    1 × 39.00 × 21/30 =  27.30   # back-billed from 10 April, not from the 20th
        2026-05-01  opening        2 × 39.00 × 31/31 =  78.00
    """)


def test_D6_pivotal_charges_who_was_released_in_an_earlier_term_from_this_terms_first_day() -> None:
    story = Story("pivotal", "2026-04-01", "2026-06-01").subscription("team").user("a").user("c", until="2026-04-10", back="2026-05-20")
    assert story.bill().lines()[-2:] == told("""
        2026-06-01  reactivated  1 × 39.00 × 31/31 = 39.00   # released on 10 April, so from 1 May
        2026-06-01  opening      2 × 39.00 × 30/30 = 78.00
    """)


def test_D6_who_never_held_a_seat_before_is_new_and_not_reactivated() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").user("b", stands={"2026-04-01": "deactivated", "2026-04-16": "active"})
    assert story.bill().lines()[1:2] == ["2026-05-01 seats_added 1 × 39.00 × 15/30 = 19.50"]  # 16 to 30 April


def test_D6_pensero_charges_who_comes_back_like_a_new_seat() -> None:
    story = Story("pensero", *APRIL).subscription("enterprise", unit_price_year="365.00").user("a").user("c", until="2026-04-10", back="2026-04-20")
    assert story.bill().lines() == told("""
        2026-04-01  opening        2 × 365.00 × 365/365 =  730.00
        2026-05-01  seats_removed -1 × 365.00 × 356/365 = -356.00   # 1.00 a day, from 10 April: 365 less 9 days
        2026-05-01  seats_added    1 × 365.00 × 346/365 =  346.00   # from 20 April: 365 less 19 days
    """)


@pytest.mark.parametrize(
    ("reactivation", "line"),
    [
        ("back_bill", "reactivated 1 × 39.00 × 21/30 = 27.30"),  # from 10 April
        ("as_new", "seats_added 1 × 39.00 × 11/30 = 14.30"),  # from 20 April
    ],
)
def test_D6_whether_a_reactivation_is_back_billed_is_the_catalogues_policy(reactivation: str, line: str) -> None:
    story = Story("pivotal", *APRIL, reactivation=reactivation).subscription("team").user("a").user("c", until="2026-04-10", back="2026-04-20")
    assert story.bill().lines()[2] == f"2026-05-01 {line}"


def test_D7_a_workspaces_day_counts_every_standing() -> None:
    story = Story("pensero", "2026-04-01", "2026-04-06").subscription("growth", seats=10)
    story.user("stays").user("invited", stands={"2026-04-01": "pending"}).user("new", since="2026-04-06").user("leaves", until="2026-04-06")
    story.user("returns", until="2026-04-03", back="2026-04-06").user("gone", stands={"2026-04-01": "deactivated"})
    story.user("investor", kind="alias").user("customer", kind="portal")
    day = story.bill().occupancy("2026-04-06")
    assert {name: day[name] for name in ("occupied", "added", "removed", "reactivated", "pending", "alias", "portal", "deactivated")} == {
        "occupied": 4,  # stays, invited, new, returns
        "added": 2,  # new, returns
        "removed": 1,  # leaves
        "reactivated": 1,  # returns, a part of added
        "pending": 1,
        "alias": 1,
        "portal": 1,
        "deactivated": 2,  # leaves, gone
    }
    assert (day["committed"], day["seat_limit"]) == (8, 8)  # 10 agreed, less one released on 3 April and one on the 6th
    assert day["label"] == "Active seats used: 4/8"


def test_D7_every_workspace_has_every_day_once() -> None:
    story = Story("pivotal", "2026-04-01", "2026-04-03").subscription("team").subscription("solo", id="sub-2", workspace="ws-2")
    story.user("a").user("b", since="2026-04-03", workspace="ws-2")
    days = story.bill().shown().seat_occupancy.select("workspace_id", "day").rows()
    assert sorted((workspace, day.day) for workspace, day in days) == [("ws", 1), ("ws", 2), ("ws", 3), ("ws-2", 1), ("ws-2", 2), ("ws-2", 3)]
