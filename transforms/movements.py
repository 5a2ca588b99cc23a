"""From seats and terms to movements: what starts or stops being charged, from when, and why (rules, section 4).

Both kinds of plan meet here: arrivals and departures for plans that bill active seats, changes of the agreed number for
those that bill committed ones. Nothing after this stage knows which it was.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

import polars as pl

from transforms.contracts.charges import Movements
from transforms.sorted_rows import beside, in_order

_SPELL = ["subscription_id", "term_from", "spell_from"]


class Seats(NamedTuple):
    """What is known of seats: `daily` and `reactivations` per workspace, `agreed` per subscription."""

    daily: pl.DataFrame
    reactivations: pl.DataFrame
    agreed: pl.DataFrame


def movements_from_seats(spells: pl.DataFrame, seats: Seats, held: pl.DataFrame, opening_on: date) -> pl.DataFrame:
    """Every movement of every term, from the ledger's opening day on.

    Grain:  priced spell, day -> subscription, spell, reason, day of movement, service.
    Shapes: `held` has subscription_id, on, held: the seats held at the close of each day that `moments_of_holding` names.
    Rule I9: what moved on or before the opening day was billed elsewhere, save the opening of a term of that very day.
    """
    movements = pl.concat(
        [
            _openings(spells, held),
            _plan_switches(spells, held),
            _seats_moved(spells, seats.daily),
            _back_billed(spells, seats.reactivations),
            _agreed_moved(spells, seats.agreed),
        ]
    )
    is_ours = (pl.col("moved_on") > opening_on) | ((pl.col("reason") == "opening") & (pl.col("moved_on") == opening_on))
    movements = movements.filter(is_ours & (pl.col("quantity") != 0) & (pl.col("service_from") < pl.col("service_until")))
    return Movements.validate(movements)


def moments_of_holding(spells: pl.DataFrame, opening_on: date) -> pl.DataFrame:
    """The days whose closing seats an opening or a plan switch needs, with the basis to count by.

    Grain: subscription, on, basis; days from the opening day on.
    """
    columns = ["subscription_id", "workspace_id", "catalog", "basis", "on"]
    openings = _first_spells(spells).with_columns(on="spell_from")
    after = _switches(spells).with_columns(on="spell_from")
    before = _spells_left(spells).with_columns(on=pl.col("spell_until") - timedelta(days=1))
    moments = pl.concat([frame.select(columns) for frame in (openings, after, before)])
    return moments.filter(pl.col("on") >= opening_on).unique().sort(columns)


# --- openings and plan switches: the seats held -------------------------------------------------------------------------


def _openings(spells: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    first = _first_spells(spells).join(
        held, left_on=["subscription_id", "spell_from", "basis"], right_on=["subscription_id", "on", "basis"]
    )
    return _movements(first, "opening", moved_on="spell_from", quantity="held")


def _plan_switches(spells: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """The old plan's seats go out at its price, the new plan's come in at its own; a free plan brings none (T7)."""
    left = _spells_left(spells).with_columns(on=pl.col("spell_until") - timedelta(days=1))
    left = left.join(held, on=["subscription_id", "on", "basis"])
    entered = _switches(spells).join(held, left_on=["subscription_id", "spell_from", "basis"], right_on=["subscription_id", "on", "basis"])
    return pl.concat(
        [
            _movements(left, "plan_switch", moved_on="spell_until", quantity=-pl.col("held")),
            _movements(entered, "plan_switch", moved_on="spell_from", quantity="held"),
        ]
    )


def _first_spells(spells: pl.DataFrame) -> pl.DataFrame:
    return spells.filter(pl.col("spell_from") == pl.col("term_from"))


def _switches(spells: pl.DataFrame) -> pl.DataFrame:
    """Spells that a plan switch inside a term began."""
    return spells.filter(pl.col("spell_from") > pl.col("term_from"))


def _spells_left(spells: pl.DataFrame) -> pl.DataFrame:
    """Spells that ended before their term was to: by a plan switch, or a move to a free plan that cut the term short (T7)."""
    return spells.filter(pl.col("spell_until") < pl.col("term_until"))


# --- seats that move inside a spell -------------------------------------------------------------------------------------


def _seats_moved(spells: pl.DataFrame, daily: pl.DataFrame) -> pl.DataFrame:
    """Arrivals and departures on plans that bill active seats; who is back-billed is not counted as added."""
    moved = _inside_spells(daily, spells.filter(basis="active"), ["catalog", "workspace_id"])
    fresh = pl.col("added") - pl.when("back_bills").then("reactivated").otherwise(0)
    return pl.concat(
        [
            _movements(moved, "seats_added", moved_on="on", quantity=fresh),
            _movements(moved, "seats_removed", moved_on="on", quantity=-pl.col("removed")),
        ]
    )


def _agreed_moved(spells: pl.DataFrame, agreed: pl.DataFrame) -> pl.DataFrame:
    """Changes of the agreed number on plans that bill committed seats."""
    moved = _inside_spells(agreed.filter(pl.col("change") != 0), spells.filter(basis="committed"), ["subscription_id"])
    reason = (
        pl.when(pl.col("change") > 0)
        .then(pl.lit("seats_added"))
        .when(step=1)
        .then(pl.lit("seats_removed"))
        .otherwise(pl.lit("seats_reduced"))
    )
    return _movements(moved, reason, moved_on="on", quantity="change")


def _inside_spells(days: pl.DataFrame, spells: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """The days that lie inside a spell, after its first day: that one is an opening or a switch."""
    joined = days.sort("on").join_asof(spells.sort("spell_from"), left_on="on", right_on="spell_from", by=by, check_sortedness=False)
    return joined.filter((pl.col("on") > pl.col("spell_from")) & (pl.col("on") < pl.col("spell_until")))


def _back_billed(spells: pl.DataFrame, reactivations: pl.DataFrame) -> pl.DataFrame:
    """Who comes back is charged from the later of the term's first day and the day of release, cut at every switch (D6).

    On a day of a plan switch, or of a move to a free plan, only the parts before it remain: the rest is in the switch.
    """
    returns = _returns_to_bill(spells, reactivations)
    parts = returns.join(spells.select(*_SPELL, "spell_until", "term_until"), on=["subscription_id", "term_from"])
    parts = parts.filter((pl.col("spell_from") < pl.col("on")) & (pl.col("spell_until") > pl.col("released_on")))
    runs_on = pl.col("spell_until") > pl.col("on")
    return _movements(
        parts,
        "reactivated",
        moved_on="on",
        quantity="seats",
        service_from=pl.max_horizontal("spell_from", "released_on"),
        service_until=pl.when(runs_on).then("term_until").otherwise("spell_until"),
    )


def _returns_to_bill(spells: pl.DataFrame, reactivations: pl.DataFrame) -> pl.DataFrame:
    """The reactivations inside a term of a back-billing catalogue. Grain: subscription, term, day, day of release."""
    current = in_order(spells.filter("back_bills"), "subscription_id", "spell_from")
    current = current.with_columns(basis_before=beside("basis", 1, "subscription_id", "term_from")).sort("spell_from")
    found = reactivations.sort("on").join_asof(
        current, left_on="on", right_on="spell_from", by=["catalog", "workspace_id"], coalesce=False, check_sortedness=False
    )
    on, bills_active = pl.col("on"), pl.col("basis") == "active"
    is_inside = (on > pl.col("spell_from")) & (on < pl.col("spell_until")) & bills_active
    is_switch = (on == pl.col("spell_from")) & (on > pl.col("term_from")) & (bills_active | (pl.col("basis_before") == "active"))
    is_cut = (on == pl.col("spell_until")) & (on < pl.col("term_until"))  # no spell of the term follows: a free plan does
    return found.filter(is_inside | is_switch | is_cut).select("subscription_id", "term_from", "on", "released_on", "seats")


def _movements(
    frame: pl.DataFrame,
    reason: str | pl.Expr,
    *,
    moved_on: str,
    quantity: str | pl.Expr,
    service_from: pl.Expr | None = None,
    service_until: pl.Expr | None = None,
) -> pl.DataFrame:
    """Rows of a movement; its service runs from the day of movement to the term's planned end unless said otherwise."""
    return frame.select(
        *_SPELL,
        reason=pl.lit(reason) if isinstance(reason, str) else reason,
        moved_on=pl.col(moved_on),
        service_from=pl.col(moved_on) if service_from is None else service_from,
        service_until=pl.col("term_until") if service_until is None else service_until,
        quantity=pl.col(quantity) if isinstance(quantity, str) else quantity,
    )
