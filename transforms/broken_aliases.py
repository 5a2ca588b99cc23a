"""From when to when an alias could not work (rule D5)."""

from __future__ import annotations

import polars as pl

from transforms.contracts.occupancy import BrokenAliases


def broken_aliases_from_alias_changes(changes: pl.DataFrame) -> pl.DataFrame:
    """Pair the day on which each alias broke with the day on which it worked again, or was gone.

    Grain: alias, day of change -> alias, stretch of days.
    """
    user = ["workspace_id", "user_id"]
    once = changes.select(*user, "moved_on", "change").unique().sort(*user, "moved_on")
    paired = once.with_columns(broken_until=pl.col("moved_on").shift(-1).over(user)).filter(pl.col("change") == 1)
    return BrokenAliases.validate(paired.rename({"moved_on": "broken_from"}).select(BrokenAliases.names()))
