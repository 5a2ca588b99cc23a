"""Section 7: what is never guessed (G2, G5, G6 here; G1, G3 and G4 where files come in)."""

from datetime import date

import polars as pl
import pytest

from tests.story import Story, told
from transforms.repeated_rows import rows_without_repeats
from transforms.source_rows import typed_rows_from_source

APRIL = ("2026-04-01", "2026-05-01")


def user_rows(*rows: dict) -> pl.DataFrame:
    sound = {"workspace_id": "ws", "user_id": "a", "kind": "teammate", "role": "member", "status": "active", "login_enabled": "true"}
    texts = [sound | {"name": None, "email": None, "last_active_on": None} | row for row in rows]
    return pl.DataFrame(texts, schema_overrides={"name": pl.String, "email": pl.String, "last_active_on": pl.String}).with_columns(
        file=pl.lit("users/date=2026-04-01/users.csv"), row=pl.int_range(1, pl.len() + 1)
    )


def test_G2_a_row_that_breaks_its_contract_is_named_by_file_row_and_column() -> None:
    read = typed_rows_from_source("users", user_rows({}, {"workspace_id": "ws-2", "status": "aktive"}))
    assert read.rows["workspace_id"].to_list() == ["ws"]
    assert read.broken.select("workspace_id", "file", "row", "column").rows() == [("ws-2", "users/date=2026-04-01/users.csv", 2, "status")]


def test_G2_a_user_who_is_on_a_days_roster_twice_with_other_values_is_a_contradiction() -> None:
    rows = user_rows({"user_id": "b"}, {}, {"status": "deactivated"}, {"user_id": "b"}).with_columns(day=date(2026, 4, 1))
    once, faults, repeats = rows_without_repeats("users", rows)
    assert once["user_id"].to_list() == ["b"]  # twice the same: once
    assert sorted(faults.select("workspace_id", "row").rows()) == [("ws", 2), ("ws", 3)]
    assert sum(repeats.values()) == 1


def test_G2_a_metric_of_a_workspace_that_is_used_twice_on_a_day_with_other_values_is_a_contradiction() -> None:
    used = [("ws", "api", 6), ("ws", "sso", 1), ("ws", "sso", 1), ("ws", "api", 4), ("ws-2", "api", 4)]
    rows = pl.DataFrame(used, schema=["workspace_id", "metric", "value"], orient="row").with_columns(
        day=date(2026, 4, 1), file=pl.lit("usage/date=2026-04-01/usage.csv"), row=pl.int_range(1, pl.len() + 1)
    )
    once, faults, repeats = rows_without_repeats("usage", rows)
    assert sorted(once.select("workspace_id", "metric").rows()) == [("ws", "sso"), ("ws-2", "api")]  # twice the same: once
    assert sorted(faults.select("workspace_id", "row", "column").rows()) == [("ws", 1, "metric"), ("ws", 4, "metric")]
    assert sum(repeats.values()) == 1


def with_a_neighbour() -> Story:
    return Story("pivotal", *APRIL).subscription("team").user("a").subscription("team", id="sub-2", workspace="ws-2").user("b", workspace="ws-2")


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"plan": "tema"}, "unknown_plan"),
        ({"catalog": "pivotl"}, "unknown_plan"),
        ({"unit_price_month": "30.005"}, "agreed_price"),  # USD has two decimals
    ],
)
def test_G2_a_subscription_that_cannot_be_priced_holds_its_workspace_and_no_other(columns: dict, reason: str) -> None:
    story = with_a_neighbour()
    story.subscriptions["sub-2"] |= columns
    bills = story.bill()
    assert bills.holds() == [f"ws-2 {reason}"]
    assert bills.invoices("workspace_id") == ["2026-04-01 net 39.00 due 39.00 credit 0.00 ws", "2026-05-01 net 39.00 due 39.00 credit 0.00 ws"]


@pytest.mark.parametrize("columns", [{"plan": "tema"}, {"unit_price_month": "30.005"}])
def test_D7_G6_the_seats_of_who_is_held_for_a_subscription_row_are_counted_all_the_same(columns: dict) -> None:
    story = with_a_neighbour().user("c", workspace="ws-2", since="2026-04-16", until="2026-04-20")
    sound = [story.bill().occupancy(day, "ws-2") for day in ("2026-04-01", "2026-04-16", "2026-04-20", "2026-05-01")]
    story.subscriptions["sub-2"] |= columns
    bills = story.bill()
    held = [bills.occupancy(day, "ws-2") for day in ("2026-04-01", "2026-04-16", "2026-04-20", "2026-05-01")]
    counted = ("catalog", "occupied", "added", "removed", "label")
    assert [[day[name] for name in counted] for day in held] == [[day[name] for name in counted] for day in sound]
    assert [day["occupied"] for day in held] == [1, 2, 1, 1]
    assert {day["coverage"] for day in held} == {"held"}
    standing = bills.shown().subscriptions.filter(workspace_id="ws-2")
    assert standing.select("state", "seats_occupied").rows() == [("held", 1)]


def test_D7_whose_rows_name_no_catalogue_that_there_is_or_two_has_no_seats() -> None:
    story = with_a_neighbour()
    story.subscriptions["sub-2"] |= {"catalog": "pivotl"}
    day = story.bill().occupancy("2026-04-16", "ws-2")
    assert (day["catalog"], day["occupied"], day["coverage"]) == (None, 0, "held")


@pytest.mark.parametrize("catalogs", [["pivotl"], ["pivotal", "pensero"], ["pivotl", "pensero"]])
def test_G6_who_is_held_for_the_catalogue_that_its_rows_name_has_every_day_also_without_a_roster(catalogs: list[str]) -> None:
    story = with_a_neighbour()
    for n, catalog in enumerate(catalogs):
        story.subscription("tema", id=f"lone-{n}", workspace="nowhere", catalog=catalog)
    bills = story.bill()
    assert bills.coverage("nowhere") == "31 held"  # 1 April to 1 May, as ws and ws-2 have
    assert bills.occupancy("2026-04-16", "nowhere")["catalog"] == ("pensero" if catalogs == ["pivotl", "pensero"] else None)


def test_G2_a_hold_names_the_file_and_the_row() -> None:
    story = with_a_neighbour()
    story.subscriptions["sub-2"] |= {"plan": "tema"}
    assert story.bill().shown().holds.select("file", "row").rows() == [("subscriptions.csv", 2)]


def test_G2_an_event_that_names_another_workspaces_subscription_holds_its_own_workspace() -> None:
    bills = with_a_neighbour().event("2026-04-16", "plan_changed", plan="pro", workspace="ws-2", subscription_id="sub").bill()
    assert bills.holds() == ["ws-2 event_contradicts"]
    assert bills.lines("workspace_id")[-1] == "2026-05-01 opening 1 × 39.00 × 31/31 = 39.00 ws"  # ws stays on team


@pytest.mark.parametrize(("zone", "since"), [("UTC", date(2026, 4, 16)), ("Pacific/Auckland", date(2026, 4, 17)), ("America/New_York", date(2026, 4, 15))])
def test_D1_G2_who_is_held_for_an_event_is_held_since_its_day_in_the_catalogues_time_zone(zone: str, since: date) -> None:
    story = Story("pivotal", *APRIL, timezone=zone).subscription("team").user("a")
    story.subscription("team", id="sub-2", workspace="ws-2").user("b", workspace="ws-2")
    at = "23:30" if zone == "Pacific/Auckland" else "00:30"
    bills = story.event("2026-04-16", "plan_changed", at=at, plan="pro", workspace="ws-2", subscription_id="sub").bill()
    assert bills.shown().holds.select("workspace_id", "reason", "since_on").rows() == [("ws-2", "event_contradicts", since)]


def test_G2_two_subscriptions_of_a_workspace_that_overlap_hold_it() -> None:
    bills = Story("pivotal", *APRIL).subscription("team", id="1").subscription("pro", id="2", starts="2026-04-20").user("a").bill()
    assert (bills.holds(), bills.lines()) == (["ws subscriptions_overlap"], [])


def test_G2_once_mended_the_next_run_bills_what_was_held_as_if_it_had_never_happened() -> None:
    story = Story("pivotal", "2026-04-01", "2026-06-01").subscription("tema").user("a").user("b", since="2026-04-16")
    held = story.bill("2026-05-01")
    assert held.lines() == []
    assert story.subscription("team").bill(after=held).lines("is_correction") == told("""
        2026-04-01  opening      1 × 39.00 × 30/30 = 39.00  False
        2026-05-01  seats_added  1 × 39.00 × 15/30 = 19.50  False
        2026-05-01  opening      2 × 39.00 × 31/31 = 78.00  False
        2026-06-01  opening      2 × 39.00 × 30/30 = 78.00  False
    """)


def test_G5_who_is_absent_from_a_roster_holds_no_seat_and_is_reported_as_vanished() -> None:
    bills = Story("pivotal", *APRIL).subscription("team").user("a").user("c", stands={"2026-04-01": "active", "2026-04-21": None}).bill()
    assert bills.lines()[1] == "2026-05-01 seats_removed -1 × 39.00 × 10/30 = -13.00"  # 21 to 30 April
    assert bills.findings() == ["2026-04-21 G5 vanished"]


def in_two_catalogues() -> Story:
    """A workspace of Pivotal that goes to Pensero, later than anybody knows."""
    story = Story("pivotal", *APRIL).subscription("team").user("a")
    return story.subscription("growth", id="later", catalog="pensero", cadence="annual", seats=9, starts="2027-01-01")


def test_G5_who_vanishes_is_counted_once_in_however_many_catalogues() -> None:
    story = in_two_catalogues().user("c", stands={"2026-04-01": "active", "2026-04-21": None})
    found = story.bill().shown().exceptions
    assert found["detail"].to_list() == ["no longer on the roster, and no activity says why: 1 user, c"]
    two = story.user("d", stands={"2026-04-01": "active", "2026-04-21": None}).bill().shown().exceptions
    assert two["detail"].to_list() == ["no longer on the roster, and no activity says why: 2 users, c, d"]


def test_G2_more_seats_than_are_reckoned_with_hold_the_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transforms.daily_seats.MAX_QUANTITY", 2)
    story = Story("pivotal", *APRIL).subscription("team").user("a").user("b").user("c", since="2026-04-11")
    bills = story.bill()
    assert (bills.holds(), bills.lines()) == (["ws too_many_seats"], [])


def test_G2_an_event_that_names_a_subscription_of_another_workspace_holds_whatever_else_that_workspace_has() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").subscription("team", id="theirs", workspace="other")
    story.subscription("no such plan", id="theirs too", workspace="other", starts="2027-01-01")
    story.event("2026-04-10", "seats_updated", subscription_id="theirs", quantity=5)
    assert story.bill().holds() == ["other unknown_plan", "ws event_contradicts"]


def test_G2_a_subscription_that_lasted_no_day_overlaps_none_whichever_id_is_first() -> None:
    for ids in (("a", "b"), ("b", "a")):
        story = Story("pivotal", *APRIL).user("u").subscription("team", id=ids[0], starts="2026-04-01")
        story.subscription("team", id=ids[1], starts="2026-04-03", trial="2026-04-17").event("2026-04-03", "canceled", subscription_id=ids[1])
        assert (story.bill().holds(), len(story.bill().lines())) == ([], 2), ids


def test_D5_a_broken_alias_is_reported_once_in_however_many_catalogues() -> None:
    story = in_two_catalogues().user("x", kind="alias", stands={"2026-04-01": "active", "2026-04-21": "deactivated"})
    assert [found for found in story.bill().findings() if "alias" in found] == ["2026-04-21 D5 broken_alias"]


def test_G5_of_many_users_who_vanish_five_are_named_and_the_others_counted() -> None:
    story = Story("pivotal", "2026-04-01", "2026-04-30").subscription("team").user("stays")
    for number in range(7):
        story.user(f"u{number}", stands={"2026-04-01": "active", "2026-04-16": None})
    (found,) = story.bill().shown().exceptions["detail"]
    assert found == "no longer on the roster, and no activity says why: 7 users, u0, u1, u2, u3, u4 and 2 more"


def test_G5_an_event_that_the_roster_denies_is_reported_once_in_however_many_catalogues() -> None:
    story = in_two_catalogues().user("c").event("2026-04-21", "deactivated", user_id="c")
    assert story.bill().findings() == ["2026-04-21 G5 activity_disagrees"]


@pytest.mark.parametrize("event", ["deactivated", "revoked", "deleted"])
def test_G5_an_absence_that_activity_explains_is_not_reported(event: str) -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").user("c", stands={"2026-04-01": "active", "2026-04-21": None})
    assert story.event("2026-04-21", event, user_id="c").bill().findings() == []


@pytest.mark.parametrize(
    ("user", "event"),
    [
        ({}, "deactivated"),  # the roster says that c still holds a seat
        ({"until": "2026-04-21"}, "accepted"),  # the roster says that c holds none
    ],
)
def test_G5_where_activity_and_roster_disagree_the_roster_decides_and_that_is_reported(user: dict, event: str) -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").user("c", **user)
    silent = story.bill().lines()
    bills = story.event("2026-04-21", event, user_id="c").bill()
    assert bills.findings() == ["2026-04-21 G5 activity_disagrees"]
    assert bills.lines() == silent


@pytest.mark.parametrize(
    ("stands", "event", "what"),
    [
        ({"stands": {"2026-04-22": "active"}}, "added", "is neither pending nor active"),  # a day too late
        ({"stands": {"2026-04-22": "pending"}}, "invited", "is neither pending nor active"),
        ({"stands": {"2026-04-01": "active", "2026-04-21": "deactivated"}}, "added", "is neither pending nor active"),
        ({"stands": {"2026-04-01": "active"}}, "alias_granted", "is no alias"),
        ({"stands": {"2026-04-21": "pending"}}, "invited", None),
        ({"stands": {"2026-04-21": "pending"}}, "added", None),  # the invitation may be there, and not accepted
        ({"stands": {"2026-04-01": "active"}, "kind": "alias"}, "alias_granted", None),
        ({"stands": {"2026-04-30": "active"}}, "accepted", "holds no seat"),
    ],
)
def test_G5_who_is_said_to_be_there_and_is_not_is_reported(stands: dict, event: str, what: str | None) -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").user("c", **stands)
    bills = story.event("2026-04-21", event, user_id="c").bill()
    found = bills.shown().exceptions.filter(finding="activity_disagrees")["detail"].to_list()
    assert found == ([f"event e000 says {event} of user c, who {what} on that day's roster"] if what else [])


@pytest.mark.parametrize(
    ("zone", "at", "stands"),
    [
        ("Pacific/Kiritimati", "2026-05-01 13:00", {"2026-05-01": "active"}),  # 14 hours ahead of UTC, where it is April
        ("Etc/GMT+12", "2026-04-30 12:30", {"2026-04-01": "active", "2026-05-01": None}),  # 12 hours behind it, where it is May
    ],
)
def test_G5_the_day_of_such_an_event_is_that_of_the_catalogues_time_zone_at_a_months_end_too(zone: str, at: str, stands: dict) -> None:
    story = Story("pivotal", "2026-04-01", "2026-05-02", timezone=zone).subscription("team").user("a").user("c", stands=stands)
    story.event(at.split()[0], "added", zone=zone, at=at.split()[1], user_id="c")
    assert not [finding for finding in story.bill().findings() if "disagrees" in finding]


def test_G5_of_an_unknown_user_too_and_the_last_event_of_a_day_counts() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").user("c", until="2026-04-21")
    story.event("2026-04-10", "added", user_id="nobody")
    story.event("2026-04-21", "added", user_id="c").event("2026-04-21", "deactivated", user_id="c")
    assert story.bill().findings() == ["2026-04-10 G5 activity_disagrees"]


def test_G6_every_day_of_a_workspace_is_billed_or_free_with_a_reason_or_held() -> None:
    story = Story("pivotal", *APRIL).user("u")
    for workspace in ("none", "trial", "free", "ended", "held"):
        story.user("u", workspace=workspace)
    story.subscription("team", starts="2026-04-11").subscription("team", id="1", workspace="trial", trial="2026-04-15")
    story.subscription("solo", id="2", workspace="free")
    story.subscription("team", id="3", workspace="ended").subscription("tema", id="4", workspace="held")
    bills = story.event("2026-04-10", "canceled", workspace="ended").bill()
    assert {workspace: bills.coverage(workspace) for workspace in ("ws", "none", "trial", "free", "ended", "held")} == {
        "ws": "10 no subscription, 21 billed",  # 31 days in all: 1 April to 1 May
        "none": "31 no subscription",
        "trial": "14 trial, 17 billed",
        "free": "31 free plan",
        "ended": "30 billed, 1 ended",
        "held": "31 held",
    }


def test_I9_G6_what_is_so_since_before_the_opening_day_is_reported_on_the_opening_day() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a")
    story.subscription("team", id="absent", workspace="absent", starts="2025-01-01", trial="2025-03-01")
    found = story.bill().shown().exceptions.select("day", "finding", "subscription_id").rows()
    assert found == [(date(2026, 4, 1), "no_roster", "absent"), (date(2026, 4, 1), "long_trial", "absent")]


def test_I9_G6_of_a_subscription_that_ended_before_the_opening_day_nothing_is_reported() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a")
    story.subscription("team", id="absent", workspace="absent", starts="2025-01-01", trial="2025-03-01")
    assert story.event("2025-03-10", "canceled", workspace="absent").bill().findings() == []


def test_I9_G6_the_days_of_a_subscription_that_ended_before_the_opening_day_are_ended_ones_and_its_seats_are_counted() -> None:
    story = Story("pivotal", *APRIL).subscription("team", starts="2025-01-01").user("a").event("2025-01-10", "canceled")
    bills = story.bill()
    assert bills.coverage() == "31 ended"
    assert [bills.occupancy(day)["occupied"] for day in ("2026-04-01", "2026-05-01")] == [1, 1]


def test_I9_G6_between_a_subscription_that_ended_before_the_opening_day_and_the_next_one_the_days_are_ended_ones() -> None:
    story = Story("pivotal", *APRIL).subscription("growth", id="old", catalog="pensero", cadence="annual", seats=2, starts="2024-01-01")
    story.user("a").user("b", stands={"2026-04-01": "pending"}).event("2024-01-10", "canceled")
    bills = story.subscription("team", id="new", starts="2026-04-11").bill()
    assert bills.coverage() == "10 ended, 21 billed"
    seats = [(day["catalog"], day["occupied"]) for day in map(bills.occupancy, ("2026-04-10", "2026-04-11"))]
    assert seats == [("pensero", 2), ("pivotal", 1)]  # at pensero who is invited holds one


def test_T8_G6_who_cancels_before_activation_on_the_first_day_has_ended() -> None:
    story = Story("pivotal", *APRIL).subscription("team", trial="2026-04-20").user("a").event("2026-04-01", "canceled")
    assert story.bill().coverage() == "31 ended"
