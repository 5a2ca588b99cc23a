"""Progress is for who waits at a terminal: nothing in a pipe, nothing for what is over at once, nothing left behind."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

from flows.progress import Progress

STAGE = """
import logging, sys, time
from flows import progress
progress.SHOWN_AFTER = {shown_after}
log = logging.getLogger("seatledger"); log.addHandler(progress.LogAboveBar())
with progress.progress("Reading rosters, days", 4) as told:
    for day in range(4):
        time.sleep(0.15)
        told.advance()
        if day == 2:
            log.warning("a word meanwhile")
print("rich" in sys.modules)
"""


def on_a_terminal(script: str) -> tuple[str, str]:
    """What a script prints, and what it shows on a terminal that is its stderr."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=theirs, text=True, env=environment) as process:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 4096):
                shown += part
        except OSError:  # the terminal's other end is closed
            pass
        printed = process.stdout.read()
    os.close(ours)
    return printed, shown.decode()


def test_a_long_stage_shows_how_far_it_has_come_and_clears_the_line_behind_it() -> None:
    _, shown = on_a_terminal(STAGE.format(shown_after=0.1))
    assert "Reading rosters, days" in shown
    assert "2/4" in shown
    assert "a word meanwhile" in shown
    assert shown.rstrip().endswith("\x1b[2K")  # the last thing is an erased line
    assert shown.index("\x1b[?25l") < shown.rindex("\x1b[?25h")  # the cursor is back


def test_a_stage_that_is_soon_over_shows_nothing() -> None:
    _, shown = on_a_terminal(STAGE.format(shown_after=60))
    assert shown.strip() == "a word meanwhile"


def test_into_a_pipe_nothing_is_shown_and_nothing_is_imported_for_it() -> None:
    done = subprocess.run([sys.executable, "-c", STAGE.format(shown_after=0)], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False\n", "a word meanwhile\n")


def test_what_comes_in_parts_says_which_one() -> None:
    class Heard(Progress):
        def __init__(self) -> None:
            self.words: list[str] = []

        def now(self, what: str) -> None:
            self.words.append(what)

    heard = Heard()
    assert list(heard.following(iter("ab"), 2, "{n} of {of} parts are read")) == ["a", "b"]
    assert heard.words == ["1 of 2 parts are read", "2 of 2 parts are read"]
