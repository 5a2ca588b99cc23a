"""Billed again with nothing changed, a run computes nothing, and says and records what it would have found."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from flows import bucket_pass
from flows.verify import verify
from tests.conftest import Product
from tests.flows.small_source import add_event, catalogs_where_team_is_dearer_from_february, small_source, users_file
from tests.seldom import seldom_but

JAN, FEB = date(2026, 1, 31), date(2026, 2, 12)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return small_source(tmp_path / "source", last=FEB)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A word for each time that a position is computed."""
    calls: list[str] = []
    sound = bucket_pass.position_from_facts
    monkeypatch.setattr(bucket_pass, "position_from_facts", lambda *arguments: calls.append("computed") or sound(*arguments))
    return calls


def published(product: Product) -> dict[str, list]:
    tables = product.table("select table_name from duckdb_tables() where table_name <> 'runs' order by 1")["table_name"]
    return {table: product.table(f"from {table} order by all").rows() for table in tables}


@pytest.mark.parametrize("command", seldom_but(["run"], ["bill", "run"]))
def test_nothing_is_computed_and_the_run_is_recorded_and_shown(product: Product, source: Path, computed: list[str], command: str) -> None:
    product.run(source, FEB)
    before = published(product)
    computed.clear()
    outcome = product.bill(FEB) if command == "bill" else product.run(source, FEB)
    assert (computed, outcome.invoices.height, outcome.lines, outcome.through, outcome.held) == ([], 0, 0, FEB, ())
    assert published(product) == before
    assert product.table("select run_id, invoices from runs order by 1").rows() == [("run-000001", 4), ("run-000002", 0)]
    assert not [check for check in verify(product.home, product.setting.catalogs) if check.problems]


def test_what_is_held_is_still_said_to_be_held(product: Product, source: Path, computed: list[str]) -> None:
    path = users_file(source, date(2026, 1, 20))
    path.write_text(path.read_text().replace("oak,b,teammate", "oak,b,colleague"))
    assert product.run(source, FEB).held == ("oak",)
    computed.clear()
    assert (product.bill(FEB).held, computed) == (("oak",), [])


def test_whatever_has_changed_is_computed(product: Product, source: Path, computed: list[str], tmp_path: Path) -> None:
    product.run(source, JAN)
    changes = {
        "another day": lambda: product.run(source, FEB),
        "one cadence": lambda: product.bill(FEB, "monthly"),
        "one catalogue": lambda: product.bill(FEB, catalog="pivotal"),
        "all of them": lambda: product.bill(FEB),
        "an earlier day": lambda: product.bill(JAN),
        "a late event": lambda: (
            add_event(source, FEB, "late", "2026-01-11T10:00:00Z,elm,sub-elm,canceled,x,owner,,,,,"), product.ingest(source), product.bill(FEB),
        ),
        "only shown, which never counts": lambda: product.bill(FEB, dry_run=True),
    }  # fmt: skip
    for name, change in changes.items():
        computed.clear()
        change()
        assert computed, name
    assert product.bill(FEB).invoices.is_empty()


def test_other_catalogues_are_computed(source: Path, computed: list[str], tmp_path: Path) -> None:
    product = Product(tmp_path / "home")
    product.run(source, FEB)
    computed.clear()
    Product(tmp_path / "home", catalogs_where_team_is_dearer_from_february(tmp_path / "catalogs")).bill(FEB)
    assert computed


@pytest.mark.parametrize("shows", seldom_but(["an older one"], ["no database", "an older one", "a damaged one"]))
@pytest.mark.slow
def test_where_what_is_published_is_not_of_the_last_run_it_is_computed(
    product: Product, source: Path, computed: list[str], tmp_path: Path, shows: str
) -> None:
    product.run(source, JAN)
    shutil.copy(product.home.finance, tmp_path / "older")
    product.run(source, FEB)
    before = published(product)
    if shows == "an older one":
        shutil.copy(tmp_path / "older", product.home.finance)
    elif shows == "a damaged one":
        product.home.finance.write_bytes(b"garbage")
    else:
        product.home.finance.unlink()
    computed.clear()
    assert product.bill(FEB).invoices.is_empty()
    assert computed
    assert published(product) == before
