"""The schedule of a subscription of which nothing was ever asked, as of most: a free plan, or a trial if one is agreed, then renewals (T1, I1).

Playing the story of no events would tell the same (schedule.py), in some three times the time.
"""

from __future__ import annotations

from datetime import date

from transforms.catalog import Catalog
from transforms.renewals import Renewals, Spell, Turn
from transforms.schedule import Agreement, Schedule


def schedule_unasked(agreement: Agreement, catalog: Catalog, renewals: Renewals) -> Schedule:
    """What was agreed, up to the close of the horizon of `renewals`.

    Grain: one subscription without events -> its spells outside any term, and its renewals.
    """
    plan, cadence, starts_on = agreement.plan, agreement.cadence, agreement.starts_on
    paid_from = date.max if catalog.plans[plan].free else agreement.trial_until or starts_on
    activated_on = paid_from if paid_from <= renewals.horizon else None
    has_unpaid_days = starts_on <= renewals.horizon and starts_on != activated_on
    numbers: tuple[int, ...] = ()
    if activated_on:
        day = activated_on.day
        numbers = renewals.from_turn(Turn(catalog.id, plan, cadence, agreement.billing_day or day, day, activated_on))
        cadence = renewals.known[numbers[-1]].term.cadence
    return Schedule(
        spells=(Spell(plan, starts_on, activated_on, None),) if has_unpaid_days else (),
        terms=(),
        invoice_dates=(),
        seat_updates=(),
        refusals=(),
        cadence=cadence,
        trial_until=agreement.trial_until,
        activated_on=activated_on,
        canceled_on=None,
        ended_on=None,
        plan=plan,
        renewals=numbers,
    )
