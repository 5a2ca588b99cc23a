"""`seatledger sql`: an analyst's questions, read only, without files or network."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pytest

from flows.errors import UserError
from flows.questions import answer
from tests.conftest import Product
from tests.faults.sources import Source
from tests.flows.test_cli import seatledger


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory) -> Product:
    root = tmp_path_factory.mktemp("questions")
    source = Source("2026-01-01", "2026-01-03").workspace("oak", ("a", "b")).workspace("=cmd|' /C calc'!A0")
    product = Product(root / "home")
    product.run(source.write(root / "source"), source.last)
    return product


def test_a_query_is_answered_as_csv_for_programs_as_json_and_as_a_table(billed: Product) -> None:
    query = "select workspace_id, net, invoice_on from invoices_v order by workspace_id"
    rows = list(csv.reader(io.StringIO(seatledger("sql", query, "--home", billed.home.root).stdout)))
    assert rows == [["workspace_id", "net", "invoice_on"], ["'=cmd|' /C calc'!A0", "39.00", "2026-01-01"], ["oak", "78.00", "2026-01-01"]]
    said = seatledger("sql", query, "--format", "json", "--home", billed.home.root).stdout
    assert json.loads(said)[1] == {"workspace_id": "oak", "net": "78.00", "invoice_on": "2026-01-01"}
    table = seatledger("sql", query, "--format", "table", "--home", billed.home.root).stdout
    assert [line.split() for line in table.splitlines()][::2] == [["workspace_id", "net", "invoice_on"], ["oak", "78.00", "2026-01-01"]]


def test_a_query_comes_from_a_file_or_from_stdin_too(billed: Product, tmp_path: Path) -> None:
    (tmp_path / "query.sql").write_text("select count(*) as n from invoices")
    assert seatledger("sql", "--file", tmp_path / "query.sql", "--home", billed.home.root).stdout == "n\n2\n"
    missing = seatledger("sql", "--file", tmp_path / "nowhere.sql", "--home", billed.home.root)
    assert (missing.returncode, "nowhere.sql: cannot be read" in missing.stderr) == (1, True)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("select * from read_csv('/etc/hostname')", "it reaches for other files"),
        ("select * from '/etc/hostname'", "it reaches for other files|does not exist"),
        ("copy invoices to '{elsewhere}'", "it reaches for other files"),
        ("export database '{elsewhere}'", "it reaches for other files"),
        ("attach '{ledger}'", "it reaches for other files"),
        ("install httpfs", "it reaches for other files"),
        ("load httpfs", "disabled|it reaches for other files"),
        ("select * from 'https://example.com/x.csv'", "it reaches for other files|does not exist"),
        ("delete from invoices", "it would change something. seatledger sql only reads"),
        ("create table mine (a int)", "it would change something"),
        ("select 1; delete from invoices", "several queries"),
        ("set enable_external_access = true", "configuration has been locked"),
        ("reset enable_external_access", "configuration has been locked"),
        ("set lock_configuration = false", "configuration has been locked"),
        ("from query", "does not exist"),  # a variable of the program
        ("select * from invoics", r"does not exist. Did you mean invoices\? All of them: seatledger sql .show tables."),
        ("select * from nothing_like_it", "does not exist. All of them: "),
        ("select naet from invoices_v", r"there is no column naet. Did you mean net\? All of them: seatledger sql .describe invoices_v."),
        ("select wrods from invoices_v join plan_compliance using (workspace_id)", r"Did you mean words\? All of them: seatledger sql .describe plan_compliance."),
        ("select i.anount_due from invoices_v i", r"there is no column anount_due. Did you mean amount_due\?"),
        ("select net from", "syntax error"),
    ],
)
def test_a_query_that_reaches_for_anything_else_is_refused_in_a_sentence(billed: Product, tmp_path: Path, query: str, said: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    before = billed.home.finance.read_bytes()
    with pytest.raises(UserError, match=f"(?s)the query was not answered: .*({said})"):
        answer(billed.home, query.format(elsewhere=elsewhere, ledger=billed.home.ledger))
    assert not os.path.lexists(elsewhere)
    assert billed.home.finance.read_bytes() == before


def test_what_csv_has_no_cells_for_is_said(billed: Product) -> None:
    asked = seatledger("sql", "select [1, 2] as both", "--home", billed.home.root)
    assert (asked.returncode, asked.stdout) == (1, "")
    assert asked.stderr == "seatledger: the answer was not written: both holds lists or structs, which CSV has no cells for. Ask with --format json.\n"


def test_what_frames_do_not_have_is_told_as_text_and_what_python_does_not_have_in_a_sentence(billed: Product) -> None:
    found = answer(billed.home, "select finished_at - started_at < interval 1 hour as is_short, interval 36 hour as i, '\\xAA'::blob as b, 1 as n from runs limit 1")
    assert found.row(0) == (True, "36:00:00", "\\xAA", 1)
    assert answer(billed.home, "select timestamp '9999-12-31 23:59:59' as t, date '0001-01-01' as d").height == 1
    for beyond in ("'infinity'::timestamp", "date '9999-12-31' + interval 100000 year", "'infinity'::date"):
        with pytest.raises(UserError, match=r"has values that no date, time or number is as wide as\. Ask for them as text"):
            answer(billed.home, f"select {beyond}")


def test_without_a_home_or_a_query_it_says_what_to_type(billed: Product, tmp_path: Path) -> None:
    nothing = seatledger("sql", "select 1", "--home", tmp_path / "nowhere")
    assert (nothing.returncode, nothing.stderr.count("\n")) == (1, 1)
    assert "Start with `seatledger ingest SOURCE` or `seatledger demo`" in nothing.stderr
    assert 'seatledger sql "show tables"' in seatledger("sql", "--home", billed.home.root).stderr
