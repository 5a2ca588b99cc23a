"""Of the values that a test is given: some are tried every time, the others with `-m slow`."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pytest


def seldom_but(often: Collection[object], values: Iterable[object]) -> list[object]:
    """The values, of which all but those tried often are slow. A tuple has one for each argument."""
    values = list(values)
    assert all(value in values for value in often)
    arguments = [value if isinstance(value, tuple) else (value,) for value in values]
    return [pytest.param(*given, marks=[] if value in often else pytest.mark.slow) for value, given in zip(values, arguments, strict=True)]
