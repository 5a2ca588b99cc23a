"""Contract of subscriptions that can be billed."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from transforms.catalog import CADENCES
from transforms.contracts.base import Contract, filled
from transforms.money import MAX_QUANTITY, MAX_UNIT_PRICE_MINOR


class Subscriptions(Contract):
    """One per subscription; agreed prices in minor units, `billing_day` null for the anniversary."""

    subscription_id: str = filled()
    workspace_id: str = filled()
    workspace_name: str = pa.Field(nullable=True)
    catalog: str = filled()
    plan: str = filled()
    cadence: str = pa.Field(isin=CADENCES)
    billing_day: int = pa.Field(ge=1, le=31, nullable=True)
    starts_on: pl.Date
    trial_ends_on: pl.Date = pa.Field(nullable=True)
    seats: int = pa.Field(ge=0, le=MAX_QUANTITY, nullable=True)
    agreed_month_minor: int = pa.Field(ge=0, le=MAX_UNIT_PRICE_MINOR, nullable=True)
    agreed_year_minor: int = pa.Field(ge=0, le=MAX_UNIT_PRICE_MINOR, nullable=True)
    file: str = pa.Field(nullable=True)
    row: int = pa.Field(nullable=True)
