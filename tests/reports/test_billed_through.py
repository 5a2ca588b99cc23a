"""How far each catalogue was billed, and what the month's page says of a month that was not billed to its end."""

from __future__ import annotations

import re
from datetime import date
from html import unescape
from pathlib import Path

import pytest

from flows.page_rendering import PAGE
from flows.pipeline import run_report
from flows.requests import ReportRequest
from tests.conftest import Product
from tests.flows.small_source import add_event, small_source

FEB, MAR = date(2026, 2, 12), date(2026, 3, 5)


def billed(product: Product) -> list[tuple]:
    return [tuple(map(str, row)) for row in product.table("select * from billed_through order by all").rows()]


def page(product: Product, month: str) -> str:
    """What the page says, without its marks."""
    html = (product.home.reports / month / "index.html").read_text(encoding="utf-8").partition("<main")
    text = html[0] + html[1] + re.sub(r"<script.*?</script>", "", html[2], flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split())


@pytest.fixture
def ingested(product: Product, tmp_path: Path) -> Product:
    product.ingest(small_source(tmp_path / "source"), last=MAR)
    return product


def test_each_catalogue_and_cadence_has_its_last_day_or_none(ingested: Product) -> None:
    assert billed(ingested) == [(c, cadence, "None") for c in ("pensero", "pivotal") for cadence in ("annual", "monthly")]
    ingested.bill(FEB)
    ingested.bill(date(2026, 2, 20), catalog="pivotal")
    ingested.bill(MAR, cadence="monthly")
    assert billed(ingested) == [
        ("pensero", "annual", "2026-02-12"),
        ("pensero", "monthly", "2026-03-05"),
        ("pivotal", "annual", "2026-02-20"),
        ("pivotal", "monthly", "2026-03-05"),
    ]


def test_a_month_that_is_not_billed_to_its_end_says_so_and_its_revenue_is_not_recognised_as_in_the_journal(ingested: Product) -> None:
    ingested.bill(FEB)
    run_report(ReportRequest(), ingested.setting)
    february, march = page(ingested, "2026-02"), page(ingested, "2026-03")
    assert "Not billed to its end , so that invoices are still to come: Pensero billed through 12 February 2026; Pivotal billed" in february
    assert "to be recognised once the month is billed to its end" in february and "recognised as revenue" not in february
    assert "Not billed to that day , so that invoices are still to come: Pensero billed through 12 February 2026; Pivotal billed" in march
    assert "Invoices are still to come" in march
    assert "recognised as revenue" in page(ingested, "2026-01")
    assert "still to come" not in page(ingested, "2026-01")
    recognised = ingested.table("select distinct month from journal_entries where kind = 'recognition'")["month"].to_list()
    assert recognised == [date(2026, 1, 1)]


@pytest.mark.slow
def test_a_catalogue_or_cadence_alone_that_was_not_billed_is_named(ingested: Product) -> None:
    ingested.bill(MAR, cadence="monthly")
    ingested.bill(MAR, catalog="pensero")
    run_report(ReportRequest(), ingested.setting)
    assert "invoices are still to come: Pivotal, annual terms, not billed yet." in page(ingested, "2026-02")


@pytest.mark.slow
def test_once_it_is_billed_to_its_end_the_page_of_a_month_that_brought_nothing_says_so_no_more(product: Product, tmp_path: Path) -> None:
    source = small_source(tmp_path / "source")
    product.ingest(source, last=MAR)
    product.bill(FEB)
    run_report(ReportRequest(), product.setting)
    product.writes_reports = True
    outcome = product.run(source, MAR)
    assert [folder.name for folder in outcome.exported] == ["2026-02", "2026-03"]
    assert "still to come" not in page(product, "2026-02") + page(product, "2026-03")
    assert "recognised as revenue" in page(product, "2026-02")


def test_who_leaves_a_plan_for_a_dearer_one_of_another_vendor_is_no_churn() -> None:
    import duckdb

    finance = duckdb.connect()
    columns = ("opening", "new", "reactivation", "churn", "closing")
    finance.execute(
        f"create table mrr_movements (month date, workspace_id varchar, currency varchar, {', '.join(f'{c}_minor bigint' for c in columns)}, closing_seats bigint)"
    )
    for workspace, *moved in (
        ("another vendor", 11700, 0, 0, -11700, 0),
        ("another vendor", 0, 25000, 0, 0, 25000),
        ("came", 0, 500, 0, 0, 500),
        ("came back", 0, 0, 400, 0, 400),
        ("came back, and to another vendor", 0, 100, 200, 0, 300),
        ("left", 900, 0, 0, -900, 0),
        ("left one of two", 900, 0, 0, -900, 0),
        ("left one of two", 100, 0, 0, 0, 100),
    ):
        finance.execute("insert into mrr_movements values ('2026-03-01', ?, 'USD', ?, ?, ?, ?, ?, 1)", [workspace, *moved])
    sql = (PAGE / "movers.sql").read_text(encoding="utf-8")
    found = finance.execute(f"select workspace_id, movement, change_minor from ({sql})", {"month": date(2026, 3, 1)}).fetchall()
    assert found == [
        ("another vendor", "expansion", 13300),
        ("left", "churn", -900),
        ("left one of two", "contraction", -900),
        ("came", "new", 500),
        ("came back", "reactivation", 400),
        ("came back, and to another vendor", "new", 300),
    ]


def test_what_is_found_of_days_before_the_opening_day_is_told_in_the_first_month(product: Product, tmp_path: Path) -> None:
    source = small_source(tmp_path / "source")
    add_event(source, date(2026, 1, 2), "e0", "2025-11-20T10:00:00Z,oak,sub-oak,plan_changed,b,member,,,pro,,")
    product.writes_reports = True
    product.run(source, FEB)
    told = {month: (product.home.reports / month / "exceptions.csv").read_text(encoding="utf-8") for month in ("2026-01", "2026-02")}
    assert "2025-11-20" in told["2026-01"] and "2025-11-20" not in told["2026-02"]
    assert "2025-11-20" in page(product, "2026-01") and "2025-11-20" not in page(product, "2026-02")


@pytest.mark.slow
def test_a_late_finding_of_a_day_before_the_opening_day_has_the_first_month_written_anew(product: Product, tmp_path: Path) -> None:
    source = small_source(tmp_path / "source")
    product.writes_reports = True
    product.run(source, FEB)
    add_event(source, date(2026, 2, 20), "e9", "2025-11-20T10:00:00Z,oak,sub-oak,plan_changed,b,member,,,pro,,")
    product.run(source, MAR)
    assert "2025-11-20" in (product.home.reports / "2026-01" / "exceptions.csv").read_text(encoding="utf-8")
