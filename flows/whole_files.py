"""A file that others read is whole or not there: it is written beside its place, and takes it at the end."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.errors import UserError
from flows.fault_points import reached


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A place beside a file's own, to write it in; what is whole at the end takes the file's place."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield beside
        reached("report: written beside")
        put_in_place(beside, path)
        reached("report: in place")
    finally:
        beside.unlink(missing_ok=True)


def put_in_place(beside: Path, path: Path) -> None:
    """Let a file that was written beside take its place, and have its new name on disk, too: it is otherwise there only until the power goes.

    Raises: UserError where a folder is in its place.
    """
    try:
        beside.replace(path)
    except IsADirectoryError:
        raise UserError(f"{path}: is a folder, and a file is to be written there. Move it away, and run this again.") from None
    opened = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def where_one_may_write(folder: Path) -> Path:
    """A folder for what is needed for a while: that one, or where the system has what is temporary, if it cannot be written."""
    return folder if os.access(folder, os.W_OK) else Path(tempfile.gettempdir())
