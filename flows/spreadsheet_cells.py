"""Text that a spreadsheet would run as a formula gets a quote before it, wherever a CSV leaves the house."""

from __future__ import annotations

import polars as pl

_FORMULA_START = r"^[=+\-@\t\r]"


def without_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with its text cells as plain text for spreadsheets too; numbers and dates stay as they are."""
    # To look at a column is a small part of the work of writing each of its cells anew; every sign that starts a formula comes before A.
    least = frame.select(pl.col(pl.String).min())
    suspects = [column.name for column in least if column[0] is not None and column[0] < "A"]
    found = frame.select(pl.col(suspects).str.contains(_FORMULA_START).any())
    texts = [column.name for column in found if column[0]]
    return frame.with_columns(pl.col(name).str.replace(_FORMULA_START, "'$0") for name in texts)
