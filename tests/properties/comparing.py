"""Lines and invoices of the product and of the slow reference, brought to the same shape."""

from __future__ import annotations

import polars as pl

from tests.properties.in_memory import MemoryLedger

LINE = [
    "subscription_id",
    "workspace_id",
    "invoice_on",
    "term_from",
    "term_until",
    "cadence",
    "plan",
    "reason",
    "moved_on",
    "service_from",
    "service_until",
    "quantity",
    "quantity_billed_before",
    "days",
    "period_days",
    "unit_price_minor",
    "amount_minor",
]
INVOICE = [
    "subscription_id",
    "workspace_id",
    "catalog",
    "currency",
    "invoice_on",
    "lines",
    "net_minor",
    "credit_applied_minor",
    "credit_granted_minor",
    "amount_due_minor",
    "credit_balance_minor",
]


def rows_of_product(frames: list[pl.DataFrame], columns: list[str], held: set[str]) -> set[tuple]:
    return {row for frame in frames for row in frame.filter(~pl.col("workspace_id").is_in(list(held))).select(columns).iter_rows()}


def rows_of_reference(rows: list[dict], columns: list[str], held: set[str]) -> set[tuple]:
    return {tuple(row[c] for c in columns) for row in rows if row["workspace_id"] not in held}


def differences(ledger: MemoryLedger, reference, columns: str) -> list[str]:
    """What one has and the other has not, as lines to read; empty where they agree."""
    names, theirs, ours = (LINE, reference.lines, ledger.lines) if columns == "lines" else (INVOICE, reference.invoices, ledger.invoices)
    held = set(reference.held)
    wanted, got = rows_of_reference(theirs, names, held), rows_of_product(ours, names, held)
    told = [f"only the reference: {dict(zip(names, map(str, row), strict=True))}" for row in sorted(wanted - got, key=str)]
    return told + [f"only the product:   {dict(zip(names, map(str, row), strict=True))}" for row in sorted(got - wanted, key=str)]
