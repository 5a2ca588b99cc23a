"""Divided into buckets or not, a source gives the same: the same invoices, tables, findings and files, and the same refusals."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import date
from pathlib import Path
from unittest import mock

import pytest

from flows.errors import UserError
from flows.kept_rosters import KeptRosters
from tests.conftest import Product
from tests.faults.fuzz import BILLED, LAST, damaged, valid_source
from tests.reference.random_sources import random_facts, write_catalogs, write_source

pytestmark = pytest.mark.usefixtures("with_reports")
PUBLISHED = "select table_name from duckdb_tables() where database_name = current_database() order by 1"


def everything(product: Product) -> dict[str, object]:
    """Every published table, its rows sorted, and the bytes of every report."""
    tables = {table: product.table(f'from "{table}" order by all').rows() for table in product.table(PUBLISHED)["table_name"]}
    reports = {str(path.relative_to(product.home.reports)): path.read_bytes() for path in sorted(product.home.reports.rglob("*.*"))}
    return {**tables, **reports}


def run(product: Product, source: Path, through: date, buckets: int) -> str | None:
    with ExitStack() as stack:
        if buckets > 1:
            stack.enter_context(mock.patch.object(KeptRosters, "buckets", buckets))
        try:
            product.run(source, through, accept_drop=True, supersede=True)
        except UserError as error:
            return str(error)
    return None


@pytest.mark.long  # tests/flows/test_a_home_in_buckets.py has one that is smaller
@pytest.mark.parametrize("seed", range(6000, 6010))
def test_a_random_source_by_bucket_is_the_same_as_all_at_once(seed: int, tmp_path: Path) -> None:
    facts = random_facts(seed)
    source, catalogs = write_source(facts, tmp_path / "source"), write_catalogs(facts, tmp_path / "catalogs", only_own=True)
    days = sorted(facts.rosters)
    found = []
    for buckets in (1, 4):
        product = Product(tmp_path / f"home {buckets}", catalogs)
        said = [run(product, source, through, buckets) for through in (days[len(days) // 2], days[-1])]
        found.append((said, everything(product)))
    assert found[0] == found[1]
    assert found[0][1]["invoices"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 200))])
def test_a_damaged_source_by_bucket_is_the_same_as_all_at_once(seed: int, tmp_path: Path) -> None:
    sound, case = valid_source(0).write(tmp_path / "sound"), damaged(valid_source(0), 7000 + seed)
    broken, found = case.write(tmp_path / "broken"), []
    for buckets in (1, 4):
        product = Product(tmp_path / f"home {buckets}")
        said = [run(product, sound, BILLED, buckets), run(product, broken, LAST, buckets)]
        found.append((said, everything(product)))
    assert found[0] == found[1]
