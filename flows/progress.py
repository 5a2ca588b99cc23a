"""How far a long stage has come, for who waits at a terminal: a bar on stderr, once the stage takes longer than two seconds.

Into a pipe or a file, or where SEATLEDGER_PROGRESS is `off`, nothing is written, and nothing is imported or started for it.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO, TypeVar

T = TypeVar("T")

SHOWN_AFTER = 2.0  # seconds: what is over sooner needs no bar


class Progress:
    """What a stage tells of itself. This one says nothing to anybody: it is what a pipe gets."""

    def advance(self, steps: int = 1) -> None:
        """So many more steps are done."""

    def now(self, what: str) -> None:
        """What is being done from here on."""


    def following(self, results: Iterator[T], of: int, what: str) -> Iterator[T]:
        """The same results, told as they come: `what` has {n} and {of}."""
        for n, result in enumerate(results, 1):
            self.now(what.format(n=n, of=of))
            yield result


SILENT = Progress()


@contextmanager
def progress(what: str, steps: int | None = None) -> Iterator[Progress]:
    """Show how far `what` has come while the block runs; without a number of steps, only that it goes on and for how long.

    Not to be nested: one bar at a time.
    """
    if not sys.stderr.isatty() or os.environ.get("SEATLEDGER_PROGRESS") == "off":
        yield SILENT
        return
    bar = _Bar(what, steps)
    try:
        yield bar
    finally:
        bar.end()


class LogAboveBar(logging.StreamHandler):
    """Log lines on stderr as it is when they come: while a bar is shown, above it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        return sys.stderr


class _Bar(Progress):
    def __init__(self, what: str, steps: int | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        counted = [BarColumn(), MofNCompleteColumn()] if steps and steps > 1 else []
        words = TextColumn("{task.description}", markup=False)
        self._rich = RichProgress(SpinnerColumn(), words, *counted, TimeElapsedColumn(), console=Console(stderr=True), transient=True)
        self._task = self._rich.add_task(what, total=steps)
        self._lock, self._is_over = threading.Lock(), False
        self._timer = threading.Timer(SHOWN_AFTER, self._show)
        self._timer.daemon = True
        self._timer.start()

    def advance(self, steps: int = 1) -> None:
        self._rich.advance(self._task, steps)

    def now(self, what: str) -> None:
        self._rich.update(self._task, description=what)

    def end(self) -> None:
        self._timer.cancel()
        with self._lock:
            self._is_over = True
            self._rich.stop()

    def _show(self) -> None:
        with self._lock:
            if not self._is_over:
                self._rich.start()
