"""`reconciliation`: what a term's seats cost, day by day, against what was billed of it."""

from __future__ import annotations

import pytest

from tests.reports.books import Books
from tests.story import told

TERM = "term_from, seat_days, seat_days_to_come, seat_days_back_billed, expected_minor, billed_minor, difference_minor, difference_bound_minor, state"


def april(**told: object) -> Books:
    """April on plan team at 39.00, from two seats, a third one from the 16th to the 20th; the month before is known too."""
    books = Books().seats("2026-03-31", "2").spell("2026-04-01", "2026-05-01", 3900, **told)
    return books.seats("2026-04-01", "2x15 3x5 2x10", "2026-04-01")


def test_a_settled_term_was_billed_what_its_seat_days_cost() -> None:
    books = april().line("a", "2026-04-01", ("2026-04-01", "2026-05-01"), 7800, quantity=2)
    same = {"term_from": "2026-04-01"}
    books.line("b", "2026-05-01", ("2026-04-16", "2026-05-01"), 1950, reason="seats_added", **same)
    books.line("c", "2026-05-01", ("2026-04-21", "2026-05-01"), -1300, reason="seats_removed", **same)
    assert books.report("reconciliation", TERM) == told("2026-04-01 65 0 0 8450 8450 0 2 settled")  # 65 seat-days × 39.00 / 30
    assert books.wrong("terms_reconciled") == []


def test_rounding_explains_half_a_minor_unit_for_each_charge_and_no_more() -> None:
    for amount, state in ((7800, "settled"), (7801, "settled"), (7799, "settled"), (7802, "not explained")):
        books = Books().seats("2026-03-31", "2").spell("2026-04-01", "2026-05-01", 3900).seats("2026-04-01", "2x30", "2026-04-01")
        books.line("a", "2026-04-01", ("2026-04-01", "2026-05-01"), amount)
        assert books.report("reconciliation", "difference_minor, difference_bound_minor, state") == [f"{amount - 7800} 1 {state}"]
        assert bool(books.wrong("terms_reconciled")) == (state == "not explained")


def test_what_moved_after_the_last_invoice_is_on_the_next_one() -> None:
    books = april().line("a", "2026-04-01", ("2026-04-01", "2026-05-01"), 7800)
    charge = "term_from | reason | moved_on | service_from | service_until | amount_minor | has_next_invoice\n"
    same = {"subscription_id": "sub", "workspace_id": "ws", "catalog": "vendor", "currency": "USD", "plan": "team", "period_days": 30}
    rows = "2026-04-01 | seats_added | 2026-04-16 | 2026-04-16 | 2026-05-01 | 1950 | {0}\n2026-04-01 | seats_removed | 2026-04-21 | 2026-04-21 | 2026-05-01 | -1300 | {0}"
    books.given("unbilled_charges", charge + rows.format("true"), **same, unit_price_minor=3900)
    told_of = "expected_minor, billed_minor, not_invoiced_minor, never_invoiced_minor, difference_minor, state"
    assert books.report("reconciliation", told_of) == ["8450 7800 650 0 0 to be invoiced"]
    ended = april().line("a", "2026-04-01", ("2026-04-01", "2026-05-01"), 7800)
    ended.given("unbilled_charges", charge + rows.format("false"), **same, unit_price_minor=3900)
    assert ended.report("reconciliation", told_of) == ["8450 7800 0 650 0 has a rest"]


def test_an_annual_term_is_charged_up_front_the_last_known_day_standing_for_those_to_come() -> None:
    books = (
        Books()
        .seats("2026-01-07", "2")
        .spell("2026-01-08", "2027-01-08", 38400, cadence="annual")
        .seats("2026-01-08", "2x20 3x4", "2026-01-08")
    )
    books.line("a", "2026-01-08", ("2026-01-08", "2027-01-08"), 76800, cadence="annual", quantity=2)
    books.line("b", "2026-02-08", ("2026-01-28", "2027-01-08"), 36296, term_from="2026-01-08", reason="seats_added")  # 384.00 × 345/365
    # 20 × 2 + 4 × 3 = 52 seat-days known, 3 × 341 to come: 1075 × 384.00 / 365 = 1130.9589
    assert books.report("reconciliation", TERM) == told("2026-01-08 52 1023 0 113096 113096 0 1 running")


def test_D6_a_return_is_expected_back_to_the_day_of_release_or_the_terms_first_day() -> None:
    for released, days in (("2026-04-06", 10), ("2026-03-20", 15)):
        books = Books().seats("2026-03-31", "2").spell("2026-04-01", "2026-05-01", 3000, back_bills=True)
        books.seats("2026-04-01", "1x15 2x15", "2026-04-01")
        books.given("reactivations", f"catalog | workspace_id | day | released_on | seats\nvendor | ws | 2026-04-16 | {released} | 1")
        # 1.00 a seat-day: 15 + 30 held, and those between release and return
        assert books.report("reconciliation", "seat_days, seat_days_back_billed, expected_minor") == [f"45 {days} {(45 + days) * 100}"]


def test_D6_a_return_after_a_plan_switch_is_expected_at_each_plans_own_price() -> None:
    term = ("2026-04-01", "2026-05-01")
    books = Books().seats("2026-03-31", "2").spell("2026-04-01", "2026-04-11", 3000, term=term, back_bills=True)
    books.spell("2026-04-11", "2026-05-01", 6000, term=term, plan="pro", back_bills=True)
    books.seats("2026-04-01", "1x10", "2026-04-01").seats("2026-04-11", "1x5 2x15", "2026-04-11", plan="pro")
    books.given("reactivations", "catalog | workspace_id | day | released_on | seats\nvendor | ws | 2026-04-16 | 2026-04-06 | 1")
    # team 1.00, pro 2.00 a seat-day: held 10 × 1.00 + (5 + 30) × 2.00 = 80.00; back 5 × 1.00 + 5 × 2.00 = 15.00
    assert books.report("reconciliation", "seat_days, seat_days_back_billed, expected_minor") == ["45 10 9500"]


def test_D6_on_the_day_of_a_move_to_a_free_plan_the_days_before_it_are_still_expected() -> None:
    books = Books().seats("2026-03-31", "2").spell("2026-04-01", "2026-04-16", 3000, term=("2026-04-01", "2026-05-01"), back_bills=True)
    books.seats("2026-04-01", "1x15", "2026-04-01").seats("2026-04-16", "2x5")
    books.given("reactivations", "catalog | workspace_id | day | released_on | seats\nvendor | ws | 2026-04-16 | 2026-04-06 | 1")
    assert books.report("reconciliation", "ended_on, seat_days, seat_days_back_billed, expected_minor") == ["2026-04-16 15 10 2500"]


def test_I9_what_was_billed_before_the_opening_day_is_not_expected() -> None:
    books = Books().spell("2025-12-10", "2026-01-10", 3100).seats("2026-01-01", "5x5 6x4", "2025-12-10")
    books.line("a", "2026-01-10", ("2026-01-06", "2026-01-10"), 400, term_from="2025-12-10", reason="seats_added")
    # 1.00 a seat-day: 5 × 5 + 4 × 6 = 49 since the opening day, of which 9 × 5 were billed elsewhere
    assert books.report("reconciliation", "seat_days, billed_elsewhere_minor, expected_minor, billed_minor, state") == [
        "49 4500 400 400 settled"
    ]


def test_committed_seats_are_expected_as_agreed() -> None:
    books = Books().seats("2025-12-31", "2").spell("2026-01-01", "2027-01-01", 36500, cadence="annual", basis="committed")
    books.seats("2026-01-01", "3x31", "2026-01-01", committed="10x9 12x22")
    # 1.00 a seat-day: 9 × 10 + 22 × 12 = 354 known, 334 × 12 to come
    assert books.report("reconciliation", "seat_days, seat_days_to_come, expected_minor") == ["354 4008 436200"]


def test_a_held_workspace_shows_what_is_expected_and_not_billed() -> None:
    books = april().given("holds", "workspace_id | reason\nws | broken_row\nlost | unknown_plan")
    books.line("a", "2026-04-01", ("2026-04-01", "2026-05-01"), 7800)
    books.line("b", "2026-04-01", ("2026-04-01", "2026-05-01"), 500, subscription_id="sub-lost", workspace_id="lost")
    shown = books.report("reconciliation", "subscription_id, expected_minor, billed_minor, held_minor, difference_minor, state")
    assert shown == ["sub 8450 7800 650 0 held", "sub-lost - 500 - 0 held"]


@pytest.mark.parametrize(("taken_back", "state"), [(0, "not explained"), (-7800, "settled")])
def test_a_term_that_a_late_fact_undid_is_expected_to_be_taken_back(taken_back: int, state: str) -> None:
    books = Books().seats("2026-04-01", "2").line("a", "2026-04-01", ("2026-04-01", "2026-05-01"), 7800)
    if taken_back:
        books.line(
            "b", "2026-05-01", ("2026-04-01", "2026-05-01"), taken_back, quantity=-1, quantity_billed_before=1, unit_price_minor=7800
        )
    assert books.report("reconciliation", "expected_minor, lines, charges, state") == [f"0 {1 + bool(taken_back)} 1 {state}"]
