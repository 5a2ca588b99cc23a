"""A number of things, in words."""

from __future__ import annotations


def many(number: int, noun: str) -> str:
    """As in `1 day` and `12,345 days`."""
    return f"{number:,} {noun}{'' if abs(number) == 1 else 's'}"
