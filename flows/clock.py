"""The only reader of the clock. When a run began and ended is all that depends on it; what is billed never does."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)
