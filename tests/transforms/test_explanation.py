"""What an explanation names adds up to the line it explains, for lines of every kind on random sources."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.in_memory import MemoryLedger, bill_in_memory, catalogs_of, facts_of
from tests.properties.test_product_against_reference import month_ends
from tests.reference.random_sources import random_facts
from tests.seldom import seldom_but
from transforms.catalog import Catalog
from transforms.explanation import explanation_from_position
from transforms.line_words import formula_of_line, rules_of_line, words_of_line
from transforms.money import ROUNDINGS
from transforms.seat_stretches import stretches_from_seat_changes, users_around


@pytest.mark.parametrize("seed", seldom_but([721], range(720, 724)))
def test_the_users_and_the_agreed_seats_of_every_line_come_to_its_quantity(seed: int) -> None:
    plain, ledger = random_facts(seed), MemoryLedger()
    catalogs, explained = catalogs_of(plain), 0
    for through in month_ends(plain):
        bill_in_memory(plain, through, ledger, checked=False)
        activity = facts_of(plain, through, through, ledger.opening_on).activity
        for line in ledger.billing.lines.iter_rows(named=True):
            told = explanation_from_position(line, ledger.position, activity, catalogs[line["catalog"]])
            known = line["quantity_billed_before"] + line["quantity"]
            assert told.quantity == known
            if told.basis == "active":
                assert told.users["counts"].sum() == known
            elif known and line["reason"] == "opening":
                assert told.seats.agreed == known
            elif known and line["reason"] in ("seats_added", "seats_reduced"):
                assert told.agreed["change"][-1] == known
                assert told.events.filter("sets_seats")["event_id"].to_list()[-1:] == told.agreed["event_id"].to_list()[-1:]
            assert words_of_line(line, told.basis)
            assert rules_of_line(line, told.basis)
            formula = formula_of_line(line, catalogs[line["catalog"]])
            assert formula.amount_minor == line["amount_minor"]
            explained += 1
    assert explained


DAYS = st.lists(st.sets(st.sampled_from("abc")), min_size=2, max_size=12)


@settings(max_examples=60, deadline=None)
@given(DAYS, st.data())
def test_who_came_and_went_around_a_day_is_what_two_sets_say(days: list[set[str]], data: st.DataObject) -> None:
    dated = [(date(2026, 1, n + 1), held) for n, held in enumerate(days)]
    rows, before = [], set()
    for day, held in dated:
        rows += [(user, day, 1) for user in held - before] + [(user, day, -1) for user in before - held]
        before = held
    changes = pl.DataFrame(rows, schema={"user_id": pl.String, "moved_on": pl.Date, "change": pl.Int64}, orient="row")
    changes = changes.with_columns(catalog=pl.lit("c"), workspace_id=pl.lit("w"))
    number = data.draw(st.integers(1, len(days) - 1))
    around = users_around(stretches_from_seat_changes(changes), dated[number][0])
    assert set(around.filter("came")["user_id"]) == days[number] - days[number - 1]
    assert set(around.filter("left")["user_id"]) == days[number - 1] - days[number]
    assert set(around["user_id"]) == days[number] | days[number - 1]


def line_of(**columns: object) -> dict:
    told = {"currency": "USD", "unit_price_minor": 3900, "days": 23, "period_days": 31, "quantity": 1, "quantity_billed_before": 0}
    return told | columns


@pytest.mark.parametrize(
    ("line", "text", "rounding"),
    [
        (line_of(), "1 × 39.00 × 23/31 = 28.94", "28.935483… → 28.94, rounded half up to 0.01"),
        (
            line_of(quantity_billed_before=4),
            "(4 + 1) × 39.00 × 23/31 − 4 × 39.00 × 23/31 = 28.94",  # 144.68 − 115.74
            "each product rounded half up to 0.01: 144.677419… → 144.68, 115.741935… → 115.74",
        ),
        (line_of(quantity=-2, days=31), "−2 × 39.00 × 31/31 = −78.00", "exact, nothing to round"),
        (
            line_of(quantity=1, quantity_billed_before=-2, days=31),
            "(−2 + 1) × 39.00 × 31/31 − (−2) × 39.00 × 31/31 = 39.00",
            "exact, nothing to round",
        ),
        (line_of(currency="JPY", unit_price_minor=1000), "1 × 1000 × 23/31 = 742", "741.9354… → 742, rounded half up to 1"),
    ],
)
def test_the_formula_has_the_lines_own_numbers_and_says_how_it_was_rounded(line: dict, text: str, rounding: str) -> None:
    formula = formula_of_line(line, _catalog("half_up"))
    assert (formula.text, formula.rounding) == (text, rounding)


def test_half_even_is_said_where_the_catalogue_rounds_so() -> None:
    line = line_of(unit_price_minor=1, days=15, period_days=30)  # half a cent
    even, up = (formula_of_line(line, _catalog(rounding)) for rounding in ("half_even", "half_up"))
    assert (even.text, even.rounding) == ("1 × 0.01 × 15/30 = 0.00", "0.005000 → 0.00, rounded half even to 0.01")
    assert up.text == "1 × 0.01 × 15/30 = 0.01"


def _catalog(rounding: str) -> Catalog:
    assert rounding in ROUNDINGS
    return Catalog("c", "C", "USD", "UTC", "C", ("teammate",), ("active",), False, False, rounding, None, ("owner",), True, {})
