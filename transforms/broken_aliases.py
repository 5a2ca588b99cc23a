"""From when to when an alias could not work (rule D5)."""

from __future__ import annotations

import polars as pl

from transforms.contracts.occupancy import BrokenAliases
from transforms.sorted_rows import beside, in_order


def broken_aliases_from_alias_changes(changes: pl.DataFrame) -> pl.DataFrame:
    """Pair the day on which each alias broke with the day on which it worked again, or was gone.

    Grain: alias, day of change -> alias, stretch of days.
    """
    user = ["workspace_id", "user_id"]
    once = in_order(changes.select(*user, "moved_on", "change").unique(), *user, "moved_on")
    paired = once.with_columns(broken_until=beside("moved_on", -1, *user)).filter(pl.col("change") == 1)
    return BrokenAliases.validate(paired.rename({"moved_on": "broken_from"}).select(BrokenAliases.names()))
