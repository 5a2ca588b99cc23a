"""The page of all months: its figures are those of the months' own pages, and its links lead there."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from flows.finance_tables import reports_in_order
from flows.overview import overview_of_months
from flows.pipeline import run_report
from flows.requests import ReportRequest
from tests.conftest import Product
from tests.flows.small_source import add_event, small_source
from tests.reports.books import Books

MAR = date(2026, 3, 1)


def rows(page: str) -> list[list[str]]:
    """The cells of its table, as texts."""
    found = re.findall(r"<tr>(.*?)</tr>", page.split("<tbody>")[1], re.DOTALL)
    return [[re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)] for row in found]


def test_each_month_has_its_invoices_due_seats_and_findings_and_leads_to_its_page(sample: Product) -> None:
    page = (sample.home.reports / "index.html").read_text(encoding="utf-8")
    assert rows(page) == [  # as on the five pages
        ["May 2026", "9", "5,199.82", "66", "1"],
        ["April 2026", "8", "2,807.37", "62", "3"],
        ["March 2026", "8", "2,430.96", "57", "4"],
        ["February 2026", "5", "1,610.29", "56", "4"],
        ["January 2026", "5", "21,173.03", "56", "2"],
    ]
    links = re.findall(r'href="([^"#:]+)"', page)
    assert links == [f"2026-0{month}/index.html" for month in (5, 4, 3, 2, 1)]
    for link in links:
        month = (sample.home.reports / link).read_text(encoding="utf-8")
        assert '<a href="../index.html">All months</a>' in month
        cells = next(row for row in rows(page) if row[0] in month.split("<title>")[1].split("</title>")[0])
        assert f"Due on {cells[1]} invoices" in month and f'<span class="big">{cells[2]}</span>' in month
        assert f'<span class="big">{cells[3]}</span> <span class="unit">seats held</span>' in month


def test_months_whose_page_was_not_written_there_are_told_without_a_link(sample: Product, tmp_path: Path) -> None:
    run_report(ReportRequest(MAR, tmp_path), sample.setting)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'href="([^"#:]+)"', page) == ["2026-03/index.html"]
    assert len(rows(page)) == 5


def test_what_is_held_and_what_is_not_billed_yet_is_said_first(product: Product, tmp_path: Path) -> None:
    source = small_source(tmp_path / "source")
    add_event(source, date(2026, 2, 3), "e2", "2026-02-03T10:00:00,oak,sub-oak,canceled,a,owner,,,,,")  # without an offset: held
    product.ingest(source, last=date(2026, 3, 5))
    product.bill(date(2026, 2, 12))
    run_report(ReportRequest(), product.setting)
    page = " ".join((product.home.reports / "index.html").read_text(encoding="utf-8").split())
    assert "<strong>1 workspace is held</strong>" in page and 'href="2026-03/index.html#held"' in page
    assert "<strong>Not billed to that day</strong>, so that invoices are still to come: Pensero billed through 12 February 2026;" in page
    assert rows(page)[0][0] == "March 2026 to 5 March 2026"
    # elm alone: 2 x 600.00 x 341/365 = 1,121.10 for two more seats, less 600.00 x 334/365 = 549.04 for one released; 3 x 600.00
    assert [row[2] for row in rows(page)] == ["–", "572.06", "1,800.00"]


def test_each_currency_has_its_own_columns_and_decimals() -> None:
    books = Books().line("a", "2026-02-01", ("2026-02-01", "2026-03-01"), 1000).invoice("2026-02-01").seats("2026-02-01", "1")
    for report in reports_in_order():
        books.finance.execute(report.read_text(encoding="utf-8"))
    books.finance.execute("insert into invoices by name select * replace ('yen' as invoice_id, 'JPY' as currency) from invoices")
    page = overview_of_months(books.finance, []).decode()
    assert "Due, JPY" in page and "Invoices in USD" in page
    assert [row[1:5] for row in rows(page)] == [["1", "1,000", "1", "10.00"]]
