"""How the page writes amounts, days and texts: whole minor units in, words of this language out, whatever the system's."""

from __future__ import annotations

from datetime import date, timedelta

from transforms.money import CURRENCY_DECIMALS
from transforms.money_text import readable_money

_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
_LONGEST = 80  # characters of a name; more say nothing more


def signed(minor: int, decimals: int) -> str:
    """A difference as a person reads it, with its sign: `+12.50`; nothing moved is an en dash."""
    return "–" if minor == 0 else f"{'+' if minor > 0 else ''}{readable_money(minor, decimals)}"


def cut(text: str, most: int = _LONGEST) -> str:
    """A text, or its beginning."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def month_before(month: date) -> date:
    """The first day of the month before."""
    return (month - timedelta(days=1)).replace(day=1)


def month_name(month: date) -> str:
    """`May 2026`."""
    return f"{_MONTHS[month.month - 1]} {month.year}"


def day_name(day: date) -> str:
    """`31 May 2026`."""
    return f"{day.day} {month_name(day)}"


def against(now: int, before: int, when: str, currency: str) -> str:
    """`2,392.45 more than in April 2026 (+85 %)`; the share is of what was before, in whole percent, half up."""
    if now == before:
        return f"as much as {when}"
    difference = abs(now - before)
    share = f" ({'+' if now > before else '−'}{(200 * difference + before) // (2 * before):,} %)" if before > 0 else ""
    return f"{readable_money(difference, CURRENCY_DECIMALS[currency])} {'more' if now > before else 'less'} than {when}{share}"
