"""`revenue_schedule` and `journal_entries`: each line over its own days, in whole cents, and books that balance."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from tests.conftest import Product
from tests.flows.small_source import small_source
from tests.reports.books import Books
from tests.story import told

SHARES = "line_id, month, recognised_minor, deferred_minor"
ENTRIES = "entry_id, entry_on, account_code, debit_minor, credit_minor"


def test_a_term_across_two_months_is_recognised_by_its_days_in_each() -> None:
    books = Books().line("a", "2026-03-31", ("2026-03-31", "2026-04-30"), 11700).invoice("2026-03-31")
    assert books.report("revenue_schedule", SHARES) == told("""
        a 2026-03-01   390 11310   # 1 of the 30 days of 117.00
        a 2026-04-01 11310     0
    """)


def test_shares_are_differences_of_rounded_totals_so_that_no_cent_is_lost_in_a_year() -> None:
    books = Books().line("a", "2026-01-15", ("2026-01-15", "2027-01-15"), 10000).invoice("2026-01-15")
    assert books.report("revenue_schedule", SHARES) == told("""
        a 2026-01-01 466 9534   # 100.00 × 17/365 = 4.6575
        a 2026-02-01 767 8767   # 100.00 × 45/365 = 12.3288, less 4.66
        a 2026-03-01 849 7918   # × 76/365 = 20.8219
        a 2026-04-01 822 7096   # × 106/365 = 29.0411
        a 2026-05-01 849 6247   # × 137/365 = 37.5342
        a 2026-06-01 822 5425   # × 167/365 = 45.7534
        a 2026-07-01 850 4575   # × 198/365 = 54.2466
        a 2026-08-01 849 3726   # × 229/365 = 62.7397
        a 2026-09-01 822 2904   # × 259/365 = 70.9589
        a 2026-10-01 849 2055   # × 290/365 = 79.4521
        a 2026-11-01 822 1233   # × 320/365 = 87.6712
        a 2026-12-01 849  384   # × 351/365 = 96.1644
        a 2027-01-01 384    0
    """)
    assert books.wrong("revenue_adds_up") == []


def test_what_a_line_charges_for_earlier_months_is_revenue_of_the_month_of_its_invoice() -> None:
    books = Books().line("past", "2026-04-01", ("2026-03-05", "2026-04-01"), -3397, reason="seats_removed")
    books.line("both", "2026-04-01", ("2026-02-15", "2026-05-01"), 7500, is_correction=True).invoice("2026-04-01")
    assert books.report("revenue_schedule", SHARES) == told("""
        both 2026-04-01  7500 0     # 45 of its 75 days lie before April, 30 in it
        past 2026-04-01 -3397 0
    """)
    late = Books().line("late", "2026-03-08", ("2026-01-08", "2027-01-08"), 36500, is_correction=True).invoice("2026-03-08")
    assert late.report("revenue_schedule", SHARES)[:2] == told("""
        late 2026-03-01 8300 28200    # 1.00 a day: 24 days of January, 28 of February, 31 of March
        late 2026-04-01 3000 25200
    """)


def test_a_negative_line_takes_back_its_share_rounded_alike() -> None:
    books = Books().line("a", "2026-03-31", ("2026-03-31", "2026-05-31"), -101).invoice("2026-03-31")
    assert books.report("revenue_schedule", SHARES) == told("""
        a 2026-03-01  -2 -99    # −1.01 × 1/61 = −0.0166
        a 2026-04-01 -49 -50    # × 31/61 = −0.5133
        a 2026-05-01 -50   0
    """)


def test_an_invoice_debits_the_receivable_and_credits_what_is_deferred() -> None:
    books = Books().line("a", "2026-03-31", ("2026-03-31", "2026-04-30"), 11700).invoice("2026-03-31").billed_through("2026-04-30")
    assert books.report("journal_entries", ENTRIES) == told("""
        INV-2026-03-31         2026-03-31 1100 11700     0
        INV-2026-03-31         2026-03-31 2100     0 11700
        INV-2026-03-31/2026-03 2026-03-31 2100   390     0
        INV-2026-03-31/2026-03 2026-03-31 4000     0   390
        INV-2026-03-31/2026-04 2026-04-30 2100 11310     0
        INV-2026-03-31/2026-04 2026-04-30 4000     0 11310
    """)
    assert books.wrong("journal_balances") == []


def test_a_month_is_recognised_once_all_its_days_were_billed() -> None:
    books = Books().line("a", "2026-03-31", ("2026-03-31", "2026-04-30"), 11700).invoice("2026-03-31").billed_through("2026-04-29")
    assert [row.split()[0] for row in books.report("journal_entries", ENTRIES)][-1] == "INV-2026-03-31/2026-03"


def closed_of_two_catalogues(books: Books) -> list[str]:
    """Which months of the invoices of two catalogues are recognised, each of 31 March."""
    term = ("2026-03-31", "2026-05-31")
    books.line("a", "2026-03-31", term, 6100).invoice("2026-03-31")
    yen = {"invoice_id": "other", "invoice_number": "Y-1", "catalog": "yen", "currency": "JPY", "subscription_id": "other"}
    books.line("b", "2026-03-31", term, 6100, **yen).invoice(
        "2026-03-31", **yen | {"lines": 1, "net_minor": 6100, "amount_due_minor": 6100}
    )
    entries = {row.split()[0] for row in books.report("journal_entries", ENTRIES)}
    assert books.wrong("journal_balances") == []
    return sorted(entry for entry in entries if "/" in entry)


def test_a_run_of_one_catalogue_closes_no_month_of_another() -> None:
    books = Books().billed_through("2026-03-31").billed_through("2026-04-30", catalog="yen")
    assert closed_of_two_catalogues(books) == ["INV-2026-03-31/2026-03", "Y-1/2026-03", "Y-1/2026-04"]


def test_a_month_is_closed_once_both_cadences_were_billed_through_it() -> None:
    books = Books().billed_through("2026-03-31").billed_through("2026-05-31", cadence="monthly")
    books.billed_through("2026-04-30", cadence="annual", catalog="vendor")
    assert closed_of_two_catalogues(books) == ["INV-2026-03-31/2026-03", "INV-2026-03-31/2026-04", "Y-1/2026-03"]


def test_credit_is_granted_and_applied_through_its_own_account() -> None:
    books = Books().line("a", "2026-04-01", ("2026-03-05", "2026-04-01"), -5000).invoice("2026-04-01", granted=5000)
    books.line("b", "2026-05-01", ("2026-05-01", "2026-06-01"), 7000).invoice("2026-05-01", applied=5000).billed_through("2026-05-30")
    given = "workspace_id | currency | invoice_id | entry_on | change_minor | balance_minor | entry_number"
    books.given("credit_ledger", f"{given}\nws | USD | a | 2026-04-01 | 5000 | 5000 | 1\nws | USD | b | 2026-05-01 | -5000 | 0 | 2")
    assert books.report("journal_entries", ENTRIES) == told("""
        INV-2026-04-01         2026-04-01 2100 5000    0    # net −50.00, due 0, 50.00 granted
        INV-2026-04-01         2026-04-01 2200    0 5000
        INV-2026-04-01/2026-04 2026-04-30 2100    0 5000    # less revenue, at once: its service is past
        INV-2026-04-01/2026-04 2026-04-30 4000 5000    0
        INV-2026-05-01         2026-05-01 1100 2000    0    # net 70.00, 50.00 of it from credit
        INV-2026-05-01         2026-05-01 2100    0 7000
        INV-2026-05-01         2026-05-01 2200 5000    0
    """)
    assert books.wrong("journal_balances") == []


def test_an_invoice_that_nets_to_zero_makes_no_entry() -> None:
    books = Books().line("a", "2026-04-01", ("2026-03-05", "2026-04-01"), 10).line("b", "2026-04-01", ("2026-03-05", "2026-04-01"), -10)
    assert books.invoice("2026-04-01").billed_through("2026-04-30").report("journal_entries", ENTRIES) == []


def test_an_entry_once_in_the_books_stays_as_it_is(product: Product, tmp_path: Path) -> None:
    source = small_source(tmp_path / "source")
    entries = "select * from journal_entries order by entry_id, account_code"
    known: list[tuple] = []
    for day in (date(2026, 1, 31), date(2026, 2, 15), date(2026, 3, 5)):
        product.run(source, day)
        now = product.table(entries).rows()
        assert set(known) <= set(now)
        assert len(now) > len(known)
        known = now
