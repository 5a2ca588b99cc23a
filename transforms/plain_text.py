"""Names from outside as one plain line: what cannot be seen, or turns the text around it, is taken out."""

from __future__ import annotations

import unicodedata

_TURNING = dict.fromkeys(
    [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C, 0xFEFF]
)  # direction marks, byte order mark


def one_line(text: str) -> str:
    """The text without control characters and direction marks, each stretch of white space a single space."""
    visible = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text.translate(_TURNING))
    return " ".join(visible.split())
