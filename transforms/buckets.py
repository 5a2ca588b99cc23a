"""Buckets of workspaces: what one pass holds in memory, and what goes to one worker of a cluster.

Nothing that is computed of a workspace asks for another one, so that any division gives the same result. A workspace's bucket
follows from its id alone, for ever; numbers of buckets are powers of two, so that 3 of 8 is 3 and 11 of 16.
"""

from __future__ import annotations

from hashlib import md5
from typing import NamedTuple

import polars as pl

MOST_BUCKETS = 4096
USERS_A_BUCKET = 400_000
DAYS_A_BUCKET = 3_000_000
_MOST_KNOWN = 1 << 20
_KNOWN = [pl.DataFrame(schema={"workspace_id": pl.String, "finest": pl.UInt32})]


class Bucket(NamedTuple):
    """One of so many buckets, counted from 0."""

    number: int
    of: int

    def has(self, workspace_ids: pl.Series) -> pl.Series:
        """Which of some workspaces, one a row, are in the bucket. Null is in bucket 0."""
        if self.of == 1:
            return pl.repeat(True, len(workspace_ids), dtype=pl.Boolean, eager=True)
        return bucket_numbers(workspace_ids, self.of) == self.number

    def rows(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows of a frame whose `workspace_id` is in the bucket."""
        return frame if self.of == 1 else frame.filter(self.has(frame["workspace_id"]))

    def within(self, of: int) -> Bucket:
        """The coarser bucket, one of `of`, that this one is a part of."""
        return Bucket(self.number % of, of)


WHOLE = Bucket(0, 1)


def buckets(of: int) -> list[Bucket]:
    """Every bucket, in order. Raises ValueError for a number that is no power of two."""
    if not (0 < of <= MOST_BUCKETS and of & (of - 1) == 0):
        raise ValueError(f"{of} buckets: a power of two up to {MOST_BUCKETS} is needed")
    return [Bucket(number, of) for number in range(of)]


def smallest_bucket(workspace_id: str) -> Bucket:
    """The smallest bucket that a workspace is in: for asking about it alone."""
    return Bucket(bucket_numbers(pl.Series([workspace_id]), MOST_BUCKETS)[0], MOST_BUCKETS)


def buckets_for_users(users: int) -> int:
    """How many buckets so many users are kept in: each has some 200,000 at most."""
    return _power_of_two(-(-users // USERS_A_BUCKET))


def buckets_for_days(workspace_days: int) -> int:
    """In how many buckets so many days of workspaces are worked out: each has some three million at most."""
    return _power_of_two(-(-workspace_days // DAYS_A_BUCKET))


def bucket_numbers(workspace_ids: pl.Series, of: int) -> pl.Series:
    """The bucket of each workspace, one a row: the low bits of its id's digest, least byte first (DuckDB: md5_number_upper).

    A digest's first bits are as good as any others: nothing secret is asked of it, only that every version and engine agrees.
    """
    asked = workspace_ids.cast(pl.String).alias("workspace_id").to_frame()
    known = _known_numbers(asked)
    finest = asked.join(known, on="workspace_id", how="left", maintain_order="left")["finest"]
    return (finest.fill_null(0) & (of - 1)).alias(workspace_ids.name)


def _known_numbers(asked: pl.DataFrame) -> pl.DataFrame:
    """The finest numbers of those asked for, and of others: each pass asks for the same ones, month by month, and a digest takes long."""
    known, different = _KNOWN[0], asked.select(pl.col("workspace_id").drop_nulls().unique())
    fresh = different.join(known, on="workspace_id", how="anti")
    if fresh.is_empty():
        return known
    if known.height + fresh.height > _MOST_KNOWN:
        known, fresh = known.clear(), different
    numbers = pl.Series("finest", [_finest(each) for each in fresh["workspace_id"]], dtype=pl.UInt32)
    _KNOWN[0] = known = pl.concat([known, fresh.with_columns(numbers)])
    return known


def _finest(workspace_id: str) -> int:
    """A workspace's number among the most buckets that there can be."""
    return int.from_bytes(md5(workspace_id.encode(), usedforsecurity=False).digest()[:8], "little") % MOST_BUCKETS


def _power_of_two(needed: int) -> int:
    return min(1 << max(needed - 1, 0).bit_length(), MOST_BUCKETS)
