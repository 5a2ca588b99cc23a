"""Rows 31 to 38 of the fault table, and `verify`: what was decided stays as it was decided, or it is noticed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from pathlib import Path

import duckdb
import polars as pl
import pytest

from flows import ledger as ledger_module
from flows import receipts
from flows.errors import LostOrDamaged, UserError
from flows.fault_points import KILL_AT
from flows.kept_rosters import KeptRosters
from flows.lake import Lake
from flows.month_reports import REPORTS
from flows.pipeline import run_report
from flows.requests import ReportRequest
from flows.verify import checks_of_published, verify
from tests.conftest import ROOT, Product
from tests.flows.small_source import small_source
from tests.flows.test_cli import seatledger
from transforms.roster_months import on_day

JAN, THROUGH = date(2026, 1, 31), date(2026, 2, 12)
pytestmark = pytest.mark.usefixtures("with_reports")


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two runs behind it."""
    root = tmp_path_factory.mktemp("billed")
    source = small_source(root / "source", last=THROUGH)
    product = Product(root / "home", writes_reports=True)
    product.run(source, JAN)
    product.run(source, THROUGH)
    return root


@pytest.fixture
def home(billed: Path, tmp_path: Path) -> Iterator[Product]:
    shutil.copytree(billed / "home", tmp_path / "home")
    yield Product(tmp_path / "home")


def wrong(product: Product) -> set[str]:
    return {check.name for check in verify(product.home, product.setting.catalogs) if check.problems}


def change(product: Product, sql: str, *, ledger: bool = True, finance: bool = True) -> None:
    """Plant a fault by hand, in the ledger, in what is published, or in both."""
    for path, wanted in ((product.home.ledger, ledger), (product.home.finance, finance)):
        if wanted:
            with duckdb.connect(str(path)) as connection:
                connection.execute(sql)


def test_a_runs_chain_is_the_digest_of_its_rows_as_json_and_of_the_run_before(home: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    """Worked out a few rows at a time, it is what ledgers of earlier versions have: all rows of a part as one text."""
    monkeypatch.setattr(receipts, "_ROWS_AT_ONCE", 2)
    parts = []
    with duckdb.connect(str(home.home.ledger), read_only=True) as connection:
        for name, sql in receipts._OF_A_RUN.items():
            asked = f"select to_json(q)::varchar as t from ({sql}) q order by t"
            lines = [line for (line,) in connection.execute(asked, {"run": "run-000002"}).fetchall()]
            if lines or name not in receipts._LATER:
                parts.append(sha256("\n".join(lines).encode()).hexdigest() if lines else "")
        first, second = (connection.execute("select chain from runs order by run_id").fetchall()[n][0] for n in range(2))
        assert second == sha256("/".join([first, *parts]).encode()).hexdigest()
        assert receipts.chain_of_run(connection, "run-000002", first) == second
        assert receipts.broken_links(connection) == []


def test_verify_finds_nothing_wrong_with_what_the_product_did(home: Product) -> None:
    assert wrong(home) == set()


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("update invoice_lines set amount_minor = amount_minor + 1 where line_id = 'PIV-2026-000002-001'", {"lines_recompute", "invoices_add_up"}),
        ("update invoice_lines set days = 15 where line_id = 'PIV-2026-000002-001'", {"lines_recompute", "line_days"}),
        ("update invoices set amount_due_minor = 0 where invoice_number = 'PIV-2026-000001'", {"invoices_add_up"}),
        ("delete from invoice_lines where line_id = 'PIV-2026-000002-001'", {"invoices_add_up"}),
        ("delete from invoices where invoice_number = 'PIV-2026-000001'", {"numbers_gapless", "invoices_add_up"}),
        ("update invoice_lines set quantity_billed_before = 1 where line_id = 'PIV-2026-000002-001'", {"charges_never_overbilled"}),
        ("insert into credit_ledger values ('oak', 'USD', 'sub-oak@2026-01-01', '2026-01-01', 5, 5, 1)", {"credits_run_on"}),
        ("update inputs set rows = rows + 1 where day = '2026-01-05'", {"ledger_chained"}),
        ("update runs set chain = 'other' where run_id = 'run-000001'", {"ledger_chained", "receipts_kept"}),
    ],
)  # fmt: skip
def test_verify_finds_each_planted_fault(home: Product, sql: str, found: set[str]) -> None:
    change(home, sql)
    assert found | {"ledger_chained"} <= wrong(home)


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("update seat_occupancy set occupied = occupied + 1 where workspace_id = 'oak' and day = '2026-01-20'", {"occupancy_from_rosters", "occupancy_runs_on"}),
        ("delete from seat_occupancy where workspace_id = 'oak' and day = '2026-01-20'", {"days_covered"}),
        ("update seat_occupancy set coverage = 'unknown' where day = '2026-01-20'", {"days_covered"}),
        ("delete from invoices where invoice_number = 'PIV-2026-000001'", {"published_whole"}),
    ],
)  # fmt: skip
def test_verify_finds_what_was_changed_in_what_is_published(home: Product, sql: str, found: set[str]) -> None:
    change(home, sql, ledger=False)
    assert found <= wrong(home)


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("update seat_usage_monthly set peak_seats = 9 where workspace_id = 'oak' and month = '2026-01-01'", "seat_usage_adds_up"),
        ("update seat_usage_monthly set idle_cost_minor = -1 where workspace_id = 'oak' and month = '2026-01-01'", "seat_usage_adds_up"),
        ("update coverage_monthly set held_days = 1 where workspace_id = 'elm' and month = '2026-01-01'", "days_add_up"),
        ("update seat_occupancy set spell_from = null where workspace_id = 'oak' and day = '2026-01-20'", "days_add_up"),
        ("update mrr_movements set expansion_minor = expansion_minor + 100 where workspace_id = 'oak' and month = '2026-01-01'", "mrr_runs_on"),
        ("update mrr_movements set closing_minor = 1, new_minor = 1 where workspace_id = 'oak' and month = '2026-01-01'", "mrr_runs_on"),
        ("delete from mrr_movements where workspace_id = 'elm' and month = '2026-02-01'", "mrr_runs_on"),
        ("update revenue_schedule set recognised_minor = recognised_minor + 1 where line_id = 'PEN-2026-000001-001' and month = '2026-03-01'", "revenue_adds_up"),
        ("update revenue_schedule set recognised_minor = recognised_minor + 1, deferred_minor = deferred_minor - 1 where line_id = 'PEN-2026-000001-001' and month = '2026-01-01'", "revenue_adds_up"),
        ("update journal_entries set debit_minor = debit_minor + 1 where entry_id = 'PIV-2026-000001' and account_code = '1100'", "journal_balances"),
        ("delete from journal_entries where entry_id = 'PIV-2026-000001'", "journal_balances"),
        ("update journal_entries set workspace_id = 'elm' where entry_id = 'PIV-2026-000001'", "journal_balances"),
        ("update reconciliation set expected_minor = expected_minor + 5 where subscription_id = 'sub-oak'", "terms_reconciled"),
        ("delete from reconciliation where subscription_id = 'sub-elm'", "terms_reconciled"),
        ("delete from plan_compliance where workspace_id = 'elm'", "plan_compliance_found"),
        ("update plan_compliance set days = 1 where workspace_id = 'elm'", "plan_compliance_found"),
        ("update invoice_changes set seats_minor = seats_minor + 1, term_minor = term_minor - 1, difference_minor = 0", "invoice_changes_add_up"),
    ],
)  # fmt: skip
def test_verify_finds_what_was_changed_in_a_finance_table(billed: Path, tmp_path: Path, sql: str, found: str) -> None:
    assert {found, "reports_worked_out_anew"} <= wrong_once_changed(billed, tmp_path, sql)


@pytest.mark.parametrize(
    "planted",
    [
        "update spells set unit_price_minor = 4000 where subscription_id = 'sub-oak'",
        "update seat_occupancy set occupied = occupied + 1 where workspace_id = 'oak' and day = '2026-01-20'",
    ],
)
def test_verify_finds_by_what_the_seats_cost_that_every_line_has_the_wrong_price_or_seats(
    billed: Path, tmp_path: Path, planted: str
) -> None:
    """The reconciliation is made again from the changed facts, as a fault of the program would have made it."""
    query = (REPORTS / "reconciliation.sql").read_text(encoding="utf-8").split("create table reconciliation as")[1].split(";\ncomment")[0]
    sql = f"{planted}; delete from reconciliation; insert into reconciliation {query}"
    assert "terms_reconciled" in wrong_once_changed(billed, tmp_path, sql)


def wrong_once_changed(billed: Path, tmp_path: Path, sql: str) -> set[str]:
    """Which invariants of what is published find a fault planted in a copy of it."""
    copy = shutil.copy(billed / "home" / "finance.duckdb", tmp_path)
    with duckdb.connect() as both:
        both.execute(f"attach '{copy}' as finance")
        both.execute("use finance")
        both.execute(sql)
        return {check.name for check in checks_of_published(both) if check.problems}


def test_verify_finds_a_roster_changed_in_the_lake(home: Product) -> None:
    for path in (home.home.lake / "roster_months" / "month=2026-01").glob("?" * 24 + ".parquet"):
        pl.read_parquet(path).filter(pl.col("user_id") != "c").write_parquet(path)
    assert wrong(home) == {"occupancy_from_rosters"}


def test_verify_recounts_a_home_of_the_first_version_which_kept_a_file_a_day(home: Product) -> None:
    lake = Lake(home.home.lake)
    versions = dict(home.table("select distinct day, version from inputs where table_name = 'users'").rows())
    kept = KeptRosters(lake, versions)
    for day, version in versions.items():
        rows = kept.month(day.replace(day=1)).filter(on_day(day))
        lake.write_day("users", day, version, rows.drop("bits"))
    shutil.rmtree(home.home.lake / "roster_months")
    assert wrong(home) == set()
    changed = lake.day_path("users", JAN, versions[JAN])
    pl.read_parquet(changed).filter(pl.col("user_id") != "c").write_parquet(changed)
    assert wrong(home) == {"occupancy_from_rosters"}
    changed.unlink()
    problems = {check.name: check.problems for check in verify(home.home, home.setting.catalogs) if check.problems}
    assert problems["occupancy_from_rosters"] == [("2026-01", "its stored rosters are gone or damaged")]
    assert [told for _, told in problems["lake_whole"]] == ["is gone; restore it from a back-up"]
    with pytest.raises(LostOrDamaged, match=f"{re.escape(str(changed))}: is gone, and with it rosters of 2026-01"):
        kept.month(date(2026, 1, 1))


def test_F31_two_runs_on_one_home_are_kept_apart(home: Product, billed: Path) -> None:
    with home.home.locked(), pytest.raises(UserError, match=r"another run \(process \d+\) is using this home"):
        Product(home.home.root).run(billed / "source", THROUGH)


def test_F33_who_has_the_ledger_open_is_waited_for_a_little_and_then_named(home: Product, billed: Path, monkeypatch) -> None:
    monkeypatch.setattr(ledger_module, "LONGEST_WAIT", 0.3)
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.readline()"
    with subprocess.Popen(
        [sys.executable, "-c", script, home.home.ledger], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        other.stdout.readline()
        with pytest.raises(UserError, match=rf"process {other.pid} has it open. Close it there"):
            home.run(billed / "source", THROUGH)
        other.communicate("\n")
    home.run(billed / "source", THROUGH)


def test_F37_a_ledger_that_is_no_database_is_said_with_how_to_restore(home: Product, billed: Path) -> None:
    home.home.ledger.write_bytes(b"not a database" * 1000)
    with pytest.raises(UserError, match=r"cannot be opened.*Restore it"):
        home.run(billed / "source", THROUGH)


@pytest.mark.slow
def test_verify_finds_a_report_that_was_changed_or_is_gone_until_it_is_written_anew(home: Product) -> None:
    lines = home.home.reports / "2026-02" / "invoice_lines.csv"
    lines.write_bytes(lines.read_bytes().replace(b"39.00", b"39.01", 1))
    (home.home.reports / "2026-01" / "invoices.csv").unlink()
    for other in ("back-up", "2026-13", "2026-00"):  # folders that somebody keeps there
        (home.home.reports / other).mkdir()
    (check,) = [check for check in verify(home.home, home.setting.catalogs) if check.problems]
    assert check.name == "reports_agree"
    assert check.problems == [("2026-01/invoices.csv", "is missing"), ("2026-02/invoice_lines.csv", "is not what is published")]
    run_report(ReportRequest(), home.setting)
    assert wrong(home) == set()
    run_report(ReportRequest(excel=True), home.setting)
    assert wrong(home) == set()


def test_verify_says_where_it_did_not_look_at_reports(home: Product) -> None:
    (home.home.reports / "2026-02" / "index.html").unlink()
    (check,) = [check for check in verify(home.home, home.setting.catalogs) if check.problems]
    assert check.problems == [("2026-02/index.html", "is missing")]
    (home.home.reports / ".run").unlink()
    (check,) = [check for check in verify(home.home, home.setting.catalogs) if check.name == "reports_agree"]
    assert check.problems == []
    assert check.question.endswith("Not looked at: they are not all of the last run. seatledger report writes them.")


def flipped(content: bytes) -> bytes:
    """With a flipped byte in every block but the headers."""
    damaged = bytearray(content)
    for place in range(20_000, len(damaged), 5_000):
        damaged[place] ^= 255
    return bytes(damaged)


def test_verify_says_which_database_is_damaged_and_that_the_finance_database_can_be_made_anew(home: Product) -> None:
    finance, ledger = home.home.finance, home.home.ledger
    for damaged in (b"no database", finance.read_bytes()[:20_000], flipped(finance.read_bytes())):
        finance.write_bytes(damaged)
        with pytest.raises(UserError, match=r"finance\.duckdb: cannot be read: .*\. Have it made anew: seatledger report"):
            verify(home.home, home.setting.catalogs)
    run_report(ReportRequest(), home.setting)
    assert wrong(home) == set()
    ledger.write_bytes(flipped(ledger.read_bytes()))
    with pytest.raises(UserError, match=r"ledger\.duckdb: cannot be read: .*\. Restore it from a back-up"):
        verify(home.home, home.setting.catalogs)


@pytest.mark.slow
def test_a_folder_in_place_of_a_file_of_the_home_is_named_and_a_report_makes_it_anew_once_it_is_away(home: Product) -> None:
    lines, page = (home.home.reports / "2026-02" / name for name in ("invoice_lines.csv", "index.html"))
    for path in (home.home.finance, lines, page):
        path.unlink()
        path.mkdir()
    with pytest.raises(UserError, match=r"finance\.duckdb: is a folder, where a database is to be\. Move it away, then have it made anew: seatledger report --home"):
        verify(home.home, home.setting.catalogs)
    for path in (home.home.finance, lines, page):
        said = seatledger("report", "--direct", "--home", home.home.root).stderr  # a process each: what DuckDB keeps of a failed one is in the way
        assert f"seatledger: {path}: is a folder, and a file is to be written there. Move it away, and run this again.\n" in said
        if path == lines:
            (check,) = [check for check in verify(home.home, home.setting.catalogs) if check.problems]
            assert check.problems == [("2026-02/invoice_lines.csv", "is missing"), ("2026-02/index.html", "is a folder")]
        path.rmdir()
    run_report(ReportRequest(), home.setting)
    assert wrong(home) == set()


def test_F37_a_lost_ledger_is_noticed_by_its_receipts(home: Product, billed: Path) -> None:
    home.home.ledger.unlink()
    with pytest.raises(UserError, match=r"is gone, and receipts\.jsonl says that runs were saved in it"):
        home.run(billed / "source", THROUGH)
    assert not home.home.ledger.exists()


def test_F37_an_older_ledger_put_back_is_noticed_by_its_receipts(home: Product, billed: Path, tmp_path: Path) -> None:
    older = Product(tmp_path / "older")
    older.run(billed / "source", JAN)
    shutil.copy(older.home.ledger, home.home.ledger)
    with pytest.raises(UserError, match="run-000002 has a receipt, and is not in the ledger"):
        home.run(billed / "source", THROUGH)


def test_F37_lost_receipts_are_noticed_and_written_anew_by_the_next_run(home: Product, billed: Path) -> None:
    home.home.receipts.unlink()
    (check,) = [check for check in verify(home.home, home.setting.catalogs) if check.problems]
    assert check.problems == [("run-000001", "has no receipt in receipts.jsonl, which was lost or cut; the next run writes it anew")]
    home.run(billed / "source", THROUGH)
    assert wrong(home) == set()


def test_F37_a_ledger_of_a_newer_version_is_left_alone(home: Product, billed: Path) -> None:
    change(home, "update settings set value = '99' where name = 'ledger_version'", finance=False)
    with pytest.raises(UserError, match=r"was written by a newer version \(ledger 99, this is 3\)"):
        home.run(billed / "source", THROUGH)


def test_F37_a_ledger_of_the_first_version_is_brought_up_to_date_by_the_next_run(home: Product, billed: Path) -> None:
    undisturbed = home.table("select invoice_number, net_minor from invoices order by all").rows()
    change(home, "alter table inputs drop column repeats", finance=False)
    change(home, "alter table runs drop column catalog", finance=False)
    change(home, "update settings set value = '1' where name = 'ledger_version'", finance=False)
    with pytest.raises(UserError, match=r"is of ledger version 1, this is 3\. The next run brings it up to date"):
        verify(home.home, home.setting.catalogs)
    assert home.run(billed / "source", THROUGH).invoices.is_empty()
    assert wrong(home) == set()
    assert home.table("select invoice_number, net_minor from invoices order by all").rows() == undisturbed


def test_F37_a_missing_wal_is_noticed_by_the_receipts(billed: Path, tmp_path: Path) -> None:
    """Killed before the ledger is closed, the last run is in the WAL alone."""
    product, source = Product(tmp_path / "home"), billed / "source"
    product.run(source, JAN)
    script = "import sys; from datetime import date; from pathlib import Path; from tests.conftest import Product\n"
    script += "Product(Path(sys.argv[1]), writes_reports=True).run(Path(sys.argv[2]), date(2026, 2, 12))"
    environment = os.environ | {KILL_AT: "receipt: written"}
    killed = subprocess.run([sys.executable, "-c", script, str(product.home.root), str(source)], cwd=ROOT, env=environment)
    assert killed.returncode == -signal.SIGKILL
    wal = product.home.ledger.with_name("ledger.duckdb.wal")
    wal.rename(tmp_path / "wal")
    with pytest.raises(
        UserError, match=r"run-000002 has a receipt, and is not in the ledger.*Restore the newest ledger.duckdb \(and its .wal"
    ):
        product.run(source, THROUGH)
    wal.unlink(missing_ok=True)
    (tmp_path / "wal").rename(wal)
    assert product.run(source, THROUGH).invoices.is_empty()


def test_F38_a_commit_that_did_not_commit_is_noticed(product: Product, billed: Path, monkeypatch) -> None:
    monkeypatch.setattr(ledger_module, "reached", lambda point: _forget(point))
    opened: list = []
    connect = ledger_module._connect
    monkeypatch.setattr(ledger_module, "_connect", lambda path: opened.append(connect(path)) or opened[-1])

    def _forget(point: str) -> None:
        if point == "ledger: after commit":
            opened[-1].execute("delete from runs")

    with pytest.raises(UserError, match="run-000001 was not saved, though the commit reported success"):
        product.run(billed / "source", JAN)


def test_a_receipt_that_a_crash_left_out_is_written_by_the_next_run(home: Product, billed: Path) -> None:
    lines = home.home.receipts.read_text().splitlines(keepends=True)
    home.home.receipts.write_text(lines[0] + lines[1][:20])
    home.run(billed / "source", THROUGH)
    whole = [line for line in home.home.receipts.read_text().splitlines() if line.endswith("}")]
    assert [json.loads(line)["run_id"] for line in whole] == ["run-000001", "run-000002", "run-000003"]
    assert wrong(home) == set()
