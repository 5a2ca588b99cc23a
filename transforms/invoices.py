"""Invoices and the credit of each account, without a loop (rules I4, I5)."""

from __future__ import annotations

import polars as pl

from transforms.contracts.charges import Invoices
from transforms.sorted_rows import beside, in_order, with_running_sum

ACCOUNT = ["workspace_id", "currency"]
_INVOICE = ["subscription_id", "workspace_id", "catalog", "currency", "invoice_on"]


def invoices_from_lines(lines: pl.DataFrame, balances: pl.DataFrame) -> pl.DataFrame:
    """Sum lines to invoices and settle them against the account's credit, in order of date, then subscription.

    An invoice below zero is due 0 and the rest becomes credit; credit goes to the next invoices. With c the credit before
    and S the running sum of net less c, what is due so far is D = max(0, running maximum of S), the credit left D - S.

    Grain:  line -> invoice. `balances` has workspace_id, currency, balance_minor before this run.
    """
    invoices = lines.group_by(_INVOICE).agg(lines=pl.len().cast(pl.Int64), net_minor=pl.col("amount_minor").sum())
    invoices = invoices.join(balances, on=ACCOUNT, how="left").with_columns(credit_before=pl.col("balance_minor").fill_null(0))
    invoices = with_running_sum(in_order(invoices, *ACCOUNT, "invoice_on", "subscription_id"), "so_far", pl.col("net_minor"), *ACCOUNT)
    invoices = invoices.with_columns(running=pl.col("so_far") - pl.col("credit_before"))
    invoices = invoices.with_columns(due_so_far=pl.col("running").cum_max().clip(lower_bound=0).over(ACCOUNT))
    invoices = invoices.with_columns(credit_balance_minor=pl.col("due_so_far") - pl.col("running"))
    due_before = beside("due_so_far", 1, *ACCOUNT).fill_null(0)
    balance_before = pl.coalesce(beside("credit_balance_minor", 1, *ACCOUNT), "credit_before")
    change = pl.col("credit_balance_minor") - balance_before
    invoices = invoices.with_columns(
        amount_due_minor=pl.col("due_so_far") - due_before,
        credit_applied_minor=(-change).clip(lower_bound=0),
        credit_granted_minor=change.clip(lower_bound=0),
    )
    return Invoices.validate(invoices.select(Invoices.names()).sort("invoice_on", "subscription_id"))


def numbered_from_invoices(invoices: pl.DataFrame, used: pl.DataFrame, prefixes: pl.DataFrame) -> pl.DataFrame:
    """Give each invoice the next number of its catalogue and year, and its id (I6).

    Grain:  invoice -> invoice. `used` has catalog, year, used: how many numbers are taken; `prefixes` catalog, invoice_prefix.
    """
    of_year = ["catalog", "year"]
    numbered = invoices.with_columns(year=pl.col("invoice_on").dt.year().cast(pl.Int64)).join(used, on=of_year, how="left")
    numbered = numbered.join(prefixes.select("catalog", "invoice_prefix"), on="catalog").sort("invoice_on", "subscription_id")
    numbered = numbered.with_columns(number=pl.col("used").fill_null(0) + pl.int_range(1, pl.len() + 1).over(of_year))
    return numbered.with_columns(
        invoice_id=pl.format("{}@{}", "subscription_id", pl.col("invoice_on").dt.to_string("%Y-%m-%d")),
        invoice_number=pl.format("{}-{}-{}", "invoice_prefix", "year", pl.col("number").cast(pl.String).str.zfill(6)),
    ).drop("year", "used", "number", "invoice_prefix")
