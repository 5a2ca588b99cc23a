"""What came to be known between two runs, of all that a charge rests on: the reason of a correction (rule I3)."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import polars as pl

from transforms.contracts.sources import SubscriptionRows


class News(NamedTuple):
    """Differences between what an earlier run knew and a later one; `known` says whether it came `since` or is `no longer` so.

    `seat_changes` user, day and change; `events` contract events by id; `agreement` columns of the subscription's row.
    """

    seat_changes: pl.DataFrame
    events: pl.DataFrame
    agreement: pl.DataFrame


def news_between(
    seat_changes: tuple[pl.DataFrame, pl.DataFrame],
    events: tuple[pl.DataFrame, pl.DataFrame],
    rows: tuple[pl.DataFrame, pl.DataFrame],
    since: date,
    until: date,
) -> News:
    """Compare what was known before with what was known after; pairs are (before, after), of one workspace and subscription.

    Grain:  row -> row that is in one only; events up to the day `until`, seats that moved from `since` to it: nothing later can
            change a charge of that day.
    """
    moved = ["user_id", "moved_on", "change", "released_on"]
    asked = ["event_id", "event", "on", "actor_id", "actor_role", "file", "row", "day"]
    changes = [frame.filter(pl.col("moved_on").is_between(since, until)).select(moved) for frame in seat_changes]
    told = [frame.filter(pl.col("on") <= until).select(asked) for frame in events]
    return News(
        seat_changes=_in_one_only(*changes, by=moved).sort("moved_on", "user_id", "known"),
        events=_in_one_only(*told, by=["event_id", "on"]).sort("on", "event_id", "known").rename({"day": "delivered_on"}),
        agreement=_agreement(*rows),
    )


def _in_one_only(before: pl.DataFrame, after: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    since = after.join(before, on=by, how="anti", nulls_equal=True).with_columns(known=pl.lit("since"))
    return pl.concat([since, before.join(after, on=by, how="anti", nulls_equal=True).with_columns(known=pl.lit("no longer"))])


def _agreement(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Columns of the subscription's row that say something else. Grain: column, with `before` and `after` as text."""
    sides = [
        frame.select(pl.col(name).cast(pl.String) for name in SubscriptionRows.names()).head(1).unpivot(variable_name="column")
        for frame in (before, after)
    ]
    both = sides[0].rename({"value": "before"}).join(sides[1].rename({"value": "after"}), on="column", how="full", coalesce=True)
    return both.filter(~pl.col("before").eq_missing(pl.col("after"))).sort("column")
