"""Terms that follow one another because nothing is asked: each begins where the one before it ends (rules T2-T4, I1).

Most terms are such ones, and most of them are other subscriptions' too: the same plan, renewed on the same day. Each is worked
out once, and a subscription's are told by their numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from transforms.calendar import boundary_after, boundary_on_or_before, months_later
from transforms.catalog import Cadence, Catalog

_TERMS_KNOWN = 1 << 15  # in a process: each pass asks for much the same ones


class Spell(NamedTuple):
    """Days [spell_from, spell_until) on one plan; `term_from` None: a trial or a free plan, which belong to no term.

    `spell_until` is None for the spell still open at the horizon.
    """

    plan: str
    spell_from: date
    spell_until: date | None
    term_from: date | None


class Term(NamedTuple):
    """[term_from, term_until) as planned; `ended_on` is earlier than `term_until` where a free plan cut it short (T7).

    `wished` is another cadence than its own where its plan was not sold at that one (T6).
    """

    cadence: Cadence
    wished: Cadence
    term_from: date
    term_until: date
    period_days: int
    ended_on: date


class InvoiceDate(NamedTuple):
    """A day on which the subscription is invoiced, and the cadence of the term that it belongs to (I1)."""

    invoice_on: date
    cadence: Cadence
    occasion: str


class Turn(NamedTuple):
    """A day on which a term begins, and what decides how long it and those after it are.

    `billing_day` is the day of the month on which monthly periods begin, `kept_day` the one that annual terms keep to.
    """

    catalog: str
    plan: str
    wished: Cadence
    billing_day: int
    kept_day: int
    on: date


class Renewal(NamedTuple):
    """One whole term on one plan, whichever, with its invoice dates up to the horizon."""

    term: Term
    invoice_dates: tuple[InvoiceDate, ...]


class Renewals:
    """Every renewal up to a horizon that was asked for, each once. `known` has them by number."""

    def __init__(self, catalogs: Mapping[str, Catalog], horizon: date) -> None:
        self.horizon = horizon
        self.known: list[Renewal] = []
        self._catalogs = catalogs
        self._numbers: dict[tuple[Cadence, Cadence, date, int, bool], int] = {}
        self._from_turn: dict[Turn, tuple[int, ...]] = {}

    def from_turn(self, turn: Turn) -> tuple[int, ...]:
        """The numbers of the renewals from a turn to the horizon, in order of time."""
        fresh: list[tuple[Turn, int]] = []
        while turn.on <= self.horizon and turn not in self._from_turn:
            number, after = self._renew(turn)
            fresh.append((turn, number))
            turn = after
        numbers = self._from_turn.get(turn, ())
        for passed, number in reversed(fresh):
            numbers = self._from_turn[passed] = (number, *numbers)
        return numbers

    def _renew(self, turn: Turn) -> tuple[int, Turn]:
        """The number of the term that begins at a turn, and the turn at its end."""
        catalog_id, plan, wished, billing_day, kept_day, on = turn
        catalog = self._catalogs[catalog_id]
        cadence = cadence_at(catalog, plan, wished, on)
        kept_day = billing_day if cadence == "monthly" else kept_day  # all that a term's length depends on beside its first day
        number = self._number(cadence, wished, on, kept_day, catalog.adjusts_annual_monthly)
        return number, Turn(catalog_id, plan, wished, billing_day, kept_day, self.known[number].term.term_until)

    def _number(self, cadence: Cadence, wished: Cadence, on: date, day: int, adjusts_monthly: bool) -> int:
        alike = (cadence, wished, on, day, adjusts_monthly)
        if alike not in self._numbers:
            self._numbers[alike] = len(self.known)
            until, period_days = length_of_term(on, cadence, day)
            dates = invoice_dates_of_term(on, cadence, day, adjusts_monthly, self.horizon)
            self.known.append(Renewal(Term(cadence, wished, on, until, period_days, until), dates))
        return self._numbers[alike]


def cadence_at(catalog: Catalog, plan: str, wished: Cadence, on: date) -> Cadence:
    """The cadence of a term that begins on a day: the one wished for, unless the plan is then sold at the other alone (T6)."""
    return catalog.plans[plan].cadence_sold(wished, on) or wished


@lru_cache(_TERMS_KNOWN)
def length_of_term(on: date, cadence: Cadence, day: int) -> tuple[date, int]:
    """The end of a term that begins on a day, and the days of its period. `day` of the month: monthly periods begin on it, annual ones keep to it."""
    if cadence == "monthly":
        until, period_from = boundary_after(on, day), boundary_on_or_before(on, day)
        return until, (until - period_from).days
    until = months_later(on, 12, day)
    return until, (until - on).days


@lru_cache(_TERMS_KNOWN)
def invoice_dates_of_term(on: date, cadence: Cadence, day: int, adjusts_monthly: bool, horizon: date) -> tuple[InvoiceDate, ...]:
    """The first day of a term, and inside an annual one each month's, if the catalogue adjusts it monthly; up to the horizon."""
    first = InvoiceDate(on, cadence, "term")
    if cadence == "monthly" or not adjusts_monthly:
        return (first,)
    inside = (months_later(on, n, day) for n in range(1, 12))
    return (first, *(InvoiceDate(later, cadence, "anniversary") for later in inside if later <= horizon))
