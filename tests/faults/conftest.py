"""What fault tests share: a home that has billed already, and what "nothing changed" means."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pytest

from flows.errors import UserError
from tests.conftest import Product
from tests.flows.small_source import small_source

BILLED, LAST = date(2026, 1, 12), date(2026, 1, 20)


def what_is_kept(product: Product) -> dict[str, object]:
    """Every row of the ledger; the finance database and the directory to the byte."""
    if not product.home.finance.exists():
        return {}
    with duckdb.connect(str(product.home.ledger), read_only=True) as ledger:
        tables = [name for (name,) in ledger.execute("select table_name from duckdb_tables() order by 1").fetchall()]
        rows = {name: ledger.execute(f"from {name} order by all").fetchall() for name in tables}
    directory = [*product.home.lake.glob("directory.parquet"), *product.home.lake.glob("directory/*")]
    return rows | {"finance.duckdb": product.home.finance.read_bytes()} | {path.name: path.read_bytes() for path in directory}


@pytest.fixture(scope="session")
def _billed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("billed")
    Product(root / "home", writes_reports=True).run(small_source(root / "source", last=LAST), BILLED)
    return root


@pytest.fixture
def source(_billed: Path, tmp_path: Path) -> Path:
    """Twenty days of January of oak and elm, to damage. The days after the 12th are not ingested yet."""
    return shutil.copytree(_billed / "source", tmp_path / "source")


@pytest.fixture
def billed(_billed: Path, tmp_path: Path) -> Product:
    """A home that has ingested and billed `source` through the 12th."""
    shutil.copytree(_billed / "home", tmp_path / "home")
    return Product(tmp_path / "home")


@pytest.fixture
def refuses(billed: Product, source: Path) -> Callable[..., str]:
    """Run the billed home on its damaged source: it must refuse with a user's error and change nothing. Returns what it said."""

    def run(match: str, through: date = LAST, **options) -> str:
        before = what_is_kept(billed)
        with pytest.raises(UserError, match=match) as error:
            billed.run(source, through, **options)
        assert what_is_kept(billed) == before
        assert not [p for p in billed.home.root.iterdir() if p.name.startswith(".finance")]
        return str(error.value)

    return run


@pytest.fixture
def refused() -> Callable[..., str]:
    """Run a product on a source that it must refuse with a user's error, changing nothing."""

    def run(product: Product, source: Path, through: date, match: str, **options) -> str:
        before = what_is_kept(product)
        with pytest.raises(UserError, match=match) as error:
            product.run(source, through, **options)
        assert what_is_kept(product) == before
        return str(error.value)

    return run
