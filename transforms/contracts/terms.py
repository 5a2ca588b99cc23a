"""Contracts of the schedule stage: what a subscription's story comes to."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from transforms.catalog import CADENCES
from transforms.contracts.base import Contract, filled
from transforms.money import MAX_DAYS, MAX_QUANTITY, MAX_UNIT_PRICE_MINOR

AGREED_PRICE = "agreed at signup"  # where a price comes from, if not from the catalogue's list


class Terms(Contract):
    """One per subscription and term begun by the horizon; [term_from, term_until) is the plan, `ended_on` the fact (T7).

    `wished` is the cadence asked for: another one where the plan was not sold at it (T6).
    """

    subscription_id: str = filled()
    cadence: str = pa.Field(isin=CADENCES)
    wished: str = pa.Field(isin=CADENCES)
    term_from: pl.Date
    term_until: pl.Date
    period_days: int = pa.Field(ge=28, le=MAX_DAYS)
    ended_on: pl.Date

    @pa.dataframe_check
    def runs_forward(cls, data: pa.PolarsData) -> pl.LazyFrame:
        inside = (pl.col("term_from") < pl.col("ended_on")) & (pl.col("ended_on") <= pl.col("term_until"))
        return data.lazyframe.select(inside & ((pl.col("term_until") - pl.col("term_from")).dt.total_days() <= pl.col("period_days")))


class Spells(Contract):
    """One per subscription and stretch of days on one plan within one term, or outside any (`term_from` null)."""

    subscription_id: str = filled()
    plan: str = filled()
    spell_from: pl.Date
    spell_until: pl.Date = pa.Field(nullable=True)
    term_from: pl.Date = pa.Field(nullable=True)


class PricedSpells(Contract):
    """One per spell inside a term, with the price it took on its first day and keeps (section 2)."""

    subscription_id: str = filled()
    workspace_id: str = filled()
    catalog: str = filled()
    cadence: str = pa.Field(isin=CADENCES)
    term_from: pl.Date
    term_until: pl.Date
    period_days: int = pa.Field(ge=28, le=MAX_DAYS)
    plan: str = filled()
    basis: str = pa.Field(isin=["active", "committed"])
    spell_from: pl.Date
    spell_until: pl.Date
    unit_price_minor: int = pa.Field(ge=0, le=MAX_UNIT_PRICE_MINOR)
    price_reference: str = pa.Field(nullable=True)
    back_bills: bool


class InvoiceDates(Contract):
    """One per subscription and invoice date from the opening day to the horizon (I1, I9)."""

    subscription_id: str = filled()
    invoice_on: pl.Date
    cadence: str = pa.Field(isin=CADENCES)
    occasion: str = pa.Field(isin=["term", "anniversary", "closing"])

    @pa.dataframe_check(name="a subscription has a date once")
    def is_once(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(~pl.struct("subscription_id", "invoice_on").is_duplicated())


class SeatUpdates(Contract):
    """One per subscription and day on which the agreed seats were set."""

    subscription_id: str = filled()
    on: pl.Date
    seats: int = pa.Field(ge=0, le=MAX_QUANTITY)


class Standings(Contract):
    """One per subscription: where its story stands at the horizon's close."""

    subscription_id: str = filled()
    cadence_now: str = pa.Field(isin=CADENCES)
    trial_until: pl.Date = pa.Field(nullable=True)
    activated_on: pl.Date = pa.Field(nullable=True)
    canceled_on: pl.Date = pa.Field(nullable=True)
    ended_on: pl.Date = pa.Field(nullable=True)


class AgreedSeats(Contract):
    """One per subscription and movement of its agreed seats: the total after it, null before any were ever agreed."""

    subscription_id: str = filled()
    on: pl.Date
    step: int = pa.Field(isin=[0, 1, 2])
    seats: int = pa.Field(ge=0, le=MAX_QUANTITY, nullable=True)
    change: int = pa.Field(nullable=True)
