"""What a run says of its cluster: of an address that is none, of workers that cannot do the work, and of what goes away in the middle."""

from __future__ import annotations

import gc
import logging
import re
import socket
import sys
import threading
import time
from concurrent.futures import CancelledError
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest
from distributed.client import FutureCancelledError
from distributed.comm import CommClosedError
from distributed.scheduler import KilledWorker

from flows import cluster as of_cluster
from flows.cluster import runner_at
from flows.errors import Unanswered, UserError
from flows.lake import Lake
from flows.run import Run


@pytest.mark.parametrize(
    "address",
    ["foo://scheduler:1", "http://scheduler:8786", "inproc://x", "tcp://scheduler", "tcp://scheduler:abc", "scheduler", "tcp://h:0", "tcp://h:65536"],
)
def test_what_is_no_address_of_a_scheduler_is_said_before_anyone_is_asked(address: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(address)}: is no address of a Dask scheduler. Give one such as tcp://scheduler:8786"):
        runner_at(address)


@pytest.mark.parametrize("address", ["tcp://user:secret@scheduler:8786", "tcp://secret@scheduler:8786", "tcp://scheduler:8786?token=secret"])
def test_what_may_be_a_password_in_an_address_is_refused_and_not_said(address: str) -> None:
    with pytest.raises(UserError, match=r"^--cluster: is no address of a Dask scheduler") as refused:
        runner_at(address)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("says", [b"", b"SSH-2.0-OpenSSH and more than a few bytes of it\r\n"])
def test_another_service_at_the_address_is_no_scheduler_and_nothing_hangs(monkeypatch: pytest.MonkeyPatch, says: bytes) -> None:
    monkeypatch.setattr(of_cluster, "_LONGEST_WAIT", 0.2)
    ignored: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    with socket.create_server(("127.0.0.1", 0)) as service:
        address = f"tcp://127.0.0.1:{service.getsockname()[1]}"
        if says:
            service.settimeout(20)
            monkeypatch.setattr(of_cluster, "_LONGEST_WAIT", 5)
            threading.Thread(target=lambda: service.accept()[0].sendall(says), daemon=True).start()
        began = time.monotonic()
        with pytest.raises(Unanswered, match=f"^{address}: no Dask scheduler answers there"):
            runner_at(address)
    assert time.monotonic() - began < 15
    gc.collect()
    assert not ignored


def test_a_worker_without_the_package_is_refused_and_one_that_is_gone_is_not() -> None:
    with pytest.raises(UserError, match=r"^tcp://worker:1: this worker has no seatledger, the run has seatledger 1\.2\.3\. Install the same"):
        of_cluster._require_same("seatledger", "1.2.3", {"tcp://worker:1": PackageNotFoundError("seatledger")})
    of_cluster._require_same("seatledger", "1.2.3", {"tcp://worker:1": CommClosedError("gone"), "tcp://worker:2": "1.2.3"})


class OneFuture:
    """What Prefect gives for a task: here one whose result is settled, or that nobody makes for some turns."""

    def __init__(self, result: object = None, turns: int = 0) -> None:
        self._result, self._turns = result, turns
        self.wrapped_future = SimpleNamespace(done=lambda: self._turns < 1)

    def wait(self, timeout: float) -> None:
        self._turns -= 1

    def result(self) -> object:
        if isinstance(self._result, Exception):
            raise self._result
        return self._result


def results(*futures: OneFuture) -> list[object]:
    given = [(f"pass over {n + 1} of {len(futures)}", future) for n, future in enumerate(futures)]
    return list(of_cluster._results(given, "tcp://scheduler:8786", dict))


def test_a_task_that_ends_every_worker_is_named() -> None:
    killed = KilledWorker("attempt-1", SimpleNamespace(address="tcp://worker:1"), 3)
    with pytest.raises(UserError, match=r"^pass over 2 of 2: the workers that took this on were ended, 4 times, .* --memory-limit"):
        results(OneFuture((1, None)), OneFuture(killed))


@pytest.mark.parametrize("lost", [FutureCancelledError("attempt-1", "scheduler-connection-lost"), CancelledError(), CommClosedError("closed")])
def test_a_scheduler_that_has_gone_may_come_back(lost: Exception) -> None:
    with pytest.raises(Unanswered, match=r"^tcp://scheduler:8786: the Dask scheduler has gone. Start it and its workers, and run again.$"):
        results(OneFuture((1, None)), OneFuture(lost))


def test_what_a_call_raised_is_raised_as_it_is_though_the_scheduler_goes() -> None:
    of_the_call = CancelledError("of the call")
    with pytest.raises(CancelledError) as raised:
        results(OneFuture((None, of_the_call)), OneFuture(CommClosedError("closed")))
    assert raised.value is of_the_call


def test_a_run_that_waits_for_a_worker_says_so(caplog: pytest.LogCaptureFixture) -> None:
    said = "no worker is left at tcp://scheduler:8786; the run waits for one"
    with caplog.at_level(logging.WARNING, "seatledger"):
        assert results(OneFuture((1, None), turns=3)) == [1]
        assert [said in told for told in caplog.messages] == [True, True], "once for each time that it waited in vain"
        caplog.clear()
        of_cluster._wait(OneFuture((1, None), turns=3), "tcp://scheduler:8786", lambda: {"tcp://worker:1": 1})
    assert not caplog.messages, "who works may take as long as it takes"


def test_a_worker_of_another_version_that_came_later_makes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    attempt = of_cluster._sent(made.append, (1,))
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("importlib.metadata.version", lambda package: "0.0.1")
        answer = attempt()
    assert (made, answer) == ([], (None, {"seatledger": "0.0.1", "polars": "0.0.1"}))
    with pytest.raises(UserError, match=r"^pass over 2 of 2: was taken on by a worker that has seatledger 0\.0\.1; the run has seatledger \d"):
        results(OneFuture((1, None)), OneFuture(answer))
    assert attempt() == (None, None)
    assert made == [1]


def test_a_worker_that_does_not_reach_prefect_is_told_in_a_sentence() -> None:
    with pytest.raises(Unanswered, match=r"^pass over 1 of 1: a worker does not reach Prefect's server at .*, name it with PREFECT_API_URL"):
        results(OneFuture(RuntimeError("Failed to reach API at http://127.0.0.1:4300/api/")))


@pytest.mark.parametrize(("says", "kind"), [("memory allocation failed", MemoryError), ("index out of bounds", RuntimeError)])
def test_a_library_that_gives_up_on_a_worker_ends_no_worker(says: str, kind: type[Exception]) -> None:
    class PanicException(BaseException):
        """As Polars has it: no Exception."""

    def gives_up() -> None:
        raise PanicException(says)

    value, error = of_cluster._sent(gives_up, ())()
    assert (value, type(error), str(error)) == (None, kind, says)


def test_workers_have_to_see_what_a_home_of_this_machine_has_put_by_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(of_cluster, "on_cluster", lambda *told: asked.append(told))
    run = SimpleNamespace(setting=SimpleNamespace(cluster="tcp://scheduler:8786"), lake=Lake(tmp_path))
    Run._workers(run, 2)
    assert [folder for _, folder in asked] == [run.lake.set_aside("shelf")]
