"""Text that a spreadsheet would run as a formula gets a quote before it, wherever a CSV leaves the house."""

from __future__ import annotations

import polars as pl

_FORMULA_START = r"^[=+\-@\t\r]"


def without_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with its text cells as plain text for spreadsheets too; numbers and dates stay as they are."""
    is_one = pl.col(pl.String).str.contains(_FORMULA_START)  # to look is a quarter of the work of writing every cell anew
    texts = [column.name for column in frame.select(is_one.any()) if column[0]]
    return frame.with_columns(pl.col(name).str.replace(_FORMULA_START, "'$0") for name in texts)
