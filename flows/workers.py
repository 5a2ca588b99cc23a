"""Who makes the passes: this process, one after the other; processes of this machine; or whoever else takes a call and its arguments.

A call is made elsewhere with what can be sent there, and gives back what can be sent: names, counts and where frames lie.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from flows.errors import UserError, is_for_want_of_memory

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

Workers = Callable[[Callable[..., Any], Sequence[tuple]], Iterator[Any]]

# A worker lets go of a day's columns only to ask for as much for the next day's: a fifth of its time went into that. It keeps them in one place, and not in one for each of its threads.
_KEEPS_MEMORY = "narenas:1,background_thread:true,dirty_decay_ms:10000,muzzy_decay_ms:10000,oversize_threshold:0"  # Polars'
_KEEPS_MEMORY_TOO = {"MALLOC_MMAP_THRESHOLD_": str(64 << 20), "MALLOC_TRIM_THRESHOLD_": str(256 << 20)}  # NumPy's, where the C library is GNU's
_NEEDED = ("flows.many_objects", "flows.cli", "flows.share_reading", "flows.bucket_keeping", "flows.bucket_pass")
_MOST = 4  # each holds a bucket in memory
_cut_off = threading.Event()  # whether some were ended at their work


class WorkerLost(UserError):
    """A process that had to make a call is no more. What it was at may be at fault, or what the machine has to give."""


def in_turn(call: Callable[..., Any], jobs: Sequence[tuple]) -> Iterator[Any]:
    """Make each call here, one after the other."""
    return (call(*job) for job in jobs)


def in_processes(call: Callable[..., Any], jobs: Sequence[tuple]) -> Iterator[Any]:
    """Make the calls in processes of this machine, one a core; the results in the order of the jobs.

    The processes stay for the next call, because starting one takes longer than many a call: until `dismiss`.

    Raises: what a call raises, once the processes are ended; WorkerLost where the system ended one of them.
    """
    from concurrent.futures.process import BrokenProcessPool

    is_done = False
    try:
        futures = _submitted(call, jobs)
        yield from (future.result() for future in futures)  # one by one: who waits sees how far it has come
        is_done = True
    except BrokenProcessPool:
        raise WorkerLost("a worker process was ended by the system, most likely for want of memory. Give it more, and run again.") from None
    finally:
        if not is_done:
            _cut_off.set()
            dismiss()


def were_cut_off() -> bool:
    """Whether processes were ended at their work, since this was asked last: what they were writing may lie beside its place."""
    were = _cut_off.is_set()
    _cut_off.clear()
    return were


def _submitted(call: Callable[..., Any], jobs: Sequence[tuple]) -> list[Future]:
    try:
        return [_processes().submit(made_to_send, call, job) for job in jobs]
    except (EOFError, OSError):  # who copies itself is no more, or never got so far
        raise WorkerLost("no worker process could be started, most likely for want of memory. Give it more, and run again.") from None


def start_early(workers: Workers) -> None:
    """Have what processes of this machine are copies of start, if it is they who will be asked: meanwhile there is other work here."""
    if workers is in_processes:
        begin_early()


def made_to_send(call: Callable[..., Any], job: tuple) -> Any:
    """A call's result. What a native library says when it gives up cannot be sent as it is."""
    try:
        return call(*job)
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            kind = MemoryError if is_for_want_of_memory(error) else RuntimeError
            raise kind(str(error)) from None
        raise


def or_in_turn(workers: Workers) -> Workers:
    """Have calls made by others, and from where one of them was lost, here."""

    def make(call: Callable[..., Any], jobs: Sequence[tuple]) -> Iterator[Any]:
        made = 0
        try:
            for result in workers(call, jobs):
                yield result
                made += 1
        except WorkerLost:
            yield from in_turn(call, jobs[made:])

    return make


def begin_early() -> None:
    """Have the process start that workers are copies of. It imports what they need, once and meanwhile. If it cannot start, whoever asks a worker is told."""
    from multiprocessing import forkserver

    forkserver.set_forkserver_preload(list(_NEEDED))
    with suppress(OSError), _set(_as_told(os.environ)):
        forkserver.ensure_running()


def _as_told(environment: Mapping[str, str]) -> dict[str, str]:
    """What Polars and NumPy read when they are imported: each worker has its share of the cores."""
    said = environment.get("_RJEM_MALLOC_CONF", "")  # by Polars itself, where this process has imported it; what comes last counts
    threads = str((os.cpu_count() or 1) // _count())
    limits = {name: environment.get(name, threads) for name in ("POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS")}
    return {**_KEEPS_MEMORY_TOO, **limits, "_RJEM_MALLOC_CONF": f"{said},{_KEEPS_MEMORY}".strip(",")}


@contextmanager
def _set(environment: Mapping[str, str]) -> Iterator[None]:
    """The environment for who is started meanwhile."""
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@cache
def _processes() -> ProcessPoolExecutor:
    """Processes that start when there is something to do, at most one a core."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    begin_early()
    return ProcessPoolExecutor(_count(), get_context("forkserver"), initializer=_begin)


def _begin() -> None:
    """What a process does before its first call."""
    threading.Thread(target=_end_with_the_run, daemon=True).start()


def _end_with_the_run() -> None:
    """A process whose run was killed would go on writing, and then wait for ever for what is next: the others hold the pipe open, too."""
    from multiprocessing import parent_process

    if run := parent_process():
        run.join()
        os.kill(os.getpid(), signal.SIGKILL)


def _count() -> int:
    return min(os.cpu_count() or 1, _MOST)


def dismiss() -> None:
    """End the processes that stay, whatever they are at."""
    if not _processes.cache_info().currsize:
        return
    pool = _processes()
    _processes.cache_clear()
    if pool._pending_work_items:
        _cut_off.set()
    for process in list((pool._processes or {}).values()):
        process.kill()
    pool.shutdown(cancel_futures=True)
