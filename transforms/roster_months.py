"""A day is a bit: the daily rosters of a month, one 32-bit integer for each user and standing (rule D1).

A user's *standing* is what decides whether they hold a seat: kind, status and, for an alias, whether login is enabled.
Bit d-1 is set where the user stood so at the close of day d. The OR makes order and repetition irrelevant, and no policy
is in it yet, so a roster month depends on the rosters of its days alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

STANDING = ["workspace_id", "user_id", "kind", "status", "login_enabled"]


def roster_month_from_rosters(rosters: Mapping[date, pl.LazyFrame]) -> pl.LazyFrame:
    """Fold the rosters of one month into bits.

    Grain:  workspace, user and day -> workspace, user, kind, status, login_enabled (aliases only, else null).
    Units:  `bits` UInt32, bit d-1 for day d of the month.
    """
    days = [
        roster.select(
            "workspace_id",
            "user_id",
            "kind",
            "status",
            login_enabled=pl.when(kind="alias").then("login_enabled"),
            bits=pl.lit(1 << (day.day - 1), dtype=pl.UInt32),
        )
        for day, roster in rosters.items()
    ]
    return pl.concat(days).group_by(STANDING).agg(pl.col("bits").bitwise_or())
