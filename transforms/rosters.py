"""A day's rosters: whether their rows are in order, and what a roster that shrinks means (G1-G4)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import polars as pl

from transforms.calendar import CALENDAR
from transforms.catalog import Catalog
from transforms.contracts.base import rows_that_keep
from transforms.contracts.sources import UserRows
from transforms.policy import holds_a_seat
from transforms.roster_months import on_day

MOST_DROP_PERCENT = 30
LEAST_SEATS = 100


def are_in_order(rows: pl.DataFrame) -> bool:
    """Whether all cells of typed users rows keep the contract, but for ids, kinds, roles and statuses, which are asked once a stay."""
    columns = {name: column.nullable for name, column in UserRows.to_schema().columns.items()}
    if any(rows[name].has_nulls() for name, is_nullable in columns.items() if not is_nullable):
        return False
    return rows["last_active_on"].is_between(*CALENDAR).all()  # a damaged date may be none that Python knows


def rows_in_order(rows: pl.DataFrame) -> pl.Series:
    """Of which typed users rows all cells keep the contract.

    Grain: a boolean a row.
    """
    return rows_that_keep(UserRows, rows) & rows["last_active_on"].is_between(*CALENDAR).fill_null(True)


def seat_counts_from_roster_months(
    months: Iterable[tuple[pl.DataFrame, list[date]]], workspace_catalogs: pl.DataFrame, catalogs: Iterable[Catalog]
) -> pl.DataFrame:
    """How many seats the rosters of some days hold: of each workspace that on one of them has enough for G4, and of all.

    Grain:  workspace, user, standing of each month -> day, workspace (null: all together).
    Shapes: each month with those of its days that are asked for; `workspace_catalogs` has workspace_id, catalog. Where they are
            several, a day's seats are those of the one that counts most of them.
    """
    owners, holds = workspace_catalogs.unique(), holds_a_seat(catalogs)
    each = owners
    for roster_month, days in months:
        held = roster_month.join(owners, on="workspace_id").filter(holds)
        counted = held.group_by("workspace_id", "catalog").agg(**{str(day): on_day(day).sum().cast(pl.Int64) for day in days})
        each = each.join(counted, on=["workspace_id", "catalog"], how="left")
    wide = each.drop("catalog").group_by("workspace_id").max().with_columns(pl.exclude("workspace_id").fill_null(0))
    together = wide.select(pl.lit(None, pl.String).alias("workspace_id"), pl.exclude("workspace_id").sum())
    large = wide.filter(pl.max_horizontal(pl.exclude("workspace_id")) >= LEAST_SEATS)
    both = pl.concat([large, together]).unpivot(index="workspace_id", variable_name="day", value_name="seats")
    return both.select(pl.col("day").str.to_date("%Y-%m-%d"), "workspace_id", "seats")


def drops_from_seat_counts(counts: pl.DataFrame) -> pl.DataFrame:
    """Rosters that lost more than a set share of their seats in one day (G4): of a workspace, or of all together.

    Grain:  day, workspace (null: all workspaces) -> the drops: day, workspace_id, before, after.
    Rosters of fewer than 100 seats the day before are left alone; so are days whose day before is not among `counts`.
    """
    day_before = counts.select("workspace_id", day=pl.col("day") + pl.duration(days=1), before="seats")
    pairs = counts.join(day_before, on=["workspace_id", "day"], nulls_equal=True)
    has_dropped = (pl.col("before") >= LEAST_SEATS) & ((pl.col("before") - pl.col("seats")) * 100 > pl.col("before") * MOST_DROP_PERCENT)
    return pairs.filter(has_dropped).select("day", "workspace_id", "before", after="seats").sort("day", "workspace_id", nulls_last=True)
