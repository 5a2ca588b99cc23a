"""Rows in the order of several columns, and a few rows into many that are: known ones are found by a number, new ones are put among them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_

import polars as pl

_STIR = 0x9E3779B97F4A7C15


def in_order(rows: pl.DataFrame, *key: str) -> pl.DataFrame:
    """Rows by the first column of a key, then by the second and so on; nulls first.

    The columns are compared as one value: Polars sorts by that in a third of the time it takes column by column.
    """
    return rows.sort(pl.struct(key))


def in_order_of_groups(rows: pl.DataFrame, *key: str) -> pl.DataFrame:
    """The same for rows of which many have the same first column: brought together by it first, they take two thirds of the time."""
    first, *others = key
    groups = rows.select(first, _at=pl.int_range(pl.len(), dtype=pl.UInt32)).group_by(first).agg("_at").sort(first)
    together = groups.select("_at", _group=pl.int_range(pl.len(), dtype=pl.UInt32)).explode("_at")
    within = rows.select(others).gather(together["_at"]).with_columns(together["_group"])
    order = within.select(pl.struct("_group", *others).arg_sort()).to_series()
    return rows.gather(together["_at"].gather(order))


def beside(column: str, by: int, *key: str) -> pl.Expr:
    """A column's value so many rows before (or after: -1), where that row has the same key; else null. For rows of which those of a key are neighbours.

    A window over the key would do the same for each key by itself, in fifty times the time.
    """
    is_of_it = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(by)) for name in key)
    return pl.when(is_of_it).then(pl.col(column).shift(by))


def begins(rows: pl.DataFrame, *key: str) -> pl.Series:
    """Which rows are the first of their key, for rows of which those of a key are neighbours. Nulls are equal."""
    is_other = (rows[name].ne_missing(rows[name].shift()) for name in key)
    return reduce(or_, is_other).scatter(0, True) if rows.height else pl.Series(dtype=pl.Boolean)


def has_several(is_first: pl.Series) -> pl.Series:
    """Which rows have a neighbour of the same key, where it is known which are the first of theirs."""
    return ~(is_first & is_first.shift(-1, fill_value=True))


def with_running_sum(rows: pl.DataFrame, name: str, values: pl.Expr, *key: str) -> pl.DataFrame:
    """Add the sum of whole numbers from the first row of a key to each, for rows of which those of a key are neighbours: as `beside`, without a window."""
    told = rows.with_columns(values.cum_sum().alias(name), (values.cum_sum() - values).alias("_before"))  # of all keys: where they wrap, the difference wraps back
    return told.with_columns(pl.col(name) - pl.col("_before").first().over(key)).drop("_before")


def positions_of(rows: pl.DataFrame, among: pl.DataFrame, key: Sequence[str]) -> pl.Series:
    """Where each row's key is among other rows, by position; null where it is not.

    Shapes: the key is unique among the others; nulls in it are equal.
    """
    numbered = among.select(_hash(key), position=pl.int_range(pl.len(), dtype=pl.UInt32))
    if not numbered["hash"].is_duplicated().any():
        found = rows.select(_hash(key)).join(numbered, on="hash", how="left", maintain_order="left")["position"]
        if _is_true(rows, among, key, found):
            return found
    exact = among.select(*key, position=pl.int_range(pl.len(), dtype=pl.UInt32))  # two keys have one hash, as one pair in 10¹⁹ may
    return rows.select(key).join(exact, on=list(key), how="left", maintain_order="left", nulls_equal=True)["position"]


def with_latest(rows: pl.DataFrame, told: pl.DataFrame, name: str, key: Sequence[str]) -> pl.DataFrame:
    """Add to each row the value of `name` that was told last of its key by the row's day `on`; null where none was. A key is told of once a day.

    An as-of join would say the same, key by key: keys of few rows each are found by one number first, and compared afterwards.
    """
    asked = rows.select(*key, "on", _hash(key), row=pl.int_range(pl.len(), dtype=pl.UInt32))
    pairs = asked.join(told.select(*key, "on", name, _hash(key)), on="hash", suffix="_told")
    is_of_key = pl.all_horizontal(pl.col(column) == pl.col(f"{column}_told") for column in key)
    found = pairs.filter(is_of_key & (pl.col("on_told") <= pl.col("on"))).select("row", "on_told", name)
    latest = found.sort("on_told").unique("row", keep="last", maintain_order=True)
    values = pl.repeat(None, rows.height, dtype=told.schema[name], eager=True).scatter(latest["row"], latest[name])
    return rows.with_columns(values.alias(name))


def with_rows_added(rows: pl.DataFrame, added: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """Rows in the order of their key, and more of them in any order: together, in that order. The key is unique in both together."""
    return rows if added.is_empty() else in_order(pl.concat([rows, added.select(rows.columns)]), *key)


def _hash(key: Sequence[str]) -> pl.Expr:
    hashed = pl.lit(0, pl.UInt64)
    for seed, column in enumerate(key):
        hashed = hashed * pl.lit(_STIR, pl.UInt64) + pl.col(column).hash(seed)  # wraps, as hashes may
    return hashed.alias("hash")


def _is_true(rows: pl.DataFrame, among: pl.DataFrame, key: Sequence[str], found: pl.Series) -> bool:
    """Whether the rows that were found by their hash have the same key."""
    is_found = found.is_not_null()
    ours, theirs = rows.select(key).filter(is_found), among.select(key)[found.filter(is_found)]
    return all(ours[column].eq_missing(theirs[column]).all() for column in key)
