"""The credit ledger: one entry for each invoice that changes an account's balance (rule I5)."""

from __future__ import annotations

import polars as pl


def credit_entries_from_invoices(invoices: pl.DataFrame, last_entry: int) -> pl.DataFrame:
    """What each invoice adds to or takes from its account's credit, numbered on from the last entry.

    Grain: invoice with credit granted or applied -> entry. `balance_minor` is the account's credit after it.
    """
    change = pl.col("credit_granted_minor") - pl.col("credit_applied_minor")
    changed = invoices.with_columns(change_minor=change).filter(pl.col("change_minor") != 0).sort("invoice_on", "subscription_id")
    return changed.select(
        "workspace_id",
        "currency",
        "invoice_id",
        "change_minor",
        entry_on="invoice_on",
        balance_minor="credit_balance_minor",
        entry_number=pl.int_range(1, pl.len() + 1, dtype=pl.Int64) + last_entry,
    )
