"""Workers: processes of this machine that make calls, when they start, and what happens where none can."""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from operator import add
from pathlib import Path

import pytest

from flows import head_start as early
from flows import workers
from flows.head_start import head_start
from flows.workers import WorkerLost, dismiss, in_processes, or_in_turn, start_early, were_cut_off

SUMS = [(1, 2), (3, 4)]


def test_where_no_process_can_be_started_it_is_said_and_calls_are_made_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise EOFError("unexpected EOF")

    monkeypatch.setattr(ProcessPoolExecutor, "submit", gone)
    with pytest.raises(WorkerLost, match=r"no worker process could be started, .* Give it more"):
        list(in_processes(add, SUMS))
    assert list(or_in_turn(in_processes)(add, SUMS)) == [3, 7]


def test_a_head_start_that_cannot_be_had_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("multiprocessing.forkserver.ensure_running", refused)
    before = dict(os.environ)
    start_early(in_processes)
    assert dict(os.environ) == before


def test_calls_are_made_by_other_processes_and_the_environment_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    monkeypatch.delenv("POLARS_MAX_THREADS", raising=False)
    before = dict(os.environ)
    assert list(in_processes(add, SUMS)) == [3, 7]
    assert os.getpid() not in in_processes(os.getpid, [()])
    assert dict(os.environ) == before
    dismiss()


def test_whether_some_were_ended_at_their_work_is_told_once() -> None:
    were_cut_off()
    assert list(in_processes(add, SUMS)) == [3, 7]
    dismiss()
    assert not were_cut_off()
    results = in_processes(time.sleep, [(0,), (60,)])
    next(results)
    dismiss()
    assert were_cut_off()
    assert not were_cut_off()


@pytest.mark.parametrize(("days", "begins"), [({"date=2026-03-01": 5_000_000}, True), ({"date=2026-03-01": 5_000_000, "date=2026-03-02": 90}, False), ({}, False)])
def test_they_begin_with_the_command_where_the_last_day_is_large(days: dict[str, int], begins: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for day, size in days.items():
        (tmp_path / "users" / day).mkdir(parents=True)
        (tmp_path / "users" / day / "users.parquet").write_bytes(b"x" * size)
    begun = []
    monkeypatch.setattr(early, "begin_early", lambda: begun.append(True))
    head_start(str(tmp_path))
    assert bool(begun) is begins


@pytest.mark.parametrize("source", ["s3://rosters", "/nowhere/at/all"])
def test_of_a_source_that_cannot_be_looked_at_nothing_begins_and_nothing_is_said(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early, "begin_early", lambda: pytest.fail("began"))
    head_start(source)


def test_each_worker_has_its_share_of_the_cores_unless_it_is_told_otherwise() -> None:
    told = workers._as_told({"POLARS_MAX_THREADS": "3"})
    assert told["POLARS_MAX_THREADS"] == "3"
    assert int(told["OPENBLAS_NUM_THREADS"]) == (os.cpu_count() or 1) // workers._count()
