"""`seatledger explain`: why a line is on an invoice, out of what the run that issued it knew."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from flows.errors import UserError
from flows.explain import explain, known_to_run
from flows.explain_terminal import print_explanation
from tests.conftest import ROOT, Product
from tests.flows.small_source import add_event, small_source, users_of, write_users
from tests.flows.test_cli import seatledger

EXAMPLES = sorted(folder.parent for folder in (ROOT / "tests" / "examples").glob("*/given"))


@pytest.fixture
def computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many lines of one workspace are explained from one position, so that this stays quick."""
    positions: dict[tuple, Any] = {}

    def once(run_id: str, ledger: Any, lake: Any, workspace_id: str, catalogs: Any) -> Any:
        key = run_id, workspace_id
        if key not in positions:
            positions[key] = known_to_run(run_id, ledger, lake, workspace_id, catalogs)
        return positions[key]

    monkeypatch.setattr("flows.explain.known_to_run", once)


def told_of(product: Product, line_id: str, **options: bool) -> dict[str, Any]:
    return explain(line_id, product.home, product.setting.catalogs, **options)


def line_where(product: Product, condition: str) -> str:
    return product.table(f"select line_id from invoice_lines where {condition} order by line_id").item()


def bytes_of(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): sha256(path.read_bytes()).hexdigest() for path in sorted(root.rglob("*")) if path.is_file()}


def require_recomputes(told: dict[str, Any]) -> None:
    """Formula, price and users come to what the line says, by arithmetic of their own."""
    line, formula = told["line"], told["formula"]
    before, now = line["quantity_billed_before"], line["quantity_billed_before"] + line["quantity"]

    def amount(quantity: int) -> int:
        exact = Fraction(abs(quantity) * line["unit_price_minor"] * line["days"], line["period_days"])
        return (1 if quantity > 0 else -1) * int(exact + Fraction(1, 2))

    assert amount(now) - amount(before) == line["amount_minor"] == formula["amount_minor"]
    assert formula["text"].endswith(f"= {line['amount'].replace('-', '−')}")
    assert told["known"]["agrees"], told["known"]
    counted = sum(user["counts"] for user in told["users"])
    if told["seats"]["basis"] == "active" or line["reason"] == "seats_removed":
        assert counted == now
    else:
        assert counted == 0
        assert told["agreed"][-1]["seats"] == told["seats"]["agreed"]
        if line["reason"] in ("seats_added", "seats_reduced"):
            assert told["agreed"][-1]["change"] == now
            assert [event["event_id"] for event in told["events"] if event["sets_seats"]] == [told["agreed"][-1]["event_id"]]
        else:
            assert told["seats"]["agreed"] == now
    files = [file["file"] for file in told["files"]]
    assert f"users/date={line['moved_on']}/users.csv" in files
    assert "subscriptions.csv" in files
    assert {event["file"] for event in told["events"]} <= set(files)


@pytest.mark.slow
@pytest.mark.usefixtures("computed_once")
def test_every_line_of_the_sample_is_explained_and_its_explanation_recomputes_it(sample: Product) -> None:
    reasons = set()
    for line_id in sample.table("select line_id from invoice_lines order by 1")["line_id"]:
        told = told_of(sample, line_id)
        require_recomputes(told)
        reasons.add((told["line"]["catalog"], told["line"]["reason"]))
        json.dumps(told, default=lambda value: value.isoformat())
        print_explanation(told)
    assert {reason for _, reason in reasons} == {"opening", "seats_added", "seats_removed", "reactivated", "seats_reduced", "plan_switch"}
    assert len({catalog for catalog, _ in reasons}) == 2


@pytest.mark.usefixtures("computed_once")
@pytest.mark.parametrize("topic", EXAMPLES, ids=lambda folder: folder.name)
def test_every_line_of_the_worked_examples_is_explained(topic: Path, product: Product) -> None:
    last = max(folder.name.removeprefix("date=") for folder in (topic / "given" / "users").iterdir())
    product.run(topic / "given", date.fromisoformat(last))
    for line_id in product.lines()["line_id"]:
        require_recomputes(told_of(product, line_id))


def test_who_came_and_from_when_they_hold_a_seat_is_said_by_id_and_by_name_only_when_asked(sample: Product) -> None:
    line_id = line_where(sample, "subscription_id = 'sub-lumen' and reason = 'seats_added'")
    (user,) = told_of(sample, line_id)["users"]
    assert (user["user_id"], user["counts"], user["after_from"], user["after_until"]) == (
        "lumen-05",
        1,
        date(2026, 3, 9),
        date(2026, 4, 24),
    )
    assert user["before_from"] is None
    assert [event["event"] for event in user["events"]] == ["accepted"]
    assert "Priya" not in str(told_of(sample, line_id))
    (named,) = told_of(sample, line_id, names=True)["users"]
    assert named["name"].startswith("Priya")


def test_a_deleted_user_stays_an_id_also_where_names_are_asked_for(sample: Product) -> None:
    line_id = line_where(sample, "subscription_id = 'sub-harbor' and reason = 'seats_removed' and moved_on = '2026-02-20'")
    (user,) = told_of(sample, line_id, names=True)["users"]
    assert (user["user_id"][:7], user["name"], user["left"]) == ("harbor-", None, True)


def test_a_back_billed_user_is_told_with_the_day_of_release_and_its_rosters(sample: Product) -> None:
    line_id = line_where(sample, "subscription_id = 'sub-harbor' and reason = 'reactivated' and moved_on = '2026-03-26'")
    told = told_of(sample, line_id)
    (user,) = told["users"]
    assert (user["before_until"], user["after_from"]) == (date(2026, 3, 5), date(2026, 3, 26))
    days = [file["day"] for file in told["files"] if file["table_name"] == "users"]
    assert days == [date(2026, 3, 4), date(2026, 3, 5), date(2026, 3, 25), date(2026, 3, 26)]
    assert "D6" in [rule["rule"] for rule in told["why"]["rules"]]


def test_a_late_event_is_told_with_who_asked_and_which_file_brought_it(sample: Product) -> None:
    line_id = line_where(sample, "subscription_id = 'sub-acme' and moved_on = '2026-04-28'")
    (event,) = told_of(sample, line_id)["events"]
    assert (event["actor_id"], event["on"], event["delivered_on"]) == ("acme-01", date(2026, 4, 28), date(2026, 5, 4))
    assert event["file"] == "activity/date=2026-05-04/activity.csv"
    assert (event["outcome"], event["sets_seats"]) == ("counts", True)


def test_an_agreed_price_is_said_to_be_agreed_and_a_list_price_names_its_row(sample: Product) -> None:
    agreed = told_of(sample, line_where(sample, "subscription_id = 'sub-polaris' and reason = 'opening'"))["price"]
    assert (agreed["amount"], agreed["per"], agreed["source"]) == ("540.00", "year", "agreed with the subscription")
    listed = told_of(sample, line_where(sample, "line_id = 'PIV-2026-000015-002'"))["price"]
    assert (listed["amount"], listed["per"], listed["effective_from"]) == ("39.00", "month", date(2020, 1, 1))
    assert "$39" in listed["reference"]


def test_a_wrong_line_names_the_nearest_and_an_invoice_names_its_lines(sample: Product) -> None:
    with pytest.raises(UserError, match=r"there is no such line. Did you mean PIV-2026-000015"):
        told_of(sample, "piv-2026-00015-002")
    with pytest.raises(UserError, match=r"is an invoice\. Ask for one of its lines: PIV-2026-000015-001, PIV-2026-000015-002"):
        told_of(sample, "PIV-2026-000015")


def test_every_rule_named_is_a_rule_of_the_documents() -> None:
    from transforms.line_words import RULES

    rules = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    for rule in RULES:
        assert f"**{rule}. " in rules or f"**{rule} " in rules or f"## {rule.removeprefix('§')}. " in rules, rule


# --- corrections ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> Product:
    """After February's invoices it turns out: c came on 1 February only, e was there from 26 to 31 January, elm asked for 7 seats."""
    root = tmp_path_factory.mktemp("corrected")
    product, source = Product(root / "home"), small_source(root / "source", last=date(2026, 3, 10))
    product.run(source, date(2026, 2, 12))
    for day in (date(2026, 1, n) for n in range(16, 32)):
        e = ["oak,e,teammate,member,active,true,Name e,e@example.com,"] if day >= date(2026, 1, 26) else []
        write_users(source, day, users_of(date(2026, 1, 15)) + e)
    add_event(source, date(2026, 2, 20), "e2", "2026-02-05T10:00:00Z,elm,sub-elm,seats_updated,y,owner,,7,,,")
    product.run(source, date(2026, 3, 10), supersede=True)
    return product


def test_a_correction_names_what_had_passed_and_the_roster_and_run_that_brought_it(corrected: Product) -> None:
    told = told_of(corrected, line_where(corrected, "is_correction and reason = 'seats_added' and moved_on = '2026-01-26'"))
    require_recomputes(told)
    correction = told["correction"]
    assert (correction["passed_on"], correction["billed_before"]) == (date(2026, 2, 1), [])
    assert (correction["known_before"]["run_id"], correction["known_before"]["quantity"]) == ("run-000001", 0)
    brought = [(c["user_id"], c["moved_on"], c["change"], c["known"]) for c in correction["seat_changes"]]
    assert brought == [("e", date(2026, 1, 26), 1, "since")]
    of_the_day = [(f["rested_on"], f["run_id"], f["superseding_run"]) for f in told["files"] if f["day"] == date(2026, 1, 26)]
    assert of_the_day == [(True, "run-000002", None), (False, "run-000001", "run-000002")]


def test_a_correction_of_a_charge_that_is_no_more_names_the_line_that_billed_it(
    corrected: Product, capsys: pytest.CaptureFixture[str]
) -> None:
    told = told_of(corrected, line_where(corrected, "is_correction and reason = 'seats_added' and moved_on = '2026-01-16'"))
    require_recomputes(told)
    assert told["formula"]["text"] == "(1 − 1) × 39.00 × 16/31 − 1 × 39.00 × 16/31 = −20.13"
    (billed,) = told["correction"]["billed_before"]
    assert (billed["invoice_on"], billed["quantity"], billed["run_id"]) == (date(2026, 2, 1), 1, "run-000001")
    assert [user["user_id"] for user in told["correction"]["known_before"]["users"]] == ["c"]
    print_explanation(told)
    said = capsys.readouterr().out
    assert "the roster no longer says that c newly holds a seat on 2026-01-16" in said
    assert "the roster of 2026-01-16 was superseded in run-000002" in said
    assert "Known now: no such seats. Billed before: 1 seat." in said
    assert "By what it knew, this charge was 1 seat: +1 c." in said


@pytest.mark.slow
def test_a_line_whose_charge_a_late_switch_takes_back_names_who_counted_before(
    product: Product, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = small_source(tmp_path / "source", last=date(2026, 3, 10))
    product.run(source, date(2026, 2, 12))
    add_event(source, date(2026, 2, 20), "late", "2026-01-16T10:00:00Z,oak,sub-oak,plan_changed,y,owner,,,pro,,")
    product.run(source, date(2026, 3, 10))
    told = told_of(product, line_where(product, "is_correction and reason = 'seats_added' and moved_on = '2026-01-16'"))
    require_recomputes(told)
    assert (told["line"]["quantity"], [(user["user_id"], user["counts"]) for user in told["users"]]) == (-1, [("c", 0)])
    print_explanation(told)
    said = " ".join(capsys.readouterr().out.split())
    assert "never held one before (counts no more, see Before)" in said
    assert "By what it knew, this charge was 1 seat: +1 c." in said


def test_a_correction_that_a_late_event_brought_names_the_event_its_file_and_its_delivery(corrected: Product) -> None:
    told = told_of(corrected, line_where(corrected, "is_correction and subscription_id = 'sub-elm' and moved_on = '2026-02-05'"))
    require_recomputes(told)
    (event,) = told["correction"]["events"]
    assert (event["event_id"], event["actor_id"], event["known"]) == ("e2", "y", "since")
    assert (event["file"], event["delivered_on"]) == ("activity/date=2026-02-20/activity.csv", date(2026, 2, 20))


def test_a_line_is_explained_by_the_versions_its_run_knew_not_by_those_that_came_later(corrected: Product) -> None:
    told = told_of(corrected, line_where(corrected, "not is_correction and reason = 'seats_added' and moved_on = '2026-01-16'"))
    require_recomputes(told)
    assert [user["user_id"] for user in told["users"]] == ["c"]
    assert [(f["rested_on"], f["superseding_run"]) for f in told["files"] if f["day"] == date(2026, 1, 16)] == [(True, "run-000002")]


# --- as a command ---------------------------------------------------------------------------------------------------------


def test_explaining_changes_no_byte_of_the_home(sample: Product) -> None:
    before = bytes_of(sample.home.root)
    told_of(sample, "PIV-2026-000015-002", names=True)
    assert bytes_of(sample.home.root) == before


def test_explain_prints_and_gives_json_without_prefect(sample: Product) -> None:
    done = seatledger("explain", "PIV-2026-000015-002", "--home", sample.home.root)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 × 39.00 × 23/31 = 28.94" in done.stdout
    assert "\x1b" not in done.stdout
    told = json.loads(seatledger("explain", "PIV-2026-000015-002", "--json", "--home", sample.home.root).stdout)
    assert told["line"]["amount_minor"] == 2894
    wrong = seatledger("explain", "PIV-2026-000015-02", "--home", sample.home.root)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "PIV-2026-000015-002" in wrong.stderr


def test_while_a_run_uses_the_home_explain_says_so(sample: Product, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import subprocess
    import sys

    monkeypatch.setattr("flows.ledger_reader.LONGEST_WAIT", 0.3)
    hold = f"import duckdb, time; c = duckdb.connect({str(sample.home.ledger)!r}); print('open', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE, text=True) as run:
        run.stdout.readline()
        try:
            with pytest.raises(UserError, match=f"a run \\(process {run.pid}\\) is using this home. Wait for it to end"):
                told_of(sample, "PIV-2026-000015-002")
        finally:
            run.kill()


def test_an_unknown_home_and_an_unknown_catalogue_are_said(
    tmp_path: Path, sample: Product, another_product: Callable[[str], Product]
) -> None:
    with pytest.raises(UserError, match="nothing is kept there yet"):
        told_of(another_product("nowhere"), "PIV-2026-000015-002")
    with pytest.raises(UserError, match=r"which is not known here\. Name its folder with --catalogs"):
        explain("PIV-2026-000015-002", sample.home, {})
    assert not (tmp_path / "nowhere").exists()
