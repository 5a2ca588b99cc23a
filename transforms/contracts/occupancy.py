"""Contracts of the occupancy by workspace and day (rule D7)."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from transforms.contracts.base import Contract, filled

COVERAGE = ["billed", "no subscription", "trial", "free plan", "ended", "held"]


class StandingDays(Contract):
    """One per workspace and day: users who hold no plain seat, counted."""

    workspace_id: str = filled()
    on: pl.Date
    pending: int = pa.Field(ge=0)
    alias: int = pa.Field(ge=0)
    portal: int = pa.Field(ge=0)
    deactivated: int = pa.Field(ge=0)


class SeatOccupancy(Contract):
    """One per workspace and day. `catalog` is that of the day's subscription, or of the nearest one; null: never one."""

    workspace_id: str = filled()
    on: pl.Date
    subscription_id: str = pa.Field(nullable=True)
    catalog: str = pa.Field(nullable=True)
    plan: str = pa.Field(nullable=True)
    occupied: int = pa.Field(ge=0)
    added: int = pa.Field(ge=0)
    removed: int = pa.Field(ge=0)
    reactivated: int = pa.Field(ge=0)
    pending: int = pa.Field(ge=0)
    alias: int = pa.Field(ge=0)
    portal: int = pa.Field(ge=0)
    deactivated: int = pa.Field(ge=0)
    committed: int = pa.Field(ge=0, nullable=True)
    seat_limit: int = pa.Field(ge=0, nullable=True)
    label: str = filled()
    coverage: str = pa.Field(isin=COVERAGE)
