"""The product's lines and invoices are those of a slow, separate reading of the rules, on random sources, to the cent.

`pytest` compares 54 sources; `SEATLEDGER_SOURCES=5000 pytest -m long tests/properties` as many as one likes.
"""

from __future__ import annotations

import os
from datetime import date, timedelta

import pytest

from tests.properties.comparing import differences
from tests.properties.in_memory import MemoryLedger, bill_in_memory
from tests.reference.random_sources import moved, random_facts, superseded
from tests.reference.slow_ledger import Facts, bill, known_by
from tests.seldom import seldom_but

FEW = 40
MANY = int(os.environ.get("SEATLEDGER_SOURCES", "3000"))


def month_ends(facts: Facts) -> list[date]:
    """The last days of the months that the rosters cover, and the last roster's day."""
    first, last = min(facts.rosters), max(facts.rosters)
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [day for day in days if day == last or (day + timedelta(days=1)).day == 1]


def assert_same(product: MemoryLedger, reference) -> None:
    held = set(product.position.holds["workspace_id"])
    assert held == set(reference.held)
    assert differences(product, reference, "lines") == []
    assert differences(product, reference, "invoices") == []


def compare_in_one_go(seed: int) -> None:
    facts = random_facts(seed)
    through = max(facts.rosters)
    assert_same(bill_in_memory(facts, through, MemoryLedger(), known=date.max, checked=seed % 8 == 0), bill(facts, through, known=date.max))


def compare_month_by_month(seed: int) -> None:
    """Each run knows what was delivered by then: late events become corrections."""
    facts = random_facts(seed)
    product, reference = MemoryLedger(), None
    for through in month_ends(facts):
        product, reference = bill_in_memory(facts, through, product, checked=False), bill(facts, through, reference)
    assert_same(product, reference)


def compare_with_superseded_days(seed: int) -> None:
    """The second half of the runs knows other rosters of some days than the first half did."""
    compare_two_halves(random_facts(seed), superseded(random_facts(seed), seed))


def compare_two_halves(before: Facts, after: Facts) -> None:
    months = month_ends(before)
    product, reference = MemoryLedger(), None
    for n, through in enumerate(months):
        facts = before if n < len(months) // 2 else after
        product, reference = bill_in_memory(facts, through, product, checked=False), bill(facts, through, reference)
    assert_same(product, reference)


def compare_with_subscriptions_moved(seed: int) -> None:
    """The second half of the runs knows some subscriptions to be of other workspaces: what was billed is taken off where they are now."""
    compare_two_halves(random_facts(seed), moved(random_facts(seed), seed))


def compare_one_cadence_after_the_other(seed: int) -> None:
    facts = random_facts(seed)
    product, reference = MemoryLedger(), None
    for through in month_ends(facts)[::3]:
        for cadence in ("monthly", "annual") if seed % 2 else ("annual", "monthly"):
            product = bill_in_memory(facts, through, product, cadence=cadence, checked=False)
            reference = bill(facts, through, reference, cadence)
    assert_same(product, reference)


def compare_one_catalog_after_the_other(seed: int) -> None:
    """Each catalogue billed by itself, at its own days: what the others owe waits, and is billed to the cent when it is their turn."""
    facts = random_facts(seed)
    product, reference = MemoryLedger(), None
    names = sorted(facts.catalogs, reverse=bool(seed % 2))
    for n, through in enumerate(month_ends(facts)[::2]):
        for catalog in [*names[n % len(names) :], *names[: n % len(names)]][:-1] or names:  # one is left to the next month, each in turn
            product = bill_in_memory(facts, through, product, catalog=catalog, checked=False)
            reference = bill(facts, through, reference, catalog=catalog)
    assert_same(product, reference)


@pytest.mark.parametrize("seed", range(FEW))
def test_billed_in_one_go_it_is_the_reference_to_the_cent(seed: int) -> None:
    compare_in_one_go(seed)


@pytest.mark.parametrize("seed", range(1000, 1003))
def test_billed_month_by_month_with_late_events_it_is_the_reference_to_the_cent(seed: int) -> None:
    compare_month_by_month(seed)


@pytest.mark.parametrize("seed", range(2000, 2003))
def test_billed_with_days_superseded_it_is_the_reference_to_the_cent(seed: int) -> None:
    compare_with_superseded_days(seed)


@pytest.mark.parametrize("seed", seldom_but([2505, 2516], [2505, 2516, 2519, 2526]))  # of which some are moved that were billed
def test_billed_with_subscriptions_moved_it_is_the_reference_to_the_cent(seed: int) -> None:
    compare_with_subscriptions_moved(seed)


@pytest.mark.parametrize("seed", range(3000, 3002))
def test_billed_one_cadence_after_the_other_it_is_the_reference_to_the_cent(seed: int) -> None:
    compare_one_cadence_after_the_other(seed)


@pytest.mark.parametrize("seed", range(4001, 4003))
def test_billed_one_catalogue_after_the_other_it_is_the_reference_to_the_cent(seed: int) -> None:
    compare_one_catalog_after_the_other(seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10_000, 10_000 + MANY))
def test_thousands_of_sources_in_every_way(seed: int) -> None:
    ways = [
        compare_in_one_go,
        compare_month_by_month,
        compare_with_superseded_days,
        compare_with_subscriptions_moved,
        compare_one_cadence_after_the_other,
        compare_one_catalog_after_the_other,
    ]
    ways[seed % len(ways)](seed)


def test_what_is_not_delivered_yet_is_not_known(seed: int = 11) -> None:
    """The two sides mean the same by `known`: an event delivered after the run has no part in it."""
    facts = random_facts(seed)
    through = month_ends(facts)[len(month_ends(facts)) // 2]
    assert bill(facts, through).lines == bill(known_by(facts, through), through).lines
