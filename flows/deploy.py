"""The composition as a Prefect flow, its stages as tasks: what every command without `--direct` and every deployment goes through.

Prefect learns that a stage ran, how long it took, and how it ended in a sentence. Values and errors go round it, through
`Kept`: no row reaches its database, nothing is pickled, and the caller gets the original objects back.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.errors import UserError, is_passing, why_failed
from flows.prefect_settings import settle
from flows.run_summary import how_it_ended, in_short

settle()

from prefect import flow, task  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.context import refresh_global_settings_context  # noqa: E402
from prefect.flow_engine import FlowRunTimeoutError  # noqa: E402
from prefect.settings import get_current_settings, temporary_settings  # noqa: E402
from prefect.states import Completed, Failed, State  # noqa: E402
from prefect.tasks import exponential_backoff  # noqa: E402

from flows.artifacts import tell  # noqa: E402
from flows.cluster import runner_at  # noqa: E402
from flows.requests import Outcome  # noqa: E402

if TYPE_CHECKING:
    from flows.temporary_server import TemporaryServer

log = logging.getLogger("seatledger.flows")

TRIES_AGAIN = 4  # a stage that reads the world, for the fifth time after some 30 seconds
FIRST_WAIT = 2.0  # seconds; each wait is twice the one before, and up to half as long again: not all at the same moment
JITTER = 0.5
_READS_THE_WORLD = {"bring_in"}  # begins by taking back what an attempt before it did, so that trying again is safe


@dataclass
class Kept:
    """What a call gave, kept out of Prefect's sight."""

    ended: bool = False
    value: Any = None
    error: Exception | None = None

    def of(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> State[Any]:
        """Make the call, keep what it gave, and tell Prefect only how it ended."""
        self.ended, self.value, self.error = True, None, None
        try:
            self.value = call(*arguments, **named)
        except FlowRunTimeoutError:
            raise  # Prefect's own: it ends the run, and nothing is tried again
        except Exception as error:
            self.error = error
            return Failed(message=why_failed(error))
        if isinstance(self.value, Outcome):
            return Completed(name=how_it_ended(self.value), message=in_short(self.value))
        return Completed()

    def unwrap(self) -> Any:
        """The value, or the original error raised again."""
        error, self.error = self.error, None  # who keeps this keeps no frames
        if error is not None:
            raise error
        if not self.ended:
            raise UserError("Prefect ended the run before it began. Look at its server, or run with --direct.")
        return self.value


def as_task(stage: Callable[..., Any], *arguments: Any) -> Any:
    """Call one stage as a task; one that reads the world is tried again, after growing waits, where that may help."""
    kept = Kept()

    def attempt() -> State[Any]:  # takes nothing: Prefect would walk through the arguments
        return kept.of(stage, *arguments)

    def is_worth_another_try(*_: Any) -> bool:
        may_pass = stage.__name__ in _READS_THE_WORLD and is_passing(kept.error)
        if may_pass:
            why = kept.error if isinstance(kept.error, UserError) else type(kept.error).__name__  # a sentence of ours holds no values
            log.warning("%s: %s Trying again.", stage.__name__.replace("_", " "), why)
        return may_pass

    attempt.__qualname__ = stage.__qualname__
    name = stage.__name__.replace("_", " ")
    run_as_task = task(
        attempt,
        name=name,
        task_run_name=name,
        description=stage.__doc__,
        retries=TRIES_AGAIN,
        retry_delay_seconds=exponential_backoff(FIRST_WAIT),
        retry_jitter_factor=JITTER,
        retry_condition_fn=is_worth_another_try,
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    run_as_task()
    return kept.unwrap()


def run_as_flow(name: str, composition: Callable[..., Any], *arguments: Any, server: TemporaryServer | None = None) -> Any:
    """Run a composition as the flow `name`, its stages as tasks: the same value and the same errors as a plain call."""
    kept = Kept()
    keeps = _settle_server(server)

    def body() -> State[Any]:
        state = kept.of(composition, *arguments, step=as_task)
        if keeps and isinstance(kept.value, Outcome):
            tell(name, kept.value, arguments[-1].home)
        return state

    if cluster := getattr(arguments[-1], "cluster", None) if arguments else None:
        runner_at(cluster)  # that it is not there is told before anything begins
    # The heartbeat's thread is joined at the end of a run, which would cost up to a second.
    with temporary_settings({"flows.heartbeat_frequency": None}):
        try:
            flow(
                body,
                name=f"seatledger {name}",
                flow_run_name=_name_of_run(name, arguments),
                description=composition.__doc__,
                persist_result=False,
            )(return_state=True)
        except Exception as error:
            raise UserError(_could_not_run(error, is_configured=keeps)) from error
    return kept.unwrap()


def _could_not_run(error: Exception, *, is_configured: bool) -> str:
    what = f"Prefect could not run the flow: {type(error).__name__}."
    if not is_configured:
        return f"{what} Look at its server, or run with --direct."
    return f"{what} Does its server answer at {get_current_settings().api.url}? Start it, correct PREFECT_API_URL, or run with --direct."


def _name_of_run(name: str, arguments: tuple[Any, ...]) -> str:
    """The command and the day that it goes up to, if it names one."""
    days = [day for request in arguments for day in (getattr(request, "through", None), getattr(request, "last", None)) if day]
    return f"{name} through {days[-1]}" if days else name


def _settle_server(server: TemporaryServer | None) -> bool:
    """Use the configured server or, where there is none, the temporary one; whether it is one that people look at.

    Raises: UserError where a temporary one has nowhere to write, or does not start.
    """
    settings = get_current_settings()
    if settings.api.url:  # in a profile, say
        if server:
            server.stop()
        return True
    settings.home.mkdir(parents=True, exist_ok=True)
    if not os.access(settings.home, os.W_OK):
        raise UserError(f"Prefect cannot write to {settings.home}. Set PREFECT_HOME to a folder of yours, or run with --direct.")
    if server:
        server.wait()
        os.environ["PREFECT_API_URL"] = server.url
        refresh_global_settings_context()
    return False
