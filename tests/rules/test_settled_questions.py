"""Section 8: the readings that the other sections leave open, as they are settled, in the order of its table."""

from datetime import date

import pytest

from flows.catalogs import read_catalogs
from tests.story import Story, priced, told

APRIL = ("2026-04-01", "2026-05-01")


def test_D6_settled_any_earlier_day_is_any_on_a_roster_even_before_the_subscription() -> None:
    story = Story("pivotal", "2026-03-01", "2026-05-01").subscription("team", starts="2026-04-01")
    story.user("a").user("c", until="2026-03-05", back="2026-04-16")
    assert story.bill().lines()[1] == "2026-05-01 reactivated 1 × 39.00 × 30/30 = 39.00"  # from the term's first day, 1 April


def test_D6_settled_an_earlier_day_on_a_trial_counts_too() -> None:
    story = Story("pivotal", *APRIL).subscription("team", trial="2026-04-11").user("a").user("c", until="2026-04-05", back="2026-04-16")
    assert story.bill().lines() == told("""
        2026-04-11  opening      1 × 39.00 × 20/30 = 26.00
        2026-05-01  reactivated  1 × 39.00 × 20/30 = 26.00   # from 11 April: the stub's first day
        2026-05-01  opening      2 × 39.00 × 31/31 = 78.00
    """)


def test_D6_settled_the_current_cycle_of_a_year_is_the_year() -> None:
    story = Story("pivotal", "2026-04-01", "2026-12-01").subscription("team", cadence="annual")
    story.user("a").user("c", until="2026-04-10", back="2026-11-20")
    assert story.bill().lines()[-1] == "2026-12-01 reactivated 1 × 384.00 × 356/365 = 374.53"  # from 10 April to the year's end


def test_S2_settled_an_agreed_price_holds_for_its_own_cadence_only() -> None:
    story = Story("pivotal", *APRIL).subscription("team", unit_price_year="300.00").user("a").event("2026-04-10", "cadence_changed", cadence="annual")
    assert story.bill().lines() == told("""
        2026-04-01  opening  1 ×  39.00 × 30/30   =  39.00   # the monthly list price
        2026-05-01  opening  1 × 300.00 × 365/365 = 300.00
    """)


def test_S2_settled_an_agreed_price_holds_for_the_signup_plan_also_on_a_return_to_it() -> None:
    story = Story("pivotal", *APRIL).subscription("team", unit_price_month="30.00").user("a")
    story.event("2026-04-16", "plan_changed", plan="pro").event("2026-04-21", "plan_changed", plan="team")
    assert story.bill().lines()[1:] == told("""
        2026-05-01  plan_switch -1 × 30.00 × 15/30 = -15.00
        2026-05-01  plan_switch  1 × 79.00 × 15/30 =  39.50   # pro was not signed up for: the list price
        2026-05-01  plan_switch -1 × 79.00 × 10/30 = -26.33
        2026-05-01  plan_switch  1 × 30.00 × 10/30 =  10.00
        2026-05-01  opening      1 × 30.00 × 31/31 =  30.00
    """)


def test_T3_settled_a_monthly_term_that_follows_a_year_off_its_billing_day_is_a_stub() -> None:
    story = Story("pivotal", "2026-04-01", "2026-05-01").subscription("team", cadence="annual", starts="2025-04-16").user("a")
    assert story.event("2025-12-24", "cadence_changed", cadence="monthly").bill().lines() == told("""
        2026-04-16  opening  1 × 39.00 × 15/30 = 19.50   # the year ended on 16 April, the billing day is the 1st
        2026-05-01  opening  1 × 39.00 × 31/31 = 39.00
    """)


def test_T5_settled_a_wish_on_the_activation_day_is_for_the_next_term() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").event("2026-04-01", "cadence_changed", cadence="annual")
    assert story.bill().terms() == ["2026-04-01 2026-05-01 monthly 30/30", "2026-05-01 2027-05-01 annual 365/365"]


def test_T5_settled_a_cadence_named_by_a_plan_change_during_a_trial_counts_from_activation() -> None:
    story = Story("pivotal", "2026-04-01", "2026-04-15").subscription("team", trial="2026-04-15").user("a")
    story.event("2026-04-05", "plan_changed", plan="pro", cadence="annual")
    assert story.bill().lines() == ["2026-04-15 opening 1 × 780.00 × 365/365 = 780.00"]


def test_T5_settled_a_cadence_named_by_a_plan_change_on_the_trials_end_counts_at_once() -> None:
    story = Story("pivotal", "2026-04-01", "2026-04-15").subscription("team", trial="2026-04-15").user("a")
    assert story.event("2026-04-15", "plan_changed", plan="pro", cadence="annual").bill().terms() == ["2026-04-15 2027-04-15 annual 365/365"]


def test_T5_settled_a_cadence_named_by_a_change_between_paid_plans_is_a_wish() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").event("2026-04-16", "plan_changed", plan="pro", cadence="annual")
    assert story.bill().lines()[1:] == told("""
        2026-05-01  plan_switch -1 ×  39.00 × 15/30   = -19.50
        2026-05-01  plan_switch  1 ×  79.00 × 15/30   =  39.50   # pro, still by the month
        2026-05-01  opening      1 × 780.00 × 365/365 = 780.00   # by the year from the next term
    """)


def test_T6_settled_a_switch_inside_a_term_to_a_plan_not_sold_at_its_cadence_is_refused() -> None:
    story = Story("pivotal", *APRIL, plans={"pro": {"prices": [priced(year="780.00")]}}).subscription("team").user("a")
    bills = story.event("2026-04-16", "plan_changed", plan="pro").bill()
    assert bills.lines()[1:] == ["2026-05-01 opening 1 × 39.00 × 31/31 = 39.00"]
    assert bills.findings() == ["2026-04-16 T6 event_refused"]


def test_T7_settled_the_lines_keep_the_planned_end_and_the_term_shows_the_real_one() -> None:
    bills = Story("pivotal", *APRIL).subscription("team").user("a").event("2026-04-16", "plan_changed", plan="solo").bill()
    assert bills.lines("term_until", "service_until")[1] == "2026-04-16 plan_switch -1 × 39.00 × 15/30 = -19.50 2026-05-01 2026-05-01"
    assert bills.terms("ended_on") == ["2026-04-01 2026-05-01 monthly 30/30 2026-04-16"]


def test_T7_settled_who_comes_back_on_the_day_of_the_move_is_charged_for_the_part_before_it() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").user("c", until="2026-04-06", back="2026-04-16")
    assert story.event("2026-04-16", "plan_changed", plan="solo").bill().lines()[1:] == told("""
        2026-04-16  seats_removed -1 × 39.00 × 25/30 = -32.50   # 6 to 30 April
        2026-04-16  reactivated    1 × 39.00 × 10/30 =  13.00   # 6 to 15 April
        2026-04-16  plan_switch   -1 × 39.00 × 15/30 = -19.50   # a; c held none at the close of the 15th
    """)


@pytest.mark.parametrize(("canceled_on", "billed_days"), [("2026-04-01", 30), ("2026-05-01", 61)])
def test_T8_settled_cancelling_on_a_terms_first_day_is_inside_that_term(canceled_on: str, billed_days: int) -> None:
    bills = Story("pivotal", "2026-04-01", "2026-06-10").subscription("team").user("a").event(canceled_on, "canceled").bill()
    assert bills.coverage() == f"{billed_days} billed, {71 - billed_days} ended"  # April is 30 days, May 31; 71 to 10 June


def test_T8_settled_cancelling_on_a_free_plan_ends_that_day_without_a_closing_invoice() -> None:
    bills = Story("pivotal", *APRIL).subscription("solo").user("a").event("2026-04-11", "canceled").bill()
    assert (bills.coverage(), bills.dates()) == ("10 free plan, 21 ended", [])


def test_T8_settled_a_move_to_a_free_plan_after_cancelling_ends_the_subscription_at_the_move() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").event("2026-04-10", "canceled").event("2026-04-16", "plan_changed", plan="solo")
    bills = story.bill()
    assert bills.lines()[1:] == ["2026-04-16 plan_switch -1 × 39.00 × 15/30 = -19.50"]
    assert bills.coverage() == "15 billed, 16 ended"


@pytest.mark.parametrize(("usual", "findings"), [(14, ["2026-04-01 T9 long_trial"]), (20, []), (None, [])])
def test_T9_settled_a_trial_ends_when_its_row_says_and_one_longer_than_usual_is_reported(usual: int | None, findings: list[str]) -> None:
    story = Story("pivotal", "2026-04-01", "2026-04-21", trial_days=usual).subscription("team", trial="2026-04-21").user("a")
    bills = story.bill()
    assert bills.lines() == ["2026-04-21 opening 1 × 39.00 × 10/30 = 13.00"]  # after 20 days; 21 to 30 April
    assert bills.findings() == findings


def test_T9_settled_without_trial_ends_on_there_is_no_trial() -> None:
    bills = Story("pivotal", "2026-04-01", "2026-04-01").subscription("team", trial=None).user("a").bill()
    assert bills.lines() == ["2026-04-01 opening 1 × 39.00 × 30/30 = 39.00"]


def test_T9_settled_several_requests_on_a_day_are_taken_in_order() -> None:
    story = Story("pivotal", "2026-04-01", "2026-04-25").subscription("team", trial="2026-04-15").user("a")
    for at, until in [("11:00", "2026-04-25"), ("10:00", "2026-04-18"), ("09:00", "2026-04-20")]:
        story.event("2026-04-10", "trial_extended", at=at, until=until)
    bills = story.bill()
    assert bills.terms() == ["2026-04-25 2026-05-01 monthly 6/30"]  # to the 20th, refused to the 18th, to the 25th
    assert bills.findings() == ["2026-04-10 T9 event_refused"]


def test_T10_settled_a_refused_event_is_as_if_it_had_not_been_sent() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").event("2026-04-16", "plan_changed", plan="pro", at="09:00")
    bills = story.event("2026-04-16", "plan_changed", plan="solo", at="17:00", role="member").bill()
    assert bills.lines()[-1] == "2026-05-01 opening 1 × 79.00 × 31/31 = 79.00"


def test_T10_settled_a_superseded_plan_change_takes_its_cadence_and_its_seats_with_it() -> None:
    story = Story("pensero", *APRIL).subscription("starter", seats=3).user("a")
    story.event("2026-04-10", "plan_changed", plan="growth", quantity=7, at="09:00").event("2026-04-10", "plan_changed", plan="growth", at="17:00")
    assert story.bill().lines() == ["2026-04-10 opening 3 × 600.00 × 365/365 = 1800.00"]  # not 7
    story = Story("pivotal", *APRIL).subscription("solo").user("a")
    story.event("2026-04-10", "plan_changed", plan="pro", cadence="annual", at="09:00").event("2026-04-10", "plan_changed", plan="team", at="17:00")
    assert story.bill().lines()[0] == "2026-04-10 opening 1 × 39.00 × 21/30 = 27.30"  # not by the year


YEAR = {"starts": "2026-03-15", "billing_day": "anniversary"}  # on 1 June, 287 of its 365 days are left
SCALE = {"scale": {"basis": "committed", "prices": [priced(year="900.00")]}}


def test_S4_settled_seats_reduced_too_is_replaced_on_a_switch_day() -> None:
    story = Story("pensero", "2026-03-15", "2026-06-15", plans=SCALE).subscription("growth", seats=10, **YEAR).user("a")
    assert story.event("2026-06-01", "plan_changed", plan="scale", quantity=8).bill().lines()[1:] == told("""
        2026-06-15  plan_switch -10 × 600.00 × 287/365 = -4717.81   # 4717.808…
        2026-06-15  plan_switch   8 × 900.00 × 287/365 =  5661.37   # 5661.369…
    """)


@pytest.mark.parametrize(
    ("agreed", "updated_on", "named", "entered"),
    [
        (5, None, 7, "7 × 600.00 × 287/365 = 3302.47"),  # named by the event; 3302.465…
        (5, "2026-06-01", None, "9 × 600.00 × 287/365 = 4246.03"),  # by an update that day; 4246.027…
        (5, "2026-05-01", None, "9 × 600.00 × 287/365 = 4246.03"),  # by an update while on enterprise, which cost nothing then
        (5, None, None, "5 × 600.00 × 287/365 = 2358.90"),  # the last agreed; 2358.904…
    ],
)
def test_S4_settled_a_switch_to_a_committed_plan_bills_the_seats_agreed_at_its_close(
    agreed: int, updated_on: str | None, named: int | None, entered: str
) -> None:
    story = Story("pensero", "2026-03-15", "2026-06-15").user("a").user("b")
    story.subscription("enterprise", unit_price_year="730.00", seats=agreed, **YEAR)
    story.event("2026-06-01", "plan_changed", plan="growth", quantity=named)
    if updated_on:
        story.event(updated_on, "seats_updated", quantity=9)
    assert story.bill().lines()[1:] == [
        "2026-06-15 plan_switch -2 × 730.00 × 287/365 = -1148.00",  # 2.00 a day and seat: a and b
        f"2026-06-15 plan_switch {entered}",
    ]


def test_S4_settled_a_switch_to_a_committed_plan_without_any_seats_ever_agreed_is_held() -> None:
    story = Story("pensero", "2026-03-15", "2026-06-15").subscription("enterprise", unit_price_year="730.00", **YEAR).user("a")
    assert story.event("2026-06-01", "plan_changed", plan="growth").bill().holds() == ["ws seats_missing"]


def test_S4_settled_the_minimum_of_seats_binds_a_plan_change_too() -> None:
    story = Story("pensero", "2026-03-15", "2026-06-15").subscription("enterprise", unit_price_year="730.00", **YEAR).user("a").user("b")
    bills = story.event("2026-06-01", "plan_changed", plan="growth", quantity=1).bill()
    assert bills.lines() == ["2026-03-15 opening 2 × 730.00 × 365/365 = 1460.00"]
    assert bills.findings() == ["2026-06-01 §4 event_refused"]


def test_S4_settled_the_minimum_is_what_is_occupied_at_that_days_close() -> None:
    story = Story("pensero", "2026-03-15", "2026-06-15").subscription("growth", seats=10, **YEAR).user("a").user("b", until="2026-06-01")
    bills = story.event("2026-06-01", "seats_updated", quantity=1).bill()  # two in the morning, one at the close
    assert bills.findings() == []
    assert bills.lines()[1:] == told("""
        2026-06-15  seats_removed -1 × 600.00 × 287/365 =  -471.78   # b: 10 to 9; 471.780…
        2026-06-15  seats_reduced -8 × 600.00 × 287/365 = -3774.25   # 9 to 1; 3774.246…
    """)


def test_S4_settled_the_plan_at_a_days_close_says_whether_a_departure_releases_a_seat() -> None:
    story = Story("pensero", "2026-03-15", "2026-06-15").subscription("enterprise", unit_price_year="730.00", seats=5, **YEAR)
    story.user("a").user("b", until="2026-06-01").event("2026-06-01", "plan_changed", plan="growth")
    assert story.bill().lines()[1:] == told("""
        2026-06-15  plan_switch -2 × 730.00 × 287/365 = -1148.00
        2026-06-15  plan_switch  4 × 600.00 × 287/365 =  1887.12   # 5 agreed, less b's, who left on a day that closed on growth; 1887.123…
    """)


def test_S4_settled_departures_release_seats_during_a_trial_too_however_many_are_spare() -> None:
    story = Story("pensero", "2026-04-01", "2026-04-15").subscription("growth", seats=10, trial="2026-04-15").user("a").user("b", until="2026-04-05")
    assert story.bill().lines() == ["2026-04-15 opening 9 × 600.00 × 365/365 = 5400.00"]


def test_I3_settled_the_unit_price_is_part_of_a_charges_identity() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a")
    first = story.bill("2026-04-01")
    assert story.subscription("team", unit_price_month="30.00").bill(after=first).lines() == told("""
        2026-05-01  opening -1 × 39.00 × 30/30 = -39.00   # the charge at the old price is taken back
        2026-05-01  opening  1 × 30.00 × 30/30 =  30.00   # and another one made
        2026-05-01  opening  1 × 30.00 × 31/31 =  30.00
    """)


def test_I3_settled_the_terms_first_day_and_its_period_are_part_of_a_charges_identity() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a")
    first = story.bill("2026-04-01")
    assert story.subscription("team", starts="2026-04-01", billing_day="20").bill(after=first).lines() == told("""
        2026-04-20  opening -1 × 39.00 × 30/30 = -39.00   # April was billed whole
        2026-04-20  opening  1 × 39.00 × 19/31 =  23.90   # a stub of the 31 days from 20 March; 23.903…
        2026-04-20  opening  1 × 39.00 × 30/30 =  39.00
    """)


LATE = {"plan": "solo", "delivered_on": "2026-05-10"}


def test_I4_settled_a_closing_date_that_only_a_late_fact_makes_is_invoiced_with_its_own_date() -> None:
    story = Story("pivotal", "2026-04-01", "2026-05-20").subscription("team").user("a").event("2026-04-16", "plan_changed", **LATE)
    second = story.bill("2026-05-20", after=story.bill("2026-04-30"))
    assert second.lines() == ["2026-04-16 plan_switch -1 × 39.00 × 15/30 = -19.50"]
    assert second.findings() == []


def test_I4_settled_what_still_differs_after_the_closing_date_is_reported() -> None:
    story = Story("pivotal", "2026-04-01", "2026-05-20").subscription("team").user("a").event("2026-04-16", "plan_changed", **LATE)
    second = story.bill("2026-05-20", after=story.bill("2026-05-01"))
    assert second.lines() == ["2026-04-16 plan_switch -1 × 39.00 × 15/30 = -19.50"]
    assert second.findings() == ["2026-05-01 I4 unbilled_after_closing"]  # May's opening, billed before the move was known


@pytest.mark.parametrize("role", ["member", None])
def test_I7_settled_cancelling_needs_an_owner_or_admin_and_no_role_is_no_right(role: str | None) -> None:
    bills = Story("pivotal", *APRIL).subscription("team").user("a").event("2026-04-10", "canceled", role=role).bill()
    assert (bills.coverage(), bills.findings()) == ("31 billed", ["2026-04-10 I7 event_refused"])


def test_I7_settled_a_trial_extension_is_the_vendors_own_act_and_needs_no_role() -> None:
    story = Story("pivotal", "2026-04-01", "2026-04-20").subscription("team", trial="2026-04-15").user("a")
    assert story.event("2026-04-10", "trial_extended", role=None, until="2026-04-20").bill().coverage() == "19 trial, 1 billed"


def test_G2_settled_while_a_workspace_is_held_nothing_is_issued_whatever_the_date() -> None:
    story = Story("pensero", "2026-03-15", "2026-06-15").subscription("growth", seats=3, **YEAR).user("a")
    bills = story.event("2026-06-01", "plan_changed", plan="enterprise").bill()
    assert (bills.holds(), bills.lines(), bills.dates()) == (["ws no_price"], [], [])  # not even the opening of 15 March


def test_G2_settled_a_hold_of_a_day_after_the_one_that_is_billed_through_holds_what_lies_before_it_too() -> None:
    story = Story("pensero", "2026-03-15", "2026-06-15").subscription("growth", seats=3, **YEAR).user("a")
    story = story.event("2026-06-01", "plan_changed", plan="enterprise")
    on_time, late = story.bill("2026-05-31"), story.bill("2026-05-31", known="2026-06-15")
    assert [len(bills.lines()) for bills in (on_time, late)] == [1, 0]  # known in May, nothing held; known in June, it is
    assert late.holds() == ["ws no_price"]


def test_catalogues_settled_both_vendors_keep_utc_their_prefix_and_prices_since_2020() -> None:
    catalogs = read_catalogs(None).values()
    assert {c.id: (c.timezone, c.invoice_prefix) for c in catalogs} == {"pensero": ("UTC", "PEN"), "pivotal": ("UTC", "PIV")}
    assert {price.effective_from for c in catalogs for plan in c.plans.values() for price in plan.prices} == {date(2020, 1, 1)}
