"""Of the values that a test is given: some are tried every time, the others with `-m slow`."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pytest


def seldom_but(often: Collection[object], values: Iterable[object]) -> list[object]:
    """The values, of which all but those tried often are slow."""
    values = list(values)
    assert all(value in values for value in often)
    return [value if value in often else pytest.param(value, marks=pytest.mark.slow) for value in values]
