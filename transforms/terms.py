"""Schedules of many subscriptions as frames; those to which nothing happened and that agreed the same share one schedule.

A subscription has few rows of its own: its renewals are others' too, and are told by their numbers until they are a frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from itertools import chain
from typing import NamedTuple

import polars as pl

from transforms.calendar import MORE_THAN_DAYS
from transforms.catalog import Catalog
from transforms.contracts.terms import InvoiceDates, SeatUpdates, Spells, Standings, Terms
from transforms.renewals import InvoiceDate, Renewals
from transforms.schedule import Agreement, ContractEvent, Schedule, schedule_from_story
from transforms.unasked import schedule_unasked

Columns = Mapping[str, type[pl.DataType]]


class Schedules(NamedTuple):
    """The schedules of all subscriptions, a frame for each grain. `refusals`: event_id, reason."""

    spells: pl.DataFrame
    terms: pl.DataFrame
    invoice_dates: pl.DataFrame
    seat_updates: pl.DataFrame
    standings: pl.DataFrame
    refusals: pl.DataFrame


_AGREED = ["catalog", "plan", "cadence", "billing_day", "starts_on", "trial_ends_on"]
_ASKED = ["on", "event", "actor_role", "quantity", "plan", "cadence", "until", "occupied"]


def schedules_from_subscriptions(
    subscriptions: pl.DataFrame, events: pl.DataFrame, catalogs: Mapping[str, Catalog], opening_on: date, horizon: date
) -> Schedules:
    """Play every subscription's events up to the close of the horizon.

    Grain:  subscription -> spells, terms, invoice dates, seat updates, standing; event -> refusal, where refused. Invoice dates are
            those from the opening day on: what was due before was billed elsewhere (I9).
    Shapes: `events` are contract events of known subscriptions in order of time, with `on`, their local day, and
            `occupied`, the seats at that day's close.
    """
    asked, renewals = _events_by_subscription(events), Renewals(catalogs, horizon)
    owners, schedules, shared = [], [], {}
    refusals = []
    for subscription_id, *agreed in subscriptions.select("subscription_id", *_AGREED).iter_rows():
        event_ids, story = asked.get(subscription_id, ((), ()))
        agreement = Agreement(*agreed)
        number = None if story else shared.get(agreement)
        if number is None:
            number = len(schedules)
            catalog = catalogs[agreement.catalog]
            if story:
                schedules.append(schedule_from_story(agreement, story, catalog, renewals))
            else:
                schedules.append(schedule_unasked(agreement, catalog, renewals))
                shared[agreement] = number
        owners.append((subscription_id, number))
        refusals += [(event_ids[n], reason) for n, reason in schedules[number].refusals]
    return _frames(owners, schedules, renewals, opening_on, refusals)


def _events_by_subscription(events: pl.DataFrame) -> dict[str, tuple[list[str], list[ContractEvent]]]:
    asked: dict[str, tuple[list[str], list[ContractEvent]]] = {}
    for subscription_id, event_id, *values in events.select("subscription_id", "event_id", *_ASKED).iter_rows():
        ids, story = asked.setdefault(subscription_id, ([], []))
        ids.append(event_id)
        story.append(ContractEvent(*values))
    return asked


_DAY, _TEXT, _WHOLE = pl.Date, pl.String, pl.Int64
_SPELL = {"plan": _TEXT, "spell_from": _DAY, "spell_until": _DAY, "term_from": _DAY}
_TERM = {"cadence": _TEXT, "wished": _TEXT, "term_from": _DAY, "term_until": _DAY, "period_days": _WHOLE, "ended_on": _DAY}
_DATE = {"invoice_on": _DAY, "cadence": _TEXT, "occasion": _TEXT}
_STANDING = {"cadence_now": _TEXT, "trial_until": _DAY, "activated_on": _DAY, "canceled_on": _DAY, "ended_on": _DAY}


def _frames(
    owners: list[tuple[str, int]], schedules: list[Schedule], renewals: Renewals, opening_on: date, refusals: list[tuple[str, str]]
) -> Schedules:
    owner = _rows(owners, {"subscription_id": _TEXT, "schedule": _WHOLE}).with_row_index("place")
    terms_of_renewals = _renewed(schedules).join(_terms_by_number(renewals), on="renewal")
    own = [_of_each([getattr(one, what) for one in schedules], columns) for what, columns in (("spells", _SPELL), ("terms", _TERM))]
    own.append(_of_each([_since(opening_on, one.invoice_dates) for one in schedules], _DATE))
    shared = [_renewed_spells(terms_of_renewals, renewals), terms_of_renewals, _renewed_dates(terms_of_renewals, renewals, opening_on)]
    spells, terms, dates = (pl.concat([mine, theirs.select(mine.columns)]) for mine, theirs in zip(own, shared, strict=True))
    updates = _of_each([one.seat_updates for one in schedules], {"on": _DAY, "seats": _WHOLE})
    standings = [(n, s.cadence, s.trial_until, s.activated_on, s.canceled_on, s.ended_on) for n, s in enumerate(schedules)]

    def spread(rows: pl.DataFrame, day: str) -> pl.DataFrame:
        """Each schedule's rows for every subscription that has it, in order of subscriptions and days."""
        place = pl.col("place").cast(pl.Int64) * MORE_THAN_DAYS + pl.col(day).to_physical()
        return owner.join(rows, on="schedule").sort(place).drop("place", "schedule")

    return Schedules(
        spells=Spells.validate(spread(spells, "spell_from")),
        terms=Terms.validate(spread(terms, "term_from")),
        invoice_dates=InvoiceDates.validate(spread(dates, "invoice_on")),
        seat_updates=SeatUpdates.validate(spread(updates, "on")),
        standings=Standings.validate(
            owner.join(_rows(standings, {"schedule": _WHOLE, **_STANDING}), on="schedule", maintain_order="left").drop("place", "schedule")
        ),
        refusals=_rows(refusals, {"event_id": _TEXT, "reason": _TEXT}).sort(pl.all()),
    )


def _rows(rows: list[tuple], columns: Columns) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=columns, orient="row")


def _of_each(own: Iterable[Iterable[tuple]], columns: Columns) -> pl.DataFrame:
    """What schedules have of their own. Grain: schedule, spell (or term, invoice date, seat update)."""
    return _rows([(n, *row) for n, rows in enumerate(own) for row in rows], {"schedule": _WHOLE, **columns})


def _since(opening_on: date, dates: Iterable[InvoiceDate]) -> list[InvoiceDate]:
    return [one for one in dates if one.invoice_on >= opening_on]


# --- what they share: renewals ------------------------------------------------------------------------------------------


def _renewed(schedules: list[Schedule]) -> pl.DataFrame:
    """Which renewals each schedule has, and on which plan. Grain: schedule, renewal."""
    having = [(n, one.plan, len(one.renewals)) for n, one in enumerate(schedules) if one.renewals]
    numbers = list(chain.from_iterable(one.renewals for one in schedules))
    each = _rows(having, {"schedule": _WHOLE, "plan": _TEXT, "times": _WHOLE})
    each = each.select(pl.col("schedule", "plan").repeat_by("times").explode())
    return each.with_columns(pl.Series("renewal", numbers, dtype=_WHOLE))


def _renewed_spells(terms: pl.DataFrame, renewals: Renewals) -> pl.DataFrame:
    """The spell of a renewal is its term, on the plan of who renews; the last one is open at the horizon."""
    has_ended = pl.col("term_until") <= renewals.horizon
    return terms.with_columns(spell_from="term_from", spell_until=pl.when(has_ended).then("term_until"))


def _renewed_dates(terms: pl.DataFrame, renewals: Renewals, opening_on: date) -> pl.DataFrame:
    dates = [(n, *row) for n, one in enumerate(renewals.known) for row in _since(opening_on, one.invoice_dates)]
    return terms.select("schedule", "renewal").join(_rows(dates, {"renewal": _WHOLE, **_DATE}), on="renewal")


def _terms_by_number(renewals: Renewals) -> pl.DataFrame:
    return _rows([(n, *one.term) for n, one in enumerate(renewals.known)], {"renewal": _WHOLE, **_TERM})
