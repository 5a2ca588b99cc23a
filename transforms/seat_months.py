"""Who held a seat on which days of a month, and who came, went and came back (rules D1, D3, D4, D6).

Months are many and small for a small customer: their frames are validated together, where billing.py puts them together.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from transforms.contracts.seats import SeatMonths

SEAT = ["catalog", "workspace_id", "user_id"]
_DAYS = pl.DataFrame({"day": range(1, 32), "bit": [1 << n for n in range(31)]}, schema={"day": pl.Int64, "bit": pl.Int64})


def seat_month_from_roster_month(
    roster_month: pl.DataFrame, workspace_catalogs: pl.DataFrame, holds: pl.Expr, month: date, previous: pl.DataFrame | None
) -> pl.DataFrame:
    """Apply to a month of standings who holds a seat, and carry what D6 needs from the months before.

    Grain:  workspace, user, standing -> catalogue, workspace, user; also users who only held a seat in earlier months.
    Shapes: `workspace_catalogs` has workspace_id, catalog; `holds` is `holds_a_seat` of the catalogues (or another standing
            to follow through the days, such as `is_broken_alias`); `previous` is the seat month before, if there is one.
    Units:  `held_bits`, `present_bits` Int64, bit d-1 for day d; `last_held_before` the last day held before the month.
    """
    mine = (
        roster_month.join(workspace_catalogs, on="workspace_id")
        .group_by(SEAT)
        .agg(
            held_bits=pl.when(holds).then("bits").otherwise(0).cast(pl.UInt32).bitwise_or().cast(pl.Int64),
            present_bits=pl.col("bits").bitwise_or().cast(pl.Int64),
        )
    )
    if previous is None:
        seats = mine.with_columns(last_held_before=pl.lit(None, pl.Date))
    else:
        seats = mine.join(_last_held_after(previous, month), on=SEAT, how="full", coalesce=True)
    seats = seats.with_columns(pl.col("held_bits", "present_bits").fill_null(0), month=pl.lit(month))
    seats = seats.filter((pl.col("held_bits") != 0) | pl.col("last_held_before").is_not_null())
    return seats.select(SeatMonths.names())


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
    rows = moved.join(_DAYS, how="cross").filter((pl.col("moved_bits") & pl.col("bit")) != 0)
    is_arrival = (pl.col("held_bits") & pl.col("bit")) != 0
    earlier = pl.col("held_bits") & (pl.col("bit") - 1)
    last_held = (
        pl.when(earlier != 0).then((pl.col("month") + pl.duration(days=_highest_bit(earlier))).cast(pl.Date)).otherwise("last_held_before")
    )
    changes = rows.select(
        *SEAT,
        moved_on=(pl.col("month") + pl.duration(days=pl.col("day") - 1)).cast(pl.Date),
        change=pl.when(is_arrival).then(1).otherwise(-1).cast(pl.Int64),
        released_on=last_held + pl.duration(days=1),
        is_on_roster=(pl.col("present_bits") & pl.col("bit")) != 0,
    )
    return changes
