"""What is owed and on no invoice yet: the differences that a run would still bill, and what they come to."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from transforms.catalog import Catalog
from transforms.contracts.charges import UnbilledCharges
from transforms.money import prorated_minor


def unbilled_from_differences(
    due: pl.DataFrame, waiting: pl.DataFrame, running: pl.DataFrame, catalogs: Mapping[str, Catalog]
) -> pl.DataFrame:
    """Put together the lines that no run has issued yet and the differences that wait for their next invoice date.

    Grain:  charge -> the same. `due` are lines, `waiting` differences; `running` names the subscriptions whose term runs on.
    Units:  `amount_minor` as the line would be, rounded as a line is. `due_on` null: no invoice date has come yet.
    """
    rows = [(c.id, c.currency, c.rounding) for c in catalogs.values()]
    policies = pl.DataFrame(rows, schema={"catalog": pl.String, "currency": pl.String, "rounding": pl.String}, orient="row")
    facts = [name for name in UnbilledCharges.names() if name in waiting.columns]
    later = waiting.select(*facts, due_on=pl.lit(None, pl.Date))
    both = pl.concat([due.select(*facts, due_on="invoice_on"), later]).join(policies, on="catalog")

    def comes_to(quantity: pl.Expr) -> pl.Expr:
        return prorated_minor(quantity, pl.col("unit_price_minor"), pl.col("days"), pl.col("period_days"), pl.col("rounding"))

    before = pl.col("quantity_billed_before")
    is_running = pl.col("subscription_id").is_in(running["subscription_id"].implode())
    both = both.with_columns(
        amount_minor=comes_to(before + pl.col("quantity")) - comes_to(before),
        has_next_invoice=pl.col("due_on").is_not_null() | is_running,
    )
    return UnbilledCharges.validate(both.select(UnbilledCharges.names()).sort(pl.all(), nulls_last=True))
