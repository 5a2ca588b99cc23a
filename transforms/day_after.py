"""What a day's rows make of the stays before it: most go on, some end, some begin."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl

from transforms.found_again import Marks, marks_of, places
from transforms.roster_months import bits_of
from transforms.roster_stays import STAYS

_FOUND_BY = ["workspace_id", "user_id", "kind", "role", "status"]  # and login_enabled: rows that are alike in these are one stay
_AS_THE_ROWS_SAY = [column for column in STAYS if column not in ("day", "bits", "user")]


class OpenStays(NamedTuple):
    """The stays that a day's rows go on with or begin, one a row: the rows, what they are found again by, and the days as bits."""

    rows: pl.DataFrame
    marks: Marks
    bits: np.ndarray
    day: date


class DayAfter(NamedTuple):
    """What a day makes of the stays before it: those that are open now; those that ended (STAYS); and the rows that began one: workspace_id, user_id, kind, role, status."""

    open: OpenStays
    ended: pl.DataFrame
    began: pl.DataFrame


def stays_after_day(before: OpenStays | None, rows: pl.DataFrame, day: date) -> DayAfter:
    """Go on with the stays that a day's rows are alike to, end the others, begin those of new rows.

    Grain:  workspace, user of the day, in the order of its rows. `before` is what was open on the last day before, None for the first.
    Shapes: rows of the users contract that keep it.
    """
    marks, asked, bit = marks_of(rows), rows[_FOUND_BY], np.uint32(bits_of([day]))
    if before is None:
        return DayAfter(OpenStays(rows, marks, np.full(rows.height, bit), day), pl.DataFrame(schema=STAYS), asked)
    place, is_new, is_left = places(marks, before.marks)
    bits = before.bits.take(place, mode="clip") if before.rows.height else np.zeros(rows.height, np.uint32)
    bits[is_new] = 0
    bits |= bit
    return DayAfter(OpenStays(rows, marks, bits, day), _told(before, is_left), asked.filter(pl.Series(is_new)).rechunk())


def all_ended(stays: OpenStays) -> pl.DataFrame:
    """What is open still, after the last day: STAYS."""
    return _told(stays, np.ones(stays.rows.height, dtype=bool))


def _told(stays: OpenStays, which: np.ndarray) -> pl.DataFrame:
    """Some open stays as they are told to others."""
    told = stays.rows[_AS_THE_ROWS_SAY].filter(pl.Series(which))
    days = pl.repeat(stays.day, told.height, dtype=pl.Date, eager=True).alias("day")
    return told.hstack([days, pl.Series("bits", stays.bits[which]), pl.Series("user", stays.marks.user[which])])
