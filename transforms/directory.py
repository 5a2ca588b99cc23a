"""The directory of people: the one table with names and addresses, without those of deleted users (rule I8)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

import polars as pl

from transforms.contracts.sources import PERSON
from transforms.sorted_rows import in_order, positions_of, with_rows_added

ERASED_NAME = "Deactivated user"
_USER = ["workspace_id", "user_id"]
COLUMNS = {
    "workspace_id": pl.String,
    "user_id": pl.String,
    "name": pl.String,
    "email": pl.String,
    "is_erased": pl.Boolean,
    "seen_on": pl.Date,
}


def people_from_rosters(rosters: pl.DataFrame) -> pl.DataFrame:
    """The latest row of each user.

    Grain:  users rows with their `day` -> workspace, user; sorted.
    """
    return rosters.sort("day").unique(_USER, keep="last", maintain_order=True).select(PERSON).pipe(in_order, *_USER)


def directory_from_people(directory: pl.DataFrame | None, people: pl.DataFrame, days: Collection[date] = ()) -> pl.DataFrame:
    """Bring the directory up to date with the latest roster row of each user, whatever the order in which days arrive.

    Grain:  workspace, user -> the same, sorted. `people` are such rows with their `day`, sorted; `days` those whose rosters they are all of.
    A deleted user keeps nothing but the words that take the name's place. What was known of a user from an earlier roster of one of
    the `days` is not so: where these do not have the user, name and address go (I8).
    """
    is_erased = pl.col("status") == "deleted"
    fresh = people.select(
        *_USER,
        name=pl.when(is_erased).then(pl.lit(ERASED_NAME)).otherwise("name"),
        email=pl.when(~is_erased).then("email"),
        is_erased=is_erased,
        seen_on="day",
    )
    if directory is None or directory.is_empty():
        return fresh
    is_replaced = directory["seen_on"].is_in(list(days))
    if is_replaced.any():
        directory = directory.with_columns(pl.when(~is_replaced | pl.col("is_erased")).then(pl.col("name", "email")))
    found = positions_of(fresh, directory, _USER)
    is_known = found.is_not_null()
    is_newer = is_known & (is_replaced.gather(found) | (fresh["seen_on"] >= directory["seen_on"].gather(found))).fill_null(False)
    speaks = pl.int_range(directory.height, dtype=pl.UInt32, eager=True)
    speaks = speaks.scatter(found.filter(is_newer), is_newer.arg_true() + directory.height)
    return with_rows_added(pl.concat([directory, fresh], rechunk=True)[speaks], fresh.filter(~is_known), _USER)
