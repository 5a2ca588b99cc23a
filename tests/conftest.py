"""What tests share: a home of one's own, sources in a folder, and the product run in this process."""

from __future__ import annotations

import os

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # two workers on two cores: read by `import polars`
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each command that tests start would compile the product anew: a third of a second

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from flows.catalogs import read_catalogs
from flows.home import Home
from flows.ingest import IngestRequest
from flows.pipeline import plainly, run_all, run_bill, run_ingest, write_reports
from flows.requests import BillRequest, Outcome
from flows.run import Setting
from flows.workers import Workers, in_turn

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "data" / "sample"
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
Once = Callable[[str, Callable[[Path], object]], Path]


class Product:
    """The product in this process, on one home, with a clock that stands still.

    `run` writes the reports of its months where tests ask for that: they are a third of a small run.
    """

    writes_reports = False

    def __init__(self, root: Path, catalogs: Path | None = None, workers: Workers = in_turn, *, writes_reports: bool = False) -> None:
        self.home = Home(root)
        if writes_reports:
            self.writes_reports = True
        self.setting = Setting(self.home, read_catalogs(catalogs), lambda: NOON, workers)

    def run(self, source: Path, through: date, **options) -> Outcome:
        step = plainly if self.writes_reports else _all_but_reports
        return run_all(IngestRequest(source, last=through, **options), BillRequest(through), self.setting, step)

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


def _all_but_reports(stage: Callable, *arguments: object) -> object:
    return None if stage is write_reports else stage(*arguments)


@pytest.fixture
def product(tmp_path: Path) -> Product:
    return Product(tmp_path / "home")


@pytest.fixture
def another_product(tmp_path: Path) -> Callable[[str], Product]:
    return lambda name: Product(tmp_path / name)


@pytest.fixture
def with_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every run of a file's tests is to write reports."""
    monkeypatch.setattr(Product, "writes_reports", True)


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """What gives a folder that is made once for all the processes that run tests. Whoever asks first makes it, the others wait; nobody changes it."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def made(name: str, make: Callable[[Path], object]) -> Path:
        folder, is_made = shared / name, shared / f"{name}.made"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not is_made.exists():
                shutil.rmtree(folder, ignore_errors=True)
                make(folder)
                is_made.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def billed_sample(once: Once) -> Path:
    """A home with the whole sample, billed: to be read or copied."""

    def bill(root: Path) -> None:
        Product(root, writes_reports=True).run(SAMPLE, date(2026, 5, 31))

    return once("billed-sample", bill)


@pytest.fixture(scope="module")
def sample(billed_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Product:
    """The same, in a copy for the tests of one file."""
    return Product(Path(shutil.copytree(billed_sample, tmp_path_factory.mktemp("sample") / "home")))


@pytest.fixture(scope="session")
def new_prefect_home(once: Once) -> Callable[[Path], Path]:
    """What makes a folder for PREFECT_HOME in which there is a database: a server would take longer to make one than for all else."""
    kept = once("prefect", _make_prefect_database)
    return lambda folder: Path(shutil.copytree(kept, folder, dirs_exist_ok=True))


def _make_prefect_database(folder: Path) -> None:
    folder.mkdir()
    environment = os.environ | {"PREFECT_HOME": str(folder), "DO_NOT_TRACK": "1"}
    make = [Path(sys.executable).with_name("prefect"), "server", "database", "upgrade", "--yes"]
    done = subprocess.run(make, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
