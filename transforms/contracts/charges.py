"""Contracts from movements to lines. A charge's identity is made of content alone (rule I3)."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from transforms.catalog import CADENCES
from transforms.contracts.base import Contract, filled
from transforms.money import MAX_AMOUNT_MINOR, MAX_DAYS, MAX_QUANTITY, MAX_UNIT_PRICE_MINOR

REASONS = ["opening", "seats_added", "seats_removed", "reactivated", "seats_reduced", "plan_switch"]
CHARGE = [
    "subscription_id",
    "term_from",
    "reason",
    "moved_on",
    "service_from",
    "service_until",
    "plan",
    "unit_price_minor",
    "period_days",
]


class Movements(Contract):
    """One per reason for which seats start or stop being charged: how many, for which days, at which spell's price."""

    subscription_id: str = filled()
    term_from: pl.Date
    spell_from: pl.Date
    reason: str = pa.Field(isin=REASONS)
    moved_on: pl.Date
    service_from: pl.Date
    service_until: pl.Date
    quantity: int = pa.Field(ge=-MAX_QUANTITY, le=MAX_QUANTITY)


class Charges(Contract):
    """One per charge identity, with the quantity now known."""

    subscription_id: str = filled()
    workspace_id: str = filled()
    catalog: str = filled()
    cadence: str = pa.Field(isin=CADENCES)
    term_from: pl.Date
    term_until: pl.Date
    reason: str = pa.Field(isin=REASONS)
    moved_on: pl.Date
    service_from: pl.Date
    service_until: pl.Date
    plan: str = filled()
    unit_price_minor: int = pa.Field(ge=1, le=MAX_UNIT_PRICE_MINOR)
    period_days: int = pa.Field(ge=28, le=MAX_DAYS)
    days: int = pa.Field(ge=1, le=MAX_DAYS)
    quantity: int = pa.Field(ge=-MAX_QUANTITY, le=MAX_QUANTITY)


class Lines(Contract):
    """One per charge whose quantity differs from what was billed: `quantity` is the signed difference."""

    subscription_id: str = filled()
    workspace_id: str = filled()
    catalog: str = filled()
    currency: str = pa.Field(str_length=3)
    invoice_on: pl.Date
    cadence: str = pa.Field(isin=CADENCES)
    term_from: pl.Date
    term_until: pl.Date
    reason: str = pa.Field(isin=REASONS)
    moved_on: pl.Date
    service_from: pl.Date
    service_until: pl.Date
    plan: str = filled()
    unit_price_minor: int = pa.Field(ge=1, le=MAX_UNIT_PRICE_MINOR)
    period_days: int = pa.Field(ge=28, le=MAX_DAYS)
    days: int = pa.Field(ge=1, le=MAX_DAYS)
    quantity: int = pa.Field(ge=-2 * MAX_QUANTITY, le=2 * MAX_QUANTITY, ne=0)
    quantity_billed_before: int = pa.Field(ge=-MAX_QUANTITY, le=MAX_QUANTITY)
    amount_minor: int = pa.Field(ge=-2 * MAX_AMOUNT_MINOR, le=2 * MAX_AMOUNT_MINOR)
    is_correction: bool


class UnbilledCharges(Contract):
    """One per charge that is owed and on no invoice: what the next run, or the next invoice, would bill of it."""

    subscription_id: str = filled()
    workspace_id: str = filled()
    catalog: str = filled()
    currency: str = pa.Field(str_length=3)
    cadence: str = pa.Field(isin=CADENCES)
    term_from: pl.Date
    term_until: pl.Date
    reason: str = pa.Field(isin=REASONS)
    moved_on: pl.Date
    service_from: pl.Date
    service_until: pl.Date
    plan: str = filled()
    unit_price_minor: int = pa.Field(ge=1, le=MAX_UNIT_PRICE_MINOR)
    period_days: int = pa.Field(ge=28, le=MAX_DAYS)
    days: int = pa.Field(ge=1, le=MAX_DAYS)
    quantity: int = pa.Field(ge=-2 * MAX_QUANTITY, le=2 * MAX_QUANTITY, ne=0)
    quantity_billed_before: int = pa.Field(ge=-MAX_QUANTITY, le=MAX_QUANTITY)
    amount_minor: int = pa.Field(ge=-2 * MAX_AMOUNT_MINOR, le=2 * MAX_AMOUNT_MINOR)
    due_on: pl.Date = pa.Field(nullable=True)
    has_next_invoice: bool


class Invoices(Contract):
    """One per subscription and invoice date with a difference to bill; numbered when the run commits."""

    subscription_id: str = filled()
    workspace_id: str = filled()
    catalog: str = filled()
    currency: str = pa.Field(str_length=3)
    invoice_on: pl.Date
    lines: int = pa.Field(ge=1)
    net_minor: int
    credit_applied_minor: int = pa.Field(ge=0)
    credit_granted_minor: int = pa.Field(ge=0)
    amount_due_minor: int = pa.Field(ge=0)
    credit_balance_minor: int = pa.Field(ge=0)

    @pa.dataframe_check
    def adds_up(cls, data: pa.PolarsData) -> pl.LazyFrame:
        settled = pl.col("net_minor") - pl.col("credit_applied_minor") + pl.col("credit_granted_minor")
        return data.lazyframe.select(settled == pl.col("amount_due_minor"))
