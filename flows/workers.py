"""Who makes the passes: this process, one after the other; processes of this machine; or whoever else takes a call and its arguments.

A call is made elsewhere with what can be sent there, and gives back what can be sent: names, counts and where frames lie.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from flows.errors import UserError

Workers = Callable[[Callable[..., Any], Sequence[tuple]], Iterator[Any]]

_OBJECTS = 100_000  # before their process looks for cycles among them
_MOST = 4  # each holds a bucket in memory


def in_turn(call: Callable[..., Any], jobs: Sequence[tuple]) -> Iterator[Any]:
    """Make each call here, one after the other."""
    return (call(*job) for job in jobs)


def in_processes(call: Callable[..., Any], jobs: Sequence[tuple]) -> Iterator[Any]:
    """Make the calls in processes of this machine, one a core; the results in the order of the jobs.

    Raises: what a call raises, once the other processes are ended; UserError where the system ended one of them.
    """
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import active_children, get_context

    count = min(os.cpu_count() or 1, len(jobs), _MOST)
    os.environ.setdefault("POLARS_MAX_THREADS", str(max(1, (os.cpu_count() or 1) // count)))  # read when they import Polars
    # many thousand rows are objects for a moment: to look for cycles among them each time finds none, and takes a twentieth of a pass
    pool = ProcessPoolExecutor(count, get_context("spawn"), initializer=gc.set_threshold, initargs=(_OBJECTS,))
    is_done = False
    try:
        futures = [pool.submit(call, *job) for job in jobs]
        yield from (future.result() for future in futures)  # one by one: who waits sees how far it has come
        is_done = True
    except BrokenProcessPool:
        raise UserError("a worker process was ended by the system, most likely for want of memory. Give it more, and run again.") from None
    finally:
        if not is_done:
            for process in active_children():
                process.kill()
        pool.shutdown(cancel_futures=True)
