"""The composition as a Prefect flow: the one file that knows Prefect.

Prefect learns that a stage ran, how long it took and the kind of error that it met. Values and errors go round it, through
`_Kept`: no row, path or message reaches its database, nothing is pickled, and the caller gets the original objects back.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flows.errors import UserError

_ALWAYS = {  # whatever the environment says: nothing is sent, nothing is kept
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "PREFECT_TASKS_DISABLE_CACHING": "true",
}
_UNLESS_SET = {
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",  # no server configured: a temporary one is started
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # its first start migrates a database
    "PREFECT_LOGGING_EXTRA_LOGGERS": "seatledger",  # our lines, in the run's log
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the terminal is ours
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",  # we log outside flows too
}
os.environ.update({**_UNLESS_SET, **os.environ, **_ALWAYS})  # read by `import prefect`
if not os.environ.get("PREFECT_API_URL"):
    os.environ.pop("PREFECT_API_URL", None)  # set but empty it loses the task runs

from prefect import flow, task  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.settings import get_current_settings, temporary_settings  # noqa: E402
from prefect.states import Completed, Failed, State  # noqa: E402

log = logging.getLogger("seatledger.flows")

WAITS = [1.0, 5.0, 25.0]  # seconds before each new try at a stage that reads the world
_READS_THE_WORLD = {"bring_in"}  # leaves no trace in the ledger when it fails, so that trying again is safe
_LASTING = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


@dataclass
class _Kept:
    """What a call gave, kept out of Prefect's sight."""

    ended: bool = False
    value: Any = None
    error: Exception | None = None

    def of(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> State[Any]:
        """Make the call, keep what it gave, and tell Prefect only how it ended."""
        self.ended, self.value, self.error = True, None, None
        try:
            self.value = call(*arguments, **named)
        except Exception as error:
            self.error = error
            return Failed(message=type(error).__name__)
        return Completed(name="Completed with holds") if getattr(self.value, "held", ()) else Completed()

    def unwrap(self) -> Any:
        """The value, or the original error raised again."""
        if self.error is not None:
            raise self.error
        if not self.ended:
            raise UserError("Prefect ended the run before it began. Look at its server, or run with --direct.")
        return self.value


def as_task(stage: Callable[..., Any], *arguments: Any) -> Any:
    """Call one stage as a task; one that reads the world is tried again, after growing waits, on a passing OSError."""
    kept = _Kept()

    def attempt() -> State[Any]:  # takes nothing: Prefect would walk through the arguments
        return kept.of(stage, *arguments)

    def is_passing(*_: Any) -> bool:
        passing = stage.__name__ in _READS_THE_WORLD and isinstance(kept.error, OSError) and not isinstance(kept.error, _LASTING)
        if passing:
            log.warning("%s: %s; trying again", stage.__name__, type(kept.error).__name__)
        return passing

    attempt.__qualname__ = stage.__qualname__
    name = stage.__name__.replace("_", " ")
    run_as_task = task(
        attempt,
        name=name,
        task_run_name=name,
        description=stage.__doc__,
        retries=len(WAITS),
        retry_delay_seconds=WAITS,
        retry_condition_fn=is_passing,
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    run_as_task()
    return kept.unwrap()


def run_as_flow(name: str, composition: Callable[..., Any], *arguments: Any) -> Any:
    """Run a composition as the flow `name`, its stages as tasks: the same value and the same errors as a plain call."""
    kept = _Kept()

    def body() -> State[Any]:
        return kept.of(composition, *arguments, step=as_task)

    settings = get_current_settings()
    settings.home.mkdir(parents=True, exist_ok=True)
    if not settings.api.url and not os.access(settings.home, os.W_OK):
        raise UserError(f"Prefect cannot write to {settings.home}. Set PREFECT_HOME to a folder of yours, or run with --direct.")
    # The heartbeat's thread is joined at the end of a run, which would cost up to a second.
    with temporary_settings({"flows.heartbeat_frequency": None}):
        try:
            flow(body, name=f"seatledger {name}", description=composition.__doc__, persist_result=False)(return_state=True)
        except Exception as error:
            raise UserError(f"Prefect could not run the flow: {type(error).__name__}. Look at its server, or run with --direct.") from error
    return kept.unwrap()
