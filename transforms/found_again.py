"""Where the rows of a day are among those of the day before, by numbers that stand for them.

A few rows, which their numbers choose, are looked for among the same few of the day before; all others where these, their neighbours,
were. Who is not there is looked for at a place that follows from its number. Who is not found though it is there costs time, and nothing
else (`transforms/roster_stays.py`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

_STIR = 0x9E3779B97F4A7C15
_LOW = np.uint64(1 << 59)  # of 32 marks one is lower
_PLACES_A_ROW = 4
_LOWER = (0, 20, 40)  # bits: a place has room for one, and who is pushed out of it is looked for by other bits


class Marks(NamedTuple):
    """Of each row 64 bits of its user, and 64 others of all that it is found by: user, kind, role, status, login_enabled."""

    user: np.ndarray
    mark: np.ndarray


class Places(NamedTuple):
    """Of each row its position among those before; whether it is new: its position is -1 then; and which of those before are left over."""

    place: np.ndarray
    is_new: np.ndarray
    is_left: np.ndarray


def marks_of(rows: pl.DataFrame) -> Marks:
    """The marks of a day's rows, which have no null in what they are found by."""
    words = pl.col("kind").hash(1) + pl.col("role").hash(2) + pl.col("status").hash(3)
    marks = rows.select(user=_user(1), mark=_user(11) + words + pl.col("login_enabled").cast(pl.UInt64))
    return Marks(marks["user"].to_numpy(), marks["mark"].to_numpy())


def _user(seed: int) -> pl.Expr:
    return pl.col("workspace_id").hash(seed) * pl.lit(_STIR, pl.UInt64) + pl.col("user_id").hash(seed + 1)  # wraps, as hashes may


def places(rows: Marks, before: Marks) -> Places:
    """Where each row is among those before. Compared in 128 bits; no position is there twice."""
    if not len(rows.mark) or not len(before.mark):
        return _placed(np.full(len(rows.mark), -1), before)
    place = _beside_their_neighbours(rows.mark, before.mark)
    missed, free = np.flatnonzero(place < 0), np.flatnonzero(_left_over(place, before))
    for bits in _LOWER:
        if len(missed) and len(free):
            at = _by_lower_bits(rows.mark[missed] >> np.uint64(bits), before.mark[free] >> np.uint64(bits), free)
            place[missed] = np.where(before.mark[at] == rows.mark[missed], at, -1)
            missed = missed[place[missed] < 0]
    place[before.user.take(place, mode="clip") != rows.user] = -1
    found = _placed(place, before)
    if np.count_nonzero(found.is_new) + len(before.mark) == len(place) + np.count_nonzero(found.is_left):
        return found
    return _placed(_each_once(place, len(before.mark)), before)


def _placed(place: np.ndarray, before: Marks) -> Places:
    return Places(place, place < 0, _left_over(place, before))


def _left_over(place: np.ndarray, before: Marks) -> np.ndarray:
    """Which of the rows before are at none of some positions."""
    is_left = np.ones(len(before.mark) + 1, dtype=bool)
    is_left[place] = False  # -1 is the one behind the last
    return is_left[:-1]


def _beside_their_neighbours(marks: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Where rows are that are as far from the row known before them, or after them, as they were; -1 where they are not."""
    known, at = _known(marks, others)
    if not len(known):
        return np.full(len(marks), -1)
    further, last = at - known, len(others) - 1
    until_next = np.diff(np.concatenate([[0], known[1:], [len(marks)]]))
    place = np.repeat(further, until_next)
    place += np.arange(len(marks))
    np.clip(place, 0, last, out=place)
    missed = np.flatnonzero(others.take(place) != marks)
    behind = np.repeat(np.append(further[1:], further[-1]), until_next)
    at = np.clip(missed + behind[missed], 0, last)
    place[missed] = np.where(others[at] == marks[missed], at, -1)
    return place


def _known(marks: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The positions of some rows, one in so many, and where they are among the others: those whose mark is a low one, on both sides."""
    ours, theirs = np.flatnonzero(marks < _LOW), np.flatnonzero(others < _LOW)
    if not len(ours) or not len(theirs):
        return theirs[:0], ours[:0]
    at = _by_lower_bits(marks[ours], others[theirs], theirs)
    is_known = others[at] == marks[ours]
    return ours[is_known], at[is_known]


def _by_lower_bits(marks: np.ndarray, others: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """For each mark the position of the other one that is equal to it in some bits, if it was not pushed out; else any position."""
    table = np.zeros(_places_for(len(others) * _PLACES_A_ROW), dtype=np.int64)
    table[_lower(others, table)] = positions
    return table[_lower(marks, table)]


def _each_once(place: np.ndarray, height: int) -> np.ndarray:
    """The same with no position twice, as of a user who is there twice on a day: the first row has it."""
    first = np.full(height + 1, -1)
    first[place[::-1]] = np.arange(len(place))[::-1]
    return np.where(first[place] == np.arange(len(place)), place, -1)


def _places_for(most: int) -> int:
    return 1 << most.bit_length()


def _lower(marks: np.ndarray, table: np.ndarray) -> np.ndarray:
    """A place in a table, which has a power of two of them, by a mark's lowest bits."""
    return (marks & np.uint64(len(table) - 1)).view(np.int64)
