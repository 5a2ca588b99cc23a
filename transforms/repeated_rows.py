"""What is there twice on a day: alike it counts once, unlike it contradicts itself (G2)."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from transforms.contracts.sources import BROKEN

_PLACE = ["file", "row"]
# By table: what is there once a day and workspace, and why it is not.
_ONCE = {
    "users": ("user_id", "must be there once a day: the same user is there again with other values"),
    "usage": ("metric", "must be there once a day: the same metric is there again with another value"),
}


class RowsOnce(NamedTuple):
    """`rows`, one a day, workspace and key; `contradictions`, broken cells; `repeats` by file, the identical rows left out."""

    rows: pl.DataFrame
    contradictions: pl.DataFrame
    repeats: dict[str, int]


def rows_without_repeats(table: str, rows: pl.DataFrame) -> RowsOnce:
    """The same user, or the same metric, of a workspace twice on a day: identical rows count once, different ones break both rows.

    Grain: row of users or usage with its `day` -> day, workspace, user or metric; and the faults of contradictions. A table that
           has no such key comes back as it is.
    """
    if table not in _ONCE:
        return RowsOnce(rows, pl.DataFrame(schema=BROKEN), {})
    column, fault = _ONCE[table]
    key = ["day", "workspace_id", column]
    has_several = _have_one_key(rows, key)
    if not has_several.any():
        return RowsOnce(rows, pl.DataFrame(schema=BROKEN), {})
    several = rows.filter(has_several).sort(_PLACE)
    once = several.unique([c for c in rows.columns if c not in _PLACE], keep="first", maintain_order=True)
    left_out = several.join(once.select(_PLACE), on=_PLACE, how="anti")
    is_contradicted = pl.struct(key).is_duplicated()
    faults = once.filter(is_contradicted).select("workspace_id", *_PLACE, column=pl.lit(column), fault=pl.lit(fault))
    sound = pl.concat([rows.filter(~has_several), once.filter(~is_contradicted)])
    return RowsOnce(sound, faults, dict(left_out.group_by("file").len().iter_rows()))


def _have_one_key(rows: pl.DataFrame, key: list[str]) -> pl.Series:
    """Which rows have the same key as another one. Few have even one hash in common, so that few are compared."""
    hashed = pl.sum_horizontal(pl.col(name).hash(seed) for seed, name in enumerate(key))  # wraps, as hashes may
    at = rows.select(hashed.is_duplicated().arg_true()).to_series()
    return pl.repeat(False, rows.height, dtype=pl.Boolean, eager=True).scatter(
        at, rows[at].select(pl.struct(key).is_duplicated()).to_series()
    )
