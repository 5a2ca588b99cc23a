"""What the pages' tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Once
from tests.docs.homes import bill_the_sample


@pytest.fixture(scope="session")
def documented_home(once: Once) -> Path:
    """The home that the pages are about: to be read or copied."""
    return once("documented-home", bill_the_sample)
