"""`seatledger preview`: the next invoice of a home as it stands, and with a change, without changing the home."""

from __future__ import annotations

import json
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.errors import UserError
from flows.preview import PreviewRequest, preview
from flows.preview_terminal import print_preview
from tests.conftest import Product
from tests.flows.small_source import small_source, users_file, users_of, write_users
from tests.flows.test_cli import seatledger
from tests.flows.test_explain import bytes_of


def told_of(product: Product, subscription: str, **wishes: Any) -> dict[str, Any]:
    return preview(PreviewRequest(subscription, **wishes), product.home, product.setting.catalogs)


def test_a_preview_is_the_invoice_that_a_real_run_then_gives_where_nobody_came_or_went(product: Product, tmp_path: Path) -> None:
    source = small_source(tmp_path / "source", last=date(2026, 2, 9))
    product.run(source, date(2026, 2, 9))
    before = bytes_of(product.home.root)
    shown = {name: told_of(product, name) for name in ("sub-oak", "sub-elm")}
    assert bytes_of(product.home.root) == before
    assert {told["invoice_on"] for told in shown.values()} == {date(2026, 3, 1), date(2026, 2, 10)}
    for day in (date(2026, 2, 10) + timedelta(days=n) for n in range(20)):
        write_users(source, day, users_of(date(2026, 2, 9)))
    product.run(source, date(2026, 3, 1))
    for name, told in shown.items():
        (invoice,) = told["now"]["invoices"]
        issued = product.table(f"select * from invoices where subscription_id = '{name}' and invoice_on = '{invoice['invoice_on']}'")
        lines = product.table(f"select * from invoice_lines where invoice_id = '{issued['invoice_id'].item()}' order by line_id")
        assert issued.select(sorted(set(invoice) & set(issued.columns) - {"lines"})).to_dicts() == [
            {key: invoice[key] for key in sorted(set(invoice) & set(issued.columns) - {"lines"})}
        ]
        shared = sorted(set(invoice["lines"][0]) & set(lines.columns))
        assert "description" in shared
        assert lines.select(shared).to_dicts() == [{key: line[key] for key in shared} for line in invoice["lines"]]


@pytest.mark.long
def test_every_subscription_of_the_sample_has_its_preview_and_what_a_change_does(
    sample: Product, capsys: pytest.CaptureFixture[str]
) -> None:
    dates = {}
    for (name,) in sample.table("select subscription_id from subscriptions order by 1").iter_rows():
        told = told_of(sample, name)
        dates[name] = str(told["invoice_on"])
        json.dumps(told, default=lambda value: value.isoformat())
        print_preview(told)
        assert told["now"]["net_minor"] == sum(line["amount_minor"] for i in told["now"]["invoices"] for line in i["lines"])
    assert dates == {
        "sub-acme": "2027-01-01",  # nothing moved since: the renewal
        "sub-atelier": "2027-01-08",
        "sub-cafe": "2027-04-10",
        "sub-harbor": "2026-06-01",
        "sub-hedgehog": "2026-06-18",
        "sub-kite": "None",  # ended
        "sub-lumen": "None",  # on the free plan
        "sub-polaris": "2027-01-19",
        "sub-tea": "2027-05-04",
    }
    said = capsys.readouterr().out
    assert "There is no next invoice: the subscription ended on 2026-04-30." in said
    assert "There is no next invoice as long as it stays on plan solo, which is free." in said
    assert "On 7 invoice dates from 2026-06-01 to 2026-12-01 there is nothing to bill." in said


def test_a_change_is_shown_beside_the_invoice_as_it_stands(sample: Product, capsys: pytest.CaptureFixture[str]) -> None:
    told = told_of(sample, "sub-acme", seats=12)
    assert (told["asked"]["on"], told["invoice_on"]) == (date(2026, 6, 1), date(2026, 6, 1))
    assert (told["now"]["net"], told["changed"]["net"], told["changed"]["amount_due"]) == ("0.00", "1055.34", "489.86")  # 565.48 of credit
    assert told["difference"]["net_minor"] == 105534  # 3 × 600.00 × 214/365
    print_preview(told)
    said = capsys.readouterr().out
    assert "Asked by an owner on 2026-06-01: 12 seats in all." in said
    assert "A preview, not a bill. Rosters are known through 2026-05-31; on 2026-06-01 every user is taken to stay" in said


def test_without_a_change_a_day_says_from_when_to_look(sample: Product, capsys: pytest.CaptureFixture[str]) -> None:
    print_preview(told_of(sample, "sub-harbor", on=date(2026, 7, 15)))
    assert "From 2026-07-15 on, the next invoice: 2026-08-01" in capsys.readouterr().out


@pytest.mark.slow
def test_a_refused_change_is_said_with_its_rule_and_reason(sample: Product, capsys: pytest.CaptureFixture[str]) -> None:
    told = told_of(sample, "sub-acme", seats=5)
    assert told["difference"] is None
    print_preview(told)
    said = capsys.readouterr().out
    assert "Refused (§4), without effect: seats_updated: the minimum is the number of seats occupied that day (10 seats held then)." in said
    print_preview(told_of(sample, "sub-kite", plan="pro"))
    assert "Refused (T8), without effect: plan_changed: it comes after the subscription has ended." in capsys.readouterr().out


def test_seats_asked_for_on_a_plan_that_bills_who_is_there_cost_nothing_and_that_is_said(sample: Product) -> None:
    told = told_of(sample, "sub-harbor", seats=12)
    assert told["difference"]["net_minor"] == 0
    assert told["notes"] == ["Plan team bills the seats that are held: a number of seats asked for is remembered, and costs nothing (§4)."]


@pytest.mark.slow
def test_of_seats_asked_for_that_are_refused_nothing_is_remembered(sample: Product) -> None:
    for plan in (None, "pro"):  # seats_updated, or plan_changed with its seats
        told = told_of(sample, "sub-harbor", seats=1, plan=plan)
        assert [refused["rule"] for refused in told["changed"]["refused"]] == ["§4"]
        assert told["notes"] == []


def test_seats_that_are_not_known_are_not_said_to_be_none(sample: Product, capsys: pytest.CaptureFixture[str]) -> None:
    told = told_of(sample, "sub-kite")
    assert (told["standing"]["state"], told["standing"]["seats_occupied"]) == ("ended", None)
    print_preview(told)
    heading = capsys.readouterr().out.splitlines()[0]
    assert heading.endswith(", monthly, ended")
    print_preview(told_of(sample, "sub-harbor"))
    assert " seats held" in capsys.readouterr().out


def test_a_change_that_would_hold_the_workspace_says_so(sample: Product, capsys: pytest.CaptureFixture[str]) -> None:
    told = told_of(sample, "sub-polaris", plan="growth")
    assert [hold["reason"] for hold in told["changed"]["holds"]] == ["seats_missing"]
    assert (told["holds"], told["difference"]) == ([], None)
    print_preview(told)
    assert "With this change the workspace would be held:" in capsys.readouterr().out


@pytest.mark.slow
def test_a_held_workspace_is_said_to_be_held_and_why(product: Product, tmp_path: Path) -> None:
    source = small_source(tmp_path / "source", last=date(2026, 2, 20))
    path = users_file(source, date(2026, 1, 20))
    path.write_text(path.read_text().replace("oak,b,teammate", "oak,b,colleague"))
    product.run(source, date(2026, 2, 20))
    done = seatledger("preview", "sub-oak", "--home", product.home.root)
    assert done.returncode == 3
    assert "oak is held, and gets no invoice until it is mended:" in done.stdout
    assert "kind must be one of teammate, alias, portal (users/date=2026-01-20/users.csv, row 2)" in done.stdout
    assert seatledger("preview", "sub-elm", "--home", product.home.root).returncode == 0


def test_an_invoice_that_is_due_already_is_said_to_be_due(product: Product, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = small_source(tmp_path / "source", last=date(2026, 2, 20))
    product.ingest(source)
    told = told_of(product, "sub-oak")
    assert (told["invoice_on"], told["assumed_from"]) == (date(2026, 1, 1), None)
    print_preview(told)
    assert "this invoice is due already. To issue it: seatledger bill --through 2026-02-20" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"subscription": "sub-harbour"}, r"there is no such subscription\. Did you mean sub-harbor?"),
        ({"subscription": "harbor-lights"}, r"is a workspace\. Ask for its subscription: sub-harbor"),
        ({"plan": "por"}, r"plan 'por' is not in catalogue pivotal\. Did you mean pro\? It has: solo, team, pro"),
        ({"plan": "pro", "on": date(2025, 12, 1)}, "2025-12-01: is out of range"),
    ],
)
def test_what_there_is_not_is_said_with_what_there_is(sample: Product, wishes: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        told_of(sample, **({"subscription": "sub-harbor"} | wishes))


def test_preview_as_a_command_prints_gives_json_and_never_imports_prefect(sample: Product) -> None:
    done = seatledger("preview", "sub-harbor", "--plan", "pro", "--on", "2026-06-10", "--json", "--home", sample.home.root)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert (told["invoice_on"], told["asked"]["plan"], told["difference"]["net"]) == ("2026-07-01", "pro", "476.00")
    wrong = seatledger("preview", "sub-harbor", "--cadence", "anual", "--home", sample.home.root)
    assert (wrong.returncode, "Did you mean annual?" in wrong.stderr) == (2, True)
    script = (
        "import sys; from flows.cli import seatledger\n"
        f"for command in ('preview', 'sub-harbor'), ('explain', 'PIV-2026-000015-002'):\n"
        f"    seatledger([*command, '--home', {str(sample.home.root)!r}], standalone_mode=False)\n"
        "assert 'polars' in sys.modules and 'prefect' not in sys.modules"
    )
    import subprocess

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_without_the_catalogue_that_billed_it_a_preview_refuses_and_does_not_say_that_the_customer_is_held(product: Product, tmp_path: Path) -> None:
    product.run(small_source(tmp_path / "source", last=date(2026, 1, 9)), date(2026, 1, 9))
    others = {name: catalog for name, catalog in product.setting.catalogs.items() if name != "pivotal"}
    with pytest.raises(UserError, match=r"invoices were issued by the catalogue pivotal, which is not among those given\. Name the folder"):
        preview(PreviewRequest("sub-oak"), product.home, others)
