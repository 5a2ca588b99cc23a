"""Calls made by the workers of a Dask cluster, through Prefect's task runner: a share of rosters or a bucket a task.

A worker needs this package, the lake (an `s3://` prefix, with credentials in its environment) and nothing else: what it is told and what
it finds are files of the lake, and their names. The ledger stays with the run, which alone commits. A worker that is lost is replaced by
another one: the same pass writes the same files.
"""

from __future__ import annotations

import asyncio
import logging
import os.path
import platform
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.errors import Unanswered, UserError, WrongUsage
from flows.workers import made_to_send

if TYPE_CHECKING:
    from distributed import Client
    from prefect.futures import PrefectFuture
    from prefect.task_runners import TaskRunner
    from prefect.tasks import Task

    from flows.workers import Workers

log = logging.getLogger("seatledger")

_LONGEST_WAIT = 5  # seconds, for the scheduler's first answer
_LONGEST_ANSWER = 60  # seconds, for the workers', who may be at something
_SILENCE = 60  # seconds without a result, before the run looks whether a worker is left
_ADDRESS = re.compile(r"((tcp|tls|ucx|wss?)://)?([\w.-]+|\[[\w:.%]+\]):(?P<port>\d{1,5})", re.ASCII)
_SAME = ("seatledger", "polars")  # packages whose version decides what comes of a call
_TELLS_NOTHING = re.compile(r"[\w.:/\[\]%-]+")  # of a user or a password


def runner_at(address: str, folder: Path | None = None) -> TaskRunner:
    """Prefect's task runner for a Dask scheduler whose workers can do the run's work, and see a folder if one is given.

    Raises: UserError where it is not installed, does not answer, or has other workers.
    """
    try:
        import distributed  # noqa: F401
        from prefect_dask import DaskTaskRunner
    except ImportError:
        raise UserError("--cluster needs more than is installed. In the clone that seatledger is installed from: pip install -c constraints.txt -e '.[cluster]'") from None
    asked = _ADDRESS.fullmatch(address)
    if not asked or not 0 < int(asked["port"]) < 2**16:
        where = address if _TELLS_NOTHING.fullmatch(address) else "--cluster"
        raise WrongUsage(f"{where}: is no address of a Dask scheduler. Give one such as tcp://scheduler:8786, without a user or a password.")
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # what it says with a traceback is said below in a sentence
    asyncio.run(_require_workers(address, folder))
    return DaskTaskRunner(address=address)


async def _require_workers(address: str, folder: Path | None) -> None:
    """Ask the scheduler for its workers, and each worker what it has. A client of its own: one that fails as it begins is closed here."""
    from distributed import Client

    client = Client(address, timeout=_LONGEST_WAIT, set_as_default=False, asynchronous=True)
    try:
        try:
            await asyncio.wait_for(client, _LONGEST_WAIT + 1)  # what else listens there may take the call and say nothing
        except Exception:  # or say what no scheduler says
            raise Unanswered(
                f"{address}: no Dask scheduler answers there. Start one with `dask scheduler`, and workers with `dask worker`."
            ) from None
        try:
            if not await asyncio.wait_for(client.nthreads(), _LONGEST_ANSWER):
                raise UserError(f"{address}: the Dask scheduler has no workers. Start some with: dask worker {address}")
            await asyncio.wait_for(_require_what_is_wanted(client, folder), _LONGEST_ANSWER)
        except (OSError, CancelledError):  # too late is an OSError, too
            raise Unanswered(f"{address}: the workers there do not answer. Look at their logs, or start them anew, and run again.") from None
    finally:
        with suppress(OSError):
            await client.close(_LONGEST_WAIT)


async def _require_what_is_wanted(client: Client, folder: Path | None) -> None:
    """Require of every worker what the run has, and that it sees what the run does.

    It is asked by functions of Python itself: a worker may have none of ours, or another Python, which could not read them.
    """
    has = await client.run(platform.python_version, on_error="return")
    pythons = {worker: said.rpartition(".")[0] for worker, said in has.items() if isinstance(said, str)}
    _require_same("Python", platform.python_version().rpartition(".")[0], pythons)
    for package in _SAME:
        _require_same(package, version(package), await client.run(version, package, on_error="return"))
    if folder:
        for worker, is_seen in (await client.run(os.path.isdir, str(folder), on_error="return")).items():
            if is_seen is False:
                raise UserError(
                    f"{worker}: this worker does not see {folder}, where its work lies. Give a new home --lake s3://…, "
                    "or keep the home on a disk that all workers have at the same whole path."
                )
    await _require_prefect(client)


async def _require_prefect(client: Client) -> None:
    """Require that every worker reaches the server that the run's tasks are told to: a temporary one is reached from this machine alone."""
    from prefect.settings import PREFECT_API_URL

    if url := PREFECT_API_URL.value():
        for worker, is_reached in (await client.run(reaches, url, on_error="return")).items():
            if is_reached is False:
                raise _without_prefect(f"{worker}: this worker")


def reaches(url: str) -> bool:
    """Whether Prefect's server is reached from where one is asked, whatever it says there."""
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=_LONGEST_WAIT):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError as error:
        return isinstance(getattr(error, "reason", None), ssl.SSLError)  # Prefect may have been told whom to trust


def _require_same(what: str, wanted: str, has: Mapping[str, object]) -> None:
    """Require one version of all workers; of one that is gone meanwhile, nothing. Raises: UserError that names the worker."""
    for worker, said in has.items():
        is_missing = isinstance(said, ModuleNotFoundError)
        if is_missing or (isinstance(said, str) and said != wanted):
            raise UserError(
                f"{worker}: this worker has {f'no {what}' if is_missing else f'{what} {said}'}, the run has {what} {wanted}. "
                "Install the same on every machine (pip install -c constraints.txt -e '.[cluster]', in a clone) and start the worker anew."
            )


def on_cluster(address: str, folder: Path | None = None) -> Workers:
    """Who makes each call as a task of the flow that runs, on the cluster of a scheduler; its workers have to see a folder if one is given."""

    def make(call: Callable[..., Any], jobs: Sequence[tuple]) -> Iterator[Any]:
        with runner_at(address, folder) as runner:
            try:
                given = [(each.task_run_name, runner.submit(each, parameters={})) for each in _tasks(call, jobs)]
            except (OSError, CancelledError) as gone:
                raise _scheduler_gone(address) from gone
            yield from _results(given, address, runner.client.nthreads)

    return make


def _tasks(call: Callable[..., Any], jobs: Sequence[tuple]) -> Iterator[Task]:
    from prefect import task
    from prefect.cache_policies import NO_CACHE

    name = call.__name__.replace("_", " ")
    for n, job in enumerate(jobs):
        told = f"{name} {n + 1} of {len(jobs)}"
        yield task(_sent(call, job), name=name, task_run_name=told, cache_policy=NO_CACHE, persist_result=False)


def _results(given: Sequence[tuple[str, PrefectFuture]], address: str, workers: Callable[[], object]) -> Iterator[Any]:
    """What was made, in order. The first error that a call raised is raised again once no other call is being made: none writes any more."""
    errors: list[Exception] = []
    for told, future in given:
        _wait(future, address, workers)
        value, error = _result(told, future, address)
        if error is not None:
            errors.append(error)
        elif not errors:
            yield value
    if errors:
        raise errors[0]


def _wait(future: PrefectFuture, address: str, workers: Callable[[], object]) -> None:
    """Wait for what is made of a call; where nobody is left to make it, say so now and then."""
    future.wait(_SILENCE)
    while not future.wrapped_future.done():
        with suppress(OSError, CancelledError):  # then the future is about to say so
            if not workers():
                log.warning("no worker is left at %s; the run waits for one. Start some with: dask worker %s", address, address)
        future.wait(_SILENCE)


def _result(told: str, future: PrefectFuture, address: str) -> tuple[Any, Exception | None]:
    """What a call gave, or its error; what the cluster itself says where whoever made the call is gone, in a sentence."""
    from distributed.comm import CommClosedError
    from distributed.scheduler import KilledWorker

    try:
        value, error = future.result()
        return value, _other_version(told, error) if isinstance(error, dict) else error
    except KilledWorker as killed:
        times = killed.allowed_failures + 1
        return None, UserError(
            f"{told}: the workers that took this on were ended, {times} times, most likely for want of memory. "
            "Give them more (dask worker --memory-limit), look at their logs, and run again."
        )
    except (CancelledError, CommClosedError):
        return None, _scheduler_gone(address)
    except Exception as lost:
        return None, _without_prefect(f"{told}: a worker") if "Failed to reach API" in str(lost) else lost


def _without_prefect(who: str) -> Unanswered:
    from prefect.settings import PREFECT_API_URL

    return Unanswered(
        f"{who} does not reach Prefect's server at {PREFECT_API_URL.value()}. "
        "Have one that all of them reach, name it with PREFECT_API_URL, and run again."
    )


def _scheduler_gone(address: str) -> Unanswered:
    return Unanswered(f"{address}: the Dask scheduler has gone. Start it and its workers, and run again.")


def _sent(call: Callable[..., Any], job: tuple) -> Callable[[], tuple[Any, Exception | dict | None]]:
    """The call with its arguments, which Prefect need not walk through; an error comes back as a value, past Prefect's database.

    A worker that came after all were asked is asked here, by what every Python has, and says what it has instead: what it
    makes would else be taken for the work of the run's own version.
    """
    wanted = {package: version(package) for package in _SAME}

    def attempt() -> tuple[Any, Exception | dict | None]:
        from importlib.metadata import version

        has = {package: version(package) for package in wanted}
        if has != wanted:
            return None, has
        try:
            return made_to_send(call, job), None
        except Exception as error:
            return None, error

    return attempt


def _other_version(told: str, has: Mapping[str, str]) -> UserError:
    (what, said), *_ = ((package, said) for package, said in has.items() if said != version(package))
    return UserError(
        f"{told}: was taken on by a worker that has {what} {said}; the run has {what} {version(what)}. It came after all had been asked. "
        "End it, install the same on every machine (pip install -c constraints.txt -e '.[cluster]', in a clone), and run again."
    )
