"""Contracts of the seat stages."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from transforms.contracts.base import MAX_BITS, Contract, filled


class SeatMonths(Contract):
    """One per catalogue, workspace, user and month."""

    catalog: str = filled()
    workspace_id: str = filled()
    user_id: str = filled()
    month: pl.Date
    held_bits: int = pa.Field(ge=0, le=MAX_BITS)
    present_bits: int = pa.Field(ge=0, le=MAX_BITS)
    last_held_before: pl.Date = pa.Field(nullable=True)


class SeatChanges(Contract):
    """One per catalogue, workspace, user and day on which the seat was taken (1) or released (-1)."""

    catalog: str = filled()
    workspace_id: str = filled()
    user_id: str = filled()
    moved_on: pl.Date
    change: int = pa.Field(isin=[-1, 1])
    released_on: pl.Date = pa.Field(nullable=True)
    is_on_roster: bool


class DailySeats(Contract):
    """One per catalogue, workspace and day on which seats moved: `occupied` holds from that day until the next row."""

    catalog: str = filled()
    workspace_id: str = filled()
    on: pl.Date
    added: int = pa.Field(ge=0)
    removed: int = pa.Field(ge=0)
    reactivated: int = pa.Field(ge=0)
    occupied: int = pa.Field(ge=0)


class Reactivations(Contract):
    """One per catalogue, workspace, day and day of release: how many users came back to a seat."""

    catalog: str = filled()
    workspace_id: str = filled()
    on: pl.Date
    released_on: pl.Date
    seats: int = pa.Field(ge=1)


class SeatStretches(Contract):
    """One per catalogue, workspace, user and stretch of days on which they held a seat without a gap; null: still held."""

    catalog: str = filled()
    workspace_id: str = filled()
    user_id: str = filled()
    held_from: pl.Date
    held_until: pl.Date = pa.Field(nullable=True)

    @pa.dataframe_check
    def runs_forward(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("held_until").is_null() | (pl.col("held_from") < pl.col("held_until")))
