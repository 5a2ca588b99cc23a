"""A bucket of a month that came in: put together, and put where it is kept. Whoever reaches the lake can do it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from flows.kept_directory import KeptDirectory
from flows.kept_rosters import KeptRosters
from flows.roster_reading import MonthPart, WaitingPart


def keep_bucket(part: MonthPart | WaitingPart, month: date, versions: Mapping[date, str], kept: KeptRosters, directory: KeptDirectory) -> None:
    """Let a month's days take their place among a bucket's rosters, and the directory learn who is on them.

    Both expect it; neither is seen by anyone before the run that brings it accepts them.
    """
    bucket, rosters, people = part.put_together()
    directory.learn(bucket, people, versions)
    kept.replace(month, bucket, rosters, versions)
