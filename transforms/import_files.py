"""Invoices in the words of accounting systems that import them. What they would multiply out is written so that it comes to our amounts.

An entry is a line of an invoice, or the credit that it applied or granted: the entries of an invoice add up to what is due.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

import polars as pl

from transforms.money import CURRENCY_DECIMALS, amount_text
from transforms.plain_text import one_line

XERO_COLUMNS = (
    *("*ContactName", "EmailAddress", "POAddressLine1", "POAddressLine2", "POAddressLine3", "POAddressLine4"),
    *("POCity", "PORegion", "POPostalCode", "POCountry", "*InvoiceNumber", "Reference", "*InvoiceDate", "*DueDate"),
    *("InventoryItemCode", "*Description", "*Quantity", "*UnitAmount", "Discount", "*AccountCode", "*TaxType"),
    *("TrackingName1", "TrackingOption1", "TrackingName2", "TrackingOption2", "Currency", "BrandingTheme"),
)
QUICKBOOKS_COLUMNS = (
    *("*InvoiceNo", "*Customer", "*InvoiceDate", "*DueDate", "Terms", "Location", "Memo", "Item(Product/Service)", "ItemDescription"),
    *("ItemQuantity", "ItemRate", "*ItemAmount", "Taxable", "ItemTaxCode", "Currency", "Service Date"),
)
DATES = {"dmy": "%d/%m/%Y", "mdy": "%m/%d/%Y", "ymd": "%Y-%m-%d"}

_MOST_DECIMALS = 2  # both systems keep amounts with two
_LONGEST_TEXT = 4_000  # of a line's description, in both
_BETWEEN = "; "  # parts of a description
_ROOM_FOR_REST = 20  # characters, of `… and 12345 more`
_DIGITS_OF_DIGEST = 12
_LONGEST_NUMBER = 21  # of an invoice's number in QuickBooks Online


class Coding(NamedTuple):
    """What the accounting system's chart says: where lines go, where credit goes, under which tax, due after how many days."""

    account: str
    tax: str
    credit_account: str
    due_days: int
    dates: str


class Cannot(ValueError):
    """Why these invoices cannot be told to the system: in words for who asked."""


def customers_from_workspaces(workspaces: pl.DataFrame, *, by_id: bool, longest: int, not_taken: str) -> pl.DataFrame:
    """What each workspace is called elsewhere: one name, and no two workspaces the same.

    Grain: workspace (`workspace_id`, `workspace_name`?) -> workspace (`workspace_id`, `customer`). Without a name, or `by_id`, it is the id;
    workspaces of equal name have the id behind it, all of them; and so has one that is called what another is called then. Ids that are
    alike there, too, as in all but their case, are told apart by a digest. `not_taken` are characters that a name may not have there.
    """
    blanks = str.maketrans(dict.fromkeys(not_taken, " "))
    told: dict[str, list[str]] = {}  # of each workspace what it may be called, the plainest first
    for workspace, name in workspaces.select("workspace_id", "workspace_name").iter_rows():
        plain_id = one_line(workspace.translate(blanks))
        known = ((not by_id and one_line((name or "").translate(blanks))) or plain_id)[:longest].strip()
        digest = sha256(workspace.encode()).hexdigest()[:_DIGITS_OF_DIGEST]
        told[workspace] = [known, _with_behind(known, plain_id, longest), _with_behind(known, digest, longest)]
    chosen = _none_alike(told)
    return pl.DataFrame(list(chosen.items()), schema={"workspace_id": pl.String, "customer": pl.String}, orient="row")


def entries_from_invoices(invoices: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Every line, then the credit that was applied or granted, as entries whose sum is what is due.

    Grain:  invoice, line -> invoice, place (`is_credit` where it is no line). Units: minor units, signed.
    Raises: Cannot for a currency of more decimals than are kept there.
    """
    finer = [code for code in invoices["currency"].unique().sort() if CURRENCY_DECIMALS[code] > _MOST_DECIMALS]
    if finer:
        raise Cannot(f"amounts in {', '.join(finer)} have more than {_MOST_DECIMALS} decimals, and would be rounded there")
    of_lines = lines.select(
        "invoice_number",
        pl.int_range(pl.len()).over("invoice_number").alias("place"),
        pl.lit(False).alias("is_credit"),
        "description",
        "amount_minor",
        "service_from",
    )
    credit = [
        invoices.filter(pl.col(column) != 0).select(
            "invoice_number",
            pl.col("lines").alias("place"),
            pl.lit(True).alias("is_credit"),
            pl.lit(words).alias("description"),
            (pl.col(column) * sign).alias("amount_minor"),
            pl.col("invoice_on").alias("service_from"),
        )
        for column, sign, words in (
            ("credit_applied_minor", -1, "Paid from credit of earlier invoices"),
            ("credit_granted_minor", 1, "Kept as credit for later invoices"),
        )
    ]
    order = invoices.select("invoice_number").with_row_index("turn")
    entries = pl.concat([of_lines, *credit], how="vertical_relaxed").join(order, on="invoice_number")
    return entries.sort("turn", "place").drop("turn")


def one_entry_where_negative(invoices: pl.DataFrame, entries: pl.DataFrame) -> pl.DataFrame:
    """For a system that takes no negative amount: an invoice with one becomes a single entry of what is due, with the parts in its words.

    Grain: invoice, place -> invoice, place. Invoices with nothing due have no entry at all, and entries of 0 are left out. Of parts that
    are longer than a description may be, the first ones are told whole, and how many more there are.
    """
    due = invoices.filter(pl.col("amount_due_minor") > 0).select("invoice_number", "amount_due_minor", "invoice_on", "currency")
    known = entries.join(due, on="invoice_number", maintain_order="left")
    is_mixed = (pl.col("amount_minor") < 0).any().over("invoice_number")
    whole = known.filter(~is_mixed & (pl.col("amount_minor") != 0)).select(entries.columns)
    part = pl.format("{}: {}", "description", amount_text(pl.col("amount_minor"), pl.col("currency")))
    merged = (
        _that_fit(known.filter(is_mixed).with_columns(part=part))
        .group_by("invoice_number", maintain_order=True)
        .agg(
            pl.lit(0, pl.Int64).alias("place"),
            pl.lit(False).alias("is_credit"),
            _told_parts().alias("description"),
            pl.col("amount_due_minor").first().alias("amount_minor"),
            pl.col("invoice_on").first().alias("service_from"),
        )
    )
    order = invoices.select("invoice_number").with_row_index("turn")
    both = pl.concat([whole, merged.select(entries.columns)], how="vertical_relaxed").join(order, on="invoice_number")
    return both.sort("turn", "place").drop("turn")


def _that_fit(parts: pl.DataFrame) -> pl.DataFrame:
    """Say of each `part` of an invoice's entry whether its description has room for it (`fits`). The first is told in any case."""
    so_far = (pl.col("part").str.len_chars() + len(_BETWEEN)).cum_sum().over("invoice_number")
    whole = pl.col("so_far").max().over("invoice_number") <= _LONGEST_TEXT + len(_BETWEEN)
    is_first = pl.col("so_far") == pl.col("so_far").min().over("invoice_number")
    return parts.with_columns(so_far=so_far).with_columns(fits=whole | (pl.col("so_far") <= _LONGEST_TEXT - _ROOM_FOR_REST) | is_first)


def _told_parts() -> pl.Expr:
    told, left = pl.col("part").filter(pl.col("fits")).str.join(_BETWEEN), (~pl.col("fits")).sum()
    return pl.when(left == 0).then(told).otherwise(pl.format("{}" + _BETWEEN + "… and {} more", told, left))


def xero_rows(invoices: pl.DataFrame, entries: pl.DataFrame, customers: pl.DataFrame, coding: Coding) -> pl.DataFrame:
    """The rows of a Xero sales invoice import. Grain: invoice, place. All cells are text; quantity is 1, so that nothing is multiplied."""
    known = _with_parties(invoices, entries, customers, coding)
    cells = {
        "*ContactName": pl.col("customer"),
        "*InvoiceNumber": pl.col("invoice_number"),
        "Reference": pl.col("subscription_id"),
        "*InvoiceDate": pl.col("dated"),
        "*DueDate": pl.col("due"),
        "*Description": pl.col("words"),
        "*Quantity": pl.lit("1"),
        "*UnitAmount": pl.col("amount"),
        "*AccountCode": pl.when("is_credit").then(pl.lit(coding.credit_account)).otherwise(pl.lit(coding.account)),
        "*TaxType": pl.lit(coding.tax),
        "Currency": pl.col("currency"),
    }
    return _told(known, XERO_COLUMNS, cells)


def quickbooks_rows(invoices: pl.DataFrame, entries: pl.DataFrame, customers: pl.DataFrame, coding: Coding) -> pl.DataFrame:
    """The rows of a QuickBooks Online invoice import. Grain: invoice, place. `coding.account` is the product or service.

    Raises: Cannot for an invoice number that is longer than it keeps.
    """
    long = [number for number in invoices["invoice_number"] if len(number) > _LONGEST_NUMBER]
    if long:
        raise Cannot(
            f"{long[0]}: the number has more than the {_LONGEST_NUMBER} characters that are kept there; shorten the invoice_prefix"
        )
    known = _with_parties(invoices, entries, customers, coding)
    cells = {
        "*InvoiceNo": pl.col("invoice_number"),
        "*Customer": pl.col("customer"),
        "*InvoiceDate": pl.col("dated"),
        "*DueDate": pl.col("due"),
        "Memo": pl.col("subscription_id"),
        "Item(Product/Service)": pl.lit(coding.account),
        "ItemDescription": pl.col("words"),
        "ItemQuantity": pl.lit("1"),
        "ItemRate": pl.col("amount"),
        "*ItemAmount": pl.col("amount"),
        "Taxable": pl.lit("Y" if coding.tax else "N"),
        "ItemTaxCode": pl.lit(coding.tax or None, pl.String),
        "Currency": pl.col("currency"),
        "Service Date": pl.col("service_from").dt.strftime(DATES[coding.dates]),
    }
    return _told(known, QUICKBOOKS_COLUMNS, cells)


def parts_of(rows: pl.DataFrame, number: str, most_invoices: int, most_rows: int) -> Sequence[pl.DataFrame]:
    """The rows in as many files as the system's bounds ask for; no invoice is parted. `number`: the column that names it.

    Raises: Cannot for an invoice of more rows than a file may have.
    """
    parts: list[list[pl.DataFrame]] = [[]]
    height = 0
    for of_invoice in rows.partition_by(number, maintain_order=True):
        if of_invoice.height > most_rows:
            raise Cannot(f"{of_invoice[number][0]}: has {of_invoice.height} rows, and a file may have {most_rows}")
        if parts[-1] and (len(parts[-1]) == most_invoices or height + of_invoice.height > most_rows):
            parts.append([])
            height = 0
        parts[-1].append(of_invoice)
        height += of_invoice.height
    return [pl.concat(part) for part in parts if part]


def _none_alike(told: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """For each workspace the plainest name that no other one has, whatever the case: of those that are alike the plainest give way."""
    turns = dict.fromkeys(told, 0)
    while True:
        alike: dict[str, list[str]] = {}
        for workspace, turn in turns.items():
            alike.setdefault(told[workspace][turn].casefold(), []).append(workspace)
        groups = [same for same in alike.values() if len(same) > 1]
        if not groups:
            return {workspace: told[workspace][turn] for workspace, turn in turns.items()}
        for same in groups:
            plainest = min(turns[workspace] for workspace in same)
            if plainest + 1 == len(told[same[0]]):
                raise Cannot(f"{same[0]} and {same[1]} cannot be told apart by a name")
            turns |= {workspace: plainest + 1 for workspace in same if turns[workspace] == plainest}


def _with_behind(name: str, words: str, longest: int) -> str:
    behind = f" ({words})"[-longest + 1 :]
    return name[: longest - len(behind)] + behind


def _with_parties(invoices: pl.DataFrame, entries: pl.DataFrame, customers: pl.DataFrame, coding: Coding) -> pl.DataFrame:
    of_invoice = invoices.select("invoice_number", "workspace_id", "subscription_id", "currency", "invoice_on")
    known = entries.join(of_invoice, on="invoice_number", maintain_order="left").join(customers, on="workspace_id", maintain_order="left")
    cut = pl.col("description").str.len_chars() > _LONGEST_TEXT
    return known.with_columns(
        amount=amount_text(pl.col("amount_minor"), pl.col("currency")),
        dated=pl.col("invoice_on").dt.strftime(DATES[coding.dates]),
        due=pl.col("invoice_on").dt.offset_by(f"{coding.due_days}d").dt.strftime(DATES[coding.dates]),
        words=pl.when(cut).then(pl.col("description").str.head(_LONGEST_TEXT - 1) + "…").otherwise(pl.col("description")),
    )


def _told(known: pl.DataFrame, columns: Sequence[str], cells: dict[str, pl.Expr]) -> pl.DataFrame:
    return known.select(cells.get(name, pl.lit(None, pl.String)).alias(name) for name in columns)
