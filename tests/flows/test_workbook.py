"""The month as an Excel workbook: exact numbers, no text that runs, and nothing left out in silence."""

from __future__ import annotations

import csv
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from flows import workbook as workbooks
from flows.month_reports import Report, report_names
from flows.report_export import export_reports, workbook_path
from flows.workbook import Workbook
from tests.conftest import Product
from tests.faults.sources import HOSTILE
from tests.flows.small_source import small_source
from tests.flows.test_cli import seatledger

APRIL = date(2026, 4, 1)


@pytest.fixture(scope="module")
def month(sample: Product, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's reports of April 2026, with a workbook beside."""
    root = tmp_path_factory.mktemp("workbook")
    done = seatledger("report", "--month", "2026-04", "--xlsx", "--to", root / "out", "--direct", "--home", sample.home.root)
    assert done.returncode == 0, done.stderr
    assert f"Workbook: {root / 'out' / '2026-04' / 'seatledger-2026-04.xlsx'}" in done.stdout
    return root / "out" / "2026-04"


def sheet_rows(path: Path, name: str) -> list[dict]:
    header, *rows = openpyxl.load_workbook(path)[name].iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


def written(tmp_path: Path, rows: pl.DataFrame, name: str = "things") -> Path:
    with Workbook(tmp_path / "book.xlsx", APRIL, date(2026, 5, 31)) as book:
        book.add(Report(name, "What?", "thing", "money", "things_v", lambda rows=rows: iter([rows])), {"amount": "What it costs."})
    return tmp_path / "book.xlsx"


def test_every_report_is_a_sheet_in_reading_order_after_the_list_of_them(month: Path) -> None:
    book = openpyxl.load_workbook(workbook_path(month))
    assert book.sheetnames == ["contents", "columns", *report_names()]
    assert sorted(report_names()) == sorted(path.stem for path in month.glob("*.csv"))
    listed = {row[0]: row[1:] for row in book["contents"].iter_rows(min_row=6, values_only=True)}
    assert listed["invoices"][:3] == ("Which invoices were issued with a date in the month?", "invoice", "money")
    assert [name for name in listed if not all(listed[name][:2])] == []  # each says its question and its grain
    for name in report_names():
        assert listed[name][3] == sum(1 for _ in csv.reader((month / f"{name}.csv").open(encoding="utf-8"))) - 1, name


def test_each_sheet_holds_the_rows_of_its_csv_with_money_as_numbers_in_the_currencys_unit(month: Path) -> None:
    rows = sheet_rows(workbook_path(month), "invoice_lines")
    told = list(csv.DictReader((month / "invoice_lines.csv").open(encoding="utf-8")))
    assert [row["line_id"] for row in rows] == [row["line_id"] for row in told]
    assert [Decimal(str(row["amount"])) for row in rows] == [Decimal(row["amount"]) for row in told]
    assert [row["service_from"].date().isoformat() for row in rows] == [row["service_from"] for row in told]
    assert "amount_minor" not in rows[0]
    sheet = openpyxl.load_workbook(workbook_path(month))["invoice_lines"]
    money = next(column for column in sheet.iter_cols() if column[0].value == "amount")
    assert {(cell.data_type, cell.number_format) for cell in money[1:]} == {("n", "#,##0.00")}
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("B2", sheet.dimensions)


def test_every_column_is_explained_as_in_the_finance_database(month: Path) -> None:
    meanings = {(row["sheet"], row["column"]): row["means"] for row in sheet_rows(workbook_path(month), "columns")}
    assert meanings["invoices", "amount_due"] == "amount_due_minor in the currency's own unit."
    assert [place for place, text in meanings.items() if not text] == []


@pytest.mark.slow
def test_the_same_data_give_the_same_bytes(month: Path, sample: Product, tmp_path: Path) -> None:
    home = sample.home.root
    seatledger("report", "--month", "2026-04", "--xlsx", "--to", tmp_path, "--direct", "--home", home)
    assert workbook_path(tmp_path / "2026-04").read_bytes() == workbook_path(month).read_bytes()


@pytest.mark.slow
def test_a_workbook_that_is_there_is_written_anew_with_its_csv_and_none_is_made_unasked(product: Product, tmp_path: Path, with_reports: None) -> None:
    source, path = small_source(tmp_path / "source", last=date(2026, 1, 12)), workbook_path(product.home.reports / "2026-01")
    product.run(source, date(2026, 1, 9))
    assert list(product.home.reports.rglob("*.xlsx")) == []
    export_reports(product.home.finance, product.home.reports, None, xlsx=True)
    assert len(sheet_rows(path, "invoices")) == 1  # oak's of the first
    product.run(source, date(2026, 1, 12))
    assert len(sheet_rows(path, "invoices")) == 2  # and elm's of the tenth


def test_a_currency_has_its_own_decimals_also_beside_others(tmp_path: Path) -> None:
    rows = pl.DataFrame({"currency": ["JPY", "BHD", "USD"], "amount": ["1500", "1.234", "-0.05"]}).with_columns(
        pl.col("amount").str.to_decimal(scale=3)
    )
    cells = [row[1] for row in openpyxl.load_workbook(written(tmp_path, rows))["things"].iter_rows(min_row=2)]
    assert [(cell.value, cell.number_format) for cell in cells] == [(1500, "#,##0"), (1.234, "#,##0.000"), (-0.05, "#,##0.00")]


def test_a_number_that_a_cell_would_round_is_written_as_text_digit_by_digit(tmp_path: Path) -> None:
    exact, beyond = "1234567890123.45", "12345678901234.56"  # 15 digits, 16 digits
    rows = pl.DataFrame({"currency": ["USD"] * 2, "amount": [exact, beyond], "count": [10**15 - 1, 10**15 + 1]}).with_columns(
        pl.col("amount").str.to_decimal(scale=2)
    )
    path = written(tmp_path, rows)
    first, second = openpyxl.load_workbook(path)["things"].iter_rows(min_row=2, values_only=True)
    assert (Decimal(str(first[1])), first[2]) == (Decimal(exact), 10**15 - 1)
    assert second[1:] == (beyond, "1000000000000001")


@pytest.mark.parametrize("text", [*HOSTILE, "=1+1", "https://example.com", "_x0041_", "\x07bell", "007", "mailto:a@b.c", "x" * 32_767])
def test_a_text_is_never_more_than_a_text(tmp_path: Path, text: str) -> None:
    sheet = openpyxl.load_workbook(written(tmp_path, pl.DataFrame({"name": [text]})))["things"]
    cell = sheet["A2"]
    assert (openpyxl.utils.escape.unescape(cell.value), cell.data_type, cell.hyperlink) == (text, "s", None)


def test_more_rows_than_a_sheet_holds_are_said_to_be_in_the_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "MOST_ROWS", 2)
    path = written(tmp_path, pl.DataFrame({"n": [1, 2, 3]}))
    book = openpyxl.load_workbook(path)
    assert "things" not in book.sheetnames
    last = list(book["contents"].iter_rows(values_only=True))[-1]
    assert (last[0], last[4], last[6]) == ("things", 3, "no sheet: more rows than a sheet holds. They are in things.csv")


def test_times_dates_and_truth_keep_their_kind(tmp_path: Path) -> None:
    rows = pl.DataFrame({"on": [date(2026, 2, 28)], "at": [datetime(2026, 2, 28, 23, 30)], "is": [True], "none": [None]})
    rows = rows.with_columns(pl.col("at").dt.replace_time_zone("America/New_York"), pl.col("none").cast(pl.String))
    (cells,) = openpyxl.load_workbook(written(tmp_path, rows))["things"].iter_rows(min_row=2, values_only=True)
    assert cells == (datetime(2026, 2, 28), datetime(2026, 3, 1, 4, 30), True, None)


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_said_and_nothing_is_left(month: Path, sample: Product, tmp_path: Path) -> None:
    (tmp_path / "2026-04").write_text("in the way")
    home = sample.home.root
    done = seatledger("report", "--month", "2026-04", "--xlsx", "--to", tmp_path, "--direct", "--home", home)
    assert (done.returncode, "a file lies where a folder is to be" in done.stderr, "Traceback" in done.stderr) == (1, True, False)
