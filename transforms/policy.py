"""The catalogues' policies as expressions: who holds a seat, which alias works, to which day an event belongs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_

import polars as pl

from transforms.catalog import Catalog


def holds_a_seat(catalogs: Iterable[Catalog]) -> pl.Expr:
    """Whether a standing holds a seat, by the seat policy of the row's catalogue (D3, D4)."""
    policies = [(pl.col("catalog") == c.id) & pl.col("kind").is_in(c.kinds) & pl.col("status").is_in(c.statuses) for c in catalogs]
    return reduce(or_, policies, pl.lit(False))


def is_broken_alias() -> pl.Expr:
    """Whether a standing is an alias that cannot work (D5); one that was revoked or deleted is gone, not broken."""
    return (pl.col("kind") == "alias") & (
        (pl.col("status") == "deactivated") | (pl.col("status").is_in(["pending", "active"]) & ~pl.col("login_enabled"))
    )


def local_day(catalogs: Mapping[str, Catalog]) -> pl.Expr:
    """The day an event counts for: that of `occurred_at` in the time zone of the row's catalogue (D1)."""
    day = pl.lit(None, pl.Date)
    for zone in sorted({c.timezone for c in catalogs.values()}):
        of_zone = [c.id for c in catalogs.values() if c.timezone == zone]
        day = pl.when(pl.col("catalog").is_in(of_zone)).then(pl.col("occurred_at").dt.convert_time_zone(zone).dt.date()).otherwise(day)
    return day
