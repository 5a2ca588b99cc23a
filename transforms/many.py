"""A number of things, in words."""

from __future__ import annotations

import polars as pl


def many(number: int, noun: str) -> str:
    """As in `1 day` and `12,345 days`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def noun_for(number: str, noun: str) -> pl.Expr:
    """The noun alone, as the column of numbers before it asks for."""
    return pl.when(pl.col(number) == 1).then(pl.lit(noun)).otherwise(pl.lit(f"{noun}s"))
