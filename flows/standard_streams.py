"""The streams that a command is started with: one that is closed goes nowhere, and of stdout it is said when it cannot be written."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class CannotBeTold(OSError):
    """Stdout cannot be written: the disk that it goes to is full, say. It is no file of the home that is at fault."""


class _Told(io.TextIOWrapper):
    """Stdout. Of an error of the system alone one could not see whether it came from here or from a file."""

    def write(self, text: str, /) -> int:
        with _told():
            return super().write(text)

    def flush(self) -> None:
        with _told():
            super().flush()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise  # who reads has read enough
    except OSError as reason:
        raise CannotBeTold(reason.errno, reason.strerror) from None


def settle_streams() -> None:
    """To be called before anything is opened: a file would take the place of a stream that is closed, and be written into."""
    for number in range(3):
        _have_open(number)
    sys.stdin, sys.stderr = sys.stdin or _nowhere(0, "r"), sys.stderr or _nowhere(2, "w")
    out: Any = sys.stdout or _nowhere(1, "w")
    is_utf8 = out.encoding.lower() == "utf-8"  # else a × that its encoding does not have is a question mark, and no failure
    errors = out.errors if is_utf8 else "replace"
    how = {"encoding": out.encoding, "errors": errors, "line_buffering": out.line_buffering, "write_through": out.write_through}
    sys.stdout = _Told(out.detach(), **how)


def _have_open(number: int) -> None:
    """A stream that whoever started this has closed leads nowhere, for those whom this starts, too."""
    try:
        os.fstat(number)
    except OSError:
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it gets the lowest number that is free: this one


def _nowhere(number: int, mode: str) -> Any:
    return open(number, mode, encoding="utf-8", closefd=False)
