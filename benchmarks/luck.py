"""Randomness without state: what happens to number n is a function of n and of the question asked, in every Polars version.

On columns, not expressions: each step uses the one before twice, which would make an expression eight times as large.
"""

from __future__ import annotations

import polars as pl

_GOLDEN, _MIX, _MORE = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_SIZE = 2**64
_FOUR_HEX = pl.Series([f"{n:04x}" for n in range(2**16)])


def numbers(start: int, end: int) -> pl.Series:
    """`start` to before `end`, as UInt64."""
    return pl.int_range(start, end, dtype=pl.UInt64, eager=True)


def scattered(number: pl.Series, salt: int = 0) -> pl.Series:
    """Each UInt64 sent to another one, one to one: no two numbers meet."""
    mixed = number.cast(pl.UInt64) * _u64(_GOLDEN) + _u64(salt * _MORE + _MIX)
    for factor in (_MIX, _MORE):
        mixed = (mixed ^ (mixed // _u64(2**31))) * _u64(factor)
    return mixed ^ (mixed // _u64(2**32))


def luck(number: pl.Series, salt: int) -> pl.Series:
    """Float64 from 0 to 1, evenly spread, the same again for the same number and salt."""
    return (scattered(number, salt) // _u64(2**11)).cast(pl.Float64) / 2**53


def hex_text(number: pl.Expr, digits: int = 16) -> pl.Expr:
    """The number's leading digits as text: 4, 8, 12 or 16 of them."""
    quarters = [(number // 2**shift % 2**16).cast(pl.UInt32) for shift in (48, 32, 16, 0)][: digits // 4]
    return pl.concat_str([pl.lit(_FOUR_HEX).gather(quarter) for quarter in quarters])


def word_of(words: list[str], number: pl.Expr) -> pl.Expr:
    """One of the words, by number."""
    return pl.lit(pl.Series(words)).gather((number % len(words)).cast(pl.UInt32))


def _u64(number: int) -> pl.Series:
    return pl.Series([number % _SIZE], dtype=pl.UInt64)
