"""The last look before anything is saved, published, exported or written: one wrong row between, and it is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from flows import accounting, ledger, publish, report_csv, report_export
from flows.accounting import SYSTEMS, export
from flows.errors import UserError
from flows.invoice_documents import Choice
from tests.conftest import Product
from tests.flows.small_source import small_source
from transforms.import_files import Coding

LAST = date(2026, 2, 10)


def test_what_was_built_without_a_line_of_the_ledger_is_not_published(
    product: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill = publish.fill_finance

    def lose_a_line(finance: duckdb.DuckDBPyConnection, *told: object) -> None:
        fill(finance, *told)
        finance.execute("delete from invoice_lines where line_id = (select max(line_id) from invoice_lines)")

    source = small_source(tmp_path / "source", LAST)
    product.run(source, date(2026, 1, 31))
    before = product.home.finance.read_bytes()
    monkeypatch.setattr(publish, "fill_finance", lose_a_line)
    with pytest.raises(UserError, match=r"was not published: of invoices, their net, lines, .* what was built holds \(.*\), the ledger \("):
        product.run(source, LAST)
    assert product.home.finance.read_bytes() == before


@pytest.mark.parametrize(
    "spoil", [lambda rows: rows.head(-1), lambda rows: rows.with_columns(net_minor=pl.col("net_minor") + 1)], ids=["lost", "another"]
)
def test_a_csv_with_another_row_or_amount_than_is_published_is_not_written(
    product: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[pl.DataFrame], pl.DataFrame]
) -> None:
    product.run(small_source(tmp_path / "source", LAST), LAST)
    write = report_csv._write
    monkeypatch.setattr(report_csv, "_write", lambda rows, *told: write(spoil(rows) if "net_minor" in rows.columns else rows, *told))
    with pytest.raises(UserError, match=r"invoices\.csv would hold \(\d+, .*\) where \(\d+, .*\) is published; it was not written"):
        report_export.export_reports(product.home.finance, tmp_path / "out", [date(2026, 1, 1)])
    assert not (tmp_path / "out" / "2026-01" / "invoices.csv").exists()


@pytest.mark.parametrize("name", SYSTEMS)
def test_an_import_file_in_which_an_invoice_comes_to_another_amount_is_not_written(
    product: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    product.run(small_source(tmp_path / "source", LAST), LAST)
    parts_of = accounting.parts_of
    monkeypatch.setattr(accounting, "parts_of", lambda *told: [part.head(-1) for part in parts_of(*told)])
    with pytest.raises(UserError, match=r"would come to .* in the file, and \d+ is due\. Nothing was written"):
        export(product.home, SYSTEMS[name], Choice(month=date(2026, 1, 1)), Coding("200", "", "210", 0, "ymd"), tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    "spoil",
    [
        "delete from invoice_lines where line_id = (select max(line_id) from invoice_lines)",
        "update invoice_lines set amount_minor = amount_minor + 1 where line_id = (select max(line_id) from invoice_lines)",
        "update invoices set credit_granted_minor = 1 where invoice_id = (select max(invoice_id) from invoices)",
    ],
)
def test_a_run_whose_lines_do_not_add_up_to_its_invoices_saves_nothing(
    product: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: str
) -> None:
    source, asked = small_source(tmp_path / "source", LAST), ledger.Ledger.require_totals

    def spoilt(mine: ledger.Ledger, run_id: str) -> None:
        mine.connection.execute(spoil)
        asked(mine, run_id)

    monkeypatch.setattr(ledger.Ledger, "require_totals", spoilt)
    with pytest.raises(UserError, match=r"run-000001 does not add up: .* Nothing was saved; this is a fault of the program"):
        product.run(source, LAST)
    monkeypatch.undo()
    product.run(source, LAST)
    assert product.table("select run_id, count(*) from invoices group by all")["run_id"].to_list() == ["run-000001"]
