"""Nothing is lost between seats and charges: before rounding, a finished term was charged for exactly the seats that were held."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction

import polars as pl
import pytest

from tests.properties.in_memory import MemoryLedger, bill_in_memory
from tests.reference.random_sources import random_facts
from transforms.agreed_seats import agreed_at
from transforms.billing import Position
from transforms.daily_seats import seats_at


def seats_by_day(position: Position, spells: pl.DataFrame) -> dict[tuple[str, date], int]:
    """Seats held at the close of every day of every spell, by its plan's basis."""
    days = spells.with_columns(on=pl.date_ranges("spell_from", "spell_until", closed="left")).explode("on")
    both = agreed_at(position.seats.agreed, seats_at(position.seats.daily, days))
    held = both.with_columns(held=pl.when(basis="active").then("occupied").otherwise("agreed"))
    return {(s, on): n for s, on, n in held.select("subscription_id", "on", "held").iter_rows()}


@pytest.mark.parametrize("seed", range(500, 510))
def test_a_finished_term_was_charged_seats_times_price_over_period_days_exactly(seed: int) -> None:
    facts = random_facts(seed)
    through = max(facts.rosters)
    ledger = bill_in_memory(facts, through, MemoryLedger(), checked=False)
    position, opening_on = ledger.position, ledger.opening_on
    charged: dict[tuple, Fraction] = defaultdict(Fraction)
    for s, term, quantity, price, days, period in position.charges.select(
        "subscription_id", "term_from", "quantity", "unit_price_minor", "days", "period_days"
    ).iter_rows():
        charged[s, term] += Fraction(quantity * price * days, period)
    back_billed = set(position.charges.filter(reason="reactivated").select("subscription_id", "term_from").iter_rows())

    held_workspaces = position.holds["workspace_id"].implode()
    finished = position.schedules.terms.filter((pl.col("ended_on") <= through) & (pl.col("term_from") >= opening_on))
    finished = finished.select("subscription_id", "term_from")
    spells = position.spells.join(finished, on=["subscription_id", "term_from"]).filter(~pl.col("workspace_id").is_in(held_workspaces))
    seats = seats_by_day(position, spells)
    worth: dict[tuple, Fraction] = defaultdict(Fraction)
    for s, term, first, until, price, period in spells.select(
        "subscription_id", "term_from", "spell_from", "spell_until", "unit_price_minor", "period_days"
    ).iter_rows():
        days = ((first + timedelta(days=n)) for n in range((until - first).days))
        worth[s, term] += sum(Fraction(seats[s, day] * price, period) for day in days)
    for key, amount in worth.items():
        if key not in back_billed:
            assert charged[key] == amount, key


@pytest.mark.parametrize("seed", range(600, 608))
def test_lines_add_up_to_charges_and_invoices_to_lines_and_credits_to_invoices(seed: int) -> None:
    facts = random_facts(seed)
    ledger = bill_in_memory(facts, max(facts.rosters), MemoryLedger(), checked=False)
    lines, invoices = ledger.billing.lines, ledger.billing.invoices
    key = ["subscription_id", "invoice_on"]
    sums = lines.group_by(key).agg(pl.col("amount_minor").sum(), n=pl.len().cast(pl.Int64))
    joined = invoices.join(sums, on=key, how="full", coalesce=True)
    assert joined.filter((pl.col("net_minor") != pl.col("amount_minor")) | (pl.col("lines") != pl.col("n"))).is_empty()
    assert joined.null_count().sum_horizontal().item() == 0
    balance: dict[tuple, int] = defaultdict(int)
    for row in invoices.sort("invoice_on", "subscription_id").iter_rows(named=True):
        account = row["workspace_id"], row["currency"]
        due = max(0, row["net_minor"] - balance[account])
        balance[account] += due - row["net_minor"]
        assert (row["amount_due_minor"], row["credit_balance_minor"]) == (due, balance[account])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(700, 703))
def test_billed_months_late_or_on_time_with_all_known_the_lines_are_the_same(seed: int) -> None:
    facts = random_facts(seed)
    last = max(facts.rosters)
    late = bill_in_memory(facts, last, MemoryLedger(), known=date.max, checked=False)
    steps, through = MemoryLedger(), min(facts.rosters)
    while through < last:
        through = min(last, through + timedelta(days=23))
        bill_in_memory(facts, through, steps, known=date.max, checked=False)
    if late.position.holds.is_empty():
        assert set(pl.concat(steps.lines).iter_rows()) == set(pl.concat(late.lines).iter_rows())
        assert set(pl.concat(steps.invoices).iter_rows()) == set(pl.concat(late.invoices).iter_rows())
    again = bill_in_memory(facts, last, steps, known=date.max, checked=False)
    assert again.lines[-1].is_empty()
