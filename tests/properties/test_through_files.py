"""Random sources through the whole product, files and ledger and all, against the slow reference; and every invariant holds."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from flows.verify import verify
from tests.conftest import Product
from tests.properties.comparing import INVOICE, LINE
from tests.properties.test_product_against_reference import month_ends
from tests.reference.random_sources import random_facts, write_catalogs, write_source
from tests.reference.slow_ledger import bill


@pytest.mark.parametrize("seed", [4000, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(4001, 4010))])
def test_a_random_source_through_files_is_the_reference_to_the_cent_and_verifies(seed: int, tmp_path: Path) -> None:
    facts = random_facts(seed)
    through = max(facts.rosters)
    source = write_source(facts, tmp_path / "source", "parquet" if seed % 2 else "csv", parts=1 + seed % 3)
    product = Product(tmp_path / "home", write_catalogs(facts, tmp_path / "catalogs", only_own=True), writes_reports=True)
    reference, steps = None, [through] if seed % 3 else [*month_ends(facts)[::3], through]
    for day in steps:
        product.run(source, day, accept_drop=True)
        reference = bill(facts, day, reference)
    held = set(product.table("select workspace_id from holds")["workspace_id"])
    assert held == set(reference.held)
    for sql, names, wanted in (("invoice_lines", LINE, reference.lines), ("invoices", INVOICE, reference.invoices)):
        rows = product.table(f"select {', '.join(names)} from {sql}").filter(~pl.col("workspace_id").is_in(list(held)))
        assert set(rows.iter_rows()) == {tuple(row[c] for c in names) for row in wanted if row["workspace_id"] not in held}
    assert [check.name for check in verify(product.home, product.setting.catalogs) if check.problems] == []


@pytest.mark.slow
def test_a_history_of_more_than_a_year_keeps_its_months_in_order(tmp_path: Path) -> None:
    """What a customer would have seen: from October on, everybody on the roster billed as newly arrived in February."""
    seed = next(s for s in range(5000, 5200) if (max((f := random_facts(s)).rosters) - min(f.rosters)).days > 380)
    facts = random_facts(seed)
    assert {day.month for day in facts.rosters} == set(range(1, 13))
    product = Product(tmp_path / "home", write_catalogs(facts, tmp_path / "catalogs", only_own=True), writes_reports=True)
    product.run(write_source(facts, tmp_path / "source"), max(facts.rosters), accept_drop=True)
    assert [check.problems for check in verify(product.home, product.setting.catalogs) if check.name.startswith("occupancy")] == [[], []]
    assert product.table("select max(day) from seat_occupancy").item() == max(facts.rosters) >= date(2020, 1, 1)
