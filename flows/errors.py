"""What a user can cause and mend: said in a sentence, never as a traceback."""

from __future__ import annotations


class UserError(Exception):
    """What is wrong, where, and what to do. Nothing was changed unless it says so; the command exits 1."""


def is_interrupt(error: BaseException) -> bool:
    """Whether someone stopped the run: Python says so in one way, DuckDB in another when it was at work."""
    return isinstance(error, KeyboardInterrupt) or type(error).__name__ == "InterruptException"


def is_of_the_disk(error: BaseException) -> bool:
    """Whether an error comes from reading or writing a home: of the system, or of a library that keeps files."""
    return not is_interrupt(error) and (
        isinstance(error, OSError) or type(error).__module__.split(".")[0] in ("duckdb", "_duckdb", "polars")
    )


def in_a_line(error: BaseException) -> str:
    """What such an error says, in one line."""
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror or error}"
    return str(error).splitlines()[0]
