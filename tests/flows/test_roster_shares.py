"""A month of rosters is divided so that two cores have something to do, and every row group is read once."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from flows import roster_shares
from flows.roster_files import DayFile
from flows.roster_shares import Share, shares_of

FIRST = date(2026, 3, 1)


def month(*groups_of_files: tuple[int, ...], days: int = 6) -> list[DayFile]:
    """The same files every day: for each the rows of its row groups."""
    return [
        DayFile(Path(f"{n}-{number}.parquet"), FIRST + timedelta(n), groups)
        for n in range(days)
        for number, groups in enumerate(groups_of_files)
    ]


def rows(share: Share) -> list[int]:
    return [sum(groups.rows for groups in of_day) for of_day in share.values()]


@pytest.fixture(autouse=True)
def a_share_of_100_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster_shares, "_ROWS_A_SHARE", 100)


def test_a_share_is_some_row_groups_of_every_day() -> None:
    shares = shares_of(month((50, 50, 50, 50), (50, 50, 50, 50)))
    assert [rows(share) for share in shares] == [[100] * 6] * 4


def test_files_of_one_huge_row_group_are_divided_by_days() -> None:
    first, second = shares_of(month((400,)))
    assert [*first, *second] == [FIRST + timedelta(n) for n in range(6)]
    assert (rows(first), rows(second)) == ([400] * 3, [400] * 3)


def test_so_is_the_share_of_a_row_group_that_is_most_of_a_file() -> None:
    """As of a file of 1.1 million rows whose writer puts a million and some into one row group."""
    assert sorted(map(rows, shares_of(month((360, 40))))) == [[40] * 6, [360] * 3, [360] * 3]


def test_shares_that_are_about_as_large_are_left_whole() -> None:
    assert [rows(share) for share in shares_of(month((65,), (50,)))] == [[65] * 6, [50] * 6]
    assert [rows(share) for share in shares_of(month((400,), days=1))] == [[400]]


@pytest.mark.parametrize("groups", [((400,),), ((360, 40),), ((7, 0, 120), (30,), (400, 1))])
def test_every_row_group_is_in_one_share(groups: tuple[tuple[int, ...], ...]) -> None:
    files = month(*groups)
    read = [(part.file, n) for share in shares_of(files) for of_day in share.values() for part in of_day for n in part.numbers]
    assert sorted(read) == sorted((file, n) for file in files for n in range(len(file.groups)))


def test_days_without_a_row_are_shares_too() -> None:
    assert [list(share) for share in shares_of(month((0,), days=2))] == [[FIRST, FIRST + timedelta(1)]]
