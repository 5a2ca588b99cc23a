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
    """One per workspace and day. `catalog` is that of the day's subscription, or of the nearest one; null: never one.

    `spell_from` is the first day of the spell that the day belongs to: days on one plan within one term; null: in no term.
    """

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
    spell_from: pl.Date = pa.Field(nullable=True)


class IdleUsers(Contract):
    """One per workspace, day and standing of those who were not active for a while, whether they hold a seat or not."""

    workspace_id: str = filled()
    on: pl.Date
    kind: str = filled()
    status: str = filled()
    idle: int = pa.Field(ge=1)
    never_active: int = pa.Field(ge=0)


class IdleSeats(Contract):
    """One per workspace and last known day of a month with seats whose holder was not active for a while."""

    workspace_id: str = filled()
    on: pl.Date
    idle_seats: int = pa.Field(ge=1)
    never_active_seats: int = pa.Field(ge=0)


class BrokenAliases(Contract):
    """One per alias and stretch of days on which it cannot work (D5); `broken_until` null: it still cannot."""

    workspace_id: str = filled()
    user_id: str = filled()
    broken_from: pl.Date
    broken_until: pl.Date = pa.Field(nullable=True)


class PlanUsage(Contract):
    """One per workspace, day and metric that the day's plan limits: what is used, and what the plan allows (0: not included)."""

    workspace_id: str = filled()
    on: pl.Date
    catalog: str = filled()
    plan: str = filled()
    metric: str = filled()
    value: int = pa.Field(ge=0)
    allowed: int = pa.Field(ge=0)
    is_beyond: bool
    file: str = pa.Field(nullable=True)
    row: int = pa.Field(nullable=True)
