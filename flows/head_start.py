"""What a command has started before it imports anything heavy itself, where it is plain that it will be wanted."""

from __future__ import annotations

import os
from pathlib import Path

from flows.workers import begin_early

_LARGE_DAY = 4_000_000  # bytes of the last day's roster: a month of such days is read by processes


def head_start(source: str) -> None:
    """Have workers begin to import while this process does, if the last day of SOURCE is one of a large roster."""
    if _bytes_of_last_day(Path(source) / "users") >= _LARGE_DAY:
        begin_early()


def _bytes_of_last_day(users: Path) -> int:
    """The size of what a folder has of its last day; 0 where it cannot be told, which whoever reads it will say."""
    try:
        last = max(day for day in os.listdir(users) if day.startswith("date="))
        with os.scandir(users / last) as files:
            return sum(file.stat().st_size for file in files)
    except (OSError, ValueError):
        return 0
