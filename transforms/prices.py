"""What a seat costs in each spell of a term: the dated list, or the price agreed (rules, section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

from transforms.catalog import CADENCES, Catalog
from transforms.contracts.terms import AGREED_PRICE, PricedSpells
from transforms.sorted_rows import in_order

_PRICE_KEY = ["catalog", "plan", "cadence"]


def price_list_from_catalogs(catalogs: Mapping[str, Catalog]) -> pl.DataFrame:
    """Every dated price. Grain: catalogue, plan, cadence, effective_from; null: not sold, or sold without a list price."""
    rows = [
        (
            c.id,
            plan.id,
            cadence,
            price.effective_from,
            None if price.at(cadence) == "agreed" else price.at(cadence),
            price.at(cadence) is not None,
            price.reference,
        )
        for c in catalogs.values()
        for plan in c.plans.values()
        for price in plan.prices
        for cadence in CADENCES
    ]
    schema = {
        **dict.fromkeys(_PRICE_KEY, pl.String),
        "effective_from": pl.Date,
        "list_price_minor": pl.Int64,
        "is_sold": pl.Boolean,
        "reference": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def plan_list_from_catalogs(catalogs: Mapping[str, Catalog]) -> pl.DataFrame:
    """Every plan with what the stages need of its policy. Grain: catalogue, plan."""
    rows = [
        (c.id, plan.id, plan.free, plan.basis, plan.seat_limit, c.releases_committed, c.back_bills)
        for c in catalogs.values()
        for plan in c.plans.values()
    ]
    schema = {
        "catalog": pl.String,
        "plan": pl.String,
        "is_free": pl.Boolean,
        "basis": pl.String,
        "seat_limit": pl.Int64,
        "releases_committed": pl.Boolean,
        "back_bills": pl.Boolean,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def priced_spells_from_spells(
    spells: pl.DataFrame, terms: pl.DataFrame, subscriptions: pl.DataFrame, prices: pl.DataFrame, plans: pl.DataFrame, opening_on: date
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give each spell inside a term the price in force on its first day, or the price agreed for the signup plan.

    Grain:   subscription, spell -> the same, and the spells that have no price (subscription_id, plan, cadence, spell_from).
    Spells that had ended by the opening day were billed elsewhere and are left out (I9).
    Units:   `unit_price_minor`, a seat for a whole period, in the currency's minor unit.
    """
    agreed = pl.when(cadence="monthly").then("agreed_month_minor").otherwise("agreed_year_minor")
    is_ours = pl.col("term_from").is_not_null() & (pl.col("spell_until").is_null() | (pl.col("spell_until") > opening_on))
    inside = (
        spells.filter(is_ours)  # most of a long story is over
        .join(terms.filter(pl.col("ended_on") > opening_on), on=["subscription_id", "term_from"])
        .join(
            subscriptions.select(
                "subscription_id", "workspace_id", "catalog", "agreed_month_minor", "agreed_year_minor", signup_plan="plan"
            ),
            on="subscription_id",
        )
        .join(plans.select("catalog", "plan", "basis", "back_bills"), on=["catalog", "plan"])
        .sort("spell_from")
        .join_asof(prices.sort("effective_from"), left_on="spell_from", right_on="effective_from", by=_PRICE_KEY, check_sortedness=False)
        .with_columns(agreed_minor=pl.when(pl.col("plan") == pl.col("signup_plan")).then(agreed))
        .with_columns(
            unit_price_minor=pl.when("is_sold").then(pl.coalesce("agreed_minor", "list_price_minor")),
            price_reference=pl.when(pl.col("agreed_minor").is_not_null()).then(pl.lit(AGREED_PRICE)).otherwise("reference"),
            spell_until=pl.coalesce("spell_until", "ended_on"),
        )
        .pipe(in_order, "subscription_id", "spell_from")
    )
    unpriced = inside.filter(pl.col("unit_price_minor").is_null()).select("subscription_id", "plan", "cadence", "spell_from")
    priced = inside.filter(~pl.col("subscription_id").is_in(unpriced["subscription_id"].implode()))
    return PricedSpells.validate(priced.select(PricedSpells.names())), unpriced
