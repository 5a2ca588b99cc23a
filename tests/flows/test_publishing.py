"""What analysts open: every table and column explained, money readable, CSV that no spreadsheet can be tricked by."""

from __future__ import annotations

import csv
import subprocess
import sys
from datetime import date
from pathlib import Path
from threading import Thread

import duckdb
import polars as pl
import pytest

from flows import finance_tables
from flows.errors import UserError
from flows.finance_tables import fill_finance
from flows.lake import Lake
from flows.memory_of_duckdb import hold_within_bounds
from flows.pipeline import run_report
from flows.report_export import export_reports
from flows.requests import ReportRequest
from flows.s3_files import S3Path
from flows.shelf import Shelf
from flows.spreadsheet_cells import without_formulas
from flows.status import status_document
from tests.conftest import SAMPLE, Product
from tests.flows.small_source import small_source
from tests.flows.test_cli import seatledger

pytestmark = pytest.mark.usefixtures("with_reports")
TABLES = [
    "invoices",
    "invoice_lines",
    "credit_ledger",
    "seat_occupancy",
    "seat_usage_monthly",
    "coverage_monthly",
    "mrr_movements",
    "revenue_schedule",
    "journal_entries",
    "reconciliation",
    "plan_compliance",
    "invoice_changes",
    "unbilled_charges",
    "subscriptions",
    "terms",
    "holds",
    "exceptions",
    "runs",
    "inputs",
]


def test_every_table_view_and_column_carries_a_comment(sample) -> None:
    bare = sample.table(
        """select table_name as name from duckdb_tables() where comment is null
           union all select view_name from duckdb_views() where comment is null and not internal
           union all select table_name || '.' || column_name from duckdb_columns() where comment is null and not internal"""
    )
    assert bare.rows() == []
    assert set(TABLES) <= set(sample.table("select table_name from duckdb_tables()")["table_name"])


def test_money_is_also_a_decimal_in_the_currencys_own_unit(sample) -> None:
    views = sample.table("select distinct table_name from duckdb_columns() where column_name like '%_minor' and table_name not like '%_v'")[
        "table_name"
    ]
    from_facts = {"terms", "spells", "unbilled_charges"}
    finance = {"seat_usage_monthly", "mrr_movements", "revenue_schedule", "journal_entries", "reconciliation", "invoice_changes"}
    assert set(views) == {"invoices", "invoice_lines", "credit_ledger"} | from_facts | finance
    kinds = "select distinct data_type from duckdb_columns() where not internal and column_name like '%\\_minor' escape '\\'"
    assert sample.table(kinds)["data_type"].to_list() == ["BIGINT"]
    inexact = "select table_name, column_name from duckdb_columns() where not internal and data_type in ('DOUBLE', 'FLOAT', 'HUGEINT')"
    assert sample.table(inexact).is_empty()
    wrong = sample.table("select count(*) from invoice_lines_v where amount * 100 <> amount_minor or typeof(amount) not like 'DECIMAL%'")
    assert wrong.item() == 0


def test_any_line_can_be_recomputed_in_sql_from_itself(sample) -> None:
    recomputed = """
        with a as (select *, quantity_billed_before + quantity as now from invoice_lines)
        select count(*) from a where amount_minor <>
            sign(now) * ((2 * abs(now) * unit_price_minor * days + period_days) // (2 * period_days))
          - sign(quantity_billed_before) * ((2 * abs(quantity_billed_before) * unit_price_minor * days + period_days) // (2 * period_days))"""
    assert sample.table(recomputed).item() == 0


def test_the_sample_shows_every_reason_and_what_people_ask_about(sample) -> None:
    reasons = set(sample.table("select distinct reason from invoice_lines")["reason"])
    assert reasons == {"opening", "seats_added", "seats_removed", "reactivated", "seats_reduced", "plan_switch"}
    findings = set(sample.table("select distinct finding from exceptions")["finding"])
    assert {"event_refused", "seat_limit", "broken_alias", "vanished"} <= findings
    assert set(sample.table("select distinct catalog from invoices")["catalog"]) == {"pensero", "pivotal"}
    assert sample.table("select count(*) from credit_ledger where change_minor < 0").item() > 0
    switched = "select count(*) from (select subscription_id from terms group by 1 having count(distinct cadence) = 2)"
    assert sample.table(switched).item() > 0
    assert sample.table("select count(*) from subscriptions where trial_until = '2026-02-17'").item() == 1


def test_credits_run_without_a_gap(sample) -> None:
    broken = """
        select * from (select *, lag(balance_minor, 1, 0) over (partition by workspace_id, currency order by entry_number) as before from credit_ledger)
        where before + change_minor <> balance_minor or balance_minor < 0"""
    assert sample.table(broken).is_empty()


def test_invoice_numbers_are_gapless_for_a_catalogue_and_year(sample) -> None:
    gaps = """select catalog, year(invoice_on) from invoices group by all
              having max(right(invoice_number, 6)::int) <> count(*) or min(right(invoice_number, 6)::int) <> 1"""
    assert sample.table(gaps).is_empty()


def test_the_reports_of_a_month_are_csv_with_sorted_rows_and_a_stable_header(sample) -> None:
    folder = sample.home.reports / "2026-04"
    assert {path.stem for path in folder.glob("*.csv")} == set(TABLES)
    lines = list(csv.DictReader((folder / "invoice_lines.csv").open(encoding="utf-8")))
    assert {line["invoice_on"][:7] for line in lines} == {"2026-04"}
    assert next(line["amount"] for line in lines if line["reason"] == "opening") == "195.00"
    assert [line["line_id"] for line in lines] == sample.table(
        "select line_id from invoice_lines where month(invoice_on) = 4 order by invoice_on, catalog, line_id"
    )["line_id"].to_list()


def test_a_text_that_a_spreadsheet_would_run_is_escaped(product, tmp_path: Path) -> None:
    source = small_source(tmp_path / "source", last=date(2026, 1, 12))
    path = source / "subscriptions.csv"
    path.write_text(path.read_text().replace("Oak & Sons", "=cmd|' /C calc'!A0"))
    product.run(source, date(2026, 1, 12))
    names = pl.read_csv(product.home.reports / "2026-01" / "subscriptions.csv")["workspace_name"]
    assert "'=cmd|' /C calc'!A0" in names.to_list()


def test_a_cell_that_is_no_formula_stays_as_it_is_beside_one_that_is() -> None:
    frame = pl.DataFrame(
        {"plain": ["oak", None, "a=b"], "mixed": ["a\n=b", None, "\t=b"], "none": pl.Series([None] * 3, dtype=pl.String), "n": [-1, 0, 1]}
    )
    assert without_formulas(frame).equals(frame.with_columns(mixed=pl.Series(["a\n=b", None, "'\t=b"])))
    for sign in "=+-@\t\r":
        cells = pl.DataFrame({"text": ["0", f"{sign}b", "~", ""]})
        assert without_formulas(cells)["text"].to_list() == ["0", f"'{sign}b", "~", ""]
    assert without_formulas(frame.clear()).equals(frame.clear())
    assert without_formulas(frame.select("n")).equals(frame.select("n"))


def test_rows_read_from_files_are_published_as_those_from_frames(product, tmp_path: Path) -> None:
    product.run(small_source(tmp_path / "source", last=date(2026, 1, 12)), date(2026, 1, 12))
    days = product.table("from seat_occupancy")
    shelf = Shelf(Lake(tmp_path / "day=2020-01-01 [a-z]?"))
    for bucket, rows in enumerate((days[:0], days[:7], days[7:])):
        shelf.put("shown seat_occupancy", bucket, rows)
    files = shelf.files("shown seat_occupancy")
    assert len(files) == 3
    with duckdb.connect() as finance:
        fill_finance(finance, [("seat_occupancy", files)], product.setting.catalogs)
        assert finance.sql("from seat_occupancy").pl().equals(days)


@pytest.mark.parametrize("lake", [None, Lake(S3Path("bucket/lake"))], ids=["in memory", "on a store"])
def test_frames_in_memory_or_on_a_store_are_no_files_to_read(lake: Lake | None, monkeypatch: pytest.MonkeyPatch) -> None:
    put = []
    monkeypatch.setattr("flows.shelf.write_frame", lambda path, frame, packing: put.append(path))  # no store is asked
    shelf = Shelf(lake)
    shelf.put("shown holds", 0, pl.DataFrame({"a": [1]}))
    assert len(put) == (lake is not None)
    assert shelf.files("shown holds") == []


def test_a_report_that_cannot_be_written_ends_the_others_and_leaves_nothing_half_written(product, tmp_path: Path) -> None:
    product.run(small_source(tmp_path / "source", last=date(2026, 1, 12)), date(2026, 1, 12))
    folder = tmp_path / "out" / "2026-01"
    (folder / "invoices.csv").mkdir(parents=True)
    with pytest.raises(UserError, match=r"2026-01/invoices\.csv: is a folder, and a file is to be written there\. Move it away, and run this again"):
        export_reports(product.home.finance, tmp_path / "out", None)
    again = Thread(target=lambda: status_document(product.home), daemon=True)  # by who keeps the error, as Prefect does
    product.home.status.unlink()
    again.start()
    again.join(60)
    assert not again.is_alive()
    written = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert written.items() <= {path.name: path.read_bytes() for path in (product.home.reports / "2026-01").iterdir()}.items()


def test_a_file_where_a_months_folder_is_to_be_is_named(product, tmp_path: Path) -> None:
    product.run(small_source(tmp_path / "source", last=date(2026, 1, 12)), date(2026, 1, 12))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "2026-01").write_text("mine")
    with pytest.raises(UserError, match=r"out/2026-01: a file lies where a folder is to be\. Move it away, or write elsewhere with --to"):
        export_reports(product.home.finance, tmp_path / "out", None)
    assert (tmp_path / "out" / "2026-01").read_text() == "mine"


def test_what_waits_on_disk_while_publishing_lies_beside_and_is_gone_afterwards(
    product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    seen = []
    make_views = finance_tables._create_money_views

    def looked_at(finance: duckdb.DuckDBPyConnection, decimals: int) -> None:
        seen.extend(finance.execute("select current_setting('temp_directory')").fetchone())
        make_views(finance, decimals)

    monkeypatch.setattr(finance_tables, "_create_money_views", looked_at)
    product.run(small_source(tmp_path / "source", last=date(2026, 1, 12)), date(2026, 1, 12))
    assert {Path(folder).parent for folder in seen} == {product.home.root}
    assert [path.name for path in product.home.root.iterdir() if path.name.startswith(".finance")] == []


def test_an_analyst_who_keeps_the_database_open_neither_stops_a_run_nor_sees_half_of_one(product, tmp_path: Path) -> None:
    source = small_source(tmp_path / "source")
    product.run(source, date(2026, 1, 31))
    count = "print(finance.execute('select count(*) from invoices').fetchone()[0], flush=True)"
    script = f"import duckdb, sys; finance = duckdb.connect(sys.argv[1], read_only=True); {count}; sys.stdin.readline(); {count}"
    with subprocess.Popen(
        [sys.executable, "-c", script, product.home.finance], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as analyst:
        before = analyst.stdout.readline()
        product.run(source, date(2026, 2, 28))
        assert analyst.communicate("go on\n")[0] == before
    assert product.table("select count(*) from invoices").item() > int(before)


def test_what_an_analyst_who_wrote_into_it_left_beside_it_does_not_stop_the_next_run(product, tmp_path: Path) -> None:
    """DuckDB refuses a database beside which another one's log lies; `report` made it anew and could not open it either."""
    source = small_source(tmp_path / "source")
    product.run(source, date(2026, 1, 10))
    writes = "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); c.execute('create table mine as select 1 a'); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", writes, product.home.finance])
    assert product.home.finance.with_name("finance.duckdb.wal").exists()
    product.run(source, date(2026, 1, 11))
    assert not product.home.finance.with_name("finance.duckdb.wal").exists()
    assert product.table("select count(*) from runs").item() == 2


def test_the_finance_database_opens_in_duckdb_1_5(sample) -> None:
    with duckdb.connect(str(sample.home.finance), read_only=True) as finance:
        (tags,) = finance.execute("select tags from duckdb_databases() where not internal").fetchone()
    assert str(tags).count("v1.5.0") == 1


def test_what_is_published_is_for_the_group_and_the_home_for_its_owner(product, tmp_path: Path) -> None:
    product.run(small_source(tmp_path / "source", last=date(2026, 1, 12)), date(2026, 1, 12))
    assert product.home.root.stat().st_mode & 0o777 == 0o700
    assert product.home.finance.stat().st_mode & 0o777 == 0o640


@pytest.mark.slow
def test_times_in_a_csv_are_utc_wherever_it_is_written(product, tmp_path: Path) -> None:
    product.run(small_source(tmp_path / "source"), date(2026, 1, 3))
    done = seatledger("report", "--month", "2026-01", "--to", tmp_path / "out", "--direct", "--home", product.home.root, TZ="Asia/Tokyo")
    assert done.returncode == 0, done.stderr
    (run,) = csv.DictReader((tmp_path / "out" / "2026-01" / "runs.csv").open(encoding="utf-8"))
    assert run["finished_at"] == "2030-01-01T12:00:00Z"
    assert "2030-01-01 12:00" in seatledger("status", "--home", product.home.root, TZ="Asia/Tokyo").stdout


@pytest.mark.parametrize(
    ("given", "invoices", "held"), [("500MB", 0, "500MB"), ("6GB", 0, "1GB"), ("6GB", 600_000, "1GB"), ("6GB", 1_500_000, "2800MB"), ("6GB", 9_000_000, "6GB")]
)
def test_duckdb_holds_a_gigabyte_and_more_for_many_invoices_or_what_the_machine_gives_it_where_that_is_less(given: str, invoices: int, held: str) -> None:
    bytes_held = f"select parse_formatted_bytes(current_setting('memory_limit')), parse_formatted_bytes('{held}')"
    with duckdb.connect(config={"memory_limit": given}) as finance:
        hold_within_bounds(finance, 2)
        hold_within_bounds(finance, invoices)  # as it comes to be known how many there are
        ((ours, wanted),) = finance.execute(bytes_held).fetchall()
    assert ours == pytest.approx(wanted, rel=0.03)  # DuckDB rounds what it says


OF_A_MONTH = ("coverage_monthly", "exceptions", "journal_entries", "mrr_movements", "plan_compliance", "revenue_schedule", "seat_occupancy")


@pytest.mark.slow
def test_a_run_writes_every_month_that_it_changed_though_it_brought_nothing_of_it(product: Product, tmp_path: Path) -> None:
    """The sample's agreed seats are changed on 28 April; that is told on 4 May."""
    product.run(SAMPLE, date(2026, 4, 30))
    before = (product.home.reports / "2026-04" / "mrr_movements.csv").read_bytes()
    done = product.run(SAMPLE, date(2026, 5, 31))
    assert [folder.name for folder in done.exported] == ["2026-04", "2026-05"]
    assert (product.home.reports / "2026-04" / "mrr_movements.csv").read_bytes() != before
    run_report(ReportRequest(to=tmp_path / "anew"), product.setting)
    for month in ("2026-01", "2026-02", "2026-03", "2026-04", "2026-05"):
        for name in (*OF_A_MONTH, "seat_usage_monthly"):
            assert (product.home.reports / month / f"{name}.csv").read_bytes() == (tmp_path / "anew" / month / f"{name}.csv").read_bytes()
    assert [folder.name for folder in product.run(SAMPLE, date(2026, 5, 31)).exported] == ["2026-05"]
