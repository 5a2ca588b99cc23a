"""`plan_compliance`: one row a person can read for each workspace, month and matter."""

from __future__ import annotations

from datetime import date

import polars as pl

from tests.reports.books import Books
from tests.story import Story, shipped, told
from transforms.broken_aliases import broken_aliases_from_alias_changes
from transforms.catalog import catalog_from_toml
from transforms.plan_usage import plan_usage_from_usage

ROW = "month, matter, days, first_on, last_on, used, allowed, words"


def test_more_seats_than_allowed_is_one_row_a_month_with_its_days_and_the_most() -> None:
    books = Books().spell("2026-01-20", "2027-01-20", 60000).seats("2026-01-20", "7x6 8x6 9 8", "2026-01-20", seat_limit=7)
    assert books.report("plan_compliance", ROW) == told("""
        2026-01-01 over_seat_limit 6 2026-01-26 2026-01-31 8 7 more seats than allowed on 6 days: up to 8 of 7 on plan team
        2026-02-01 over_seat_limit 2 2026-02-01 2026-02-02 9 7 more seats than allowed on 2 days: up to 9 of 7 on plan team
    """)


def test_a_limit_that_is_reached_and_not_passed_is_told_too() -> None:
    books = Books().seats("2026-01-20", "6x6 7", plan="small", seat_limit=7).seats("2026-01-20", "0x3", workspace_id="empty", seat_limit=0)
    assert books.report("plan_compliance", ROW) == told("""
        2026-01-01 seat_limit_reached 1 2026-01-26 2026-01-26 7 7 no seat to spare on 1 day: 7 of 7 on plan small
    """)


def test_use_beyond_the_plan_is_one_row_for_each_metric() -> None:
    used = "day | metric | value | allowed | is_beyond\n"
    rows = "2026-03-10 | customers | 7 | 5 | true\n2026-03-31 | customers | 9 | 5 | true\n2026-03-31 | sso | 1 | 0 | true\n2026-03-20 | api | 3 | 5 | false"
    books = Books().seats("2026-03-31", "1").given("plan_usage", used + rows, workspace_id="ws", catalog="vendor", plan="small")
    assert books.report("plan_compliance", f"subject, {ROW}") == told("""
        customers 2026-03-01 beyond_plan 2 2026-03-10 2026-03-31 9 5 9 customers are used; plan small allows 5
        sso       2026-03-01 beyond_plan 1 2026-03-31 2026-03-31 1 0 sso is used; plan small does not include it
    """)


def test_aliases_that_cannot_work_are_told_in_every_month_until_they_work() -> None:
    books = (
        Books()
        .seats("2026-02-10", "1x65")
        .given(
            "broken_aliases",
            "workspace_id | user_id | broken_from | broken_until\nws | gwen | 2026-02-16 | -\nws | hugo | 2026-03-05 | 2026-04-01",
        )
    )
    why = "cannot work, login is disabled or the user deactivated"
    assert books.report("plan_compliance", ROW) == told(f"""
        2026-02-01 broken_alias 13 2026-02-16 2026-02-28 1 0 1 alias {why}: gwen
        2026-03-01 broken_alias 31 2026-03-01 2026-03-31 2 0 2 aliases {why}: gwen, hugo
        2026-04-01 broken_alias 15 2026-04-01 2026-04-15 1 0 1 alias {why}: gwen
    """)


def test_days_on_which_no_alias_was_broken_do_not_count_and_the_most_is_that_of_one_day() -> None:
    stretches = ("ws | al | 2026-02-03 | 2026-02-06", "ws | al | 2026-02-21 | 2026-02-24")
    stretches += ("ws | a1 | 2026-04-03 | 2026-04-05", "ws | a2 | 2026-04-20 | 2026-04-22", "ws | a3 | 2026-03-30 | 2026-04-02")
    books = Books().seats("2026-02-01", "1x89")
    books.given("broken_aliases", "\n".join(("workspace_id | user_id | broken_from | broken_until", *stretches)))
    assert books.report("plan_compliance", "month, days, first_on, last_on, used") == told("""
        2026-02-01 6 2026-02-03 2026-02-23 1    # three days twice
        2026-03-01 2 2026-03-30 2026-03-31 1
        2026-04-01 5 2026-04-01 2026-04-21 1    # three aliases, one after the other
    """)


def test_a_trial_that_ends_within_31_days_of_the_months_last_known_day_is_told() -> None:
    for ends, soon in (("2026-02-17", True), ("2026-03-03", True), ("2026-03-04", False)):  # 31 January and 31 days: 3 March
        books = Books().seats("2026-01-31", "4", plan="team", coverage="trial")
        books.given(
            "subscriptions",
            f"subscription_id | workspace_id | workspace_name | starts_on | trial_until\nsub | ws | Oak | 2026-01-20 | {ends}",
        )
        rows = books.report("plan_compliance", "workspace_name, matter, last_on, used, words")
        assert rows == ([f"Oak trial_ending {ends} 4 the trial of plan team ends on {ends}, with 4 seats held"] if soon else [])


def test_an_alias_is_broken_from_the_day_it_cannot_work_until_it_works_again() -> None:
    story = Story("pensero", "2026-03-01", "2026-03-31").subscription("growth", seats=5).user("x").user(
        "gwen", stands={"2026-03-01": "active", "2026-03-10": {"status": "active", "login_enabled": False}, "2026-03-20": "active", "2026-03-25": "deactivated"}, kind="alias"
    )  # fmt: skip
    broken = story.bill().shown().broken_aliases.select("user_id", "broken_from", "broken_until").rows()
    assert broken == [("gwen", date(2026, 3, 10), date(2026, 3, 20)), ("gwen", date(2026, 3, 25), None)]


def test_an_alias_of_a_workspace_with_two_vendors_is_told_once() -> None:
    changes = pl.DataFrame(
        [(vendor, "ws", "gwen", date(2026, 3, 10), 1) for vendor in ("a", "b")],
        schema=["catalog", "workspace_id", "user_id", "moved_on", "change"],
        orient="row",
    )
    assert broken_aliases_from_alias_changes(changes).height == 1


def test_usage_is_held_against_caps_and_against_what_only_other_plans_include() -> None:
    on = date(2026, 3, 31)
    usage = pl.DataFrame(
        [("ws", on, metric, value, "usage.csv", n) for n, (metric, value) in enumerate([("customers", 6), ("sso", 0), ("sso", 1), ("storage", 9)])],
        schema=["workspace_id", "on", "metric", "value", "file", "row"],
        orient="row",
    )  # fmt: skip
    occupancy = pl.DataFrame({"workspace_id": ["ws"], "on": [on], "catalog": ["pivotal"], "plan": ["solo"]})
    found = plan_usage_from_usage(usage, occupancy, {"pivotal": catalog_from_toml(shipped("pivotal"), "pivotal")})
    assert found.select("metric", "value", "allowed", "is_beyond").rows() == [
        ("customers", 6, 5, True),
        ("sso", 0, 0, False),
        ("sso", 1, 0, True),  # nobody sells `storage`: it is not limited, and left out
    ]
