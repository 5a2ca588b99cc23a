"""Section 5: when is invoiced, what a late fact does, credits, numbers, taking over, rights and names (I1-I9)."""

from datetime import date

import polars as pl
import pytest

from tests.story import Story, shipped, told
from transforms.directory import directory_from_people, people_from_rosters
from transforms.invoices import numbered_from_invoices

APRIL = ("2026-04-01", "2026-05-01")
SPRING = ("2026-04-01", "2026-06-01")


def test_I1_an_annual_term_is_invoiced_on_its_first_day_and_on_its_monthly_anniversaries() -> None:
    story = Story("pivotal", "2026-01-31", "2026-05-01").subscription("team", cadence="annual", billing_day="anniversary").user("a")
    assert story.bill().dates() == ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]


def test_I1_the_last_anniversary_of_a_year_comes_a_month_before_its_renewal() -> None:
    story = Story("pivotal", "2026-12-30", "2027-01-31").user("a")
    story.subscription("team", cadence="annual", billing_day="anniversary", starts="2026-01-31")
    assert story.bill().dates()[-2:] == ["2026-12-31", "2027-01-31"]


def test_I1_a_monthly_subscription_is_invoiced_on_every_terms_first_day_and_on_its_closing_date() -> None:
    story = Story("pivotal", "2026-04-16", "2026-07-15").subscription("team").user("a").event("2026-06-10", "canceled")
    assert story.bill().dates() == ["2026-04-16", "2026-05-01", "2026-06-01", "2026-07-01"]


@pytest.mark.parametrize(("adjustments", "invoice_on"), [("monthly", "2026-02-28"), ("renewal", "2027-01-31")])
def test_I1_whether_a_year_is_adjusted_monthly_or_at_its_renewal_is_the_catalogues_policy(adjustments: str, invoice_on: str) -> None:
    story = Story("pivotal", "2026-01-31", "2027-01-31", annual_adjustments=adjustments)
    story.subscription("team", cadence="annual", billing_day="anniversary")
    added = [line for line in story.user("a").user("b", since="2026-02-10").bill().lines() if "seats_added" in line]
    assert added == [f"{invoice_on} seats_added 1 × 384.00 × 355/365 = 373.48"]  # 10 February: 365 less 10 days; 373.479…


def test_I2_an_invoice_waits_for_its_days_close_and_bills_what_moved_on_it() -> None:
    story = Story("pivotal", "2026-01-31", "2026-02-28").subscription("team", cadence="annual", billing_day="anniversary")
    story.user("a").user("b", since="2026-02-28")
    before = story.bill("2026-02-27")
    assert before.dates() == ["2026-01-31"]
    assert story.bill("2026-02-28", after=before).lines() == told("""
        2026-02-28  seats_added  1 × 384.00 × 337/365 = 354.54   # that very day: 365 less 28 days; 354.542…
    """)


def test_I3_a_late_fact_becomes_correction_lines_on_the_next_invoice() -> None:
    story = Story("pivotal", *SPRING).subscription("team").user("a")
    first = story.bill("2026-05-01")
    story.user("b", since="2026-04-16")  # the rosters from 16 April on are superseded
    assert story.bill(after=first).lines("is_correction") == told("""
        2026-06-01  seats_added  1 × 39.00 × 15/30 = 19.50  True    # April's
        2026-06-01  opening      1 × 39.00 × 31/31 = 39.00  True    # May's: 2 now known, 1 billed
        2026-06-01  opening      2 × 39.00 × 30/30 = 78.00  False   # June's
    """)


def test_I3_a_correction_takes_back_what_was_billed_and_is_not() -> None:
    story = Story("pivotal", *SPRING).subscription("team").user("a").user("b", since="2026-04-16")
    first = story.bill("2026-05-01")
    story.user("b", since="2026-04-19")
    assert story.bill(after=first).lines() == told("""
        2026-06-01  seats_added -1 × 39.00 × 15/30 = -19.50   # not from the 16th
        2026-06-01  seats_added  1 × 39.00 × 12/30 =  15.60   # but from the 19th
        2026-06-01  opening      2 × 39.00 × 30/30 =  78.00
    """)


def test_I3_a_correction_is_the_difference_of_two_rounded_amounts() -> None:
    story = Story("pivotal", "2026-05-01", "2026-07-01").subscription("team").user("a").user("b", since="2026-05-18")
    first = story.bill("2026-06-01")
    assert first.lines()[1] == "2026-06-01 seats_added 1 × 39.00 × 14/31 = 17.61"  # 17.612…
    second = story.user("c", since="2026-05-18").bill(after=first)
    assert second.lines()[0] == "2026-07-01 seats_added 1 × 39.00 × 14/31 = 17.62"  # two are 35.23 (35.225…), less the 17.61 billed


def test_I4_a_run_that_comes_months_late_issues_what_the_runs_on_time_would_have() -> None:
    story = Story("pivotal", "2026-04-01", "2026-07-01").subscription("team").user("a").user("b", since="2026-04-16").user("c", until="2026-05-21")
    story.event("2026-05-10", "plan_changed", plan="pro")
    on_time = None
    for day in ("2026-04-01", "2026-05-01", "2026-06-01", "2026-07-01"):
        on_time = story.bill(day, after=on_time)
    assert story.bill().lines("is_correction") == on_time.every_line("is_correction")


def test_I4_a_fact_late_for_the_run_on_time_is_in_time_for_the_late_one() -> None:
    story = Story("pivotal", *SPRING).subscription("team").user("a").event("2026-04-16", "plan_changed", plan="pro", delivered_on="2026-05-20")
    switch = told("""
        -1 × 39.00 × 15/30 = -19.50
         1 × 79.00 × 15/30 =  39.50
    """)
    on_time = story.bill(after=story.bill("2026-05-01"))
    assert [line for line in on_time.lines() if "plan_switch" in line] == [f"2026-06-01 plan_switch {part}" for part in switch]
    late = story.bill("2026-05-01", known="2026-05-31")
    assert [line for line in late.lines() if "plan_switch" in line] == [f"2026-05-01 plan_switch {part}" for part in switch]


def test_I4_running_again_bills_nothing_twice() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").user("b", since="2026-04-16")
    again = story.bill(after=story.bill())
    assert (again.lines(), again.invoices(), again.dates()) == ([], [], [])


def test_I4_without_a_difference_there_is_no_invoice_and_its_date_is_done_nevertheless() -> None:
    story = Story("pivotal", *SPRING).subscription("team", cadence="annual").user("a")
    first = story.bill("2026-05-01")
    assert (first.dates(), first.invoices()) == (["2026-04-01", "2026-05-01"], ["2026-04-01 net 384.00 due 384.00 credit 0.00"])
    assert story.user("b", since="2026-04-20").bill(after=first).lines() == told("""
        2026-06-01  seats_added  1 × 384.00 × 346/365 = 364.01   # not on 1 May, which has passed; 365 less 19 days; 364.010…
    """)


def test_I4_lines_that_net_to_zero_are_an_invoice_of_0() -> None:
    story = Story("pivotal", *APRIL).subscription("team", cadence="annual").user("a").user("c", until="2026-04-10", back="2026-04-20")
    bills = story.bill()
    assert bills.lines()[1:] == told("""
        2026-05-01  seats_removed -1 × 384.00 × 356/365 = -374.53
        2026-05-01  reactivated    1 × 384.00 × 356/365 =  374.53
    """)
    assert bills.invoices()[1:] == ["2026-05-01 net 0.00 due 0.00 credit 0.00"]


def test_I5_an_invoice_below_zero_is_due_0_and_its_credit_goes_to_the_next_invoices() -> None:
    story = Story("pivotal", "2026-04-01", "2026-07-01").subscription("team", cadence="annual").user("a")
    story.user("c", until="2026-04-10").user("d", since="2026-05-10").user("e", since="2026-06-10")
    assert story.bill().invoices() == told("""
        2026-04-01  net  768.00  due 768.00  credit   0.00   # 2 × 384.00
        2026-05-01  net -374.53  due   0.00  credit 374.53   # c: 384.00 × 356/365
        2026-06-01  net  342.97  due   0.00  credit  31.56   # d: 384.00 × 326/365; 374.53 - 342.97
        2026-07-01  net  310.36  due 278.80  credit   0.00   # e: 384.00 × 295/365; 310.36 - 31.56
    """)


def test_I5_credit_never_expires_and_waits_for_a_later_run() -> None:
    story = Story("pivotal", "2026-04-01", "2026-06-01").subscription("team").user("a").user("c").event("2026-04-16", "plan_changed", plan="solo")
    first = story.bill("2026-05-31")
    assert first.invoices()[-1] == "2026-04-16 net -39.00 due 0.00 credit 39.00"  # 2 × 39.00 × 15/30
    second = story.event("2026-06-01", "plan_changed", plan="team").bill(after=first)
    assert second.invoices("credit_applied_minor") == ["2026-06-01 net 78.00 due 39.00 credit 0.00 3900"]


@pytest.mark.parametrize(
    ("ending", "beginning", "invoices"),
    [
        ("1", "2", ["2026-05-01 net -19.50 due 0.00 credit 19.50 1", "2026-05-01 net 39.00 due 19.50 credit 0.00 2"]),
        ("2", "1", ["2026-05-01 net 39.00 due 39.00 credit 0.00 1", "2026-05-01 net -19.50 due 0.00 credit 19.50 2"]),
    ],
)
def test_I5_on_a_date_credit_goes_from_subscription_to_subscription_in_their_order(ending: str, beginning: str, invoices: list[str]) -> None:
    story = Story("pivotal", *APRIL).subscription("team", id=ending).user("a").user("c", until="2026-04-16").event("2026-04-10", "canceled")
    story.subscription("team", id=beginning, starts="2026-05-01")
    assert story.bill().invoices("subscription_id")[1:] == invoices  # -39.00 × 15/30 on closing; 39.00 on opening


def test_I5_credit_of_one_currency_does_not_pay_an_invoice_of_another() -> None:
    story = Story("pivotal", *APRIL).subscription("team", id="1").user("a").user("c", until="2026-04-16").event("2026-04-10", "canceled")
    story.catalogs["euro"] = shipped("pivotal", id="euro", currency="EUR", invoice_prefix="EUR")
    story.subscription("team", id="2", starts="2026-05-01", catalog="euro")
    assert story.bill().invoices("currency")[1:] == told("""
        2026-05-01  net -19.50  due  0.00  credit 19.50  USD
        2026-05-01  net  39.00  due 39.00  credit  0.00  EUR
    """)


def test_I6_numbers_are_gapless_per_catalogue_and_year() -> None:
    story = Story("pivotal", "2025-12-01", "2026-02-01").subscription("team").user("a").user("b", workspace="ws-2")
    story.subscription("growth", id="sub-2", workspace="ws-2", catalog="pensero", cadence="annual", seats=1, starts="2026-01-15")
    prefixes = pl.DataFrame({"catalog": ["pivotal", "pensero"], "invoice_prefix": ["PIV", "PEN"]})
    used = pl.DataFrame({"catalog": ["pivotal"], "year": [2025], "used": [7]}, schema={"catalog": pl.String, "year": pl.Int64, "used": pl.Int64})
    numbered = numbered_from_invoices(story.bill().ledger.billing.invoices, used, prefixes)
    assert [f"{day} {number}" for day, number in numbered.select("invoice_on", "invoice_number").iter_rows()] == [
        "2025-12-01 PIV-2025-000008",  # seven were used before
        "2026-01-01 PIV-2026-000001",  # a new year
        "2026-01-15 PEN-2026-000001",
        "2026-02-01 PIV-2026-000002",
    ]


@pytest.mark.parametrize("asks", [{"event": "plan_changed", "plan": "pro"}, {"event": "cadence_changed", "cadence": "annual"}])
def test_I7_who_is_no_owner_or_admin_changes_neither_plan_nor_cadence(asks: dict) -> None:
    bills = Story("pivotal", *APRIL).subscription("team").user("a").event("2026-04-16", role="member", **asks).bill()
    assert bills.lines() == told("""
        2026-04-01  opening  1 × 39.00 × 30/30 = 39.00
        2026-05-01  opening  1 × 39.00 × 31/31 = 39.00
    """)
    assert bills.findings() == ["2026-04-16 I7 event_refused"]


def test_I7_who_is_no_owner_or_admin_does_not_change_the_seats() -> None:
    bills = Story("pensero", *APRIL).subscription("growth", seats=5).user("a").event("2026-04-16", "seats_updated", role="member", quantity=9).bill()
    assert bills.lines() == ["2026-04-01 opening 5 × 600.00 × 365/365 = 3000.00"]
    assert bills.findings() == ["2026-04-16 I7 event_refused"]


@pytest.mark.parametrize(
    ("may", "role", "price"),
    [
        (["owner", "admin"], "owner", "79.00"),
        (["owner", "admin"], "admin", "79.00"),
        (["owner"], "admin", "39.00"),
        (["owner", "admin", "member"], "member", "79.00"),
    ],
)
def test_I7_who_may_change_the_plan_is_the_catalogues_policy(may: list[str], role: str, price: str) -> None:
    story = Story("pivotal", *APRIL, change_roles=may).subscription("team").user("a").event("2026-04-16", "plan_changed", role=role, plan="pro")
    assert story.bill().lines()[-1] == f"2026-05-01 opening 1 × {price} × 31/31 = {price}"


def test_I8_a_deleted_users_name_and_address_leave_the_directory_and_others_stay() -> None:
    columns = ["workspace_id", "day", "user_id", "status", "name", "email"]
    first, second = date(2026, 4, 1), date(2026, 4, 2)
    rosters = [
        ("ws", first, "ada", "active", "Ada", "ada@example.com"),
        ("ws", first, "ben", "active", "Ben", "ben@example.com"),
        ("ws", second, "ada", "deleted", "Ada", "ada@example.com"),
        ("ws", second, "ben", "deactivated", "Ben", "ben@example.com"),
    ]
    directory = directory_from_people(None, people_from_rosters(pl.DataFrame(rosters, schema=columns, orient="row")))
    assert directory.select("user_id", "name", "email").rows() == [("ada", "Deactivated user", None), ("ben", "Ben", "ben@example.com")]


def test_I8_what_a_superseded_roster_alone_said_of_a_user_is_forgotten() -> None:
    columns = ["workspace_id", "day", "user_id", "status", "name", "email"]
    first, wrong = date(2026, 4, 3), date(2026, 4, 5)

    def people(*rows: tuple) -> pl.DataFrame:
        return people_from_rosters(pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String) | {"day": pl.Date}, orient="row"))

    ann, zoe = ("ann", "active", "Ann", "ann@x"), ("zoe", "active", "Zoe", "zoe@x")
    gone, deleted = ("ws", first, "zoe", "deleted", "Zoe", "zoe@x"), ("ws", first, "joe", "deleted", "Joe", "joe@x")
    before = directory_from_people(None, people(("ws", first, *ann), gone, deleted), [first])
    listed = directory_from_people(before, people(("ws", wrong, *ann), ("ws", wrong, *zoe)), [wrong])
    assert "Zoe" in listed["name"].to_list()
    mended = directory_from_people(listed, people(("ws", wrong, *ann)), [wrong])
    assert mended.select("user_id", "name", "email").rows() == [("ann", "Ann", "ann@x"), ("joe", "Deactivated user", None), ("zoe", None, None)]
    earlier = directory_from_people(listed, people(("ws", first, *zoe), ("ws", wrong, *ann)), [first, wrong])
    assert earlier.filter(user_id="zoe").select("name", "seen_on").row(0) == ("Zoe", first), "an earlier day that comes with it has them"


def test_I8_the_seat_days_of_a_deleted_user_stay() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").user("ada", stands={"2026-04-01": "active", "2026-04-21": "deleted"}, name="Ada")
    bills = story.bill()
    assert bills.lines()[:2] == told("""
        2026-04-01  opening        2 × 39.00 × 30/30 =  78.00
        2026-05-01  seats_removed -1 × 39.00 × 10/30 = -13.00   # 1 to 20 April remain charged
    """)
    assert bills.occupancy("2026-04-20")["occupied"] == 2


def test_I8_nothing_that_is_billed_or_shown_carries_a_users_name_or_address() -> None:
    bills = Story("pivotal", *APRIL).subscription("team").user("a", name="Ada Lindqvist", email="ada@example.com", until="2026-04-16").bill()
    frames = [bills.ledger.billing.lines, bills.ledger.billing.invoices, *bills.shown()]
    shown = " ".join(str(row) for frame in frames for row in frame.rows())
    assert "Ada" not in shown and "@example.com" not in shown


def test_I9_a_subscription_that_began_long_ago_is_billed_from_its_first_change_and_its_next_term() -> None:
    story = Story("pivotal", "2026-04-10", "2026-05-01").subscription("team", starts="2024-01-15").user("a").user("b", since="2026-04-16")
    assert story.bill().lines() == told("""
        2026-05-01  seats_added  1 × 39.00 × 15/30 = 19.50   # April's opening was billed elsewhere
        2026-05-01  opening      2 × 39.00 × 31/31 = 78.00
    """)


def test_I9_the_opening_of_a_term_that_begins_on_the_opening_day_is_billed() -> None:
    story = Story("pivotal", "2026-04-01", "2026-04-01").subscription("team", starts="2024-01-15").user("a")
    assert story.bill().lines() == ["2026-04-01 opening 1 × 39.00 × 30/30 = 39.00"]


def test_I9_what_moved_on_the_opening_day_itself_counts_as_billed_elsewhere() -> None:
    story = Story("pivotal", "2026-04-10", "2026-05-01").subscription("team", starts="2024-01-15").user("a").user("b", since="2026-04-10")
    assert story.event("2026-04-10", "plan_changed", plan="pro").bill().lines() == ["2026-05-01 opening 2 × 79.00 × 31/31 = 158.00"]


def test_I9_the_seats_of_a_subscription_are_those_agreed_as_of_the_opening_day() -> None:
    story = Story("pensero", "2026-04-10", "2026-06-15").subscription("growth", seats=10, billing_day="anniversary", starts="2025-06-15").user("a")
    story.event("2026-01-10", "seats_updated", quantity=14).event("2026-05-10", "seats_updated", quantity=12)
    assert story.bill().lines() == told("""
        2026-05-15  seats_added   2 × 600.00 × 36/365  =  118.36   # from the 10 of the row, not from 14; 10 May to 14 June; 118.356…
        2026-06-15  opening      12 × 600.00 × 365/365 = 7200.00
    """)


@pytest.mark.parametrize(
    ("asks", "lines_in_may"),
    [
        ({"event": "plan_changed", "plan": "pro"}, ["2026-05-01 opening 1 × 79.00 × 31/31 = 79.00"]),
        ({"event": "cadence_changed", "cadence": "annual"}, ["2026-05-01 opening 1 × 384.00 × 365/365 = 384.00"]),
        ({"event": "canceled"}, []),
    ],
)
def test_I9_plan_cadence_and_cancel_events_count_whatever_their_date(asks: dict, lines_in_may: list[str]) -> None:
    story = Story("pivotal", "2026-04-10", "2026-05-01").subscription("team", starts="2024-01-15").user("a").event("2026-04-02", **asks)
    assert story.bill().lines() == lines_in_may
