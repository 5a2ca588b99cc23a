"""Which subscriptions can be billed, and why the others cannot (rules, section 2 and G2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

from transforms.catalog import CADENCES, Catalog
from transforms.contracts.findings import NO_HOLDS, holds
from transforms.contracts.subscriptions import Subscriptions
from transforms.money import minor_from_text
from transforms.nearest import did_you_mean
from transforms.sorted_rows import beside, in_order

_MEND = "correct the row in subscriptions, then ingest and bill again"


def subscriptions_from_rows(rows: pl.DataFrame, catalogs: Mapping[str, Catalog], plans: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Resolve each row against its catalogue; a row that cannot be, holds its workspace.

    Grain:  subscription row -> subscription; and holds.
    Units:  agreed prices become minor units of the catalogue's currency.
    """
    rows = _without_repeats(rows)
    repeated = rows.filter(pl.col("subscription_id").is_duplicated())
    known = rows.join(plans.select("catalog", "plan", "is_free", "basis"), on=["catalog", "plan"], how="left")
    strange = _with_the_nearest(known.filter(pl.col("basis").is_null()), catalogs)
    unsold = known.filter(pl.col("basis").is_not_null() & ~pl.col("is_free")).join(
        _cadences_sold(catalogs), on=["catalog", "plan", "cadence"], how="anti"
    )
    countless = known.filter((pl.col("basis") == "committed") & pl.col("seats").is_null())
    priced, price_holds = _agreed_prices(known, catalogs)
    found = [
        holds(
            repeated,
            "subscription_repeated",
            _MEND,
            detail=pl.format("subscription {} has several rows that differ", "subscription_id"),
            since_on="starts_on",
        ),
        holds(
            strange,
            "unknown_plan",
            "add the plan or catalogue (--catalogs), or correct the row in subscriptions",
            detail=pl.col("unknown"),
            since_on="starts_on",
        ),
        holds(
            unsold,
            "cadence_not_sold",
            _MEND,
            detail=pl.format("plan {} is not sold at the cadence {}", "plan", "cadence"),
            since_on="starts_on",
        ),
        holds(
            countless,
            "seats_missing",
            _MEND,
            detail=pl.format("plan {} bills committed seats, and none are agreed", "plan"),
            since_on="starts_on",
        ),
        price_holds,
    ]
    held = pl.concat(found)
    usable = priced.filter(pl.col("basis").is_not_null() & ~pl.col("workspace_id").is_in(held["workspace_id"].implode()))
    usable = usable.with_columns(pl.col("billing_day").replace({"first": "1", "anniversary": None}).cast(pl.Int64))
    return Subscriptions.validate(usable.select(Subscriptions.names()).sort("subscription_id")), held


def _with_the_nearest(strange: pl.DataFrame, catalogs: Mapping[str, Catalog]) -> pl.DataFrame:
    """Rows of a plan or catalogue that there is not, with `unknown`: which, and the nearest that there is."""
    said = []
    for catalog, plan in strange.select("catalog", "plan").unique().iter_rows():
        if catalog in catalogs:
            words = f"plan {plan} is not in catalogue {catalog}.{did_you_mean(plan, catalogs[catalog].plans)}"
        else:
            words = f"catalogue {catalog} is not known.{did_you_mean(catalog, catalogs)}"
        said.append((catalog, plan, words.removesuffix(".")))
    unknown = pl.DataFrame(said, schema={"catalog": pl.String, "plan": pl.String, "unknown": pl.String}, orient="row")
    return strange.join(unknown, on=["catalog", "plan"], how="left")


def _cadences_sold(catalogs: Mapping[str, Catalog]) -> pl.DataFrame:
    """Every catalogue, plan and cadence that any price of the list sells."""
    rows = [
        (c.id, p.id, cadence)
        for c in catalogs.values()
        for p in c.plans.values()
        for cadence in CADENCES
        if any(price.at(cadence) is not None for price in p.prices)
    ]
    return pl.DataFrame(rows, schema=["catalog", "plan", "cadence"], orient="row")


def _without_repeats(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows that are equal but for their place count once."""
    return rows.sort("file", "row").unique([c for c in rows.columns if c not in ("file", "row")], keep="first", maintain_order=True)


def _agreed_prices(rows: pl.DataFrame, catalogs: Mapping[str, Catalog]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Agreed prices in minor units; one that the currency cannot express holds the workspace."""
    found = [NO_HOLDS]
    for cadence in ("month", "year"):
        column = f"unit_price_{cadence}"
        agreed = rows.filter(pl.col(column).is_not_null() & pl.col("catalog").is_in(list(catalogs)))
        minor, wrong = [], []
        for key, catalog, text in agreed.select("subscription_id", "catalog", column).iter_rows():
            try:
                minor.append((key, minor_from_text(text, catalogs[catalog].currency)))
            except ValueError as reason:
                wrong.append((key, str(reason)))
        prices = pl.DataFrame(minor, schema={"subscription_id": pl.String, f"agreed_{cadence}_minor": pl.Int64}, orient="row")
        faults = pl.DataFrame(wrong, schema={"subscription_id": pl.String, "why": pl.String}, orient="row")
        found.append(
            holds(
                agreed.join(faults, on="subscription_id"),
                "agreed_price",
                _MEND,
                detail=pl.format(f"{column} {{}}", "why"),
                since_on="starts_on",
            )
        )
        rows = rows.join(prices.unique("subscription_id"), on="subscription_id", how="left")
    return rows, pl.concat(found)


def holds_from_overlaps(subscriptions: pl.DataFrame, standings: pl.DataFrame, terms: pl.DataFrame, horizon: date) -> pl.DataFrame:
    """Two subscriptions of one workspace must not overlap in time: both are held until one is corrected.

    Grain: subscription -> hold of its workspace. A subscription lasts until it ended, or its last term ends once cancelled;
    one that starts after the horizon overlaps nothing yet.
    """
    last_term = terms.group_by("subscription_id").agg(last_until=pl.col("ended_on").max())
    lasting = subscriptions.join(standings, on="subscription_id").join(last_term, on="subscription_id", how="left")
    lasting = lasting.with_columns(until=pl.coalesce("ended_on", pl.when(pl.col("canceled_on").is_not_null()).then("last_until")))
    lasting = lasting.filter((pl.col("until") > pl.col("starts_on")).fill_null(True))  # one that lasted no day is beside none
    lasting = in_order(lasting, "workspace_id", "starts_on", "subscription_id").with_columns(
        next_id=beside("subscription_id", -1, "workspace_id"), next_starts_on=beside("starts_on", -1, "workspace_id")
    )
    overlapping = lasting.filter(
        (pl.col("next_starts_on") <= horizon) & (pl.col("until").is_null() | (pl.col("until") > pl.col("next_starts_on")))
    )
    detail = pl.format("subscriptions {} and {} overlap from {}", "subscription_id", "next_id", "next_starts_on")
    return holds(overlapping, "subscriptions_overlap", _MEND, detail=detail, since_on="next_starts_on")
