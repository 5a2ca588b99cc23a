"""What `status` says is worked out when a run publishes, and kept beside what it is of: asking for it takes no database."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from flows import status
from flows.errors import UserError
from flows.status import status_document
from tests.conftest import ROOT, Product
from tests.flows.small_source import small_source
from tests.seldom import seldom_but


@pytest.fixture(scope="module")
def _billed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("billed")
    Product(root / "home").run(small_source(root / "source"), date(2026, 2, 12))
    return root


@pytest.fixture
def billed(_billed: Path, tmp_path: Path) -> Product:
    shutil.copytree(_billed, tmp_path, dirs_exist_ok=True)
    return Product(tmp_path / "home")


@pytest.fixture
def worked_out(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The homes of which it was worked out what is said."""
    homes, work_out = [], status._worked_out
    monkeypatch.setattr(status, "_worked_out", lambda home: homes.append(home.root) or work_out(home))
    return homes


def test_what_is_kept_is_what_would_be_worked_out(billed: Product, worked_out: list[Path]) -> None:
    kept = status_document(billed.home)
    assert worked_out == []
    billed.home.status.unlink()
    assert status_document(billed.home) == kept
    assert len(worked_out) == 1


def test_each_run_that_publishes_keeps_its_own(billed: Product, tmp_path: Path, worked_out: list[Path]) -> None:
    for ran, count in ((lambda: billed.bill(date(2026, 2, 12)), 2), (lambda: billed.run(tmp_path / "source", date(2026, 3, 5)), 3)):
        ran()
        worked_out.clear()
        told = status_document(billed.home)
        assert worked_out == []
        assert [run["run_id"] for run in told["runs"]] == [f"run-{n:06}" for n in range(count, 0, -1)]


def test_of_another_database_than_the_one_beside_it_nothing_is_believed(billed: Product, tmp_path: Path, worked_out: list[Path]) -> None:
    shutil.copy2(billed.home.finance, tmp_path / "older")
    billed.run(tmp_path / "source", date(2026, 3, 5))
    shutil.copy2(tmp_path / "older", billed.home.finance)
    worked_out.clear()
    assert len(status_document(billed.home)["runs"]) == 1
    assert len(worked_out) == 1


@pytest.mark.parametrize("content", seldom_but(["", "{"], ["", "[]", "null", "{", '{"of": 1}', "\x00"]))
def test_a_file_that_says_nothing_is_as_none(billed: Product, content: str, worked_out: list[Path]) -> None:
    told = status_document(billed.home)
    billed.home.status.write_text(content)
    assert status_document(billed.home) == told
    assert len(worked_out) == 1


def test_what_was_changed_in_it_is_not_believed(billed: Product, worked_out: list[Path]) -> None:
    said = status_document(billed.home)
    kept = billed.home.status.read_text(encoding="utf-8")
    for before, after in (('"missing"', '"mhssing"'), ('"days": 43', '"days": "a"'), ('"findings": 0', '"findings": 9')):
        assert before in kept
        billed.home.status.write_text(kept.replace(before, after), encoding="utf-8")
        assert status_document(billed.home) == said
    assert len(worked_out) == 3


def test_of_another_version_nothing_is_believed(billed: Product, worked_out: list[Path]) -> None:
    kept = json.loads(billed.home.status.read_text())
    kept["of"][-1] = "0.0.1"
    billed.home.status.write_text(json.dumps(kept))
    status_document(billed.home)
    assert len(worked_out) == 1


def test_without_the_database_it_is_said_what_to_do(billed: Product) -> None:
    billed.home.finance.unlink()
    with pytest.raises(UserError, match="Make it again: seatledger report"):
        status_document(billed.home)


def test_where_it_cannot_be_kept_the_run_is_done_all_the_same(product: Product, tmp_path: Path, worked_out: list[Path]) -> None:
    product.home.status.mkdir(parents=True)
    outcome = product.run(small_source(tmp_path / "source"), date(2026, 2, 12))
    assert outcome.invoices.height == 4
    worked_out.clear()
    assert status_document(product.home)["runs"][0]["invoices"] == 4
    assert len(worked_out) == 1


def test_it_is_its_owners_and_who_may_read_the_database_alone_has_it_worked_out(billed: Product) -> None:
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in (billed.home.finance, billed.home.status)} == {
        "finance.duckdb": "0o640",
        "status.json": "0o600",
    }


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_it_is_said_without_importing_duckdb_or_polars(billed: Product, form: list[str]) -> None:
    script = "import sys; from flows.cli import main; main(); sys.exit(any(name in sys.modules for name in ('duckdb', 'polars', 'prefect')) * 9)"
    command = [sys.executable, "-c", script, "status", *form, "--home", str(billed.home.root)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "run-000001" in done.stdout
