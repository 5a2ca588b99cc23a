"""What a run bills, by catalogue and plan: what a person asks first."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

_OF = ["catalog", "currency", "plan"]


def plan_totals_from_lines(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Sum lines, which come in any number of parts, by catalogue, currency and plan.

    Grain: line -> catalogue, currency, plan: `lines` and `net_minor`, in the currency's minor unit, in order.
    Units: `net_minor` is Int128: amounts are bounded by workspace (money.py), and of ten such ones a 64-bit sum would wrap in silence.
    """
    net = pl.col("amount_minor").cast(pl.Int128).sum()
    totals = [part.group_by(_OF).agg(lines=pl.len().cast(pl.Int64), net_minor=net) for part in parts]
    return pl.concat(totals).group_by(_OF).agg(pl.col("lines", "net_minor").sum()).sort(_OF)
