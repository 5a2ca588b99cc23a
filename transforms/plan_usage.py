"""What workspaces use of their plans, against what the plan allows (rules, section 2)."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from transforms.catalog import Catalog
from transforms.contracts.occupancy import PlanUsage


def plan_usage_from_usage(usage: pl.DataFrame, occupancy: pl.DataFrame, catalogs: Mapping[str, Catalog]) -> pl.DataFrame:
    """Each metric that the day's plan caps, or that only other plans of the catalogue include.

    Grain: workspace, day, metric -> the same. `usage` has workspace_id, on, metric, value, file, row. What no plan limits is left out.
    """
    plans = [(c, plan) for c in catalogs.values() for plan in c.plans.values()]
    caps = [(c.id, plan.id, metric, cap) for c, plan in plans for metric, cap in plan.caps.items()]
    sold = {c.id: {metric for plan in c.plans.values() for metric in plan.entitlements} for c in catalogs.values()}
    lacking = [(c.id, plan.id, metric, 0) for c, plan in plans for metric in sorted(sold[c.id] - set(plan.entitlements) - plan.caps.keys())]
    columns = {"catalog": pl.String, "plan": pl.String, "metric": pl.String, "allowed": pl.Int64}
    limits = pl.DataFrame(caps + lacking, schema=columns, orient="row")
    used = usage.join(occupancy.select("workspace_id", "on", "catalog", "plan"), on=["workspace_id", "on"])
    limited = used.join(limits, on=["catalog", "plan", "metric"]).with_columns(is_beyond=pl.col("value") > pl.col("allowed"))
    return PlanUsage.validate(limited.select(PlanUsage.names()).sort("workspace_id", "on", "metric", "file", "row"))
