"""What tests share: a home of one's own, sources in a folder, and the product run in this process."""

from __future__ import annotations

import os

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # two workers on two cores: read by `import polars`

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from flows.catalogs import read_catalogs
from flows.home import Home
from flows.ingest import IngestRequest
from flows.pipeline import run_all, run_bill, run_ingest
from flows.requests import BillRequest, Outcome
from flows.run import Setting
from flows.workers import Workers, in_turn

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "data" / "sample"
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


class Product:
    """The product in this process, on one home, with a clock that stands still."""

    def __init__(self, root: Path, catalogs: Path | None = None, workers: Workers = in_turn) -> None:
        self.home = Home(root)
        self.setting = Setting(self.home, read_catalogs(catalogs), lambda: NOON, workers)

    def run(self, source: Path, through: date, **options) -> Outcome:
        return run_all(IngestRequest(source, last=through, **options), BillRequest(through), self.setting)

    def ingest(self, source: Path, first: date | None = None, last: date | None = None, **options) -> Outcome:
        return run_ingest(IngestRequest(source, first, last, **options), self.setting)

    def bill(self, through: date, cadence: str | None = None, *, catalog: str | None = None, dry_run: bool = False) -> Outcome:
        return run_bill(BillRequest(through, cadence, dry_run, catalog), self.setting)

    def table(self, sql: str) -> pl.DataFrame:
        """What the finance database answers."""
        with duckdb.connect(str(self.home.finance), read_only=True) as finance:
            return finance.sql(sql).pl()

    def lines(self) -> pl.DataFrame:
        """Every line but for the run that issued it."""
        return self.table("select * from invoice_lines order by line_id")

    def invoices(self) -> pl.DataFrame:
        return self.table("select * exclude (run_id) from invoices order by invoice_number")


@pytest.fixture
def product(tmp_path: Path) -> Product:
    return Product(tmp_path / "home")


@pytest.fixture
def another_product(tmp_path: Path) -> Callable[[str], Product]:
    return lambda name: Product(tmp_path / name)
