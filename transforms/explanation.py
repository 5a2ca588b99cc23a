"""Why a line is on an invoice: its users, its events, its price, its formula, out of what the run that issued it knew.

The position is computed by the very stages that billed the line, so that an explanation cannot tell another story than they.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

import polars as pl

from transforms.agreed_seats import agreed_at
from transforms.billing import Position
from transforms.calendar import ONE_DAY
from transforms.catalog import Catalog
from transforms.contract_events import WHY_REFUSED
from transforms.contracts.charges import CHARGE
from transforms.contracts.sources import USER_EVENTS
from transforms.daily_seats import seats_at
from transforms.policy import local_day
from transforms.seat_stretches import stretches_from_seat_changes, users_around

Line = Mapping[str, Any]
_EVENT = ["event_id", "event", "on", "occurred_at", "actor_id", "actor_role", "quantity", "plan", "cadence", "until"]
_DELIVERED = ["file", "row", "delivered_on"]


class SeatsOfDay(NamedTuple):
    """Seats at the close of the day before and of the day of movement; agreed: None where none ever were."""

    occupied_before: int | None
    occupied: int
    agreed_before: int | None
    agreed: int | None


class Explanation(NamedTuple):
    """What stands behind a line.

    `quantity` what the charge comes to by what was known, 0 where there is no such charge. `users` everyone who came or went
    that day or whose seat counts: `counts` is what each adds to that quantity (on plans that bill active seats they add up to it).
    `agreed` every step of the seats agreed up to that day. `events` contract events, with their `outcome`; `user_events` what
    the activity says of those users that day.
    """

    quantity: int
    basis: str
    spell: Mapping[str, Any] | None
    seats: SeatsOfDay
    users: pl.DataFrame
    agreed: pl.DataFrame
    events: pl.DataFrame
    user_events: pl.DataFrame


def explanation_from_position(line: Line, position: Position, activity: pl.DataFrame, catalog: Catalog) -> Explanation:
    """Gather, from the position that a line was billed from, all that the line rests on.

    Grain:  line -> its users, steps of agreed seats, events; `activity` are the facts that the position was computed from.
    Raises: nothing for data; a line that the position no longer explains has quantity 0 and no users that count.
    """
    basis = catalog.plans[line["plan"]].basis if line["plan"] in catalog.plans else "active"
    found = position.charges.filter(pl.all_horizontal(pl.col(name) == line[name] for name in CHARGE))
    quantity = found["quantity"].sum()
    spell = _spell_of(line, position.spells, quantity or line["quantity_billed_before"] or line["quantity"])
    users = _users(line, position, basis, spell, catalog.back_bills, quantity)
    events = _contract_events(line, position)
    agreed = _agreed_steps(line, position, events)
    return Explanation(
        quantity=quantity,
        basis=basis,
        spell=spell,
        seats=_seats_of_day(line, position),
        users=users,
        agreed=agreed,
        events=_events_that_matter(line, events, agreed, basis, position),
        user_events=_user_events(line, activity, users, catalog),
    )


def _spell_of(line: Line, spells: pl.DataFrame, quantity: int) -> Mapping[str, Any] | None:
    """The spell that gives the line its price: for seats that leave a plan, the one that ended that day."""
    mine = spells.filter(subscription_id=line["subscription_id"], term_from=line["term_from"], plan=line["plan"])
    if line["reason"] == "plan_switch" and quantity < 0:
        mine = mine.filter(spell_until=line["moved_on"])
    else:
        mine = mine.filter((pl.col("spell_from") <= line["service_from"]) & (pl.col("spell_until") > line["service_from"]))
    return mine.row(0, named=True) if mine.height else None


def _seats_of_day(line: Line, position: Position) -> SeatsOfDay:
    days = pl.DataFrame({"on": [line["moved_on"] - ONE_DAY, line["moved_on"]]}, schema={"on": pl.Date})
    moments = days.with_columns(*(pl.lit(line[name]).alias(name) for name in ("catalog", "workspace_id", "subscription_id")))
    before, close = agreed_at(position.seats.agreed, seats_at(position.seats.daily, moments)).iter_rows(named=True)
    is_known = before["on"] >= position.opening_on
    return SeatsOfDay(before["occupied"] if is_known else None, close["occupied"], before["agreed"], close["agreed"])


# --- users --------------------------------------------------------------------------------------------------------------


def _users(line: Line, position: Position, basis: str, spell: Mapping[str, Any] | None, back_bills: bool, quantity: int) -> pl.DataFrame:
    """Who came, went, or counts. Grain: user, with `counts` 1 or -1 where their seat is part of the charge's quantity."""
    changes = position.rosters.seat_changes.filter(catalog=line["catalog"], workspace_id=line["workspace_id"])
    users = users_around(stretches_from_seat_changes(changes), line["moved_on"])
    is_back = pl.col("came") & pl.col("before_from").is_not_null()
    counted = pl.lit(0)
    if basis == "committed":
        counted = -pl.col("left").cast(pl.Int64) if line["reason"] == "seats_removed" else counted
    elif line["reason"] == "opening":
        counted = pl.col("held_at_close").cast(pl.Int64)
    elif line["reason"] == "seats_added":
        counted = (pl.col("came") & ~(is_back & pl.lit(back_bills))).cast(pl.Int64)
    elif line["reason"] == "seats_removed":
        counted = -pl.col("left").cast(pl.Int64)
    elif line["reason"] == "plan_switch":
        is_leaving = (quantity or line["quantity_billed_before"]) < 0
        counted = -pl.col("held_the_day_before").cast(pl.Int64) if is_leaving else pl.col("held_at_close").cast(pl.Int64)
    elif line["reason"] == "reactivated" and spell:
        released = pl.col("before_until")
        is_of_this_part = (pl.max_horizontal(pl.lit(spell["spell_from"]), released) == line["service_from"]) & (
            released < spell["spell_until"]
        )
        counted = (is_back & is_of_this_part).cast(pl.Int64)
    counted = counted if quantity else pl.lit(0)
    users = users.with_columns(counts=counted.cast(pl.Int64))
    is_opening = line["reason"] == "opening"
    told = users.filter(pl.col("held_at_close") if is_opening else pl.col("came") | pl.col("left") | (pl.col("counts") != 0))
    return told.select("user_id", "came", "left", "counts", "before_from", "before_until", "after_from", "after_until")


def _user_events(line: Line, activity: pl.DataFrame, users: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """What the activity says of the users who came or went, on that very day."""
    moved = users.filter(pl.col("came") | pl.col("left"))["user_id"]
    told = activity.filter(
        pl.col("event").is_in(USER_EVENTS) & (pl.col("workspace_id") == line["workspace_id"]) & pl.col("user_id").is_in(moved.implode())
    )
    told = told.with_columns(catalog=pl.lit(catalog.id)).with_columns(on=local_day({catalog.id: catalog}), delivered_on="day")
    told = told.filter(on=line["moved_on"]).sort("occurred_at", "event_id")
    return told.select("user_id", *_EVENT[:6], *_DELIVERED)


# --- events and the seats agreed ----------------------------------------------------------------------------------------


def _contract_events(line: Line, position: Position) -> pl.DataFrame:
    """The subscription's contract events up to the day of movement, and what became of each (T10).

    Shapes: `outcome` counts, refused or replaced (by a later one of its kind that day); `rule` and `why` where refused;
            `sets_seats` whether it set the day's seats agreed.
    """
    mine = position.events.filter((pl.col("subscription_id") == line["subscription_id"]) & (pl.col("on") <= line["moved_on"]))
    reasons = pl.DataFrame(
        [(reason, rule, why) for reason, (rule, why) in WHY_REFUSED.items()], schema=["reason", "rule", "why"], orient="row"
    )
    refusals = position.schedules.refusals.join(reasons, on="reason").unique("event_id")
    events = mine.join(refusals.drop("reason"), on="event_id", how="left", maintain_order="left")
    events = events.sort("occurred_at", "event_id").with_columns(is_refused=pl.col("rule").is_not_null())
    replaces = pl.col("event").is_in(["seats_updated", "plan_changed", "cadence_changed"])
    is_last = pl.int_range(pl.len()).over("on", "event", "is_refused") == pl.len().over("on", "event", "is_refused") - 1
    outcome = pl.when("is_refused").then(pl.lit("refused")).when(replaces & ~is_last).then(pl.lit("replaced")).otherwise(pl.lit("counts"))
    events = events.with_columns(outcome=outcome)
    asks_for_seats = (
        (pl.col("outcome") == "counts") & pl.col("event").is_in(["seats_updated", "plan_changed"]) & pl.col("quantity").is_not_null()
    )
    events = events.with_columns(asks=asks_for_seats)
    sets_seats = pl.col("asks") & (pl.col("asks").cast(pl.Int64).cum_sum(reverse=True).over("on") == 1)
    events = events.with_columns(sets_seats=sets_seats)
    overruled = (pl.col("event") == "seats_updated") & pl.col("asks") & ~pl.col("sets_seats")
    outcome = pl.when(overruled).then(pl.lit("replaced")).otherwise("outcome")
    return events.select(*_EVENT, *_DELIVERED[:2], "rule", "why", "sets_seats", delivered_on="day", outcome=outcome)


def _agreed_steps(line: Line, position: Position, events: pl.DataFrame) -> pl.DataFrame:
    """The seats agreed, step by step up to the day of movement, each update with the event that asked for it."""
    steps = position.seats.agreed.filter((pl.col("subscription_id") == line["subscription_id"]) & (pl.col("on") <= line["moved_on"]))
    asked = events.filter("sets_seats").select("on", "event_id", step=pl.lit(2, pl.Int64))
    what = {0: "agreed at signup", 1: "released by users who left", 2: "set by an event"}
    told = steps.join(asked, on=["on", "step"], how="left").sort("on", "step")
    return told.filter(pl.col("seats").is_not_null()).select(
        "on", pl.col("step").replace_strict(what, return_dtype=pl.String).alias("what"), "change", "seats", "event_id"
    )


def _events_that_matter(line: Line, events: pl.DataFrame, agreed: pl.DataFrame, basis: str, position: Position) -> pl.DataFrame:
    """Of the contract events, those that shaped the line: its plan, its cadence, its term or its number of seats."""
    on_the_day = pl.col("on") == line["moved_on"]
    of_plan, of_seats = pl.col("event") == "plan_changed", pl.col("event") == "seats_updated"
    if line["reason"] == "opening":
        since = _previous_term_from(line, position)
        is_effective = (pl.col("outcome") == "counts") & (pl.col("on") >= since)
        matters = (is_effective | on_the_day) & (~of_seats if basis == "active" else pl.lit(True))
    elif line["reason"] == "reactivated":
        matters = of_plan & (pl.col("on") >= line["service_from"])
    elif line["reason"] == "plan_switch":
        matters = of_plan & on_the_day
    else:
        matters = (of_plan | of_seats) & on_the_day & pl.lit(basis == "committed")
    if basis == "committed" and line["reason"] in ("opening", "plan_switch") and agreed.height:
        last_set = agreed["event_id"].drop_nulls().tail(1)
        matters = matters | pl.col("event_id").is_in(last_set.implode())
    return events.filter(matters)


def _previous_term_from(line: Line, position: Position) -> date:
    """The first day of the term before; where there is none, the day the subscription starts."""
    mine = pl.col("subscription_id") == line["subscription_id"]
    before = position.schedules.terms.filter(mine & (pl.col("term_from") < line["term_from"]))["term_from"].max()
    start = position.subscriptions.filter(mine)["starts_on"]
    return before or (start.item() if start.len() else line["moved_on"])
