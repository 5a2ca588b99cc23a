"""Text from outside as it can be seen on a terminal: what would move its cursor, or write from right to left, does nothing."""

from __future__ import annotations

import re

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Text as it can be seen: a control character is written as its number, `\\x1b`, so that it does nothing."""
    return _UNSEEN.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)


def printable_lines(text: str) -> str:
    """The same of each of several lines."""
    return "\n".join(map(printable, text.split("\n")))
