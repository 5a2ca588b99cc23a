"""Rows found again from one day to the next: never another row, never one twice, and nearly all of those that are there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.found_again import Marks, places

FEW = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=300)  # users and marks, many of them alike


def marks(pairs: list[tuple[int, int]]) -> Marks:
    return Marks(np.array([user for user, _ in pairs], dtype=np.uint64), np.array([mark for _, mark in pairs], dtype=np.uint64))


@given(FEW, FEW)
def test_a_row_is_found_where_both_its_numbers_are_and_no_place_is_found_twice(rows: list[tuple[int, int]], before: list[tuple[int, int]]) -> None:
    found, is_new, is_left = places(marks(rows), marks(before))
    assert len(found) == len(rows)
    assert all(before[place] == row for row, place in zip(rows, found.tolist(), strict=True) if place >= 0)
    there = [place for place in found.tolist() if place >= 0]
    assert len(there) == len(set(there))
    assert is_new.tolist() == [place < 0 for place in found.tolist()]
    assert is_left.tolist() == [place not in there for place in range(len(before))]


def test_a_row_of_the_same_mark_and_another_user_is_another_row() -> None:
    assert places(marks([(1, 5), (2, 6)]), marks([(1, 5), (3, 6)])).place.tolist() == [0, -1]


@pytest.mark.parametrize("seed", range(6))
def test_of_rows_that_stay_nearly_all_are_found_whoever_comes_and_goes_between(seed: int) -> None:
    chance = np.random.default_rng(seed)
    before = chance.integers(0, 1 << 63, int(chance.integers(1, 30_000)), dtype=np.uint64)
    stays = chance.random(len(before)) > chance.choice([0.001, 0.02, 0.3])
    rows = np.insert(before[stays], chance.integers(0, stays.sum() + 1, len(before) // 50), np.arange(len(before) // 50, dtype=np.uint64))
    found = places(Marks(rows, rows), Marks(before, before)).place
    is_there = np.isin(rows, before)
    assert (found[~is_there] == -1).all()
    assert (before[found[found >= 0]] == rows[found >= 0]).all()
    assert (found[is_there] == -1).sum() <= is_there.sum() // 500
