"""Lines are charges less what was billed: re-runs, late facts, corrections and catching up are this one subtraction (I2-I4)."""

from __future__ import annotations

import polars as pl

from transforms.contracts.charges import CHARGE, REASONS, Lines
from transforms.money import prorated_minor

_FACTS = ["workspace_id", "catalog", "cadence", "term_until", "days"]


def differences_from_charges(charges: pl.DataFrame, billed: pl.DataFrame) -> pl.DataFrame:
    """What is known now of every charge, against what was billed of it.

    Grain:  charge -> charge whose quantity differs. `billed` has the charge's identity and facts, and `quantity`.
    """
    before = billed.select(*CHARGE, *_FACTS, quantity_billed_before="quantity")
    both = charges.join(before, on=CHARGE, how="full", coalesce=True, suffix="_before")
    both = both.with_columns(
        *[pl.coalesce(fact, f"{fact}_before") for fact in _FACTS], pl.col("quantity", "quantity_billed_before").fill_null(0)
    )
    both = both.with_columns(quantity=pl.col("quantity") - pl.col("quantity_billed_before"))
    return both.filter(pl.col("quantity") != 0).select(*CHARGE, *_FACTS, "quantity", "quantity_billed_before")


def lines_from_differences(
    differences: pl.DataFrame, due: pl.DataFrame, done: pl.DataFrame, policies: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Put each difference on the first due invoice date on or after its movement.

    Grain:  charge -> charge and invoice date; and the differences for which no date is due.
    Shapes: `due` and `done` have subscription_id, invoice_on; `policies` catalog, currency, rounding.
    A line is a correction where an invoice date that could have carried it had been passed before this run.
    """
    dated = _next_date(differences, due, "invoice_on")
    dated = _next_date(dated, done, "passed_on").with_columns(is_correction=pl.col("passed_on").is_not_null())
    waiting = dated.filter(pl.col("invoice_on").is_null()).select(differences.columns)
    lines = dated.filter(pl.col("invoice_on").is_not_null()).join(policies.select("catalog", "currency", "rounding"), on="catalog")

    def billed_for(quantity: pl.Expr) -> pl.Expr:
        return prorated_minor(quantity, pl.col("unit_price_minor"), pl.col("days"), pl.col("period_days"), pl.col("rounding"))

    before = pl.col("quantity_billed_before")
    lines = lines.with_columns(amount_minor=billed_for(before + pl.col("quantity")) - billed_for(before))
    told = pl.col("reason").cast(pl.Enum(REASONS))  # within a day as the rules list them
    ordered = lines.sort("invoice_on", "subscription_id", "term_from", "moved_on", told, "service_from", "quantity", *CHARGE)
    return Lines.validate(ordered.select(Lines.names())), waiting


def _next_date(rows: pl.DataFrame, dates: pl.DataFrame, name: str) -> pl.DataFrame:
    """Add, as `name`, the first of the subscription's dates on or after the day of movement; null where there is none."""
    upcoming = dates.select("subscription_id", pl.col("invoice_on").alias(name)).sort(name)
    return rows.sort("moved_on").join_asof(
        upcoming, left_on="moved_on", right_on=name, by="subscription_id", strategy="forward", coalesce=False, check_sortedness=False
    )
