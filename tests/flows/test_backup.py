"""A home is one folder: copied and put back, it bills on as if nothing had happened, to the byte."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from flows.errors import UserError
from flows.verify import verify
from tests.conftest import ROOT, Product
from tests.flows.small_source import LAST, small_source

JAN = date(2026, 1, 31)
pytestmark = pytest.mark.usefixtures("with_reports")


def reports(product: Product) -> dict[str, bytes]:
    return {str(path.relative_to(product.home.reports)): path.read_bytes() for path in sorted(product.home.reports.rglob("*.csv"))}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return small_source(tmp_path / "source")


def test_a_restored_home_bills_on_to_the_same_bytes(product: Product, source: Path, tmp_path: Path) -> None:
    product.run(source, JAN)
    shutil.copytree(product.home.root, tmp_path / "backup", symlinks=True)
    product.run(source, LAST)
    undisturbed, told = reports(product), product.home.receipts.read_bytes()
    assert "2026-03/invoices.csv" in undisturbed

    shutil.rmtree(product.home.root)
    shutil.copytree(tmp_path / "backup", product.home.root)
    assert not [check for check in verify(product.home, product.setting.catalogs) if check.problems]
    assert product.run(source, LAST).invoices.height == 3
    assert reports(product) == undisturbed
    assert product.home.receipts.read_bytes() == told  # each run's chain is a digest of all that it decided
    assert not [check for check in verify(product.home, product.setting.catalogs) if check.problems]


@pytest.mark.slow
def test_what_is_only_shown_can_be_lost(product: Product, source: Path) -> None:
    from flows.pipeline import run_report
    from flows.requests import ReportRequest

    product.run(source, LAST)
    whole = reports(product)
    shutil.rmtree(product.home.reports)
    product.home.finance.unlink()
    run_report(ReportRequest(), product.setting)
    assert reports(product) == whole


@pytest.mark.slow
def test_files_of_two_copies_mixed_are_noticed(product: Product, source: Path, tmp_path: Path) -> None:
    product.run(source, JAN)
    shutil.copy(product.home.ledger, tmp_path / "older.duckdb")
    product.run(source, LAST)
    shutil.copy(tmp_path / "older.duckdb", product.home.ledger)
    with pytest.raises(UserError, match="run-000002 has a receipt, and is not in the ledger: the ledger was lost or an older one put back"):
        product.run(source, LAST)


READ_ONLY = """
import subprocess, sys
home, *command = sys.argv[1:]
subprocess.run(["mount", "--bind", home, home], check=True)
subprocess.run(["mount", "-o", "remount,bind,ro", home], check=True)
sys.exit(subprocess.run(command).returncode)
"""


def on_a_read_only_disk(home: Path, *command: object) -> subprocess.CompletedProcess[str]:
    apart = ["unshare", "--mount", "--map-root-user", sys.executable, "-c", READ_ONLY, str(home)]
    return subprocess.run([*apart, *map(str, command)], capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.slow
def test_a_backup_that_cannot_be_written_is_read_and_verified_where_it_lies(product: Product, source: Path) -> None:
    product.run(source, JAN)
    home = product.home.root
    if not shutil.which("unshare") or on_a_read_only_disk(home, "true").returncode:
        pytest.skip("this system lets nobody mount a disk")
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}
    for command, said in ((["verify"], "all well."), (["status"], "Rosters: 31 days"), (["holds"], "Nothing is held.")):
        done = on_a_read_only_disk(home, sys.executable, "-m", "flows.cli", *command, "--home", home)
        assert (done.returncode, done.stderr) == (0, ""), command
        assert said in done.stdout
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before
    refused = on_a_read_only_disk(home, sys.executable, "-m", "flows.cli", "bill", "--through", "2026-02-28", "--direct", "--home", home)
    assert (refused.returncode, refused.stderr) == (1, f"seatledger: {home}/.lock: cannot be written: Read-only file system. Choose another home with --home.\n")
