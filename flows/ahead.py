"""What is made one after the other, the next one while the one before is used: where two libraries would wait for each other, a core each."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Made = TypeVar("Made")
_END = object()


def one_ahead(made: Iterator[Made]) -> Iterator[Made]:
    """The same, in the same order; one more of them is held than is used. Raises: what making one raises, when it is that one's turn."""
    with ThreadPoolExecutor(1) as maker:
        waiting = maker.submit(next, made, _END)
        while (each := waiting.result()) is not _END:
            waiting = maker.submit(next, made, _END)
            yield each
