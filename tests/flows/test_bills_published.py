"""A bill of facts that are published already adds what it issued to what is published: the same as if all were published anew."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pytest

from flows import bucket_pass, pipeline
from flows.pipeline import run_report
from flows.requests import BillRequest, ReportRequest
from flows.verify import verify
from tests.conftest import SAMPLE, Product
from tests.flows.small_source import add_event, catalogs_where_team_is_dearer_from_february, small_source, users_file
from tests.properties.test_product_against_reference import month_ends
from tests.reference.random_sources import random_facts, superseded, write_catalogs, write_source
from tests.seldom import seldom_but

JAN, FEB, FEB_10, MAR = date(2026, 1, 31), date(2026, 2, 28), date(2026, 2, 10), date(2026, 3, 5)
TOLD = {
    "columns": "select table_name, column_name, data_type, comment from duckdb_columns() where not internal order by all",
    "views": "select view_name, sql, comment from duckdb_views() where not internal order by all",
    "macros": "select function_name, macro_definition from duckdb_functions() where function_type = 'macro' and not internal order by all",
}


def published(product: Product) -> dict[str, list]:
    """Every row of every table and view, and what the database says of them."""
    with duckdb.connect(str(product.home.finance), read_only=True) as finance:
        names = finance.execute("select table_name from duckdb_tables() union all select view_name from duckdb_views() where not internal")
        asked = {name: f'from "{name}" order by all' for (name,) in names.fetchall()} | TOLD
        return {name: finance.execute(sql).fetchall() for name, sql in asked.items()}


def published_anew(product: Product) -> dict[str, list]:
    (month,) = product.table("select max(month) from seat_usage_monthly").row(0)
    run_report(ReportRequest(month=month, to=product.home.root.parent / "out"), product.setting)
    return published(product)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A word for each time that everything is worked out that is shown."""
    calls: list[str] = []
    sound = bucket_pass.shown_from_position
    monkeypatch.setattr(bucket_pass, "shown_from_position", lambda *arguments: calls.append("all") or sound(*arguments))
    return calls


def bill_and_compare(product: Product, shown: list[str], *asked: object, **options: object) -> dict[str, list]:
    """Bill, see that only what follows from it was worked out, and that publishing all says the same. What is published."""
    shown.clear()
    held = product.bill(*asked, **options).held
    now = published(product)
    assert shown == []
    assert held == tuple(sorted({row[0] for row in now["holds"]}))
    assert {name: rows for name, rows in published_anew(product).items() if rows != now.get(name)} == {}
    return now


def test_each_bill_of_a_source_that_is_in_is_published_as_if_all_were(product: Product, tmp_path: Path, shown: list[str]) -> None:
    """With a hold."""
    source = small_source(tmp_path / "source", last=MAR)
    path = users_file(source, date(2026, 1, 20))
    path.write_text(path.read_text().replace("oak,b,teammate", "oak,b,colleague"))
    product.ingest(source)
    issued = []
    for asked, options in (((JAN,), {}), ((FEB,), {"catalog": "pensero"}), ((FEB, "monthly"), {}), ((MAR,), {})):
        now = bill_and_compare(product, shown, *asked, **options)
        issued.append(len(now["invoices"]))
        assert [row[0] for row in now["holds"]] == ["oak"]
    assert issued == sorted(issued) and 0 < issued[0] < issued[-1]
    assert [check.name for check in verify(product.home, product.setting.catalogs) if check.problems] == []


@pytest.mark.slow
def test_what_no_invoice_will_bill_is_found_by_the_bill_that_makes_it_so_and_stays(product: Product, tmp_path: Path, shown: list[str]) -> None:
    """Oak is on the free plan since 20 January, which is told after February was opened: January is corrected, February never is."""
    source = small_source(tmp_path / "source", last=MAR)
    product.ingest(source, last=FEB_10)
    product.bill(FEB_10)
    add_event(source, date(2026, 2, 11), "late", "2026-01-20T10:00:00Z,oak,sub-oak,plan_changed,a,owner,,,solo,,")
    product.ingest(source)
    for through in (FEB, MAR):
        now = bill_and_compare(product, shown, through)
        assert [row[1] for row in now["exceptions"] if row[0] == "I4"] == ["unbilled_after_closing"]


@pytest.mark.slow
def test_the_sample_some_months_at_a_time(product: Product, shown: list[str]) -> None:
    product.ingest(SAMPLE)
    for month in (2, 5):
        bill_and_compare(product, shown, date(2026, month, 28))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [8102, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(8110, 8140))])
def test_random_sources_with_late_facts_month_by_month(seed: int, tmp_path: Path, shown: list[str]) -> None:
    facts, later = random_facts(seed), superseded(random_facts(seed), seed)
    product = Product(tmp_path / "home", write_catalogs(facts, tmp_path / "catalogs", only_own=True))
    months = month_ends(facts)
    product.ingest(write_source(facts, tmp_path / "first"), last=months[len(months) // 2], accept_drop=True)
    for through in months[: len(months) // 2 : 2]:
        bill_and_compare(product, shown, through)
    product.ingest(write_source(later, tmp_path / "later"), supersede=True, accept_drop=True)
    for through in months[len(months) // 2 :: 2]:
        bill_and_compare(product, shown, through)


@pytest.mark.slow
def test_a_run_that_brings_nothing_in_writes_the_months_that_its_bill_changes(
    product: Product, tmp_path: Path, shown: list[str], with_reports: None
) -> None:
    """January's books close when the second cadence is billed too: its journal has entries more, though nothing of January is invoiced."""
    source = small_source(tmp_path / "source", last=FEB)
    product.ingest(source)
    product.bill(JAN, "monthly")
    product.bill(JAN, catalog="pensero")
    run_report(ReportRequest(), product.setting)
    product.home.reports_are_of("run-000003")
    journal = product.home.reports / "2026-01" / "journal_entries.csv"
    assert "PIV-2026-000001/2026-01" not in journal.read_text()
    shown.clear()
    done = product.run(source, FEB)
    assert (shown, done.invoices["invoice_on"].min()) == ([], date(2026, 2, 1))
    assert "PIV-2026-000001/2026-01" in journal.read_text()


def other_catalogs(product: Product, source: Path) -> Product:
    return Product(product.home.root, catalogs_where_team_is_dearer_from_february(product.home.root.parent / "catalogs"))


def published_by_other_catalogs(product: Product, source: Path) -> Product:
    published_anew(other_catalogs(product, source))
    return product


def not_published(product: Product, source: Path) -> Product:
    """The run that brought the last days was saved, and what it shows was not."""
    older = shutil.copy(product.home.finance, product.home.root.parent / "older")
    product.ingest(source)
    shutil.copy(older, product.home.finance)
    return product


def of_an_older_version(product: Product, source: Path) -> Product:
    with duckdb.connect(str(product.home.finance)) as finance:
        finance.execute("drop macro made_from")
    return product


@pytest.mark.parametrize("change", seldom_but([other_catalogs], [other_catalogs, published_by_other_catalogs, not_published, of_an_older_version]), ids=lambda f: f.__name__)
def test_what_is_published_otherwise_is_published_anew(
    product: Product, tmp_path: Path, shown: list[str], change: Callable[[Product, Path], Product]
) -> None:
    source = small_source(tmp_path / "source", last=MAR)
    product.ingest(source, last=FEB)
    product = change(product, source)
    shown.clear()
    product.bill(FEB)
    assert shown
    assert published(product) == published_anew(product)


@pytest.mark.slow
def test_a_bill_again_after_a_report_by_other_catalogues_shows_its_own_again(product: Product, tmp_path: Path) -> None:
    source = small_source(tmp_path / "source", last=FEB)
    product.run(source, FEB)
    before = published(product)
    published_anew(other_catalogs(product, source))
    assert published(product)["spells"] != before["spells"]
    assert product.bill(FEB).invoices.is_empty()
    assert published(product)["spells"] == before["spells"]


@pytest.mark.slow
def test_a_stage_that_shows_is_tried_again_with_what_was_worked_out(product: Product, tmp_path: Path, shown: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    product.ingest(small_source(tmp_path / "source", last=FEB))
    sound, tries = pipeline.publish_billed, []

    def fails_once(*arguments: object) -> object:
        tries.append(1)
        if len(tries) == 1:
            raise OSError(5, "a passing fault")
        return sound(*arguments)

    def twice(stage: Callable, *arguments: object) -> object:
        try:
            return stage(*arguments)
        except OSError:
            return stage(*arguments)

    monkeypatch.setattr(pipeline, "publish_billed", fails_once)
    shown.clear()
    pipeline.run_bill(BillRequest(FEB), product.setting, twice)
    assert (len(tries), shown) == (2, [])
    assert published(product) == published_anew(product)
