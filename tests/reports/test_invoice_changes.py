"""`invoice_changes`: why an invoice is more or less than the one before, the causes adding up to the difference."""

from __future__ import annotations

from tests.reports.books import Books
from tests.story import told

CAUSES = (
    "previous_due_minor, amount_due_minor, seats_minor, plan_minor, price_minor, days_minor, term_minor, corrections_minor, credits_minor"
)
MARCH, APRIL, MAY = ("2026-03-01", "2026-04-01"), ("2026-04-01", "2026-05-01"), ("2026-05-01", "2026-06-01")


def opened(books: Books, term: tuple[str, str], seats: int, price: int, **told: object) -> Books:
    amount = seats * price
    return books.line(f"open {term[0]}", term[0], term, amount, quantity=seats, unit_price_minor=price, **told)


def changes(books: Books) -> list[str]:
    shown = books.report("invoice_changes", CAUSES)
    assert books.wrong("invoice_changes_add_up") == []
    return shown


def test_more_seats_then_another_plan_then_another_price() -> None:
    books = opened(Books(), MARCH, 2, 3900).invoice("2026-03-01")
    opened(books, APRIL, 3, 7900, plan="pro").invoice("2026-04-01")
    opened(books, MAY, 3, 8900, plan="pro").invoice("2026-05-01")
    assert changes(books) == told("""
        0      7800    0     0    0 0 7800 0 0    # the first: a term opens
        7800  23700 3900 12000    0 0    0 0 0    # one seat more at 39.00, then 3 × 40.00 more for pro
        23700 26700    0     0 3000 0    0 0 0    # 3 × 10.00
    """)


def test_seats_that_moved_inside_the_term_are_seats_on_the_next_invoice_and_gone_on_the_one_after() -> None:
    books = opened(Books(), MARCH, 2, 3900).invoice("2026-03-01")
    books.line("moved", "2026-04-01", ("2026-03-09", "2026-04-01"), 2894, reason="seats_added")
    opened(books, APRIL, 3, 3900).invoice("2026-04-01")
    opened(books, MAY, 3, 3900).invoice("2026-05-01")
    assert changes(books)[1:] == told("""
        7800 14594  6794 0 0 0 0 0 0     # 28.94 moved, and one seat more at 39.00
        14594 11700 -2894 0 0 0 0 0 0
    """)


def test_a_plan_switch_inside_the_term_is_plan() -> None:
    books = opened(Books(), MARCH, 2, 3900).invoice("2026-03-01")
    books.line("out", "2026-04-01", ("2026-03-12", "2026-04-01"), -5032, reason="plan_switch")
    books.line("in", "2026-04-01", ("2026-03-12", "2026-04-01"), 10194, reason="plan_switch", plan="pro")
    opened(books, APRIL, 2, 7900, plan="pro").invoice("2026-04-01")
    assert changes(books)[1:] == told("7800 20962 0 13162 0 0 0 0 0")  # 101.94 − 50.32 + 2 × 40.00


def test_after_a_stub_the_whole_period_is_days() -> None:
    books = Books().line("stub", "2026-02-17", ("2026-02-17", "2026-03-01"), 6686, quantity=4, unit_price_minor=3900, period_days=28)
    opened(books.invoice("2026-02-17"), MARCH, 5, 3900).invoice("2026-03-01")
    # a fifth seat for 12/28 of 39.00: 5 × 39.00 × 12/28 = 83.57, less 66.86; then 195.00 less 83.57
    assert changes(books)[1:] == told("6686 19500 1671 0 0 11143 0 0 0")


def test_each_step_is_rounded_as_the_catalogue_rounds_so_that_what_did_not_change_is_nothing() -> None:
    for rounding, amount in (("half_up", 627), ("half_even", 626)):  # 12.53 × 15/30 = 6.265
        books = Books().line("stub", "2026-04-16", ("2026-04-16", "2026-05-01"), amount, unit_price_minor=1253, period_days=30)
        books.finance.execute("update catalogs set rounding = ?", [rounding])
        opened(books.invoice("2026-04-16"), MAY, 1, 1253).invoice("2026-05-01")
        assert changes(books)[1:] == [f"{amount} 1253 0 0 0 {1253 - amount} 0 0 0"]


def test_another_cadence_or_an_invoice_inside_an_annual_term_is_term() -> None:
    books = opened(Books(), MARCH, 5, 3900).invoice("2026-03-01")
    opened(books, ("2026-04-01", "2027-04-01"), 5, 38400, cadence="annual").invoice("2026-04-01")
    books.line("moved", "2026-05-01", ("2026-04-27", "2027-04-01"), 35664, reason="seats_added", cadence="annual").invoice("2026-05-01")
    assert changes(books)[1:] == told("""
        19500 192000     0 0 0 0  172500 0 0
        192000 35664 35664 0 0 0 -192000 0 0
    """)


def test_corrections_and_credits_are_causes_of_their_own() -> None:
    books = opened(Books(), MARCH, 2, 3900).invoice("2026-03-01")
    books.line("late", "2026-04-01", MARCH, -20000, is_correction=True)
    opened(books, APRIL, 2, 3900).invoice("2026-04-01", granted=12200)
    opened(books, MAY, 2, 3900).invoice("2026-05-01", applied=7800)
    assert changes(books)[1:] == told("""
        7800 0 0 0 0 0 0 -20000  12200     # 200.00 taken back; 122.00 of it is credit
        0    0 0 0 0 0 0  20000 -20000     # nothing to correct, and 78.00 paid from credit
    """)
