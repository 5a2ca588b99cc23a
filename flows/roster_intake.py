"""Rosters on their way in: a month at a time, checked row by row and folded into bits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import NamedTuple

import polars as pl

from flows.checked_rows import AcceptedDay, TableDay, checked, read_day, require_rosters
from flows.lake import NO_FAULTS
from flows.source import PartContent
from transforms.calendar import first_of_month
from transforms.roster_fold import HashesCollide, RosterFold
from transforms.roster_months import roster_month_from_rows
from transforms.source_rows import whole_user_rows, whole_users

_SMALL_MONTH = 40_000_000  # bytes of files that are read at once


class MonthIn(NamedTuple):
    """What came in of a month: its rosters folded, the last row of everyone for the directory, and each day's files and faults."""

    month: date
    rosters: pl.DataFrame
    people: pl.DataFrame
    accepted: list[AcceptedDay]


def months_of_rosters(table_days: Iterable[TableDay]) -> Iterator[MonthIn]:
    """Read, check and fold each month's days, in order.

    Raises: UserError for a file that cannot be taken.
    """
    months: dict[date, list[TableDay]] = {}
    for table_day in sorted(table_days, key=lambda t: t.day):
        months.setdefault(first_of_month(table_day.day), []).append(table_day)
    for month, days in months.items():
        is_small = sum(part.size for t in days for part in t.parts) < _SMALL_MONTH
        if is_small:
            yield _at_once(month, days)
            continue
        try:
            yield _day_by_day(month, days)
        except HashesCollide:
            yield _at_once(month, days)


def _at_once(month: date, days: list[TableDay]) -> MonthIn:
    contents = {t: parts for t, parts in map(read_day, days)}
    found = checked("users", contents)
    accepted = [AcceptedDay.of(t, parts, found) for t, parts in contents.items()]
    return MonthIn(month, roster_month_from_rows(found.rows), found.rows, accepted)


def _day_by_day(month: date, days: list[TableDay]) -> MonthIn:
    """Fold day after day; the next one is read meanwhile."""
    fold, accepted = RosterFold(), []
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(read_day, days[0])
        for n, _ in enumerate(days):
            table_day, parts = coming.result()
            if n + 1 < len(days):
                coming = reader.submit(read_day, days[n + 1])
            accepted.append(_fold_day(fold, table_day, parts))
    return MonthIn(month, fold.roster_month(), fold.people(), accepted)


def _fold_day(fold: RosterFold, table_day: TableDay, parts: list[PartContent]) -> AcceptedDay:
    """Fold a day whose rows are all in order at a glance; else look at each row, keep those in order, and tell of the others."""
    require_rosters({table_day: parts})
    glance = whole_user_rows([content.frame for content in parts])
    if glance is not None:
        day = fold.look_up(table_day.day, glance)
        if whole_users(day.newcomers) and fold.add(day):
            return AcceptedDay(table_day, [content.file for content in parts], NO_FAULTS, {})
    found = checked("users", {table_day: parts})
    fold.add(fold.look_up(table_day.day, found.rows))
    return AcceptedDay.of(table_day, parts, found)
