"""Schedules of many subscriptions as frames; those to which nothing happened and that agreed the same share one schedule."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

import polars as pl

from transforms.catalog import Catalog
from transforms.contracts.terms import InvoiceDates, SeatUpdates, Spells, Standings, Terms
from transforms.schedule import Agreement, ContractEvent, Schedule, schedule_from_story


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
    subscriptions: pl.DataFrame, events: pl.DataFrame, catalogs: Mapping[str, Catalog], horizon: date
) -> Schedules:
    """Play every subscription's events up to the close of the horizon.

    Grain:  subscription -> spells, terms, invoice dates, seat updates, standing; event -> refusal, where refused.
    Shapes: `events` are contract events of known subscriptions in order of time, with `on`, their local day, and
            `occupied`, the seats at that day's close.
    """
    asked = _events_by_subscription(events)
    owners, schedules, shared = [], [], {}
    refusals = []
    for subscription_id, *agreed in subscriptions.select("subscription_id", *_AGREED).iter_rows():
        agreement = Agreement(*agreed)
        event_ids, story = asked.get(subscription_id, ((), ()))
        key = None if story else agreement
        number = shared.get(key) if key else None
        if number is None:
            number = len(schedules)
            schedules.append(schedule_from_story(agreement, story, catalogs[agreement.catalog], horizon))
            if key:
                shared[key] = number
        owners.append((subscription_id, number))
        refusals += [(event_ids[n], reason) for n, reason in schedules[number].refusals]
    return _frames(owners, schedules, refusals)


def _events_by_subscription(events: pl.DataFrame) -> dict[str, tuple[list[str], list[ContractEvent]]]:
    asked: dict[str, tuple[list[str], list[ContractEvent]]] = {}
    for subscription_id, event_id, *values in events.select("subscription_id", "event_id", *_ASKED).iter_rows():
        ids, story = asked.setdefault(subscription_id, ([], []))
        ids.append(event_id)
        story.append(ContractEvent(*values))
    return asked


def _frames(owners: list[tuple[str, int]], schedules: list[Schedule], refusals: list[tuple[str, str]]) -> Schedules:
    owner = pl.DataFrame(owners, schema={"subscription_id": pl.String, "schedule": pl.Int64}, orient="row")

    def spread(rows: list[tuple], columns: dict[str, type[pl.DataType]]) -> pl.DataFrame:
        frame = pl.DataFrame(rows, schema={"schedule": pl.Int64, **columns}, orient="row")
        return owner.join(frame, on="schedule", how="inner").drop("schedule").sort(pl.all())

    numbered = list(enumerate(schedules))
    day, text, whole = pl.Date, pl.String, pl.Int64
    return Schedules(
        spells=Spells.validate(
            spread(
                [(n, s.plan, s.spell_from, s.spell_until, s.term_from) for n, one in numbered for s in one.spells],
                {"plan": text, "spell_from": day, "spell_until": day, "term_from": day},
            )
        ),
        terms=Terms.validate(
            spread(
                [(n, t.cadence, t.term_from, t.term_until, t.period_days, t.ended_on) for n, one in numbered for t in one.terms],
                {"cadence": text, "term_from": day, "term_until": day, "period_days": whole, "ended_on": day},
            )
        ),
        invoice_dates=InvoiceDates.validate(
            spread(
                [(n, d.invoice_on, d.cadence, d.occasion) for n, one in numbered for d in one.invoice_dates],
                {"invoice_on": day, "cadence": text, "occasion": text},
            )
        ),
        seat_updates=SeatUpdates.validate(
            spread([(n, on, seats) for n, one in numbered for on, seats in one.seat_updates], {"on": day, "seats": whole})
        ),
        standings=Standings.validate(
            spread(
                [(n, s.cadence, s.trial_until, s.activated_on, s.canceled_on, s.ended_on) for n, s in numbered],
                {"cadence_now": text, "trial_until": day, "activated_on": day, "canceled_on": day, "ended_on": day},
            )
        ),
        refusals=pl.DataFrame(refusals, schema={"event_id": text, "reason": text}, orient="row").sort(pl.all()),
    )
