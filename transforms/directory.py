"""The directory of people: the one table with names and addresses, without those of deleted users (rule I8)."""

from __future__ import annotations

import polars as pl

ERASED_NAME = "Deactivated user"
_USER = ["workspace_id", "user_id"]
COLUMNS = {
    "workspace_id": pl.String,
    "user_id": pl.String,
    "name": pl.String,
    "email": pl.String,
    "is_erased": pl.Boolean,
    "seen_on": pl.Date,
}


def directory_from_rosters(directory: pl.DataFrame | None, rosters: pl.DataFrame) -> pl.DataFrame:
    """Bring the directory up to date with the latest roster row of each user, whatever the order in which days arrive.

    Grain:  workspace, user -> the same. `rosters` are user rows with their `day`.
    A deleted user keeps nothing but the words that take the name's place.
    """
    known = pl.DataFrame(schema=COLUMNS) if directory is None else directory
    latest = rosters.sort("day").unique(_USER, keep="last", maintain_order=True)
    is_erased = pl.col("status") == "deleted"
    fresh = latest.select(
        *_USER,
        name=pl.when(is_erased).then(pl.lit(ERASED_NAME)).otherwise("name"),
        email=pl.when(~is_erased).then("email"),
        is_erased=is_erased,
        seen_on="day",
    )
    return pl.concat([known, fresh]).sort("seen_on", maintain_order=True).unique(_USER, keep="last").sort(_USER)
