"""Who held a seat from when to when: what an explanation names, user by user (rules D1, D6)."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.contracts.seats import SeatStretches
from transforms.sorted_rows import beside, in_order

_USER = ["catalog", "workspace_id", "user_id"]


def stretches_from_seat_changes(changes: pl.DataFrame) -> pl.DataFrame:
    """Pair each arrival with the departure that follows it.

    Grain:  catalogue, workspace, user, day of change -> catalogue, workspace, user, [held_from, held_until); null: still held.
    Needs:  every change since the ledger's opening day, when each seat then held counts as an arrival.
    """
    ordered = in_order(changes, *_USER, "moved_on").with_columns(held_until=beside("moved_on", -1, *_USER))
    return SeatStretches.validate(ordered.filter(change=1).select(*_USER, "held_until", held_from="moved_on"))


def users_around(stretches: pl.DataFrame, on: date) -> pl.DataFrame:
    """Everyone who held a seat at a day's close or at that of the day before, with the days they held it.

    Grain:  stretch -> user. `came` and `left` are about that day; `before_…` is the last stretch that began earlier, `after_…`
            the first that lasts beyond the day before: the same one for a user who neither came nor left.
    """
    earlier = stretches.filter(pl.col("held_from") < on).sort("held_from").group_by("user_id").last()
    later = stretches.filter(pl.col("held_until").is_null() | (pl.col("held_until") > on)).sort("held_from").group_by("user_id").first()
    both = earlier.select("user_id", before_from="held_from", before_until="held_until").join(
        later.select("user_id", after_from="held_from", after_until="held_until"), on="user_id", how="full", coalesce=True
    )
    held_before = pl.col("before_from").is_not_null() & (pl.col("before_until").is_null() | (pl.col("before_until") >= on))
    held_at_close = (pl.col("after_from") <= on).fill_null(False)
    both = both.with_columns(held_the_day_before=held_before, held_at_close=held_at_close).with_columns(
        came=~held_before & held_at_close, left=held_before & ~held_at_close
    )
    return both.filter(pl.col("held_the_day_before") | pl.col("held_at_close")).sort("user_id")
