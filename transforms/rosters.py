"""A day's rosters: one row a user, and what a roster that repeats a user or shrinks means (G1-G4)."""

from __future__ import annotations

import polars as pl

from transforms.source_rows import BROKEN

_USER_DAY = ["day", "workspace_id", "user_id"]
_PLACE = ["file", "row"]


def rosters_without_repeats(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The same user twice on a day: identical rows count once, different ones break both rows.

    Grain:  user row with its `day` -> day, workspace, user; and the faults of contradictions.
    """
    if not rows.select(pl.struct(_USER_DAY).is_duplicated().any()).item():
        return rows, pl.DataFrame(schema=BROKEN)
    facts = [c for c in rows.columns if c not in _PLACE]
    once = rows.sort(_PLACE).unique(facts, keep="first", maintain_order=True)
    is_contradicted = pl.struct(_USER_DAY).is_duplicated()
    faults = once.filter(is_contradicted).select(
        "workspace_id", *_PLACE, column=pl.lit("user_id"), fault=pl.lit("must be there once a day: the same user is there again with other values")
    )
    return once.filter(~is_contradicted), faults
