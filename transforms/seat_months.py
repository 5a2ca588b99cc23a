"""Who held a seat on which days of a month, and who came, went and came back (rules D1, D3, D4, D6).

Months are many and small for a small customer: their frames are validated together, where billing.py puts them together.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from transforms.contracts.seats import SeatMonths
from transforms.sorted_rows import begins, has_several, in_order

SEAT = ["catalog", "workspace_id", "user_id"]
_USER = ["workspace_id", "user_id"]


def seat_month_from_roster_month(
    roster_month: pl.DataFrame, workspace_catalogs: pl.DataFrame, holds: pl.Expr, month: date, previous: pl.DataFrame | None
) -> pl.DataFrame:
    """Apply to a month of standings who holds a seat, and carry what D6 needs from the months before.

    Grain:  workspace, user, standing -> catalogue, workspace, user; also users who only held a seat in earlier months.
    Shapes: `workspace_catalogs` has workspace_id, catalog; `holds` is `holds_a_seat` of the catalogues (or another standing
            to follow through the days, such as `is_broken_alias`); `previous` is the seat month before, if there is one.
    Units:  `held_bits`, `present_bits` Int64, bit d-1 for day d; `last_held_before` the last day held before the month.
    """
    mine = _with_bits_of_users(roster_month, workspace_catalogs, holds)
    if previous is None:
        seats = mine.with_columns(last_held_before=pl.lit(None, pl.Date))
    else:
        seats = mine.join(_last_held_after(previous, month), on=SEAT, how="full", coalesce=True)
    seats = seats.with_columns(pl.col("held_bits", "present_bits").fill_null(0), month=pl.lit(month))
    seats = seats.filter((pl.col("held_bits") != 0) | pl.col("last_held_before").is_not_null())
    return seats.select(SeatMonths.names())


def _with_bits_of_users(roster_month: pl.DataFrame, workspace_catalogs: pl.DataFrame, holds: pl.Expr) -> pl.DataFrame:
    """The bits of all of a user's standings together. Most users have one, and theirs need no grouping: neighbours tell, in order."""
    standings = roster_month.drop("last_active_on")
    ordered = standings if _is_in_order(standings) else in_order(standings, *_USER)
    marked = ordered.with_columns(has_several=has_several(begins(ordered, *_USER)))
    told = _with_catalogs(marked, workspace_catalogs).select(
        *SEAT, "has_several", held_bits=pl.when(holds).then("bits").otherwise(0).cast(pl.UInt32), present_bits="bits"
    )
    bits = ["held_bits", "present_bits"]
    several = _put_together(told.filter("has_several"), bits)
    alone = told.filter(~pl.col("has_several")).select(*SEAT, pl.col(bits).cast(pl.Int64))
    return pl.concat([alone, several.select(alone.columns)])


def _with_catalogs(ordered: pl.DataFrame, workspace_catalogs: pl.DataFrame) -> pl.DataFrame:
    """Each row with its workspace's catalogue, once for each if they are several; rows of workspaces without one are left out.

    A workspace is looked for once, not once a user.
    """
    is_first = begins(ordered, "workspace_id")
    numbered = ordered.with_columns(is_first.cum_sum().alias("workspace"))
    once = numbered.filter(is_first).select("workspace", "workspace_id").join(workspace_catalogs, on="workspace_id")
    of_catalogs = numbered.join(once.drop("workspace_id"), on="workspace", how="left", maintain_order="left")  # an inner join takes longer
    return of_catalogs.filter(pl.col("catalog").is_not_null())


def _put_together(told: pl.DataFrame, bits: list[str]) -> pl.DataFrame:
    """The bits of each user's standings, together. Nobody stands two ways on a day, so that they add up, which is the quickest.

    No bit is there twice where as many are set after adding as before; else each is asked for.
    """
    users = told.with_columns(pl.col(bits).cast(pl.Int64), days=pl.col("present_bits").bitwise_count_ones().cast(pl.Int64)).group_by(SEAT)
    together = users.agg(pl.col(*bits, "days").sum())
    if (together["present_bits"].bitwise_count_ones() == together["days"]).all():
        return together
    return users.agg(pl.col(bits).bitwise_or())


def _is_in_order(roster_month: pl.DataFrame) -> bool:
    """Whether the rows are in order of workspaces and users, as they are kept."""
    workspace, user = (pl.col(name) for name in _USER)
    is_later = (workspace > workspace.shift()) | ((workspace == workspace.shift()) & (user >= user.shift()))
    return bool(roster_month.select(is_later.all()).item())  # of the first row it is not known, which counts for nothing


def _last_held_after(previous: pl.DataFrame, month: date) -> pl.DataFrame:
    before = pl.col("month") + pl.duration(days=_highest_bit(pl.col("held_bits")))
    return previous.select(
        *SEAT, last_held_before=pl.when(pl.col("held_bits") != 0).then(before.cast(pl.Date)).otherwise("last_held_before")
    )


def _highest_bit(bits: pl.Expr) -> pl.Expr:
    """The number of the highest bit set, from 0; -1 where none is."""
    return 63 - bits.bitwise_leading_zeros().cast(pl.Int64)


def seat_changes_from_seat_month(seats: pl.DataFrame, month: date, first: date, last: date) -> pl.DataFrame:
    """The days on which a user newly held a seat, or no longer did.

    Grain:  catalogue, workspace, user -> catalogue, workspace, user, day of change; days `first` to `last` of the month.
    Shapes: `change` 1 or -1; `released_on` on an arrival the day the seat was released before (D6; null: never held
            one), on a departure that very day; `is_on_roster` whether the user is on that day's roster at all.
    """
    known = sum(1 << (d - 1) for d in range(first.day, last.day + 1))
    carry = (pl.col("last_held_before") == month - timedelta(days=1)).fill_null(False).cast(pl.Int64)
    before = pl.col("held_bits") * 2 + carry
    moved = seats.with_columns(moved_bits=(pl.col("held_bits") ^ before) & pl.lit(known)).filter(pl.col("moved_bits") != 0)
    rows = _a_row_a_bit(moved)
    is_arrival = (pl.col("held_bits") & pl.col("bit")) != 0
    earlier = pl.col("held_bits") & (pl.col("bit") - 1)
    last_held = (
        pl.when(earlier != 0).then((pl.col("month") + pl.duration(days=_highest_bit(earlier))).cast(pl.Date)).otherwise("last_held_before")
    )
    changes = rows.select(
        *SEAT,
        moved_on=(pl.col("month") + pl.duration(days=_highest_bit(pl.col("bit")))).cast(pl.Date),
        change=pl.when(is_arrival).then(1).otherwise(-1).cast(pl.Int64),
        released_on=last_held + pl.duration(days=1),
        is_on_roster=(pl.col("present_bits") & pl.col("bit")) != 0,
    )
    return changes


def _a_row_a_bit(moved: pl.DataFrame) -> pl.DataFrame:
    """Each row once for every bit of its `moved_bits`, as `bit`: the lowest of all rows, then the lowest of those that have more."""
    bits = pl.col("moved_bits")
    parts, left = [], moved
    while left.height or not parts:
        parts.append(left.with_columns(bit=bits & -bits))
        left = left.with_columns(bits & (bits - 1)).filter(bits != 0)
    return pl.concat(parts)
