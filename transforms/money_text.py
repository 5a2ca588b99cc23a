"""How an amount is written: apart from the arithmetic, so that what only shows amounts loads nothing else."""

from __future__ import annotations

from decimal import Decimal


def money_text(minor: int, decimals: int) -> str:
    """An amount in minor units, written in the currency's own unit: 2894 with 2 decimals is `28.94`."""
    return f"{Decimal(minor).scaleb(-decimals):.{decimals}f}"


def readable_money(minor: int, decimals: int) -> str:
    """The same as a person reads it, with thousands set apart and a true minus: `−1,560.00`."""
    whole, rest = divmod(abs(minor), 10**decimals)
    return f"{'−' if minor < 0 else ''}{whole:,}" + (f".{rest:0{decimals}d}" if decimals else "")
