"""How a month of rosters is divided among those who read it: by rows, and where files are too coarse for that, by days too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

from flows.roster_files import DayFile

_ROWS_A_SHARE = 350_000  # of a day: what is compared stays in a processor's cache
_SIDE_BY_SIDE = 2  # shares at least, so that a second core has something to do


class RowGroups(NamedTuple):
    """Some row groups of a file of a day's roster."""

    file: DayFile
    numbers: tuple[int, ...]

    @property
    def rows(self) -> int:
        return sum(self.file.groups[n] for n in self.numbers)


Share = dict[date, list[RowGroups]]


def shares_of(files: Sequence[DayFile]) -> list[Share]:
    """Each day's row groups in as many shares, in order, so that where days are in one order a share has the same users on all of them.

    A day of few row groups is in some of them only. A share of three quarters of the month or more, as of files with one huge row
    group, is cut by days: each of its users has one stay more for that.
    """
    by_rows = _by_rows(files)
    half = max(1, sum(map(_rows, by_rows)) // _SIDE_BY_SIDE)
    return [part for share in by_rows for part in _by_days(share, max(1, round(_rows(share) / half)))]


def _by_rows(files: Sequence[DayFile]) -> list[Share]:
    days: dict[date, list[DayFile]] = {}
    for file in files:
        days.setdefault(file.day, []).append(file)
    most_rows = max(sum(file.rows for file in of_day) for of_day in days.values())
    groups = sorted(sum(len(file.groups) for file in of_day) for of_day in days.values())
    count = max(1, min(-(-most_rows // _ROWS_A_SHARE), groups[len(groups) // 2]))
    shares: list[Share] = [{} for _ in range(count)]
    for day in sorted(days):
        for n, groups in _divided(days[day], count):
            shares[n].setdefault(day, []).append(groups)
    return shares


def _divided(files: Sequence[DayFile], count: int) -> Iterator[tuple[int, RowGroups]]:
    """Each row group with the number of the share that its middle is in."""
    rows, before = max(1, sum(file.rows for file in files)), 0
    for file in files:
        numbers: dict[int, list[int]] = {}
        for group, size in enumerate(file.groups):
            numbers.setdefault(min(count - 1, (2 * before + size) * count // (2 * rows)), []).append(group)
            before += size
        yield from ((n, RowGroups(file, tuple(groups))) for n, groups in numbers.items())


def _by_days(share: Share, into: int) -> Iterator[Share]:
    """The share's days in so many parts, one after the other."""
    days, per_part = list(share), max(1, -(-len(share) // into))
    for first in range(0, max(1, len(days)), per_part):
        yield {day: share[day] for day in days[first : first + per_part]}


def _rows(share: Share) -> int:
    return sum(groups.rows for of_day in share.values() for groups in of_day)
