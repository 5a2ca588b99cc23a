"""What a user can cause and mend: said in a sentence, never as a traceback."""

from __future__ import annotations

import errno
import re
from datetime import date

_WANTING = re.compile("memory|alloc|thread|temporarily|os error 1[12]", re.IGNORECASE)


class UserError(Exception):
    """What is wrong, where, and what to do. Nothing was changed unless it says so; the command exits 1."""

    exit_code = 1


class WrongUsage(UserError):
    """What was typed cannot be meant, whatever there is: the command exits 2, as for an option that it does not have."""

    exit_code = 2


class LostOrDamaged(UserError):
    """A file of the home is not there, or does not hold what was written to it."""


class StoreRefuses(UserError):
    """A store of objects says no: asked again, it would say the same."""


class Unanswered(UserError):
    """The world did not answer, or was too busy: the same may go well in a moment, and a scheduled run asks again."""


def is_passing(error: BaseException | None) -> bool:
    """Whether what went wrong with the world may be over in a moment; a file that is not there, or not ours to read, will not be."""
    lasting = FileNotFoundError | PermissionError | IsADirectoryError | NotADirectoryError
    return isinstance(error, Unanswered) or (isinstance(error, OSError) and not isinstance(error, lasting))


def why_failed(error: BaseException) -> str:
    """Why a run failed, in a sentence that may be kept: ids and places, never a value that a library repeats in its words."""
    if isinstance(error, UserError):
        return str(error)
    if is_interrupt(error):
        return "The run was stopped. What was not yet saved is as if it had never been."
    if is_for_want_of_memory(error):
        return "The system gave the run no more memory or threads. Nothing was changed; give it more and run it again."
    if isinstance(error, OSError):
        return f"{in_a_line(error)}. Nothing was changed. Is the disk full, or read-only?"
    if is_of_the_disk(error):
        return f"{type(error).__name__} from a file of the home. Nothing was changed; if one is damaged, restore the home from a back-up."
    return f"{type(error).__name__}: a fault of the program. Nothing was changed; the process that ran it has printed where."


def is_interrupt(error: BaseException) -> bool:
    """Whether someone stopped the run: Python says so in one way, DuckDB in another when it was at work."""
    is_duckdbs = type(error).__name__ == "InterruptException" or (isinstance(error, RuntimeError) and "Query interrupted" in str(error))
    return isinstance(error, KeyboardInterrupt) or is_duckdbs


def is_for_want_of_memory(error: BaseException) -> bool:
    """Whether the system gave no more memory, or no more threads: each library says so in its own way."""
    kind, said = type(error).__name__, str(error)
    return (
        isinstance(error, MemoryError)
        or kind == "OutOfMemoryException"
        or (type(error).__module__.split(".")[0] in ("duckdb", "_duckdb") and "bad allocation" in said)
        or is_for_want_of_threads(error)
        or (kind == "PanicException" and (bool(_WANTING.search(said)) or _is_limited()))  # any other is a fault of a library, or of ours
        or (isinstance(error, ImportError) and ("failed to map" in said or "cannot allocate" in said.lower()))
        or (isinstance(error, RuntimeError) and "start new thread" in said)
        or (isinstance(error, OSError) and error.errno in (errno.ENOMEM, errno.EAGAIN))
        or (isinstance(error, ImportError | NameError | SystemError) and _is_limited())  # a library that was loaded in part
    )


def is_for_want_of_threads(error: BaseException) -> bool:
    """Whether Arrow was given no thread to read with: it says so as of whatever is wrong with a file."""
    return type(error).__name__ == "ArrowException" and "launch worker thread" in str(error)


def _is_limited() -> bool:
    import resource

    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


def is_of_the_disk(error: BaseException) -> bool:
    """Whether an error comes from reading or writing a home: of the system, or of a library that keeps files."""
    return not is_interrupt(error) and (
        isinstance(error, OSError) or type(error).__module__.split(".")[0] in ("duckdb", "_duckdb", "polars")
    )


def in_a_line(error: BaseException) -> str:
    """What such an error says, in one line."""
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror or error}"
    return next(iter(str(error).splitlines()), type(error).__name__)


def why_not_opened(error: BaseException, mend: str = "Restore it from a back-up.") -> str:
    """Why a database of a home could not be opened or read, and what to do; `mend` where it is damaged."""
    said = in_a_line(error)
    if "Could not set lock" in said or "Conflicting lock" in said:
        return "another program has it open for writing. Close it there, or open it there with: duckdb -readonly"
    if type(error).__name__ in ("CatalogException", "BinderException"):
        return "another version published it. Have it made anew: seatledger report"
    if "Permission denied" in said:
        return "permission denied. Whoever asks has to be allowed to read it."
    return f"{said.rstrip('.')}. {mend}"


def name_days(days: list[date]) -> str:
    """A few days, and how many more."""
    named = ", ".join(str(day) for day in days[:5])
    return named + (f" and {len(days) - 5} more days" if len(days) > 5 else "")
