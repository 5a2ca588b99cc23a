"""Where the rows of a day are among those of the day before, by numbers that stand for them.

Rows are looked for where their neighbours were, and if they are not there, at a place that follows from their number. Who is not found
though it is there costs time, and nothing else (`transforms/roster_stays.py`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

_STIR = 0x9E3779B97F4A7C15
_APART = 64  # rows
_PLACES_A_ROW = 4
_PLACES_A_NEIGHBOUR = 16
_LOWER = (0, 20, 40)  # bits: a place has room for one, and who is pushed out of it is looked for by other bits


class Marks(NamedTuple):
    """Of each row 64 bits of its user, and 64 others of all that it is found by: user, kind, role, status, login_enabled."""

    user: np.ndarray
    mark: np.ndarray


def marks_of(rows: pl.DataFrame) -> Marks:
    """The marks of a day's rows, which have no null in what they are found by."""
    words = pl.col("kind").hash(1) + pl.col("role").hash(2) + pl.col("status").hash(3)
    marks = rows.select(user=_user(1), mark=_user(11) + words + pl.col("login_enabled").cast(pl.UInt64))
    return Marks(marks["user"].to_numpy(), marks["mark"].to_numpy())


def _user(seed: int) -> pl.Expr:
    return pl.col("workspace_id").hash(seed) * pl.lit(_STIR, pl.UInt64) + pl.col("user_id").hash(seed + 1)  # wraps, as hashes may


def places(rows: Marks, before: Marks) -> np.ndarray:
    """Where each row is among those before, by position; -1 where it was not found. Compared in 128 bits; no position is there twice."""
    if not len(rows.mark) or not len(before.mark):
        return np.full(len(rows.mark), -1)
    found = _beside_their_neighbours(rows.mark, before.mark)
    left, free = np.flatnonzero(found < 0), np.flatnonzero(left_over(len(before.mark), found))
    for bits in _LOWER:
        if len(left) and len(free):
            at = _by_lower_bits(rows.mark[left] >> np.uint64(bits), before.mark[free] >> np.uint64(bits), free)
            found[left] = np.where(before.mark[at] == rows.mark[left], at, -1)
            left = left[found[left] < 0]
    found[before.user.take(found, mode="clip") != rows.user] = -1
    return _each_once(found, len(before.mark))


def left_over(height: int, found: np.ndarray) -> np.ndarray:
    """Which of so many positions were not found."""
    is_left = np.ones(height + 1, dtype=bool)
    is_left[found] = False  # -1 is the one behind the last
    return is_left[:-1]


def _beside_their_neighbours(marks: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Where rows are that are as far from the row found before them, or after them, as they were: found are one row in so many."""
    shift, is_known = _shifts(marks[::_APART], others)
    numbers, last = np.arange(len(shift)), len(others) - 1
    before = shift[np.maximum.accumulate(np.where(is_known, numbers, 0))]
    after = shift[np.minimum.accumulate(np.where(is_known, numbers, len(shift) - 1)[::-1])[::-1]]
    found = np.repeat(before, _APART)[: len(marks)]
    found += np.arange(len(marks))
    np.clip(found, 0, last, out=found)
    left = np.flatnonzero(others.take(found, mode="clip") != marks)
    at = np.clip(left + after.take(left // _APART + 1, mode="clip"), 0, last)
    found[left] = np.where(others[at] == marks[left], at, -1)
    return found


def _shifts(asked: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much further back or ahead each of some rows, one in so many, is among the others; and of which of them that is known."""
    table = np.zeros(_places_for(len(asked) * _PLACES_A_NEIGHBOUR), dtype=np.int32)
    table[_lower(asked, table)] = np.arange(len(asked), dtype=np.int32)
    candidates = table.take(_lower(others, table), mode="clip")
    at = np.flatnonzero(asked.take(candidates, mode="clip") == others)
    shift, is_known = np.zeros(len(asked), dtype=np.int64), np.zeros(len(asked), dtype=bool)
    shift[candidates[at]], is_known[candidates[at]] = at - candidates[at] * _APART, True
    return shift, is_known


def _by_lower_bits(marks: np.ndarray, others: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """For each mark the position of the other one that is equal to it in some bits, if it was not pushed out; else any position."""
    table = np.zeros(_places_for(len(others) * _PLACES_A_ROW), dtype=np.int64)
    table[_lower(others, table)] = positions
    return table[_lower(marks, table)]


def _each_once(found: np.ndarray, height: int) -> np.ndarray:
    """The same with no position twice, as of a user who is there twice on a day: the first row has it."""
    if np.count_nonzero(found >= 0) == height - np.count_nonzero(left_over(height, found)):
        return found
    first = np.full(height + 1, -1)
    first[found[::-1]] = np.arange(len(found))[::-1]
    return np.where(first[found] == np.arange(len(found)), found, -1)


def _places_for(most: int) -> int:
    return 1 << most.bit_length()


def _lower(marks: np.ndarray, table: np.ndarray) -> np.ndarray:
    """A place in a table, which has a power of two of them, by a mark's lowest bits."""
    return (marks & np.uint64(len(table) - 1)).view(np.int64)
