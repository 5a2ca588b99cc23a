"""What is not known is answered with the nearest that is: names of things, never of people."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from flows.catalogs import SHIPPED, read_catalogs
from flows.errors import UserError
from tests.flows.test_cli import seatledger
from tests.flows.test_explain import told_of
from transforms.nearest import did_you_mean, nearest


def test_the_nearest_come_first_and_what_is_not_like_it_is_not_named() -> None:
    plans = ["solo", "team", "pro", "enterprise"]
    assert nearest("por", plans) == ["pro"]
    assert nearest("TEAM", plans) == ["team"]
    assert nearest("platinum", plans) == []
    assert did_you_mean("platinum", plans) == ""
    assert did_you_mean("enterprize", plans) == " Did you mean enterprise?"


def test_of_several_as_good_all_are_named_and_of_worse_ones_none() -> None:
    assert did_you_mean("sub-000012x", [f"sub-{n:06}" for n in (12, 13, 999)]) == " Did you mean sub-000012?"
    assert did_you_mean("sub-1x", ["sub-11", "sub-12", "sub-99"]) == " Did you mean sub-12 or sub-11?"


def test_among_a_hundred_thousand_names_it_does_not_take_long() -> None:
    names = [f"sub-{n:06}" for n in range(100_000)]
    began = time.monotonic()
    assert nearest("sub-012345x", names)[0] == "sub-012345"
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["invoic"], "No such command 'invoic'. Did you mean invoice?"),
        (["xyzzy"], "No such command 'xyzzy'. All of them: seatledger --help"),
        (["expalin"], "No such command 'expalin'. Did you mean explain?"),
        (["status", "--hom", "x"], "No such option '--hom'. Did you mean '--home'?"),
        (["bill", "--through", "2026-01-01", "--cadence", "yearly"], "'yearly' is not known: monthly or annual. Did you mean annual?"),
        (["preview", "sub-x", "--cadence", "montly"], "'montly' is not known: monthly or annual. Did you mean monthly?"),
        (["invoice", "--paper", "letter"], "'letter' is not known: a4 or us-letter. Did you mean us-letter?"),
        (["export", "xero", "--customer", "nme"], "'nme' is not known: name or id. Did you mean name?"),
        (["sql", "from invoices", "--format", "jsn"], "'jsn' is not known: table or csv or json. Did you mean json?"),
    ],
)
def test_a_command_an_option_and_its_value(arguments: list[str], said: str) -> None:
    done = seatledger(*arguments)
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("was", "became", "said"),
    [
        ("timezone =", "timezne =", "timezne: is not a key here. Did you mean timezone?"),
        ("[seats]", "[seat]", "seat: is not a key here. Did you mean seats?"),
        ("[rules]\n", "[rules]\nroundng = 'half_up'\n", "rules.roundng: is not a key here. Did you mean rounding?"),
        ('basis = "committed"', 'basis = "comitted"', "basis: 'comitted' is not known. Did you mean committed?"),
        ('kinds = ["teammate"]', 'kinds = ["teamate"]', "seats.kinds: 'teamate' is not known. Did you mean teammate?"),
        ('currency = "USD"', 'currency = "USC"', "currency: 'USC' is not known. Did you mean UZS, USN or USD?"),
        ("seat_limit =", "seats_limit =", "seats_limit: is not a key here. Did you mean seat_limit?"),
    ],
)
def test_a_key_or_a_word_of_a_catalogue(tmp_path: Path, was: str, became: str, said: str) -> None:
    text = (SHIPPED / "pensero.toml").read_text(encoding="utf-8")
    assert was in text
    (tmp_path / "mine.toml").write_text(text.replace(was, became, 1), encoding="utf-8")
    with pytest.raises(UserError) as error:
        read_catalogs(tmp_path)
    assert said in str(error.value)
    assert str(error.value).startswith("mine.toml: ")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("piv-2026-000015-099", "PIV-2026-000015 has: PIV-2026-000015-001, PIV-2026-000015-002"),
        ("PIV-2026-00015", "Did you mean PIV-2026-000015"),
        ("nothing like it", "nothing like it: there is no such line. All are in invoice_lines."),
    ],
)
def test_a_line_and_an_invoice_number(sample, line: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        told_of(sample, line)
