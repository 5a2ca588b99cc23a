"""Charges: movements that are alike, summed, with the price of their spell (rules, section 4)."""

from __future__ import annotations

import polars as pl

from transforms.contracts.charges import CHARGE, Charges
from transforms.contracts.findings import holds
from transforms.money import MAX_TOTAL_MINOR
from transforms.sorted_rows import in_order

_SPELL = ["subscription_id", "term_from", "spell_from"]


def charges_from_movements(movements: pl.DataFrame, spells: pl.DataFrame) -> pl.DataFrame:
    """Price every movement at its spell's price; what is alike is one charge, rounded once when it is billed.

    Grain:  subscription, spell, reason, day, service -> the charge's identity (I3).
    Units:  `unit_price_minor` of a whole period, `days` of service. A price of 0, or a quantity of 0, makes no charge.
    """
    price = spells.select(*_SPELL, "workspace_id", "catalog", "cadence", "term_until", "plan", "unit_price_minor", "period_days")
    priced = movements.join(price, on=_SPELL).filter(pl.col("unit_price_minor") > 0)
    alike = [*CHARGE, "workspace_id", "catalog", "cadence", "term_until"]
    charges = priced.group_by(alike).agg(pl.col("quantity").sum()).filter(pl.col("quantity") != 0)
    charges = charges.with_columns(days=(pl.col("service_until") - pl.col("service_from")).dt.total_days())
    return Charges.validate(in_order(charges.select(Charges.names()), *CHARGE))


def holds_from_charges(charges: pl.DataFrame) -> pl.DataFrame:
    """Workspaces whose charges, all counted as owed, are beyond what their sums and balances are sure to hold.

    Grain: charge -> hold of its workspace. Summed in 128 bits: 64 would wrap in silence, which is what this is about.
    """
    largest = (pl.col("quantity").abs().cast(pl.Int128) * pl.col("unit_price_minor")).sum()
    sums = charges.group_by("workspace_id").agg(largest=largest, since_on=pl.col("moved_on").min())
    detail = pl.lit(f"its charges may come to more than {MAX_TOTAL_MINOR} minor units, the most that is reckoned with")
    mend = "correct the seats or the price that are meant; a contract of that size is several subscriptions' workspaces"
    return holds(sums.filter(pl.col("largest") > MAX_TOTAL_MINOR), "amount_too_large", mend, detail=detail, since_on="since_on")
