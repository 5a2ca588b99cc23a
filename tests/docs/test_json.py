"""`--json`: each document is as docs/json.md says, field by field, and is all that a command writes to stdout."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from flows.catalogs import read_catalogs
from flows.explain import explain
from flows.home import Home
from flows.preview import PreviewRequest, preview
from flows.status import status_document
from flows.summaries import checks_document, holds_document, outcome_document
from flows.terminal import print_json
from flows.verify import Check
from tests.conftest import ROOT, SAMPLE, Product
from tests.docs.json_shapes import faults_of, fields_seen, shapes_of
from tests.faults.sources import Source
from tests.flows.small_source import small_source
from tests.flows.test_cli import seatledger

SHAPES = shapes_of((ROOT / "docs" / "json.md").read_text(encoding="utf-8"))
NEVER_SEEN = {  # what no home of these tests has: a run of one cadence or one catalogue, an agreed price before, odd events behind a line
    ("StatusRun", "cadence"),
    ("StatusRun", "catalog"),
    ("ChangedAgreement", "before"),
    ("Event", "cadence"),
    ("Hold", "subscription_id"),
}


@pytest.fixture(scope="module")
def sample(documented_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(Path(shutil.copytree(documented_home, tmp_path_factory.mktemp("json") / "home")))


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Product:
    """The sample with a plan change delivered late, a roster superseded, and an agreement changed: with corrections of all kinds."""
    root = tmp_path_factory.mktemp("late")
    source = root / "source"
    shutil.copytree(SAMPLE, source)
    (source / "activity" / "date=2026-03-12").rename(source / "activity" / "date=2026-04-03")
    product = Product(root / "home")
    product.outcome = product.run(source, date(2026, 4, 2))
    for day in range(9, 32):
        path = source / "users" / f"date=2026-03-{day:02}" / "users.csv"
        path.write_text(
            path.read_text().replace("harbor-lights,harbor-02,teammate,admin,active", "harbor-lights,harbor-02,teammate,admin,revoked")
        )
    agreed = source / "subscriptions.csv"
    rows = agreed.read_text().splitlines(keepends=True)
    (kite,) = [row for row in rows if row.startswith("sub-kite,")]
    agreed.write_text("".join(rows).replace(kite, kite.rstrip("\n").removesuffix(",") + "38.00,\n"))
    product.run(source, date(2026, 5, 31), supersede=True)
    return product


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Product:
    root = tmp_path_factory.mktemp("held")
    source = Source("2026-01-01", "2026-01-03").workspace("oak", ("a", "b")).write(root / "source")
    path = source / "users" / "date=2026-01-02" / "users.csv"
    if not path.exists():
        (path,) = (source / "users" / "date=2026-01-02").glob("*.csv")
    path.write_text(path.read_text().replace("oak,b,teammate", "oak,b,colleague"))
    product = Product(root / "home")
    product.outcome = product.run(source, date(2026, 1, 3))
    return product


def printed(command: str, document: dict, capsys: pytest.CaptureFixture[str]) -> Any:
    print_json(command, document)
    return json.loads(capsys.readouterr().out)


def faults(command: str, document: dict, capsys: pytest.CaptureFixture[str]) -> list[str]:
    told = printed(command, document, capsys)
    assert told["shape"] == f"seatledger.{command}/1"
    return list(faults_of(told, command.capitalize(), SHAPES))


def test_a_run_is_as_the_page_says(held: Product, capsys: pytest.CaptureFixture[str]) -> None:
    assert faults("run", outcome_document("run", held.outcome, held.setting), capsys) == []
    dry = held.bill(date(2026, 1, 3), dry_run=True)
    told = outcome_document("bill", dry, held.setting, dry_run=True)
    assert (told["run_id"], told["held"], told["billed"]["invoices"]) == (None, ["oak"], [])


def test_a_runs_money_is_whole_and_beside_it_a_text_with_the_currencys_decimals(late: Product) -> None:
    told = outcome_document("run", late.outcome, late.setting)
    (invoice,) = [i for i in told["billed"]["invoices"] if i["invoice_number"] == "PIV-2026-000005"]
    assert {name: invoice[name] for name in ("net_minor", "net", "amount_due", "credit_balance", "currency")} == {
        "net_minor": -217973,
        "net": "-2179.73",
        "amount_due": "0.00",
        "credit_balance": "2179.73",
        "currency": "USD",
    }
    assert told["run_id"] == "run-000001"
    assert told["billed"]["lines"] == sum(i["lines"] for i in told["billed"]["invoices"])


def test_a_status_is_as_the_page_says(sample: Home, late: Product, capsys: pytest.CaptureFixture[str]) -> None:
    assert faults("status", status_document(sample), capsys) == []
    told = printed("status", status_document(late.home), capsys)
    assert [run["run_id"] for run in told["runs"]] == ["run-000002", "run-000001"]
    assert told["rosters"] == {"days": 151, "first_on": "2026-01-01", "last_on": "2026-05-31", "missing": []}


def test_holds_are_as_the_page_says(sample: Home, held: Product, capsys: pytest.CaptureFixture[str]) -> None:
    assert faults("holds", holds_document(sample), capsys) == []
    told = holds_document(held.home)
    assert faults("holds", told, capsys) == []
    assert (told["held_workspaces"], told["holds"][0]["workspace_id"], told["holds"][0]["row"]) == (1, "oak", 2)


def test_checks_are_as_the_page_says(sample: Home, capsys: pytest.CaptureFixture[str]) -> None:
    checks = [Check("all_well", "Is it?", []), Check("lines_recompute", "Does every line?", [("PIV-1-001", "off by 1")])]
    told = checks_document(sample, checks)
    assert faults("verify", told, capsys) == []
    assert (told["wrong"], [check["is_well"] for check in told["checks"]]) == (1, [True, False])


@pytest.fixture(scope="module")
def explained(late: Product) -> list[dict]:
    """A line of each reason, and a correction of each."""
    chosen = late.table("select min(line_id) from invoice_lines group by reason, is_correction")
    catalogs = read_catalogs(None)
    return [explain(line, late.home, catalogs, names=n > 0) for n, line in enumerate(sorted(chosen.to_series()))]


@pytest.mark.slow
def test_explanations_are_as_the_page_says(explained: list[dict], capsys: pytest.CaptureFixture[str]) -> None:
    assert [fault for told in explained for fault in faults("explain", told, capsys)] == []


@pytest.fixture(scope="module")
def previewed(sample: Home, held: Product) -> list[dict]:
    catalogs = read_catalogs(None)
    asked = [("sub-acme", {"seats": 12}), ("sub-acme", {"seats": 2}), ("sub-harbor", {"plan": "pro"}), ("sub-kite", {})]
    asked.append(("sub-hedgehog", {"cadence": "annual", "on": date(2026, 6, 4)}))
    told = [preview(PreviewRequest(subscription, **wishes), sample, catalogs) for subscription, wishes in asked]
    return [*told, preview(PreviewRequest("sub-oak"), held.home, catalogs)]


@pytest.mark.slow
def test_previews_are_as_the_page_says(previewed: list[dict], capsys: pytest.CaptureFixture[str]) -> None:
    assert [fault for told in previewed for fault in faults("preview", told, capsys)] == []


@pytest.mark.slow
def test_the_page_names_no_field_that_nothing_fills(
    explained: list[dict], previewed: list[dict], sample: Home, held: Product, capsys: pytest.CaptureFixture[str]
) -> None:
    documents = [("Explain", "explain", told) for told in explained] + [("Preview", "preview", told) for told in previewed]
    documents += [("Status", "status", status_document(sample)), ("Holds", "holds", holds_document(held.home))]
    documents += [("Run", "run", outcome_document("run", held.outcome, held.setting))]
    documents += [("Verify", "verify", checks_document(sample, [Check("a", "b", [("c", "d")])]))]
    seen = {pair for kind, command, told in documents for pair in fields_seen(printed(command, told, capsys), kind, SHAPES)}
    named = {(name, field) for name, shape in SHAPES.items() for field in shape}
    assert named - seen == NEVER_SEEN


def test_a_document_that_is_otherwise_is_found_out() -> None:
    right = {"days": 1, "first_on": "2026-01-01", "last_on": None, "missing": []}
    assert list(faults_of(right, "Rosters", SHAPES)) == []
    for wrong in ({**right, "days": 1.0}, {**right, "days": None}, {**right, "first_on": "January"}, {**right, "more": 1}, {"days": 1}):
        with pytest.raises((ValueError, AssertionError)):
            assert list(faults_of(wrong, "Rosters", SHAPES)) == []


# --- the commands themselves ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_stdout_is_the_document_and_nothing_else(tmp_path: Path) -> None:
    source, home = small_source(tmp_path / "source"), tmp_path / "home"
    commands = {
        "run": ["run", source, "--through", "2026-01-12", "--direct"],
        "ingest": ["ingest", source, "--to", "2026-01-14", "--direct"],
        "bill": ["bill", "--through", "2026-01-14", "--dry-run", "--direct"],
        "report": ["report", "--month", "2026-01", "--to", tmp_path / "out", "--direct"],
        "status": ["status"],
        "holds": ["holds"],
        "verify": ["verify"],
    }
    for name, command in commands.items():
        done = seatledger(*command, "--json", "--home", home)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        shape = name.capitalize() if name in ("status", "holds", "verify") else "Run"
        assert list(faults_of(told, shape, SHAPES)) == [], name
        assert told["shape"] == f"seatledger.{shape.lower()}/1"
        assert told.get("command", name) == name


def test_the_rows_of_a_query_as_json(sample: Home) -> None:
    query = "select 1.10::decimal(9, 2) as price, 3 as n, date '2026-01-31' as day, 'nan'::double as odd, [1, 2] as list, null as none, true as yes"
    done = seatledger("sql", query, "--json", "--home", sample.root)
    assert json.loads(done.stdout) == [
        {"price": "1.10", "n": 3, "day": "2026-01-31", "odd": None, "list": [1, 2], "none": None, "yes": True}
    ]
    done = seatledger("sql", "select finished_at from runs", "--json", "--home", sample.root, TZ="Europe/Paris")
    assert json.loads(done.stdout) == [{"finished_at": "2026-06-01T06:00:00+00:00"}]


def test_where_a_command_fails_stdout_is_empty(tmp_path: Path) -> None:
    done = seatledger("status", "--json", "--home", tmp_path / "nowhere")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
