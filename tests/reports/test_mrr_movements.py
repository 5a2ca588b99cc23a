"""`mrr_movements`: opening, what moved, closing; a move from plan to plan is neither new nor churn."""

from __future__ import annotations

from tests.reports.books import Books
from tests.story import told

MOVES = "month, plan, opening_minor, new_minor, expansion_minor, contraction_minor, churn_minor, reactivation_minor, plan_change_minor, closing_minor"


def test_new_expansion_contraction_churn_and_reactivation_month_by_month() -> None:
    books = Books().seats("2026-01-31", "2")
    for month, until, seats in (("02", "03", 2), ("03", "04", 5), ("04", "05", 1), ("05", "06", 1)):
        books.spell(f"2026-{month}-01", f"2026-{until}-01", 3900).seats(f"2026-{month}-28", str(seats), f"2026-{month}-01")
    books.seats("2026-06-30", "1").spell("2026-07-01", "2026-08-01", 3900).seats("2026-07-31", "2", "2026-07-01")
    assert books.report("mrr_movements", MOVES) == told("""
        2026-02-01 team     0 7800     0      0     0    0 0  7800   # 2 × 39.00
        2026-03-01 team  7800    0 11700      0     0    0 0 19500   # 3 more
        2026-04-01 team 19500    0     0 -15600     0    0 0  3900   # 4 fewer
        2026-05-01 team  3900    0     0      0     0    0 0  3900
        2026-06-01 team  3900    0     0      0 -3900    0 0     0   # a free plan
        2026-07-01 team     0    0     0      0     0 7800 0  7800   # back, and not new
    """)


def test_a_move_to_another_plan_carries_over_and_only_the_growth_is_expansion() -> None:
    books = Books().spell("2026-01-01", "2026-02-01", 3900).seats("2026-01-01", "4x31", "2026-01-01")
    books.spell("2026-02-01", "2026-03-01", 7900, plan="pro").seats("2026-02-28", "5", "2026-02-01")
    books.spell("2026-03-01", "2026-04-01", 3900).seats("2026-03-31", "5", "2026-03-01")
    assert books.report("mrr_movements", MOVES) == told("""
        2026-01-01 team     0 15600     0      0 0 0      0 15600
        2026-02-01 pro      0     0 23900      0 0 0  15600 39500    # 5 × 79.00 − 4 × 39.00 = 239.00 grown
        2026-02-01 team 15600     0     0      0 0 0 -15600     0
        2026-03-01 pro  39500     0     0      0 0 0 -39500     0
        2026-03-01 team     0     0     0 -20000 0 0  39500 19500    # 5 × 40.00 less
    """)


def test_a_year_is_a_twelfth_a_month_rounded_once_for_the_subscription() -> None:
    books = Books().spell("2026-01-10", "2027-01-10", 10000, cadence="annual").seats("2026-01-31", "2", "2026-01-10")
    books.seats("2026-02-28", "3", "2026-01-10")
    assert books.report("mrr_movements", "closing_seats, closing_minor") == ["2 1667", "3 2500"]  # 16.666…, 25.00


def test_committed_seats_count_as_agreed_and_seats_on_trial_do_not_count() -> None:
    books = Books().spell("2026-01-10", "2027-01-10", 60000, cadence="annual", basis="committed")
    books.seats("2026-01-31", "8", "2026-01-10", committed="10").seats(
        "2026-01-31", "9", coverage="trial", workspace_id="wt", subscription_id="st"
    )
    assert books.report("mrr_movements", "workspace_id, closing_seats, closing_minor") == ["ws 10 50000"]  # 10 × 600.00 / 12


def test_what_ran_before_the_opening_day_opens_the_first_month_and_is_not_new() -> None:
    books = Books().spell("2025-12-10", "2026-01-10", 3900).spell("2026-01-10", "2026-02-10", 3900)
    books.given("terms", "term_from | term_until | ended_on\n2025-12-10 | 2026-01-10 | 2026-01-10", subscription_id="sub")
    books.seats("2026-01-01", "5x9", "2025-12-10").seats("2026-01-10", "6x22", "2026-01-10")
    assert books.report("mrr_movements", MOVES) == told("2026-01-01 team 19500 0 3900 0 0 0 0 23400")


def test_a_subscription_that_begins_on_the_opening_day_is_new() -> None:
    books = Books().spell("2026-01-01", "2026-02-01", 3900).seats("2026-01-01", "5x20", "2026-01-01")
    assert books.report("mrr_movements", f"measured_on, {MOVES}") == told("2026-01-20 2026-01-01 team 0 19500 0 0 0 0 0 19500")


def test_what_was_taken_over_opens_the_first_month_also_where_its_term_begins_on_the_opening_day() -> None:
    books = Books().spell("2026-01-01", "2026-02-01", 3900).seats("2026-01-01", "5 6x30", "2026-01-01")
    terms = "term_from | term_until | ended_on\n2025-12-01 | 2026-01-01 | 2026-01-01\n2026-01-01 | 2026-02-01 | 2026-02-01"
    books.given("terms", terms, subscription_id="sub")
    assert books.report("mrr_movements", MOVES) == told("2026-01-01 team 19500 0 3900 0 0 0 0 23400")


def test_one_that_paid_once_before_and_had_stopped_is_new_on_the_opening_day() -> None:
    books = Books().spell("2026-01-01", "2026-02-01", 3900).seats("2026-01-01", "5x31", "2026-01-01")
    terms = "term_from | term_until | ended_on\n2025-12-01 | 2026-01-01 | 2025-12-20\n2026-01-01 | 2026-02-01 | 2026-02-01"
    books.given("terms", terms, subscription_id="sub")
    assert books.report("mrr_movements", MOVES) == told("2026-01-01 team 0 19500 0 0 0 0 0 19500")


def test_who_paid_inside_an_earlier_month_alone_comes_back_and_is_not_new() -> None:
    books = Books().spell("2026-01-05", "2026-02-05", 3900).seats("2026-01-01", "2x4").seats("2026-01-05", "2x15", "2026-01-05")
    books.seats("2026-01-20", "2x44").spell("2026-03-05", "2026-04-05", 3900).seats("2026-03-05", "2x27", "2026-03-05")
    today = "subscription_id | workspace_id | catalog | plan | seats_occupied\nsub | ws | vendor | team | 2"
    assert books.given("subscriptions", today).report("mrr_movements", MOVES) == told("2026-03-01 team 0 0 0 0 0 7800 0 7800")
    assert books.wrong("mrr_runs_on") == []


def test_a_plan_on_which_nobody_held_a_seat_in_earlier_months_does_not_make_a_reactivation() -> None:
    books = Books().spell("2026-01-05", "2027-01-05", 46800, cadence="annual").seats("2026-01-05", "0x60 2x26", "2026-01-05")
    assert books.report("mrr_movements", MOVES) == told("2026-03-01 team 0 7800 0 0 0 0 0 7800")


def test_a_start_after_days_of_the_same_month_is_new_all_the_same() -> None:
    books = Books().spell("2026-01-05", "2026-02-05", 3900).seats("2026-01-01", "2x4").seats("2026-01-05", "2x5", "2026-01-05")
    books.seats("2026-01-10", "2x10").spell("2026-01-20", "2026-02-20", 3900).seats("2026-01-20", "2x12", "2026-01-20")
    assert books.report("mrr_movements", MOVES) == told("2026-01-01 team 0 7800 0 0 0 0 0 7800")


def test_a_move_to_another_vendor_is_churn_for_the_one_and_new_for_the_other() -> None:
    books = Books().spell("2026-01-01", "2026-02-01", 3900).seats("2026-01-01", "1x31", "2026-01-01")
    books.spell("2026-02-01", "2026-03-01", 500, catalog="yen", currency="JPY", subscription_id="other", plan="basic")
    books.seats("2026-02-28", "1", "2026-02-01", catalog="yen", subscription_id="other")
    assert books.report("mrr_movements", "month, currency, new_minor, churn_minor, closing_minor") == told("""
        2026-01-01 USD 3900     0 3900
        2026-02-01 USD    0 -3900    0
        2026-02-01 JPY  500     0  500
    """)


def test_the_figures_of_a_held_workspace_are_marked() -> None:
    books = Books().spell("2026-01-01", "2026-02-01", 3900).seats("2026-01-31", "1", "2026-01-01", coverage="held")
    books.given("holds", "workspace_id | reason\nws | broken_row")
    assert books.report("mrr_movements", "closing_minor, is_held") == ["3900 True"]
