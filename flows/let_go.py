"""What an error keeps alive, let go of."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def letting_go() -> Iterator[None]:
    """An error that leaves the block holds nothing that the functions it came through were at.

    While a result that was not read to its end is held, by whoever keeps the error, DuckDB waits for ever when its file is opened again.
    """
    try:
        yield
    except BaseException as error:
        _let_go(error)
        raise


def _let_go(error: BaseException) -> None:
    seen: list[BaseException] = []
    while error is not None and not any(error is other for other in seen):
        seen.append(error)
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
