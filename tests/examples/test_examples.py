"""The worked examples, each a folder: a source in `given`, through the whole product, to the lines of expected.csv.

`why.md` has the working in words.
"""

import csv
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from flows.catalogs import read_catalogs
from flows.home import Home
from flows.ingest import IngestRequest
from flows.pipeline import run_all
from flows.requests import BillRequest
from flows.run import Setting

TOPICS = sorted(folder.parent for folder in Path(__file__).resolve().parent.glob("*/given"))
LINES = "select invoice_on, reason, quantity, unit_price, days, period_days, amount from invoice_lines_v order by line_id"
INVOICES = "select invoice_on, amount_due, credit_balance from invoices_v order by invoice_on"


def rows_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


@pytest.mark.parametrize("topic", TOPICS, ids=lambda folder: folder.name)
def test_a_worked_example_comes_out_to_the_cent(topic: Path, tmp_path: Path) -> None:
    last = max(folder.name.removeprefix("date=") for folder in (topic / "given" / "users").iterdir())
    setting = Setting(Home(tmp_path / "home"), read_catalogs(None), lambda: datetime(2026, 8, 1, tzinfo=UTC))
    run_all(IngestRequest(topic / "given"), BillRequest(date.fromisoformat(last)), setting)
    with duckdb.connect(str(tmp_path / "home" / "finance.duckdb"), read_only=True) as finance:
        lines, invoices = finance.sql(LINES).fetchall(), finance.sql(INVOICES).fetchall()
    assert [[str(cell) for cell in row] for row in lines] == rows_of(topic / "expected.csv")
    assert [[str(cell) for cell in row] for row in invoices] == rows_of(topic / "expected_invoices.csv")


def test_all_three_worked_examples_are_there() -> None:
    assert len(TOPICS) == 3
