"""One subscription's story: from what was agreed and what was asked to plan spells, terms and invoice dates (rules T1-T10, I1, I7).

Plain Python over a handful of events. Once none is left a subscription is renewed as others are (renewals.py), so that this
stays readable and a hundred thousand subscriptions stay fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import NamedTuple

from transforms.catalog import Cadence, Catalog, Plan
from transforms.renewals import InvoiceDate, Renewals, Spell, Term, Turn, cadence_at, invoice_dates_of_term, length_of_term


class Agreement(NamedTuple):
    """What a subscription's row says that shapes its terms. `billing_day` None: the activation's anniversary."""

    catalog: str
    plan: str
    cadence: Cadence
    billing_day: int | None
    starts_on: date
    trial_ends_on: date | None

    @property
    def trial_until(self) -> date | None:
        """The first day after the trial agreed on; None where there is none."""
        return self.trial_ends_on if (self.trial_ends_on or date.min) > self.starts_on else None


@dataclass(frozen=True, slots=True)
class ContractEvent:
    """A contract event at its local day, with the seats occupied at that day's close (None: no roster of that day)."""

    on: date
    event: str
    actor_role: str | None
    quantity: int | None
    plan: str | None
    cadence: Cadence | None
    until: date | None
    occupied: int | None


class Schedule(NamedTuple):
    """All that follows from a story up to a horizon. `refusals` pair an event's position with the reason.

    Spells, terms and invoice dates are those before its `renewals`: the terms after its last event, by their numbers, on its last `plan`.
    """

    spells: tuple[Spell, ...]
    terms: tuple[Term, ...]
    invoice_dates: tuple[InvoiceDate, ...]
    seat_updates: tuple[tuple[date, int], ...]
    refusals: tuple[tuple[int, str], ...]
    cadence: Cadence
    trial_until: date | None
    activated_on: date | None
    canceled_on: date | None
    ended_on: date | None
    plan: str
    renewals: tuple[int, ...]


def schedule_from_story(agreement: Agreement, events: Sequence[ContractEvent], catalog: Catalog, renewals: Renewals) -> Schedule:
    """Play a subscription's events, in their order of time, up to and including the close of the horizon of `renewals`.

    Grain:  one subscription -> its spells, terms, invoice dates and accepted seat updates.
    Raises: nothing for data; an event without effect comes back in `refusals`.
    """
    story = _Story(agreement, catalog, renewals)
    return story.play(events)


@dataclass(slots=True)
class _Day:
    """What the accepted events of one day ask for; of each kind the last counts (T10)."""

    plan: str | None = None
    plan_cadence: Cadence | None = None
    asked: Cadence | None = None
    seats: int | None = None
    cancels: bool = False


@dataclass
class _Story:
    agreement: Agreement
    catalog: Catalog
    unasked: Renewals
    horizon: date = field(init=False)
    plan: str = field(init=False)
    asked: Cadence = field(init=False)
    trial_until: date | None = field(init=False)
    kept_day: int = 0
    term: Term | None = None  # the one that runs, as planned
    activated_on: date | None = None
    canceled_on: date | None = None
    ended_on: date | None = None
    spells: list[Spell] = field(default_factory=list)
    terms: list[Term] = field(default_factory=list)
    invoice_dates: list[InvoiceDate] = field(default_factory=list)
    seat_updates: list[tuple[date, int]] = field(default_factory=list)
    refusals: list[tuple[int, str]] = field(default_factory=list)
    renewals: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self.plan, self.asked, self.horizon = self.agreement.plan, self.agreement.cadence, self.unasked.horizon
        self.trial_until = self.agreement.trial_until

    def play(self, events: Sequence[ContractEvent]) -> Schedule:
        numbered = [(n, e) for n, e in enumerate(events) if e.on <= self.horizon]
        days = [(on, list(same)) for on, same in groupby(numbered, key=lambda pair: pair[1].on)]
        for on, same in days:
            if on < self.agreement.starts_on:
                self._refuse(same, "before_start")
        waiting = {on: same for on, same in days if on >= self.agreement.starts_on}
        on = self.agreement.starts_on
        while on <= self.horizon:
            if not waiting and self._is_turn(on):
                self._renew_unasked(on)
                break
            self._close_day(on, waiting.pop(on, []))
            on = self._next_day_of_interest(on, waiting)
        return self._schedule()

    def _next_day_of_interest(self, on: date, waiting: Iterable[date]) -> date:
        """The next day on which something can change: one with events, the trial's end, the term's end."""
        ends = [] if self.ended_on else [self.trial_until, self.term.term_until if self.term else None]
        return min((day for day in [*waiting, *ends] if day and day > on), default=date.max)

    # --- when nothing more is asked ----------------------------------------------------------------------------------

    def _is_turn(self, on: date) -> bool:
        """Whether a term begins on a day without events: the activation's (T1), or the next of one that is not canceled."""
        if self.ended_on or self.canceled_on or self._plan(self.plan).free:
            return False
        return on == self.term.term_until if self.term else not self._is_in_trial(on)

    def _renew_unasked(self, on: date) -> None:
        """All that is left of the story are renewals."""
        if self.term:
            self._record_term(on)
            self.term = None
        else:
            self.activated_on, self.kept_day = on, on.day
        self._end_spell(on)
        turn = Turn(self.catalog.id, self.plan, self.asked, self._billing_day(), self.kept_day, on)
        self.renewals = self.unasked.from_turn(turn)

    # --- one day, at its close -------------------------------------------------------------------------------------

    def _close_day(self, on: date, events: list[tuple[int, ContractEvent]]) -> None:
        if self.term and on == self.term.term_until and self.canceled_on and not self.ended_on:
            self._close_term(on)
            self.ended_on = on
        if self.ended_on:
            return self._refuse(events, "after_end")
        is_renewal = self.term is not None and on == self.term.term_until
        if is_renewal and not events and not self._plan(self.plan).free:
            return self._begin_term(on, self.asked)  # what most days of interest are
        day = self._accept(on, events, is_renewal)
        plan_before, self.plan = self.plan, day.plan or self.plan
        is_free = self._plan(self.plan).free
        self.canceled_on = on if day.cancels and not self.canceled_on else self.canceled_on
        if is_renewal:
            self._close_term(on) if is_free else self._begin_term(on, self.asked)
        elif self.term and is_free:
            self._close_term(on)
        elif self.term and self.plan != plan_before:
            self._begin_spell(on, self.term.term_from)
        elif not self.term:
            self._close_unpaid_day(on, day, is_free)
        if self.canceled_on and not self.term:
            self.ended_on = on
            self._end_spell(on)
        self.asked = day.asked or self.asked
        if day.seats is not None:
            self.seat_updates.append((on, day.seats))

    def _close_unpaid_day(self, on: date, day: _Day, is_free: bool) -> None:
        """A day on no term: the first day on a paid plan after start and trial is the activation (T1)."""
        if not is_free and not self._is_in_trial(on):
            self.activated_on, self.kept_day = on, on.day
            self._begin_term(on, day.plan_cadence or self.asked)
        elif not self.spells or self.spells[-1].spell_until or self.spells[-1].plan != self.plan:
            self._begin_spell(on, None)

    def _is_in_trial(self, on: date) -> bool:
        return self.trial_until is not None and on < self.trial_until

    # --- terms and spells ------------------------------------------------------------------------------------------

    def _cadence_at(self, on: date, wished: Cadence) -> Cadence:
        return cadence_at(self.catalog, self.plan, wished, on)

    def _billing_day(self) -> int:
        return self.agreement.billing_day or self.activated_on.day

    def _begin_term(self, on: date, wished: Cadence) -> None:
        """Open the term that begins on a day, closing the one before (T2, T3, T4)."""
        if self.term:
            self._record_term(on)
        cadence = self._cadence_at(on, wished)
        self.kept_day = self._billing_day() if cadence == "monthly" else self.kept_day
        until, period_days = length_of_term(on, cadence, self.kept_day)
        self.term = Term(cadence, wished, on, until, period_days, until)
        self.invoice_dates += invoice_dates_of_term(on, cadence, self.kept_day, self.catalog.adjusts_annual_monthly, self.horizon)
        self._begin_spell(on, on)

    def _close_term(self, on: date) -> None:
        """End the running term for good, with a closing invoice dated that day (T7, T8)."""
        cadence = self.term.cadence
        self._record_term(on)
        self.invoice_dates = [d for d in self.invoice_dates if d.invoice_on < on]
        self.invoice_dates.append(InvoiceDate(on, cadence, "closing"))
        self.term = None
        self._end_spell(on) if self.canceled_on else self._begin_spell(on, None)

    def _record_term(self, ended_on: date) -> None:
        self.terms.append(self.term._replace(ended_on=ended_on))

    def _begin_spell(self, on: date, term_from: date | None) -> None:
        self._end_spell(on)
        self.spells.append(Spell(self.plan, on, None, term_from))

    def _end_spell(self, on: date) -> None:
        if self.spells and self.spells[-1].spell_until is None:
            last = self.spells.pop()
            if last.spell_from < on:
                self.spells.append(Spell(last.plan, last.spell_from, on, last.term_from))

    # --- which events count ----------------------------------------------------------------------------------------

    def _accept(self, on: date, events: list[tuple[int, ContractEvent]], is_renewal: bool) -> _Day:
        """Refuse what the rules refuse (I7, T9, section 4) and keep, of each kind, the last that remains (T10)."""
        change = self._last_plan_change(on, events, is_renewal)
        day = _Day()
        if change:
            day.plan, day.plan_cadence = change.plan, change.cadence
        plan_at_close = self._plan(day.plan or self.plan)
        for n, event in events:
            reason = None
            if event.event == "trial_extended":
                reason = self._extend_trial(event)
            elif event.event == "plan_changed":
                if event is change:
                    day.asked = event.cadence or day.asked
                    day.seats = event.quantity if event.quantity is not None else day.seats
            elif not self._has_right(event):
                reason = "no_right"
            elif event.event == "canceled":
                day.cancels = True
            elif event.event == "cadence_changed":
                if plan_at_close.is_sold(event.cadence, on):
                    day.asked = event.cadence
                else:
                    reason = "cadence_not_sold"
            elif event.event == "seats_updated":
                if self._is_below_occupied(event):
                    reason = "below_occupied"
                else:
                    day.seats = event.quantity
            if reason:
                self.refusals.append((n, reason))
        return day

    def _last_plan_change(self, on: date, events: list[tuple[int, ContractEvent]], is_renewal: bool) -> ContractEvent | None:
        last = None
        for n, event in events:
            if event.event == "plan_changed":
                reason = self._why_not_plan(on, event, is_renewal)
                if reason:
                    self.refusals.append((n, reason))
                else:
                    last = event
        return last

    def _why_not_plan(self, on: date, event: ContractEvent, is_renewal: bool) -> str | None:
        plan = self.catalog.plans.get(event.plan)
        if not self._has_right(event):
            return "no_right"
        if plan is None:
            return "unknown_plan"
        if self._is_below_occupied(event):
            return "below_occupied"
        if plan.free:
            return None
        if event.cadence and not plan.is_sold(event.cadence, on):
            return "cadence_not_sold"
        if not self.term:
            return None if plan.cadence_sold("annual", on) else "plan_not_sold"
        running = self._cadence_at(on, self.asked) if is_renewal else self.term.cadence
        return None if event.plan == self.plan or plan.is_sold(running, on) else "plan_not_sold"

    def _extend_trial(self, event: ContractEvent) -> str | None:
        """A trial can be extended, to a later end, only on a day before it ends (T9)."""
        if self.trial_until is None or event.on >= self.trial_until:
            return "trial_over"
        if event.until <= self.trial_until:
            return "not_later"
        self.trial_until = event.until
        return None

    def _has_right(self, event: ContractEvent) -> bool:
        return event.actor_role in self.catalog.change_roles

    def _is_below_occupied(self, event: ContractEvent) -> bool:
        """The minimum is the number of seats occupied at that day's close; before the first roster none is known."""
        return event.quantity is not None and event.occupied is not None and event.quantity < event.occupied

    def _refuse(self, events: list[tuple[int, ContractEvent]], reason: str) -> None:
        self.refusals += [(n, reason) for n, _ in events]

    def _plan(self, name: str) -> Plan:
        return self.catalog.plans[name]

    def _schedule(self) -> Schedule:
        if self.term:
            self._record_term(self.term.term_until)
        return Schedule(
            spells=tuple(self.spells),
            terms=tuple(self.terms),
            invoice_dates=tuple(d for d in self.invoice_dates if d.invoice_on <= self.horizon),
            seat_updates=tuple(self.seat_updates),
            refusals=tuple(sorted(self.refusals)),
            cadence=self._cadence(),
            trial_until=self.trial_until,
            activated_on=self.activated_on,
            canceled_on=self.canceled_on,
            ended_on=self.ended_on,
            plan=self.plan,
            renewals=self.renewals,
        )

    def _cadence(self) -> Cadence:
        """That of the last term begun, or the one asked for where none runs."""
        last = self.unasked.known[self.renewals[-1]].term if self.renewals else self.term
        return last.cadence if last else self.asked
