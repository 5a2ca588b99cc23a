"""Text that a spreadsheet would run as a formula gets a quote before it, wherever a CSV leaves the house."""

from __future__ import annotations

import polars as pl

_FORMULA_START = r"^[=+\-@\t\r]"


def without_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with its text cells as plain text for spreadsheets too; numbers and dates stay as they are."""
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    return frame.with_columns(pl.col(name).str.replace(_FORMULA_START, "'$0") for name in texts)
