"""Section 3: activation, terms, cadence, free plans, cancelling and trials (T1-T10)."""

import pytest

from tests.story import Story, priced, told

APRIL = ("2026-04-01", "2026-05-01")


def test_T1_a_subscription_is_activated_on_its_first_day_on_a_paid_plan() -> None:
    story = Story("pivotal", *APRIL).user("a").user("b", workspace="ws-2").user("c", workspace="ws-3")
    story.subscription("team", billing_day="anniversary")
    story.subscription("team", id="sub-2", workspace="ws-2", billing_day="anniversary", trial="2026-04-15")
    story.subscription("solo", id="sub-3", workspace="ws-3", billing_day="anniversary")
    story.event("2026-04-20", "plan_changed", plan="team", workspace="ws-3")
    assert story.bill().terms("subscription_id") == told("""
        2026-04-01  2026-05-01  monthly  30/30  sub     # the day it starts
        2026-05-01  2026-06-01  monthly  31/31  sub
        2026-04-15  2026-05-15  monthly  30/30  sub-2   # the day its trial ends
        2026-04-20  2026-05-20  monthly  30/30  sub-3   # the day it leaves a free plan
    """)


def test_T1_days_on_a_trial_or_a_free_plan_cost_nothing() -> None:
    story = Story("pivotal", "2026-04-01", "2026-04-30").user("a").user("b", since="2026-04-05", until="2026-04-08")
    story.subscription("solo", trial="2026-04-10").event("2026-04-15", "plan_changed", plan="team")
    assert story.bill().lines() == ["2026-04-15 opening 1 × 39.00 × 16/30 = 20.80"]  # 15 to 30 April; b moved before


def test_T2_monthly_terms_are_counted_from_the_activation_day_even_past_short_months() -> None:
    story = Story("pivotal", "2026-01-31", "2026-04-30").subscription("team", billing_day="anniversary").user("a")
    bills = story.bill()
    assert bills.terms() == told("""
        2026-01-31  2026-02-28  monthly  28/28   # February has no 31st
        2026-02-28  2026-03-31  monthly  31/31   # March has: counted from 31 January
        2026-03-31  2026-04-30  monthly  30/30
        2026-04-30  2026-05-31  monthly  31/31
    """)
    assert bills.lines()[0] == "2026-01-31 opening 1 × 39.00 × 28/28 = 39.00"


def test_T2_terms_tile_the_paid_days_without_gap_or_overlap() -> None:
    story = Story("pivotal", "2026-01-31", "2026-03-15").subscription("team", billing_day="15").user("a")
    story.event("2026-02-20", "plan_changed", plan="pro").event("2026-03-02", "cadence_changed", cadence="annual")
    assert story.bill().terms() == told("""
        2026-01-31  2026-02-15  monthly  15/31   # a stub of the period from 15 January
        2026-02-15  2026-03-15  monthly  28/28   # a plan switch inside makes no new term
        2026-03-15  2027-03-15  annual  365/365
    """)


@pytest.mark.parametrize(
    ("billing_day", "starts", "opening"),
    [
        ("first", "2026-04-16", "1 × 39.00 × 15/30 = 19.50"),  # 16 to 30 April, of April's 30 days
        ("1", "2026-04-16", "1 × 39.00 × 15/30 = 19.50"),  # `first` is `1`
        ("31", "2026-02-14", "1 × 39.00 × 14/28 = 19.50"),  # 14 of the 28 days from 31 January to 28 February
        ("15", "2026-01-20", "1 × 39.00 × 26/31 = 32.71"),  # 20 Jan to 14 Feb, of the 31 from 15 Jan; 32.709…
        ("30", "2026-02-28", "1 × 39.00 × 30/30 = 39.00"),  # no stub: 28 February is that month's billing day
    ],
)
def test_T3_a_stub_is_charged_its_days_over_the_days_of_the_whole_period(billing_day: str, starts: str, opening: str) -> None:
    story = Story("pivotal", starts, starts).subscription("team", billing_day=billing_day).user("a")
    assert story.bill().lines() == [f"{starts} opening {opening}"]


def test_T3_seats_that_move_within_a_stub_are_charged_over_its_whole_period_too() -> None:
    story = Story("pivotal", "2026-02-14", "2026-02-28").subscription("team", billing_day="31").user("a").user("b", since="2026-02-21")
    assert story.bill().lines()[1:] == told("""
        2026-02-28  seats_added  1 × 39.00 × 7/28  =  9.75   # 21 to 27 February of the 28 days from 31 January
        2026-02-28  opening      2 × 39.00 × 31/31 = 78.00   # 28 February to 30 March
    """)


def test_T4_a_year_is_charged_up_front_to_the_same_day_twelve_months_on() -> None:
    bills = Story("pivotal", "2026-04-16", "2026-06-30").subscription("team", cadence="annual").user("a").bill()
    assert bills.terms() == ["2026-04-16 2027-04-16 annual 365/365"]
    assert bills.lines() == ["2026-04-16 opening 1 × 384.00 × 365/365 = 384.00"]


def test_T4_a_year_with_a_29_february_has_366_period_days() -> None:
    story = Story("pivotal", "2027-04-01", "2027-05-01").subscription("team", cadence="annual").user("a").user("b", since="2027-04-02")
    assert story.bill().lines() == told("""
        2027-04-01  opening      1 × 384.00 × 366/366 = 384.00   # 2028 has a 29 February
        2027-05-01  seats_added  1 × 384.00 × 365/366 = 382.95   # 382.9508…
    """)


def test_T4_a_year_from_29_february_comes_back_to_it_after_three_28ths() -> None:
    story = Story("pivotal", "2028-02-28", "2028-03-01").subscription("team", cadence="annual", starts="2024-02-29").user("a")
    assert story.bill().terms() == told("""
        2024-02-29  2025-02-28  annual  365/365
        2025-02-28  2026-02-28  annual  365/365
        2026-02-28  2027-02-28  annual  365/365
        2027-02-28  2028-02-29  annual  366/366
        2028-02-29  2029-02-28  annual  365/365
    """)


@pytest.mark.parametrize(
    ("billing_day", "year"),
    [
        ("anniversary", "2027-02-28 2028-02-29 annual 366/366"),  # the activation day is a 31st: 2028's February ends on the 29th
        ("28", "2027-02-28 2028-02-28 annual 365/365"),  # the billing day that the monthly stub before it had
    ],
)
def test_T4_a_year_after_monthly_terms_keeps_their_day(billing_day: str, year: str) -> None:
    story = Story("pivotal", "2027-01-31", "2027-03-01").subscription("team", billing_day=billing_day).user("a")
    assert story.event("2027-02-10", "cadence_changed", cadence="annual").bill().terms()[1] == year


@pytest.mark.parametrize(
    ("wished_on", "year"),
    [
        ("2026-04-10", "2026-05-01 2027-05-01"),
        ("2026-04-30", "2026-05-01 2027-05-01"),  # the last day of April's term still counts
        ("2026-05-01", "2026-06-01 2027-06-01"),  # the first day of May's term is for the term after it
    ],
)
def test_T5_a_switch_to_annual_takes_effect_on_the_next_billing_date(wished_on: str, year: str) -> None:
    story = Story("pivotal", "2026-04-01", "2026-06-01").subscription("team").user("a").event(wished_on, "cadence_changed", cadence="annual")
    bills = story.bill()
    assert bills.terms()[-1] == f"{year} annual 365/365"
    assert bills.lines()[-1] == f"{year.split()[0]} opening 1 × 384.00 × 365/365 = 384.00"


def test_T5_a_switch_to_monthly_takes_effect_at_the_end_of_the_year_without_refund() -> None:
    story = Story("pivotal", "2026-04-01", "2026-05-15").user("a")
    story.subscription("team", cadence="annual", billing_day="anniversary", starts="2025-04-15")
    bills = story.event("2026-01-10", "cadence_changed", cadence="monthly").bill()
    assert bills.terms()[:2] == ["2025-04-15 2026-04-15 annual 365/365", "2026-04-15 2026-05-15 monthly 30/30"]
    assert bills.lines() == told("""
        2026-04-15  opening  1 × 39.00 × 30/30 = 39.00
        2026-05-15  opening  1 × 39.00 × 31/31 = 39.00
    """)


def test_T5_a_wish_before_activation_counts_from_activation() -> None:
    story = Story("pivotal", "2026-04-01", "2026-04-15").subscription("team", trial="2026-04-15").user("a")
    assert story.event("2026-04-05", "cadence_changed", cadence="annual").bill().terms() == ["2026-04-15 2027-04-15 annual 365/365"]


def test_T6_leaving_a_free_plan_opens_a_new_activation_and_a_new_anchor() -> None:
    story = Story("pivotal", "2026-01-05", "2026-04-10").subscription("team", billing_day="anniversary").user("a")
    story.event("2026-01-20", "plan_changed", plan="solo").event("2026-03-10", "plan_changed", plan="team")
    bills = story.bill()
    assert bills.terms("ended_on") == told("""
        2026-01-05  2026-02-05  monthly  31/31  2026-01-20
        2026-03-10  2026-04-10  monthly  31/31  2026-04-10   # the 10th, no longer the 5th
        2026-04-10  2026-05-10  monthly  30/30  2026-05-10
    """)
    assert bills.coverage() == "15 billed, 49 free plan, 32 billed"  # 20 January to 9 March: 12 + 28 + 9 days


@pytest.mark.parametrize(
    ("agreed", "named", "term"),
    [
        ("monthly", "annual", "2026-04-10 2027-04-10 annual 365/365"),  # counts from that very day
        ("annual", None, "2026-04-10 2027-04-10 annual 365/365"),  # none named: the one last asked for holds
        ("annual", "monthly", "2026-04-10 2026-05-01 monthly 21/30"),
    ],
)
def test_T6_leaving_a_free_plan_takes_the_cadence_named_or_the_one_last_asked_for(agreed: str, named: str | None, term: str) -> None:
    story = Story("pivotal", "2026-04-01", "2026-04-10").subscription("solo", cadence=agreed).user("a")
    assert story.event("2026-04-10", "plan_changed", plan="team", cadence=named).bill().terms() == [term]


def test_T6_leaving_a_free_plan_may_name_the_seats_agreed() -> None:
    story = Story("pensero", "2026-04-01", "2026-04-10").subscription("starter").user("a")
    story.event("2026-04-10", "plan_changed", plan="growth", quantity=7)
    assert story.bill().lines() == ["2026-04-10 opening 7 × 600.00 × 365/365 = 4200.00"]


def test_T6_a_plan_not_sold_at_that_cadence_takes_the_one_at_which_it_is_sold() -> None:
    yearly = {"team": {"prices": [priced(year="384.00")]}}
    story = Story("pivotal", "2026-04-01", "2026-04-10", plans=yearly).subscription("solo", cadence="monthly").user("a")
    assert story.event("2026-04-10", "plan_changed", plan="team").bill().terms() == ["2026-04-10 2027-04-10 annual 365/365"]


def no_longer_monthly(since: str) -> dict:
    """Plan team, sold monthly until a day."""
    return {"team": {"prices": [priced(month="39.00", year="384.00"), priced(since, year="384.00")]}}


def test_T6_terms_at_another_cadence_than_was_asked_for_are_reported_where_they_begin() -> None:
    bills = Story("pivotal", "2026-04-01", "2027-06-10", plans=no_longer_monthly("2026-05-15")).subscription("team").user("a").bill()
    assert bills.terms() == told("""
        2026-04-01  2026-05-01  monthly   30/30
        2026-05-01  2026-06-01  monthly   31/31
        2026-06-01  2027-06-01  annual  365/365   # nobody asked for it
        2027-06-01  2028-06-01  annual  366/366   # nor for this one, but that is known by then
    """)
    assert bills.findings("severity", "detail") == [
        "2026-06-01 T6 other_cadence warning the term from 2026-06-01 is annual, not monthly: plan team is not sold monthly on that day"
    ]


def test_T6_another_cadence_is_reported_again_after_a_term_as_it_was_asked_for() -> None:
    only_in_may = {"team": {"prices": [priced(year="384.00", month="39.00"), priced("2026-05-01", month="39.00"), priced("2026-06-01", year="384.00", month="39.00"), priced("2027-06-01", month="39.00")]}}  # fmt: skip
    bills = Story("pivotal", "2026-04-10", "2027-07-01", plans=only_in_may).subscription("solo", cadence="annual").user("a")
    bills = bills.event("2026-05-10", "plan_changed", plan="team").bill()
    assert bills.terms() == told("""
        2026-05-10  2026-06-01  monthly   22/31   # to the billing day
        2026-06-01  2027-06-01  annual  365/365
        2027-06-01  2027-07-01  monthly   30/30
        2027-07-01  2027-08-01  monthly   31/31
    """)
    assert bills.findings() == ["2026-05-10 T6 other_cadence", "2027-06-01 T6 other_cadence"]


def test_T6_a_cadence_that_was_asked_for_is_not_reported_where_the_other_one_is_not_sold_either() -> None:
    story = Story("pivotal", "2026-04-01", "2026-05-31", plans=no_longer_monthly("2026-05-01")).subscription("team").user("a")
    bills = story.event("2026-04-10", "cadence_changed", cadence="annual").bill()
    assert (bills.terms()[1], bills.findings()) == ("2026-05-01 2027-05-01 annual 365/365", [])


def test_T6_another_cadence_of_a_term_that_was_taken_over_is_reported_on_the_opening_day() -> None:
    story = Story("pivotal", "2026-04-01", "2026-04-30", plans=no_longer_monthly("2025-06-01")).subscription("team", starts="2025-04-01").user("a")
    bills = story.bill()
    assert bills.terms()[-1] == "2025-06-01 2026-06-01 annual 365/365"
    assert bills.findings() == ["2026-04-01 T6 other_cadence"]


def test_T7_moving_to_a_free_plan_credits_the_unused_portion_that_very_day() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").user("b").event("2026-04-16", "plan_changed", plan="solo")
    bills = story.bill()
    assert bills.lines() == told("""
        2026-04-01  opening      2 × 39.00 × 30/30 =  78.00
        2026-04-16  plan_switch -2 × 39.00 × 15/30 = -39.00   # 16 to 30 April; solo's own price is 0 and makes no line
    """)
    assert bills.invoices()[1] == "2026-04-16 net -39.00 due 0.00 credit 39.00"
    assert bills.coverage() == "15 billed, 16 free plan"


def test_T7_the_closing_invoice_comes_also_where_the_move_is_on_the_terms_end() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a").user("b", since="2026-04-16").event("2026-05-01", "plan_changed", plan="solo")
    assert story.bill().lines() == told("""
        2026-04-01  opening      1 × 39.00 × 30/30 = 39.00
        2026-05-01  seats_added  1 × 39.00 × 15/30 = 19.50   # and no opening: May is free
    """)


def test_T8_cancelling_ends_at_the_terms_end_with_a_closing_invoice_and_no_refund() -> None:
    story = Story("pivotal", "2026-04-01", "2026-06-01").subscription("team").user("a").user("b", since="2026-04-16").event("2026-04-10", "canceled")
    bills = story.bill()
    assert bills.lines() == told("""
        2026-04-01  opening      1 × 39.00 × 30/30 = 39.00
        2026-05-01  seats_added  1 × 39.00 × 15/30 = 19.50   # what still moved, on the closing invoice of 1 May
    """)
    assert bills.dates() == ["2026-04-01", "2026-05-01"]
    assert bills.coverage() == "30 billed, 32 ended"  # April; May and 1 June


def test_T8_an_annual_subscription_that_is_cancelled_runs_to_the_end_of_its_year() -> None:
    story = Story("pivotal", "2026-04-01", "2026-05-15").subscription("team", cadence="annual", starts="2025-04-15").user("a")
    bills = story.user("b", since="2026-04-10").event("2026-01-10", "canceled").bill()
    assert bills.terms() == ["2025-04-15 2026-04-15 annual 365/365"]
    assert bills.lines() == ["2026-04-15 seats_added 1 × 384.00 × 5/365 = 5.26"]  # 10 to 14 April; 5.2602…


def test_T8_cancelled_before_activation_nothing_is_ever_billed() -> None:
    story = Story("pivotal", *APRIL).subscription("team", trial="2026-04-15").user("a").user("b", since="2026-04-20").event("2026-04-10", "canceled")
    bills = story.bill()
    assert (bills.lines(), bills.terms(), bills.dates()) == ([], [], [])


@pytest.mark.parametrize(
    ("asked_on", "until", "activated", "finding"),
    [
        ("2026-04-02", "2026-04-22", "2026-04-22", []),
        ("2026-04-14", "2026-04-22", "2026-04-22", []),  # the last day before it ends
        ("2026-04-15", "2026-04-22", "2026-04-15", ["2026-04-15 T9 event_refused"]),  # the day it ends is too late
        ("2026-04-14", "2026-04-15", "2026-04-15", ["2026-04-14 T9 event_refused"]),  # no later end
        ("2026-04-02", "2026-04-08", "2026-04-15", ["2026-04-02 T9 event_refused"]),  # an earlier end
    ],
)
def test_T9_a_trial_is_extended_only_to_a_later_end_and_on_a_day_before_it_ends(asked_on: str, until: str, activated: str, finding: list) -> None:
    story = Story("pivotal", "2026-04-01", "2026-04-22").subscription("team", trial="2026-04-15", billing_day="anniversary").user("a")
    bills = story.event(asked_on, "trial_extended", until=until).bill()
    assert bills.lines() == [f"{activated} opening 1 × 39.00 × 30/30 = 39.00"]
    assert bills.findings() == finding


def test_T9_a_request_where_there_is_no_trial_is_refused() -> None:
    story = Story("pivotal", "2026-04-01", "2026-04-05").subscription("team").user("a").event("2026-04-02", "trial_extended", until="2026-04-20")
    assert story.bill().findings() == ["2026-04-02 T9 event_refused"]


def test_T10_of_several_changes_on_a_day_the_last_by_time_counts() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a")
    story.event("2026-04-16", "plan_changed", plan="team", at="17:00").event("2026-04-16", "plan_changed", plan="pro", at="09:00")
    assert story.bill().lines()[1:] == ["2026-05-01 opening 1 × 39.00 × 31/31 = 39.00"]  # team again at the day's close: no switch


def test_T10_at_the_same_time_the_last_event_id_counts() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a")
    story.event("2026-04-16", "plan_changed", plan="pro", event_id="b").event("2026-04-16", "plan_changed", plan="team", event_id="a")
    assert story.bill().lines()[-1] == "2026-05-01 opening 1 × 79.00 × 31/31 = 79.00"


def test_T10_the_last_wish_for_a_cadence_counts() -> None:
    story = Story("pivotal", *APRIL).subscription("team").user("a")
    story.event("2026-04-16", "cadence_changed", cadence="annual", at="09:00").event("2026-04-16", "cadence_changed", cadence="monthly", at="17:00")
    assert story.bill().terms()[-1] == "2026-05-01 2026-06-01 monthly 31/31"


def test_T10_the_last_number_of_seats_counts() -> None:
    story = Story("pensero", *APRIL).subscription("growth", seats=10).user("a")
    story.event("2026-04-16", "seats_updated", quantity=20, at="09:00").event("2026-04-16", "seats_updated", quantity=15, at="17:00")
    assert story.bill().lines()[1:] == ["2026-05-01 seats_added 5 × 600.00 × 350/365 = 2876.71"]  # 365 less 15 days; 2876.712…
