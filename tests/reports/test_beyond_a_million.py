"""A catalogue's millionth invoice of a year: its number has a digit more, and comes after all others."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from flows.month_reports import REPORTS
from tests.reports.books import Books
from transforms.invoices import numbered_from_invoices

NUMBERS = ["V-2026-999999", "V-2026-1000000"]
LINES = ["V-2026-999999-999", "V-2026-999999-1000", "V-2026-1000000-001"]


@pytest.fixture
def books() -> Books:
    """Two invoices of a day, the one with a thousand lines of which two are told; the later number's subscription comes first."""
    books = Books().seats("2026-04-30", "1")
    for subscription, number, lines in (("b", NUMBERS[0], LINES[:2]), ("a", NUMBERS[1], LINES[2:])):
        told = {"invoice_id": f"{subscription}@2026-04-01", "invoice_number": number, "subscription_id": subscription}
        for line in lines:
            books.line(line, "2026-04-01", ("2026-04-01", "2026-05-01"), 3900, **told)
        books.invoice("2026-04-01", **told | {"lines": len(lines), "net_minor": 3900 * len(lines), "amount_due_minor": 7800})
    books.billed_through("2026-04-30").report("invoice_changes", "*")
    for table in ("invoices", "invoice_lines", "invoice_changes", "revenue_schedule", "journal_entries"):
        books.finance.execute(f"create view {table}_v as from {table}")
    return books


def asked(books: Books, question: str, column: str, **parameters: object) -> list[str]:
    """A column of what a question of reports/ answers, each value once."""
    sql = (REPORTS / f"{question}.sql").read_text(encoding="utf-8")
    answer = books.finance.sql(sql, params={"month": date(2026, 4, 1), **parameters}).pl()
    return answer[column].unique(maintain_order=True).to_list()


@pytest.mark.parametrize("export", ["invoices", "invoice_changes", "invoice_lines", "revenue_schedule"])
def test_a_csv_has_the_millionth_invoice_after_the_one_before_it(books: Books, export: str) -> None:
    assert asked(books, f"exports/{export}", "invoice_number") == NUMBERS
    if export in ("invoice_lines", "revenue_schedule"):
        assert asked(books, f"exports/{export}", "line_id") == LINES


def test_the_journal_has_them_in_the_order_of_their_numbers_too(books: Books) -> None:
    entries = asked(books, "exports/journal_entries", "entry_id")
    assert entries == [*NUMBERS, *(f"{number}/2026-04" for number in NUMBERS)]


def test_so_have_documents_and_the_page(books: Books) -> None:
    choice = {"catalog": None, "numbers": None}
    assert asked(books, "documents/invoices", "invoice_number", **choice) == NUMBERS
    assert asked(books, "documents/lines", "line_id", **choice) == LINES
    assert asked(books, "page/invoices", "invoice_number") == NUMBERS
    assert asked(books, "page/invoice_lines", "line_id", invoices=NUMBERS) == LINES


def test_its_number_is_the_next_one() -> None:
    invoices = pl.DataFrame({"catalog": ["vendor"] * 2, "invoice_on": [date(2026, 4, 1)] * 2, "subscription_id": ["a", "b"]})
    used = pl.DataFrame({"catalog": ["vendor"], "year": [2026], "used": [999_998]})
    prefixes = pl.DataFrame({"catalog": ["vendor"], "invoice_prefix": ["V"]})
    assert numbered_from_invoices(invoices, used, prefixes)["invoice_number"].to_list() == NUMBERS


@pytest.mark.parametrize(("last", "problems"), [(1_000_001, []), (1_000_002, ["vendor 2026: 1000001 invoices, last number 1000002"])])
def test_numbers_are_gapless_beyond_a_million(last: int, problems: list[str]) -> None:
    books = Books()
    books.finance.execute(
        "insert into invoices (catalog, invoice_on, invoice_number) select 'vendor', '2026-04-01', format('V-2026-{:06d}', n)"
        f" from range(1, {last + 1}) of(n) where n <> 1000001 or {last} = 1000001"
    )
    assert books.wrong("numbers_gapless") == problems
