"""A day's rosters: one row a user, and what a roster that repeats a user or shrinks means (G1-G4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import polars as pl

from transforms.catalog import Catalog
from transforms.contracts.sources import BROKEN
from transforms.policy import holds_a_seat

MOST_DROP_PERCENT = 30
LEAST_SEATS = 100

_USER_DAY = ["day", "workspace_id", "user_id"]
_PLACE = ["file", "row"]


class RostersOnce(NamedTuple):
    """`rows`, one a day, workspace and user; `contradictions`, broken cells; `repeats` by file, the identical rows left out."""

    rows: pl.DataFrame
    contradictions: pl.DataFrame
    repeats: dict[str, int]


def rosters_without_repeats(rows: pl.DataFrame) -> RostersOnce:
    """The same user twice on a day: identical rows count once, different ones break both rows.

    Grain: user row with its `day` -> day, workspace, user; and the faults of contradictions.
    """
    if not rows.select(pl.struct(_USER_DAY).is_duplicated().any()).item():
        return RostersOnce(rows, pl.DataFrame(schema=BROKEN), {})
    facts = [c for c in rows.columns if c not in _PLACE]
    once = rows.sort(_PLACE).unique(facts, keep="first", maintain_order=True)
    left_out = rows.join(once.select(_PLACE), on=_PLACE, how="anti")
    is_contradicted = pl.struct(_USER_DAY).is_duplicated()
    faults = once.filter(is_contradicted).select(
        "workspace_id",
        *_PLACE,
        column=pl.lit("user_id"),
        fault=pl.lit("must be there once a day: the same user is there again with other values"),
    )
    return RostersOnce(once.filter(~is_contradicted), faults, dict(left_out.group_by("file").len().iter_rows()))


def seat_counts_from_rosters(rosters: pl.DataFrame, workspace_catalogs: pl.DataFrame, catalogs: Iterable[Catalog]) -> pl.DataFrame:
    """How many seats each workspace's roster of a day holds, by its catalogue's policy.

    Grain: day, workspace, user -> day, workspace. `workspace_catalogs` has workspace_id, catalog.
    """
    owned = rosters.select("day", "workspace_id", "user_id", "kind", "status").join(
        workspace_catalogs.unique("workspace_id"), on="workspace_id"
    )
    return owned.group_by("day", "workspace_id").agg(seats=holds_a_seat(catalogs).sum().cast(pl.Int64))


def drops_from_seat_counts(counts: pl.DataFrame, most_percent: int = MOST_DROP_PERCENT) -> pl.DataFrame:
    """Rosters that lost more than a set share of their seats in one day (G4): of a workspace, or of all together.

    Grain:  day, workspace -> the drops: day, workspace_id (null: all workspaces), before, after.
    Rosters of fewer than 100 seats the day before are left alone; so are days whose day before is not among `counts`.
    """
    workspaces = counts.select("workspace_id").unique()
    every = counts.select("day").unique().join(workspaces, how="cross").join(counts, on=["day", "workspace_id"], how="left")
    every = every.with_columns(pl.col("seats").fill_null(0))
    together = every.group_by("day").agg(workspace_id=pl.lit(None, pl.String), seats=pl.col("seats").sum())
    both = pl.concat([every, together.select(every.columns)])
    day_before = both.select("workspace_id", day=pl.col("day") + pl.duration(days=1), before="seats")
    pairs = both.join(day_before, on=["workspace_id", "day"], nulls_equal=True)
    has_dropped = (pl.col("before") >= LEAST_SEATS) & ((pl.col("before") - pl.col("seats")) * 100 > pl.col("before") * most_percent)
    return pairs.filter(has_dropped).select("day", "workspace_id", "before", after="seats").sort("day", "workspace_id", nulls_last=True)
