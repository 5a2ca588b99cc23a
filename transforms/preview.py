"""The next invoice as it stands, and what a change would do to it: the real computation, on rosters that stay as they are.

Nothing here computes money. The days after the last known one are filled in, what is asked is added as a contract event, and
the stages that bill do the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from transforms.billing import Billed, Billing, Facts, Position, billing_from_position, position_from_facts
from transforms.calendar import ONE_DAY, day_in_month, days_between, first_of_month
from transforms.catalog import Catalog
from transforms.contract_events import WHY_REFUSED
from transforms.contracts.charges import CHARGE
from transforms.contracts.findings import Holds

ASKED_ID = "preview-{}"
_FARTHEST = timedelta(days=31 * 13)


class Ask(NamedTuple):
    """What an owner would ask for on a day: seats, a plan, a cadence; None: left as it is."""

    on: date
    seats: int | None = None
    plan: str | None = None
    cadence: str | None = None

    @property
    def events(self) -> int:
        """How many events it takes to ask for it: a plan's names the rest."""
        return 1 if self.plan else (self.seats is not None) + (self.cadence is not None)


class Scenario(NamedTuple):
    """What is issued for a subscription by the close of a day: its dates that were not yet passed, lines and invoices.

    `refusals` event, rule, why and occupied: what was asked and has no effect; `holds` of its workspace: then there is no line.
    """

    dates: pl.DataFrame
    lines: pl.DataFrame
    invoices: pl.DataFrame
    refusals: pl.DataFrame
    holds: pl.DataFrame


class Preview(NamedTuple):
    """As it stands and, where something is asked, with it: both through the same invoice date, None where none comes."""

    through: date | None
    now: Scenario
    changed: Scenario | None


def preview_from_facts(
    known: Facts,
    billed: Billed,
    subscription_id: str,
    catalogs: Mapping[str, Catalog],
    *,
    ask: Ask | None = None,
    since: date | None = None,
) -> Preview:
    """Find the invoice date on which there is something to bill, and bill through it.

    Grain:  facts of a workspace up to the last known day -> the subscription's invoices on the dates not yet passed, from `since`
            (or the day something is asked) on, through the first on which the two ways differ, or have an invoice.
    Raises: nothing for data; a workspace that is held has holds and no lines.
    """
    first = max(day for day in (known.opening_on, since, ask.on if ask else None) if day)
    named = min(_last_day_named(known), known.horizon + _FARTHEST)  # a trial that ends in the year 9999 is one that does not end
    farthest = max(known.horizon, first, named) + _FARTHEST
    known = replace(known, roster_months=list(known.roster_months))
    asks = [None, ask] if ask else [None]

    def scenarios(through: date) -> list[Scenario]:
        return [_scenario(known, billed, subscription_id, catalogs, through, first, one) for one in asks]

    through = _invoice_date(scenarios(farthest))
    both = scenarios(through or farthest)
    return Preview(through, both[0], both[1] if ask else None)


def _invoice_date(far: list[Scenario]) -> date | None:
    """The first date on which the ways differ, or else on which there is an invoice; and each way has had its own next one."""
    turn = _first_difference(far) or min((day for scenario in far if (day := scenario.invoices["invoice_on"].min())), default=None)
    if turn is None:  # nothing to bill; a workspace that would be held has dates all the same
        is_held = any(scenario.holds.height for scenario in far)
        return max((scenario.dates["invoice_on"].min() for scenario in far if scenario.dates.height), default=None) if is_held else None
    following = [scenario.dates.filter(pl.col("invoice_on") >= turn)["invoice_on"].min() for scenario in far]
    return max(day for day in following if day)


def _first_difference(far: list[Scenario]) -> date | None:
    """The first invoice date on which one way bills what the other does not."""
    told = [set(scenario.lines.select("invoice_on", *CHARGE, "quantity", "amount_minor").iter_rows()) for scenario in far]
    return min((row[0] for row in told[0] ^ told[-1]), default=None)


def _last_day_named(known: Facts) -> date:
    """The last day that a subscription or an event names: a start, a trial's end."""
    named = [known.subscription_rows["starts_on"], known.subscription_rows["trial_ends_on"], known.activity["until"]]
    return max((day for days in named if (day := days.max())), default=known.horizon)


def _scenario(
    known: Facts,
    billed: Billed,
    subscription_id: str,
    catalogs: Mapping[str, Catalog],
    through: date,
    first: date,
    ask: Ask | None,
) -> Scenario:
    horizon = max(known.horizon, through)
    facts = projected_facts(known, horizon)
    if ask:
        facts = replace(facts, activity=pl.concat([facts.activity, events_from_ask(ask, facts, subscription_id, catalogs)]))
    position = position_from_facts(facts, catalogs)
    billing = billing_from_position(position, billed, catalogs)
    workspace_id = known.subscription_rows.filter(subscription_id=subscription_id)["workspace_id"][0]
    return _of_subscription(subscription_id, workspace_id, position, billing, billed, first, through)


def _of_subscription(
    subscription_id: str, workspace_id: str, position: Position, billing: Billing, billed: Billed, first: date, through: date
) -> Scenario:
    def mine(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.filter((pl.col("subscription_id") == subscription_id) & pl.col("invoice_on").is_between(first, through))

    dates = position.schedules.invoice_dates.join(billed.dates, on=["subscription_id", "invoice_on"], how="anti")
    reasons = pl.DataFrame([(r, rule, why) for r, (rule, why) in WHY_REFUSED.items()], schema=["reason", "rule", "why"], orient="row")
    refused = position.schedules.refusals.filter(pl.col("event_id").str.starts_with(ASKED_ID.format(""))).join(reasons, on="reason")
    refused = refused.join(position.events.select("event_id", "event", "occupied"), on="event_id", how="left")
    return Scenario(
        dates=mine(dates).sort("invoice_on"),
        lines=mine(billing.lines),
        invoices=mine(billing.invoices).sort("invoice_on"),
        refusals=refused.select("event", "rule", "why", "occupied"),
        holds=Holds.validate(position.holds.filter(workspace_id=workspace_id)),
    )


# --- the days and events that are not there -------------------------------------------------------------------------------


def projected_facts(known: Facts, horizon: date) -> Facts:
    """The facts up to a later day, on which every user still stands as on the last known one. Grain: facts -> facts."""
    months = projected_roster_months(known.roster_months, known.horizon, horizon)
    return replace(known, roster_months=months, horizon=max(horizon, known.horizon))


def projected_roster_months(
    roster_months: Iterable[tuple[date, pl.DataFrame]], known_through: date, horizon: date
) -> Iterator[tuple[date, pl.DataFrame]]:
    """The roster months, with the bits of the last known day repeated for each day after it, to the horizon.

    Grain: month, user, standing -> the same, and the months that follow.
    """
    is_there = (pl.col("bits") & pl.lit(1 << (known_through.day - 1), dtype=pl.UInt32)) != 0
    standing = None
    for month, roster in roster_months:
        if month == first_of_month(known_through):
            standing = roster.filter(is_there)
            bits = pl.when(is_there).then(pl.lit(_days_as_bits(month, known_through + ONE_DAY, horizon), dtype=pl.UInt32)).otherwise(0)
            roster = roster.with_columns(bits=(pl.col("bits") | bits).cast(pl.UInt32))
        yield month, roster
    month = day_in_month(known_through.year, known_through.month + 1, 1)
    while standing is not None and month <= horizon:
        yield month, standing.with_columns(bits=pl.lit(_days_as_bits(month, month, horizon), dtype=pl.UInt32))
        month = day_in_month(month.year, month.month + 1, 1)


def _days_as_bits(month: date, first: date, last: date) -> int:
    until = min(last, day_in_month(month.year, month.month, 31))
    return sum(1 << (day.day - 1) for day in days_between(first, until))


def events_from_ask(ask: Ask, facts: Facts, subscription_id: str, catalogs: Mapping[str, Catalog]) -> pl.DataFrame:
    """What is asked, as the events that would say so: by an owner, as the last of that day (T10).

    Grain: ask -> activity rows. Asked with a plan, seats and cadence go into its event; otherwise each has one of its own.
    """
    row = facts.subscription_rows.filter(subscription_id=subscription_id).row(0, named=True)
    catalog = catalogs[row["catalog"]]
    at = datetime.combine(ask.on, time(23, 59, 59), ZoneInfo(catalog.timezone)).astimezone(UTC)
    by = "owner" if "owner" in catalog.change_roles else next(iter(catalog.change_roles), "owner")
    if ask.plan:
        asked = [("plan_changed", {"plan": ask.plan, "quantity": ask.seats, "cadence": ask.cadence})]
    else:
        each = [("seats_updated", {"quantity": ask.seats}), ("cadence_changed", {"cadence": ask.cadence})]
        asked = [(event, wants) for event, wants in each if None not in wants.values()]
    told = {"workspace_id": row["workspace_id"], "subscription_id": subscription_id, "occurred_at": at, "actor_role": by}
    rows = [told | {"event_id": ASKED_ID.format(event), "event": event} | wants for event, wants in asked]
    schema = facts.activity.schema
    return pl.DataFrame([[one.get(name) for name in schema] for one in rows], schema=schema, orient="row")
