"""The billing rules read once more, slowly: a loop over every day, sets of users, exact fractions.

Nothing here is shared with the product. One `Life` walks one subscription from its first day to the last day known and
writes down, for each day, its plan, its agreed seats and its term; `charges_from_life` turns those days into charges;
`bill` issues what is due. Rule ids (D1, T3, I9 …) are those of the rules. Broken input is no business of this file.
"""

from __future__ import annotations

import calendar
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)

# ISO 4217: the currencies that do not have two decimals.
MINOR_DIGITS = {
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0,
    "UGX": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
}  # fmt: skip

NEEDS_A_ROLE = {"plan_changed", "cadence_changed", "seats_updated", "canceled"}  # I7
CONTRACT_EVENTS = NEEDS_A_ROLE | {"trial_extended"}
PRICE_KEY = {"monthly": "month", "annual": "year"}
OTHER_CADENCE = {"monthly": "annual", "annual": "monthly"}


# ---------------------------------------------------------------------------------------------------------------------
# What goes in, what comes out
# ---------------------------------------------------------------------------------------------------------------------


@dataclass
class Facts:
    """Everything that has been said: what the sources hold, with Python's own types."""

    catalogs: dict[str, dict]
    subscriptions: list[dict]
    rosters: dict[date, list[dict]]
    events: list[dict]


class Finding(NamedTuple):
    """Something to report. `subject` is an event, a workspace (over_limit) or a subscription."""

    subject: str
    word: str
    on: date | None = None
    detail: object = None


@dataclass
class Ledger:
    """What has been issued so far, and what the last run found."""

    opening_day: date | None = None
    done: set[tuple[str, date]] = field(default_factory=set)
    lines: list[dict] = field(default_factory=list)
    invoices: list[dict] = field(default_factory=list)
    balances: dict[tuple[str, str], int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    held: set[str] = field(default_factory=set)
    terms: list[dict] = field(default_factory=list)

    @property
    def refused(self) -> set[tuple[str, str]]:
        """The refused or reported events of the last run: (event_id, reason word)."""
        return {(f.subject, f.word) for f in self.findings if f.word in REFUSALS}


REFUSALS = {
    "role", "below_occupied", "not_sold", "no_trial", "too_late", "not_later",
    "before_start", "after_end", "unknown_subscription",
}  # fmt: skip


def known_by(facts: Facts, day: date) -> Facts:
    """The facts as they stood at the close of `day`: rosters up to it, events delivered up to it."""
    return Facts(
        facts.catalogs,
        facts.subscriptions,
        {d: rows for d, rows in facts.rosters.items() if d <= day},
        [e for e in facts.events if e["delivered_on"] <= day],
    )


# ---------------------------------------------------------------------------------------------------------------------
# Days and months
# ---------------------------------------------------------------------------------------------------------------------


def each_day(first: date, last: date) -> Iterator[date]:
    """Every day from `first` to `last`, both included."""
    while first <= last:
        yield first
        first += ONE_DAY


def day_in_month(year: int, month: int, wanted: int) -> date:
    """The wanted day of a month, or the month's last day where it is shorter."""
    return date(year, month, min(wanted, calendar.monthrange(year, month)[1]))


def months_later(day: date, months: int, wanted: int) -> date:
    """The wanted day (or the last) of the month that lies `months` after the month of `day`."""
    count = day.year * 12 + day.month - 1 + months
    return day_in_month(count // 12, count % 12 + 1, wanted)


def local_day(event: dict, catalog: dict) -> date:
    """The day an event counts for: its local date in the catalogue's time zone."""
    return event["occurred_at"].astimezone(ZoneInfo(catalog["timezone"])).date()


# ---------------------------------------------------------------------------------------------------------------------
# Money
# ---------------------------------------------------------------------------------------------------------------------


def minor_from_decimal(amount: Decimal | str, currency: str) -> int | None:
    """An amount in the currency's minor unit, or None where it has more decimals than the currency."""
    minor = Fraction(Decimal(amount)) * 10 ** MINOR_DIGITS.get(currency, 2)
    return int(minor) if minor.denominator == 1 else None


def rounded(amount: Fraction, rounding: str) -> int:
    """A fraction that is not negative, rounded to an integer: halves up, or to the even neighbour."""
    whole = amount.numerator // amount.denominator
    rest = amount - whole
    if rest > Fraction(1, 2):
        return whole + 1
    if rest < Fraction(1, 2):
        return whole
    if rounding == "half_even":
        return whole + whole % 2
    return whole + 1


def amount_of(quantity: int, price: int, days: int, period_days: int, rounding: str) -> int:
    """The one formula: sign(q) × round(|q| × price × days ÷ period days)."""
    size = rounded(Fraction(abs(quantity) * price * days, period_days), rounding)
    return -size if quantity < 0 else size


# ---------------------------------------------------------------------------------------------------------------------
# Catalogues
# ---------------------------------------------------------------------------------------------------------------------


def is_free(catalog: dict, plan: str) -> bool:
    return bool(catalog["plans"][plan].get("free", False))


def bills_committed(catalog: dict, plan: str) -> bool:
    return catalog["plans"][plan].get("basis", "active") == "committed"


def price_in_force(catalog: dict, plan: str, day: date) -> dict | None:
    """The entry of the plan's price list with the latest `effective_from` on or before the day."""
    begun = [p for p in catalog["plans"][plan].get("prices", []) if p["effective_from"] <= day]
    return max(begun, key=lambda p: p["effective_from"]) if begun else None


def is_sold(catalog: dict, plan: str, cadence: str, day: date) -> bool:
    """Whether the list in force on the day has a price (or "agreed") for the cadence. A free plan goes with both."""
    if is_free(catalog, plan):
        return True
    entry = price_in_force(catalog, plan, day)
    return entry is not None and PRICE_KEY[cadence] in entry


def cadence_sold(catalog: dict, plan: str, wish: str, day: date) -> str:
    """T6: the cadence asked for, or the other where the plan is sold only at that one."""
    other = OTHER_CADENCE[wish]
    if not is_sold(catalog, plan, wish, day) and is_sold(catalog, plan, other, day):
        return other
    return wish


def unit_price(catalog: dict, subscription: dict, plan: str, cadence: str, day: date) -> int | None:
    """The price of a seat in force on the day, in minor units; None where there is none (G2: the workspace is held).

    An agreed price replaces the list price of the signup plan, for its own cadence, whenever the plan is that one.
    """
    entry = price_in_force(catalog, plan, day)
    if entry is None or PRICE_KEY[cadence] not in entry:
        return None
    listed = entry[PRICE_KEY[cadence]]
    agreed = subscription.get("unit_price_" + PRICE_KEY[cadence])
    if plan == subscription["plan"] and agreed is not None:
        return minor_from_decimal(agreed, catalog["currency"])
    return None if listed == "agreed" else minor_from_decimal(listed, catalog["currency"])


# ---------------------------------------------------------------------------------------------------------------------
# Seats
# ---------------------------------------------------------------------------------------------------------------------


def holders_by_day(facts: Facts, catalog: dict, workspace: str) -> dict[date, frozenset[str]]:
    """D1, D3, D4: who holds a seat at the close of each day on which there is a roster."""
    kinds, statuses = catalog["seats"]["kinds"], catalog["seats"]["statuses"]
    return {
        day: frozenset(
            row["user_id"]
            for row in rows
            if row["workspace_id"] == workspace and row["kind"] in kinds and row["status"] in statuses
        )
        for day, rows in facts.rosters.items()
    }


def last_day_held(holders: dict[date, frozenset[str]], user: str, before: date) -> date | None:
    """D6: the last day before `before` on which the user held a seat, on any roster known."""
    days = [day for day, users in holders.items() if day < before and user in users]
    return max(days, default=None)


# ---------------------------------------------------------------------------------------------------------------------
# The life of a subscription
# ---------------------------------------------------------------------------------------------------------------------


@dataclass
class Segment:
    """A stretch of a term on one plan, at the price in force on its first day."""

    first: date
    plan: str
    price: int | None


@dataclass
class Term:
    """A term as planned; `closed_on` is the day a move to a free plan cut it (T7)."""

    first: date
    until: date
    cadence: str
    period_days: int
    anchor: int
    segments: list[Segment]
    closed_on: date | None = None

    @property
    def ended_on(self) -> date:
        return self.closed_on or self.until

    def segment_on(self, day: date) -> Segment:
        return [s for s in self.segments if s.first <= day][-1]


@dataclass
class Day:
    """One day of a subscription, at its close."""

    day: date
    plan: str
    plan_before: str
    term: Term | None  # the term the day lies in
    closing: Term | None  # the term that a move to a free plan closes on this day
    committed: int | None  # the seats agreed
    released: int  # committed seats that removals gave back
    updated: int  # what an update changed, after the releases


class Life:
    """One subscription, lived day by day from its first day to the last day known."""

    def __init__(self, subscription: dict, catalog: dict, events: list[dict], holders: dict, opening: date):
        self.subscription, self.catalog, self.holders, self.opening = subscription, catalog, holders, opening
        self.id, self.workspace = subscription["subscription_id"], subscription["workspace_id"]
        self.starts_on = subscription["starts_on"]
        self.plan, self.wish = subscription["plan"], subscription["cadence"]
        self.seats: int | None = subscription["seats"]
        self.trial_end: date | None = subscription["trial_ends_on"]
        self.term: Term | None = None
        self.anchor = 0
        self.canceled = False
        self.ended_on: date | None = None
        self.days: list[Day] = []
        self.terms: list[Term] = []
        self.closings: list[tuple[date, str]] = []
        self.findings: list[Finding] = []
        self.troubles: list[Finding] = []
        self.events: dict[date, list[dict]] = {}
        for event in sorted(events, key=lambda e: (e["occurred_at"], e["event_id"])):  # T10
            self.events.setdefault(local_day(event, catalog), []).append(event)

    # -- the walk ----------------------------------------------------------------------------------------------------

    def live(self, through: date) -> Life:
        for day in sorted(self.events):
            if day < self.starts_on and day <= through:
                self.refuse_all(self.events[day], "before_start", day)
        self.check_signup(through)
        for day in each_day(self.starts_on, through):
            self.live_day(day)
        return self

    def live_day(self, day: date) -> None:
        """One day: what was said on it, then what follows for seats, plan and term at its close."""
        events = self.events.get(day, [])
        self.end_if_canceled(day)
        if self.ended_on is not None:
            self.refuse_all(events, "after_end", day)
            return
        events = [e for e in events if self.is_permitted(e, day)]
        self.extend_trial(events, day)
        plan_before, wish_before = self.plan, self.wish
        running = self.running_cadence(day)
        change = self.plan_change(events, day, running)
        self.plan = change["plan"] if change else plan_before
        self.hear_wishes(events, change, day)
        released, updated = self.agree_seats(events, change, day)
        self.canceled = self.canceled or any(e["event"] == "canceled" for e in events)
        asked = (change["cadence"] if change else None) or wish_before
        closing = self.move_terms(day, plan_before, running, asked)
        record = Day(day, self.plan, plan_before, self.term, closing, self.seats, released, updated)
        self.days.append(record)
        self.check_day(record)

    # -- what was said -----------------------------------------------------------------------------------------------

    def refuse(self, event: dict, word: str, day: date) -> None:
        self.findings.append(Finding(event["event_id"], word, day))

    def refuse_all(self, events: list[dict], word: str, day: date) -> None:
        for event in events:
            self.refuse(event, word, day)

    def is_permitted(self, event: dict, day: date) -> bool:
        """I7 (who may) and the minimum of seats (section 4). A refused event is as if it had not been sent (T10)."""
        if event["event"] in NEEDS_A_ROLE and event["actor_role"] not in self.catalog["rules"]["change_roles"]:
            self.refuse(event, "role", day)
            return False
        names_seats = event["event"] in ("seats_updated", "plan_changed") and event["quantity"] is not None
        if names_seats and event["quantity"] < len(self.holders.get(day, ())):
            self.refuse(event, "below_occupied", day)
            return False
        return True

    def extend_trial(self, events: list[dict], day: date) -> None:
        """T9: to a later end, on a day before it ends; several on a day in their order."""
        for event in events:
            if event["event"] != "trial_extended":
                continue
            if self.trial_end is None:
                self.refuse(event, "no_trial", day)
            elif day >= self.trial_end:
                self.refuse(event, "too_late", day)
            elif event["until"] <= self.trial_end:
                self.refuse(event, "not_later", day)
            else:
                self.trial_end = event["until"]

    def running_cadence(self, day: date) -> str | None:
        """The cadence of the term that the day lies in, were the plan to stay; None outside terms.

        On the first day of a next term that is the new term's: the last wish heard before the day (T5).
        """
        if self.term is None:
            return None
        if day < self.term.until:
            return self.term.cadence
        return cadence_sold(self.catalog, self.plan, self.wish, day)

    def plan_change(self, events: list[dict], day: date, running: str | None) -> dict | None:
        """T10: the last plan change of the day that is not refused."""
        accepted = None
        for event in events:
            if event["event"] != "plan_changed":
                continue
            if self.is_on_sale(event, day, running):
                accepted = event
            else:
                self.refuse(event, "not_sold", day)
        return accepted

    def is_on_sale(self, event: dict, day: date, running: str | None) -> bool:
        """T6: inside a term a plan must be sold at the running cadence; a cadence named must be sold too."""
        plan, named = event["plan"], event["cadence"]
        if plan not in self.catalog["plans"]:
            return False
        if is_free(self.catalog, plan):
            return True
        if named is not None and not is_sold(self.catalog, plan, named, day):
            return False
        if running is not None:
            return is_sold(self.catalog, plan, running, day)
        return any(is_sold(self.catalog, plan, cadence, day) for cadence in PRICE_KEY)

    def hear_wishes(self, events: list[dict], change: dict | None, day: date) -> None:
        """T5, T10: the wish of the day is the last one named, by a cadence event or by the plan change that counts."""
        for event in events:
            if event["event"] == "cadence_changed":
                if is_sold(self.catalog, self.plan, event["cadence"], day):
                    self.wish = event["cadence"]
                else:
                    self.refuse(event, "not_sold", day)
            elif event is change and event["cadence"] is not None:
                self.wish = event["cadence"]

    def agree_seats(self, events: list[dict], change: dict | None, day: date) -> tuple[int, int]:
        """Section 4: first the seats that removals release, then the day's update. Returns both, as movements.

        I9: of a subscription older than the ledger, `seats` are those agreed at the close of the opening day.
        """
        if self.starts_on < self.opening and day <= self.opening:
            return 0, 0
        released = self.released_seats(day)
        if released:
            self.seats -= released
        named = [e["quantity"] for e in events if e["event"] == "seats_updated" or (e is change and e["quantity"] is not None)]
        before = self.seats
        if named:
            self.seats = named[-1]
        return released, (self.seats or 0) - (before or 0)

    def released_seats(self, day: date) -> int:
        """Committed seats given back by removals: one each, never below 0, from the day after the start."""
        releases = self.catalog["seats"].get("release_committed_on_removal", False)
        if not releases or not bills_committed(self.catalog, self.plan) or self.seats is None:
            return 0
        if day <= max(self.starts_on, self.opening):
            return 0
        return min(self.seats, len(self.holders[day - ONE_DAY] - self.holders[day]))

    # -- terms -------------------------------------------------------------------------------------------------------

    def end_if_canceled(self, day: date) -> None:
        """T8: canceled, the subscription ends with the running term, with a closing date."""
        if self.ended_on is None and self.canceled and self.term is not None and self.term.until == day:
            self.closings.append((day, self.term.cadence))
            self.term, self.ended_on = None, day

    def move_terms(self, day: date, plan_before: str, running: str | None, asked: str) -> Term | None:
        """Begin, continue or close the term of the day. Returns the term that a move to a free plan closes."""
        free, term = is_free(self.catalog, self.plan), self.term
        if term is not None and free:
            return self.close_for_free_plan(day)
        if term is not None and day == term.until:
            self.begin_term(day, running)
        elif term is not None and self.plan != plan_before:
            term.segments.append(Segment(day, self.plan, self.price(term.cadence, day)))
        elif term is None and not free and not self.is_on_trial(day):  # T1, T6: activation
            self.anchor = day.day
            self.begin_term(day, cadence_sold(self.catalog, self.plan, asked, day))
        elif term is None and self.canceled:  # T8: before activation, or on a free plan
            self.ended_on = day
        return None

    def is_on_trial(self, day: date) -> bool:
        return self.trial_end is not None and day < self.trial_end

    def close_for_free_plan(self, day: date) -> Term:
        """T7: a move to a free plan closes the term that day."""
        term = self.term
        term.closed_on, self.term = day, None
        self.closings.append((day, term.cadence))
        if self.canceled:
            self.ended_on = day
        return term

    def price(self, cadence: str, day: date) -> int | None:
        return unit_price(self.catalog, self.subscription, self.plan, cadence, day)

    def begin_term(self, day: date, cadence: str) -> None:
        """T2, T3, T4: a term from this day to its planned end."""
        from_, until = self.annual_period(day) if cadence == "annual" else self.monthly_period(day)
        segment = Segment(day, self.plan, self.price(cadence, day))
        self.term = Term(day, until, cadence, (until - from_).days, self.anchor, [segment])
        self.terms.append(self.term)

    def annual_period(self, day: date) -> tuple[date, date]:
        """T4: to the same day twelve months on; the day is the one that the terms before kept."""
        return day, months_later(day, 12, self.anchor)

    def monthly_period(self, day: date) -> tuple[date, date]:
        """T2, T3: the whole period that the day lies in. A billing day becomes the day that later terms keep."""
        if self.subscription["billing_day"] != "anniversary":
            named = self.subscription["billing_day"]
            self.anchor = 1 if named == "first" else int(named)
        this = day_in_month(day.year, day.month, self.anchor)
        if this <= day:
            return this, months_later(day, 1, self.anchor)
        return months_later(day, -1, self.anchor), this

    # -- what is reported, what is held ------------------------------------------------------------------------------

    def check_signup(self, through: date) -> None:
        """G2: a row whose paid plan is not sold at its cadence. T9: a trial longer than usual is reported."""
        if self.starts_on > through:
            return
        row, usual = self.subscription, self.catalog["rules"].get("trial_days")
        if not is_sold(self.catalog, row["plan"], row["cadence"], self.starts_on):
            self.troubles.append(Finding(self.id, "not_sold", self.starts_on))
        if usual is not None and self.trial_end is not None and (self.trial_end - self.starts_on).days > usual:
            self.findings.append(Finding(self.id, "long_trial", self.starts_on))

    def check_day(self, record: Day) -> None:
        """G2: no price, or no seats agreed, on a day of a term. Section 4: more seats occupied than allowed."""
        if record.day < self.opening:
            return
        committed = bills_committed(self.catalog, record.plan)
        if record.term is not None and record.term.segment_on(record.day).price is None:
            self.troubles.append(Finding(self.id, "no_price", record.day))
        if record.term is not None and committed and record.committed is None:
            self.troubles.append(Finding(self.id, "no_seats_agreed", record.day))
        occupied, limit = len(self.holders[record.day]), self.catalog["plans"][record.plan].get("seat_limit")
        over_agreed = committed and record.committed is not None and occupied > record.committed
        if over_agreed or (limit is not None and occupied > limit):
            self.findings.append(Finding(self.workspace, "over_limit", record.day, occupied))

    # -- invoice dates -----------------------------------------------------------------------------------------------

    def invoice_dates(self, through: date) -> dict[date, str]:
        """I1: each invoice date with the cadence of the term it belongs to."""
        dates = {}
        for term in self.terms:
            dates[term.first] = term.cadence
            if term.cadence == "annual" and self.catalog["rules"].get("annual_adjustments", "monthly") == "monthly":
                for month in range(1, 12):
                    on = months_later(term.first, month, term.anchor)
                    if on < term.ended_on:
                        dates[on] = "annual"
        for on, cadence in self.closings:
            dates[on] = cadence
        return {on: cadence for on, cadence in dates.items() if self.opening <= on <= through}


# ---------------------------------------------------------------------------------------------------------------------
# Charges
# ---------------------------------------------------------------------------------------------------------------------


class Charge(NamedTuple):
    """The identity of a charge (I3), without its subscription."""

    term_from: date
    reason: str
    moved_on: date
    service_from: date
    service_until: date
    plan: str
    unit_price_minor: int
    period_days: int


def charges_from_life(life: Life) -> dict[Charge, tuple[int, Term]]:
    """All charges of a subscription, alike ones summed, each with the term it belongs to."""
    charges: dict[Charge, tuple[int, Term]] = {}
    for previous, today in zip([None, *life.days], life.days, strict=False):
        for term, reason, quantity, from_, until, segment in charges_of_day(life, previous, today):
            if segment.price in (0, None) or quantity == 0 or from_ >= until:
                continue
            key = Charge(term.first, reason, today.day, from_, until, segment.plan, segment.price, term.period_days)
            charges[key] = (charges.get(key, (0, term))[0] + quantity, term)
    return {key: value for key, value in charges.items() if value[0] != 0}


def charges_of_day(life: Life, previous: Day | None, today: Day) -> Iterator[tuple]:
    """The charges that one day moves: (term, reason, quantity, service from, service until, segment)."""
    day, term = today.day, today.term or today.closing
    if term is None or day < life.opening:
        return
    if today.term is not None and term.first == day:  # I9 lets this one through on the opening day too
        yield term, "opening", seats_held(life, today), day, term.until, term.segments[0]
    elif day == life.opening or day >= term.until:
        return
    elif today.plan != today.plan_before:
        yield from charges_of_switch(life, previous, today, term)
    elif bills_committed(life.catalog, today.plan):
        yield from charges_of_committed_day(today, term)
    else:
        yield from charges_of_active_day(life, today, term)


def seats_held(life: Life, record: Day) -> int:
    """Section 4: the occupancy, or the committed seats, by what the day's plan bills."""
    if bills_committed(life.catalog, record.plan):
        return record.committed or 0
    return len(life.holders[record.day])


def charges_of_switch(life: Life, previous: Day, today: Day, term: Term) -> Iterator[tuple]:
    """A plan switch, or a move to a free plan (T7: a switch to price 0): the old seats back, the new seats on."""
    day = today.day
    yield term, "plan_switch", -seats_held(life, previous), day, term.until, term.segment_on(day - ONE_DAY)
    if today.closing is None:
        yield term, "plan_switch", seats_held(life, today), day, term.until, term.segment_on(day)
    committed = [bills_committed(life.catalog, plan) for plan in (today.plan_before, today.plan)]
    if not all(committed):  # the part of a back-billing that lies before the switch
        for user in sorted(reactivated_users(life, day)):
            yield from charges_of_reactivation(life, user, day, term, stop=day)


def charges_of_committed_day(today: Day, term: Term) -> Iterator[tuple]:
    """A day on a plan that bills committed seats: releases first, then the update."""
    day, segment = today.day, term.segment_on(today.day)
    yield term, "seats_removed", -today.released, day, term.until, segment
    yield term, "seats_added" if today.updated > 0 else "seats_reduced", today.updated, day, term.until, segment


def charges_of_active_day(life: Life, today: Day, term: Term) -> Iterator[tuple]:
    """A day on a plan that bills active seats: who came, who went, who came back."""
    day, segment = today.day, term.segment_on(today.day)
    now, yesterday = life.holders[day], life.holders[day - ONE_DAY]
    back = reactivated_users(life, day)
    yield term, "seats_added", len(now - yesterday - back), day, term.until, segment
    yield term, "seats_removed", -len(yesterday - now), day, term.until, segment
    for user in sorted(back):
        yield from charges_of_reactivation(life, user, day, term, stop=term.until)


def reactivated_users(life: Life, day: date) -> set[str]:
    """D6: those whose return this catalogue back-bills; nobody where a return is like a new seat."""
    if life.catalog["seats"]["reactivation"] != "back_bill":
        return set()
    arrived = life.holders[day] - life.holders[day - ONE_DAY]
    return {user for user in arrived if last_day_held(life.holders, user, day) is not None}


def charges_of_reactivation(life: Life, user: str, day: date, term: Term, stop: date) -> Iterator[tuple]:
    """D6: from the later of the term's first day and the day the seat was released, cut at every switch since."""
    first = max(term.first, last_day_held(life.holders, user, day) + ONE_DAY)
    segments = [s for s in term.segments if s.first <= day]
    for segment, following in zip(segments, [*segments[1:], None], strict=True):
        until = following.first if following else stop
        yield term, "reactivated", 1, max(first, segment.first), min(until, stop), segment


# ---------------------------------------------------------------------------------------------------------------------
# Invoices
# ---------------------------------------------------------------------------------------------------------------------


def bill(
    facts: Facts,
    through: date,
    before: Ledger | None = None,
    cadence: str | None = None,
    *,
    catalog: str | None = None,
    known: date | None = None,
) -> Ledger:
    """`before` and what a run through this day issues (I4), from what is known: rosters and deliveries up to `known`.

    `known` is `through` unless told; a later day is a run that looks back with more knowledge than it had then.
    """
    facts = known_by(facts, known or through)
    ledger = copy.deepcopy(before) if before else Ledger()
    ledger.findings, ledger.held, ledger.terms = [], set(), []
    if not facts.rosters:
        return ledger
    ledger.opening_day = ledger.opening_day or min(facts.rosters)  # I9
    lives = lives_from_facts(facts, ledger.opening_day, min(through, max(facts.rosters)))
    ledger.findings += strangers(facts, through)
    ledger.findings += [finding for life in lives for finding in life.findings]
    as_known = lives_from_facts(facts, ledger.opening_day, max(facts.rosters))  # G2: held, whatever the date
    ledger.held = {life.workspace for life in (*lives, *as_known) if life.troubles}
    ledger.terms = [term_row(life, term) for life in lives for term in life.terms]
    issue_due(ledger, [life for life in lives if life.workspace not in ledger.held], through, cadence, catalog)
    return ledger


def lives_from_facts(facts: Facts, opening: date, through: date) -> list[Life]:
    """Every subscription lived through the day, in the order of their ids."""
    events: dict[str, dict[str, dict]] = {}
    for event in facts.events:
        if event["event"] in CONTRACT_EVENTS:
            events.setdefault(event["subscription_id"], {}).setdefault(event["event_id"], event)
    lives = []
    for subscription in sorted(facts.subscriptions, key=lambda s: s["subscription_id"]):
        catalog = facts.catalogs[subscription["catalog"]]
        holders = holders_by_day(facts, catalog, subscription["workspace_id"])
        own = list(events.get(subscription["subscription_id"], {}).values())
        lives.append(Life(subscription, catalog, own, holders, opening).live(through))
    return lives


def strangers(facts: Facts, through: date) -> list[Finding]:
    """Contract events of subscriptions that nobody has told us of."""
    ours = {s["subscription_id"] for s in facts.subscriptions}
    return sorted(
        {
            Finding(e["event_id"], "unknown_subscription")
            for e in facts.events
            if e["event"] in CONTRACT_EVENTS and e["subscription_id"] not in ours
        }
    )


def term_row(life: Life, term: Term) -> dict:
    return {
        "subscription_id": life.id,
        "term_from": term.first,
        "term_until": term.until,
        "ended_on": term.ended_on,
        "cadence": term.cadence,
        "period_days": term.period_days,
        "plans": [segment.plan for segment in term.segments],
    }


def issue_due(ledger: Ledger, lives: list[Life], through: date, cadence: str | None, catalog: str | None) -> None:
    """I4: every invoice date due and not yet done, oldest first, then by subscription; then what no invoice will take."""
    charges = {life.id: charges_from_life(life) for life in lives}
    due = [
        (on, life.id, life)
        for life in lives
        for on, of in life.invoice_dates(through).items()
        if (life.id, on) not in ledger.done and cadence in (None, of) and catalog in (None, life.catalog["id"])
    ]
    for on, _, life in sorted(due, key=lambda d: d[:2]):
        ledger.done.add((life.id, on))
        lines = lines_of_invoice(ledger, life, charges[life.id], on)
        if lines:
            issue(ledger, life, on, lines)
    for life in lives:
        report_unbilled(ledger, life, charges[life.id], through)


def lines_of_invoice(ledger: Ledger, life: Life, charges: dict[Charge, tuple[int, Term]], on: date) -> list[dict]:
    """I2, I3: for each charge that moved on or before the day, the quantity known less the quantity billed."""
    billed: dict[Charge, int] = {}
    row_of: dict[Charge, dict] = {}
    for line in ledger.lines:
        if line["subscription_id"] == life.id:
            key = Charge(*(line[name] for name in Charge._fields))
            billed[key] = billed.get(key, 0) + line["quantity"]
            row_of[key] = line
    lines = []
    for key in sorted(charges.keys() | billed.keys(), key=lambda k: (k.moved_on, k)):
        now, term = charges.get(key, (0, None))
        already = billed.get(key, 0)
        if key.moved_on <= on and now != already:
            until, cadence = (term.until, term.cadence) if term else (row_of[key]["term_until"], row_of[key]["cadence"])
            lines.append(line_row(life, key, on, until, cadence, now, already))
    return lines


def line_row(life: Life, key: Charge, on: date, until: date, cadence: str, now: int, already: int) -> dict:
    """I3: the amount is A(now) − A(before)."""
    days = (key.service_until - key.service_from).days
    how = (key.unit_price_minor, days, key.period_days, life.catalog["rules"].get("rounding", "half_up"))
    return {
        "subscription_id": life.id,
        "workspace_id": life.workspace,
        "invoice_on": on,
        **key._asdict(),
        "term_until": until,
        "cadence": cadence,
        "quantity": now - already,
        "quantity_billed_before": already,
        "days": days,
        "amount_minor": amount_of(now, *how) - amount_of(already, *how),
    }


def issue(ledger: Ledger, life: Life, on: date, lines: list[dict]) -> None:
    """I5, I6: one invoice; credit is applied, or granted, and the number is the next of its catalogue and year."""
    catalog = life.catalog
    account = (life.workspace, catalog["currency"])
    net, balance = sum(line["amount_minor"] for line in lines), ledger.balances.get(account, 0)
    granted = max(0, -net)
    applied = min(balance, max(0, net))
    ledger.balances[account] = balance + granted - applied
    earlier = [i for i in ledger.invoices if i["catalog"] == catalog["id"] and i["invoice_on"].year == on.year]
    ledger.lines += lines
    ledger.invoices.append(
        {
            "subscription_id": life.id,
            "workspace_id": life.workspace,
            "catalog": catalog["id"],
            "currency": catalog["currency"],
            "invoice_on": on,
            "lines": len(lines),
            "net_minor": net,
            "credit_applied_minor": applied,
            "credit_granted_minor": granted,
            "amount_due_minor": max(0, net) - applied,
            "credit_balance_minor": ledger.balances[account],
            "invoice_number": f"{catalog['invoice_prefix']}-{on.year}-{len(earlier) + 1:06d}",
        }
    )


def report_unbilled(ledger: Ledger, life: Life, charges: dict[Charge, tuple[int, Term]], through: date) -> None:
    """Section 8, I4: closed (ended, or on a free plan), every date done, and still something differs."""
    over = life.ended_on is not None or (life.term is None and life.days and is_free(life.catalog, life.plan))
    waiting = [on for on in life.invoice_dates(through) if (life.id, on) not in ledger.done]
    if over and not waiting:
        left = lines_of_invoice(ledger, life, charges, date.max)
        if left:
            amount = sum(line["amount_minor"] for line in left)
            ledger.findings.append(Finding(life.id, "unbilled_after_closing", None, (len(left), amount)))
