"""Invoices as files that accounting systems import: what the finance database says of them, in the columns that they ask for."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import polars as pl

from flows.errors import UserError
from flows.home import Home
from flows.invoice_documents import Choice, chosen_frames
from flows.progress import progress
from flows.spreadsheet_cells import without_formulas
from flows.whole_files import whole
from transforms.import_files import (
    Cannot,
    Coding,
    customers_from_workspaces,
    entries_from_invoices,
    one_entry_where_negative,
    parts_of,
    quickbooks_rows,
    xero_rows,
)
from transforms.money import CURRENCY_DECIMALS


class System(NamedTuple):
    """How a system wants its file: what makes the rows, which columns hold number and amounts, how much a file may hold, and which names."""

    rows: Callable[[pl.DataFrame, pl.DataFrame, pl.DataFrame, Coding], pl.DataFrame]
    number: str
    amounts: tuple[str, ...]
    takes_negatives: bool
    most_invoices: int
    most_rows: int
    longest_name: int
    not_in_names: str


SYSTEMS = {
    "xero": System(xero_rows, "*InvoiceNumber", ("*UnitAmount",), True, 500, 100_000, 255, "<>"),
    "quickbooks": System(
        quickbooks_rows, "*InvoiceNo", ("ItemRate", "*ItemAmount"), False, 100, 999, 100, "<>:"
    ),  # a colon: sub-customer
}


class Exported(NamedTuple):
    """What was written: the files, and invoices in them with their due by currency; `left_out` have nothing due and are in none."""

    files: list[Path]
    invoices: int
    due: dict[str, Decimal]
    left_out: list[str]


def export(home: Home, system: System, choice: Choice, coding: Coding, to: Path, *, by_id: bool = False) -> Exported:
    """Write the chosen invoices for a system, each with the total that is due; nothing where one cannot be told.

    Raises: UserError where there is none, where one cannot be told without loss, or where a file cannot be written.
    """
    with progress("Writing invoices"):
        return _exported(chosen_frames(home, choice), system, coding, to, by_id)


def _exported(frames: Mapping[str, pl.DataFrame], system: System, coding: Coding, to: Path, by_id: bool) -> Exported:
    invoices = frames["invoices"]
    try:
        entries = entries_from_invoices(invoices, frames["lines"])
        if not system.takes_negatives:
            entries = one_entry_where_negative(invoices, entries)
        bounds = {"longest": system.longest_name, "not_taken": system.not_in_names}
        customers = customers_from_workspaces(frames["customers"], by_id=by_id, **bounds)
        rows = system.rows(invoices, entries, customers, coding)
        parts = [_csv(part, system) for part in parts_of(rows, system.number, system.most_invoices, system.most_rows)]
    except Cannot as reason:
        raise UserError(f"{reason}. Nothing was written. --catalog leaves other catalogues out.") from None
    told = invoices.join(entries.select("invoice_number").unique(), on="invoice_number", how="semi", maintain_order="left")
    left_out = invoices.join(told, on="invoice_number", how="anti", maintain_order="left")
    _require_what_is_due(invoices, parts, system)
    files = _write(parts, to)
    return Exported(files, told.height, due_by_currency(told), left_out["invoice_number"].to_list())


def _csv(rows: pl.DataFrame, system: System) -> bytes:
    """Text that a spreadsheet would run has a quote before it; amounts are numbers, also negative ones."""
    content = io.BytesIO()
    safe = without_formulas(rows.drop(system.amounts)).with_columns(rows.select(system.amounts)).select(rows.columns)
    safe.write_csv(content, line_terminator="\r\n")
    return content.getvalue()


def _require_what_is_due(invoices: pl.DataFrame, parts: list[bytes], system: System) -> None:
    """What is read back from the files adds up, for every invoice, to what is due."""
    found: dict[str, Decimal] = {}
    for content in parts:
        for number, amount in pl.read_csv(content, infer_schema=False).select(system.number, system.amounts[0]).iter_rows():
            found[number] = found.get(number, Decimal()) + Decimal(amount)
    for number, currency, due in invoices.select("invoice_number", "currency", "amount_due_minor").iter_rows():
        if found.get(number, Decimal()) != Decimal(due).scaleb(-CURRENCY_DECIMALS[currency]):
            raise UserError(
                f"{number}: would come to {found.get(number)} in the file, and {due} is due. Nothing was written. Please report this."
            )


def _write(parts: list[bytes], to: Path) -> list[Path]:
    """One file, or numbered ones beside each other; what a longer export left there is not touched."""
    files = [to] if len(parts) < 2 else [to.with_name(f"{to.stem}-{n}{to.suffix}") for n in range(1, len(parts) + 1)]
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        for path, content in zip(files, parts, strict=False):
            with whole(path) as beside:
                beside.write_bytes(content)
    except OSError as reason:
        raise UserError(f"{to}: cannot be written: {reason.strerror}.") from None
    return files if parts else []


def due_by_currency(invoices: pl.DataFrame) -> dict[str, Decimal]:
    """What invoices come to, in each currency's own unit. Summed in Int128: of ten workspaces at their bound 64 bits would wrap."""
    sums = invoices.group_by("currency").agg(pl.col("amount_due_minor").cast(pl.Int128).sum()).sort("currency")
    return {currency: Decimal(due).scaleb(-CURRENCY_DECIMALS[currency]) for currency, due in sums.iter_rows()}
