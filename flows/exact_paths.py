"""Paths for DuckDB's readers, to whom some signs in a path stand for other paths."""

from __future__ import annotations

import re
from pathlib import Path


def exact(path: Path | str) -> str:
    """A path in which nothing stands for other paths."""
    return re.sub(r"([\[*?])", r"[\1]", str(path))
