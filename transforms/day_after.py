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
    marks, asked = marks_of(rows), rows.select(_FOUND_BY)
    bit = np.uint32(bits_of([day]))
    if before is None:
        return DayAfter(OpenStays(rows, marks, np.full(rows.height, bit), day), pl.DataFrame(schema=STAYS), asked)
    place, is_left = places(marks, before.marks)
    has_begun = np.flatnonzero(place < 0)
    bits = np.full(rows.height, bit)
    if before.rows.height:
        earlier = before.bits.take(place, mode="clip")
        earlier[has_begun] = 0
        bits |= earlier
    ended = _told(before, np.flatnonzero(is_left))
    return DayAfter(OpenStays(rows, marks, bits, day), ended, asked[has_begun])


def all_ended(stays: OpenStays) -> pl.DataFrame:
    """What is open still, after the last day: STAYS."""
    return _told(stays, np.arange(stays.rows.height))


def _told(stays: OpenStays, which: np.ndarray) -> pl.DataFrame:
    """Some open stays, by position, as they are told to others."""
    rows = stays.rows.select(column for column in STAYS if column in stays.rows.columns)
    told = rows[which] if len(which) < rows.height else rows
    login_enabled = pl.when(pl.col("kind") == "alias").then("login_enabled")
    bits, user = pl.Series("bits", stays.bits[which]), pl.Series("user", stays.marks.user[which])
    return told.with_columns(bits, user, login_enabled=login_enabled, day=pl.lit(stays.day)).select(list(STAYS))
