"""Calls made by the workers of a Dask cluster, through Prefect's task runner: a share of rosters or a bucket a task.

A worker needs this package, the lake (an `s3://` prefix, with credentials in its environment) and nothing else: what it is told and what
it finds are files of the lake, and their names. The ledger stays with the run, which alone commits. A worker that is lost is replaced by
another one: the same pass writes the same files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from flows.errors import UserError

if TYPE_CHECKING:
    from prefect.futures import PrefectFuture
    from prefect.task_runners import TaskRunner
    from prefect.tasks import Task

    from flows.workers import Workers

_LONGEST_WAIT = 5  # seconds, for the scheduler's first answer


def runner_at(address: str) -> TaskRunner:
    """Prefect's task runner for a Dask scheduler. Raises UserError where it is not installed or does not answer."""
    try:
        from distributed import Client
        from prefect_dask import DaskTaskRunner
    except ImportError:
        raise UserError("--cluster needs more than is installed. Install it with: pip install 'seatledger[cluster]'") from None
    try:
        with Client(address, timeout=_LONGEST_WAIT, set_as_default=False) as client:
            workers = len(client.scheduler_info(n_workers=-1)["workers"])
    except (OSError, ValueError, TimeoutError):
        raise UserError(
            f"{address}: no Dask scheduler answers there. Start one with `dask scheduler`, and workers with `dask worker`."
        ) from None
    if not workers:
        raise UserError(f"{address}: the Dask scheduler has no workers. Start some with: dask worker {address}")
    return DaskTaskRunner(address=address)


def on_cluster(address: str) -> Workers:
    """Who makes each call as a task of the flow that runs, on the cluster of a scheduler."""

    def make(call: Callable[..., Any], jobs: Sequence[tuple]) -> Iterator[Any]:
        with runner_at(address) as runner:
            yield from _results([runner.submit(each, parameters={}) for each in _tasks(call, jobs)])

    return make


def _tasks(call: Callable[..., Any], jobs: Sequence[tuple]) -> Iterator[Task]:
    from prefect import task
    from prefect.cache_policies import NO_CACHE

    name = call.__name__.replace("_", " ")
    for n, job in enumerate(jobs):
        told = f"{name} {n + 1} of {len(jobs)}"
        yield task(_sent(call, job), name=name, task_run_name=told, cache_policy=NO_CACHE, persist_result=False)


def _results(futures: Sequence[PrefectFuture]) -> Iterator[Any]:
    """What was made, in order. The first error that a call raised is raised again once no other call is being made: none writes any more."""
    errors: list[Exception] = []
    for future in futures:
        value, error = _result(future)
        if error is not None:
            errors.append(error)
        elif not errors:
            yield value
    if errors:
        raise errors[0]


def _result(future: PrefectFuture) -> tuple[Any, Exception | None]:
    try:
        return future.result()
    except Exception as lost:  # by the cluster itself: whoever made the call is gone
        return None, lost


def _sent(call: Callable[..., Any], job: tuple) -> Callable[[], tuple[Any, Exception | None]]:
    """The call with its arguments, which Prefect need not walk through; an error comes back as a value, past Prefect's database."""

    def attempt() -> tuple[Any, Exception | None]:
        try:
            return call(*job), None
        except Exception as error:
            return None, error

    return attempt
