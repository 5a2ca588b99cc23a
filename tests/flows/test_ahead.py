"""One ahead: in order, one more than is used, and what goes wrong is told when it is its turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flows.ahead import one_ahead


def test_all_come_in_their_order_and_none_is_made_before_the_last_but_one_is_used() -> None:
    made: list[int] = []

    def numbers() -> Iterator[int]:
        for n in range(5):
            made.append(n)
            yield n

    used = []
    for n in one_ahead(numbers()):
        used.append(n)
        assert len(made) <= len(used) + 1
    assert used == made == [0, 1, 2, 3, 4]
    assert list(one_ahead(iter(()))) == []


def test_an_error_comes_after_what_was_made_before_it() -> None:
    def two_and_an_error() -> Iterator[int]:
        yield from (1, 2)
        raise ValueError("the third")

    used = []
    with pytest.raises(ValueError, match="the third"):
        used.extend(one_ahead(two_and_an_error()))
    assert used == [1, 2]


def test_who_stops_early_leaves_no_thread() -> None:
    import threading

    before = threading.active_count()
    numbers = one_ahead(iter(range(5)))
    assert next(numbers) == 0
    numbers.close()
    assert threading.active_count() == before
