"""Buckets of workspaces: what one pass holds in memory, and what goes to one worker of a cluster.

Nothing that is computed of a workspace asks for another one, so that any division gives the same result. A workspace's bucket
follows from its id alone, for ever; numbers of buckets are powers of two, so that 3 of 8 is 3 and 11 of 16.
"""

from __future__ import annotations

from hashlib import md5
from typing import NamedTuple

import numpy as np
import polars as pl

MOST_BUCKETS = 4096
USERS_A_BUCKET = 400_000
DAYS_A_BUCKET = 3_000_000
_MOST_KNOWN = 1 << 20
_KNOWN = [pl.DataFrame(schema={"workspace_id": pl.String, "finest": pl.UInt32})]
_MOST_ANSWERED = 32
_ANSWERED: dict[tuple[int, int, int], pl.Series] = {}


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
    """How many buckets so many users are kept in: each has some 200,000 to 400,000."""
    return _power_of_two(-(-users // USERS_A_BUCKET))


def buckets_for_days(workspace_days: int) -> int:
    """In how many buckets so many days of workspaces are worked out: each has some three million at most."""
    return _power_of_two(-(-workspace_days // DAYS_A_BUCKET))


def bucket_numbers(workspace_ids: pl.Series, of: int) -> pl.Series:
    """The bucket of each workspace, one a row: the low bits of its id's digest, least byte first (DuckDB: md5_number_upper).

    A digest's first bits are as good as any others: nothing secret is asked of it, only that every version and engine agrees.
    """
    return finest_numbers(workspace_ids) & (of - 1)


def finest_numbers(workspace_ids: pl.Series) -> pl.Series:
    """The same among the most buckets that there can be: its low bits are the number among fewer. Of no workspace it is 0."""
    ids = workspace_ids.cast(pl.String).alias("workspace_id")
    mark = _mark(ids)
    if mark not in _ANSWERED:
        if len(_ANSWERED) == _MOST_ANSWERED:
            _ANSWERED.clear()
        _ANSWERED[mark] = _finest_numbers(ids.to_frame())
    return _ANSWERED[mark].alias(workspace_ids.name)


def _mark(ids: pl.Series) -> tuple[int, int, int]:
    """What tells ids in their order from all others, in 128 bits: each pass asks for those of the same months."""
    place = pl.int_range(1, 2 * len(ids) + 1, 2, dtype=pl.UInt64, eager=True)
    return len(ids), (ids.hash(1) * place).sum(), (ids.hash(2) * place).sum()  # wraps, as hashes may


def _finest_numbers(asked: pl.DataFrame) -> pl.Series:
    found = _known_number(asked)
    if found.has_nulls() and (unknown := asked.filter(found.is_null()).drop_nulls().unique()).height:
        if _KNOWN[0].height + unknown.height > _MOST_KNOWN:
            _KNOWN[0], unknown = _KNOWN[0].clear(), asked.drop_nulls().unique()
        _KNOWN[0] = pl.concat([_KNOWN[0], unknown.with_columns(_digested(unknown["workspace_id"]))])
        found = _known_number(asked)
    return found.fill_null(0)


def _known_number(asked: pl.DataFrame) -> pl.Series:
    """The finest number of each workspace asked for before, null of others: a digest takes long."""
    return asked.join(_KNOWN[0], on="workspace_id", how="left", maintain_order="left")["finest"]


def _digested(workspace_ids: pl.Series) -> pl.Series:
    """Each workspace's number among the most buckets that there can be."""
    first_bytes = b"".join([md5(each.encode(), usedforsecurity=False).digest()[:2] for each in workspace_ids])
    return pl.Series("finest", np.frombuffer(first_bytes, dtype="<u2").astype(np.uint32) & np.uint32(MOST_BUCKETS - 1))


def _power_of_two(needed: int) -> int:
    return min(1 << max(needed - 1, 0).bit_length(), MOST_BUCKETS)
