"""As operators use it: a server, a worker, the deployments of prefect.yaml, and what goes wrong in the night.

One server for all of it. Every test has a home of its own, and what it should come to is what the commands come to.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from flows.fault_points import KILL_AT
from flows.verify import verify
from tests.conftest import Product
from tests.flows.prefect_server import PREFECT, Operator, operator
from tests.flows.small_source import LAST, small_source, users_file

SEATLEDGER = Path(sys.executable).with_name("seatledger")
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


class Operated:
    """Deployments in place and a worker that runs them."""

    def __init__(self, someone: Operator, source: Path) -> None:
        self.someone, self.source = someone, source
        self.server = someone.serve()
        someone.ask("work_pools/", {"name": "seatledger", "type": "process"})
        environment = {"SEATLEDGER_SOURCE": str(source), "SEATLEDGER_HOME": str(someone.home / "books")}
        self.told = someone.run(PREFECT, "--no-prompt", "deploy", "--all", **environment)
        deployments = {d["name"]: d for d in someone.ask("deployments/filter")}
        self.deployments = {name: deployment["id"] for name, deployment in deployments.items()}
        self.worker = self.new_worker()

    def new_worker(self) -> subprocess.Popen:
        return self.someone.start(PREFECT, "worker", "start", "--pool", "seatledger", "--name", "worker", PREFECT_LOGGING_LEVEL="INFO")

    def starts(self, name: str, scheduled: str | None = None, kill_at: str | None = None, **parameters: object) -> str:
        """Trigger a run, as the page does, or as the scheduler did at a time that is past."""
        asked: dict = {"parameters": parameters}
        if scheduled:
            asked["state"] = {"type": "SCHEDULED", "state_details": {"scheduled_time": scheduled}}
        if kill_at:
            asked["job_variables"] = {"env": {KILL_AT: kill_at}}
        return self.someone.ask(f"deployments/{self.deployments[name]}/create_flow_run", asked)["id"]

    def state(self, run: str) -> dict:
        return self.someone.ask(f"flow_runs/{run}", method="GET")["state"]

    def ends(self, run: str) -> tuple[str, str]:
        """Wait until a run has ended; its last state and what that says."""

        def ended() -> dict | None:
            state = self.state(run)
            return state if state["type"] in ENDED else None

        last = self.someone.until(ended, f"run {run} to end")
        return last["name"], last["message"]

    def states(self, run: str) -> list[str]:
        return [state["name"] for state in self.someone.ask(f"flow_run_states/?flow_run_id={run}", method="GET")]

    def log(self, run: str) -> list[str]:
        of_run = {"logs": {"flow_run_id": {"any_": [run]}}, "limit": 200}
        return [entry["message"] for entry in self.someone.ask("logs/filter", of_run)]

    def artifacts(self, run: str) -> dict[str, dict]:
        of_run = {"artifacts": {"flow_run_id": {"any_": [run]}}}
        return {artifact["key"] or artifact["type"]: artifact for artifact in self.someone.ask("artifacts/filter", of_run)}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_source(tmp_path_factory.mktemp("deployed") / "source")


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory, new_prefect_home: Callable[[Path], Path], source: Path) -> Iterator[Operated]:
    with operator(new_prefect_home(tmp_path_factory.mktemp("prefect"))) as someone:
        yield Operated(someone, source)


def direct(root: Path, source: Path) -> Product:
    """The same done by the commands, without Prefect."""
    product = Product(root)
    product.run(source, LAST)
    return product


@pytest.mark.slow
def test_the_server_puts_the_next_runs_of_every_schedule_in_place(operated: Operated) -> None:
    """Of itself, from the schedules alone: what a server with a library it does not know fails at, and says in its log only."""

    def planned() -> set[str] | None:
        runs = operated.someone.ask("flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}})
        names = {run["deployment_id"] for run in runs if run["auto_scheduled"]}
        return names if len(names) == len(operated.deployments) else None

    assert operated.someone.until(planned, "the server to plan runs", 60) == set(operated.deployments.values())


@pytest.mark.long
def test_runs_of_a_schedule_start_late_wait_for_each_other_and_do_the_day_that_was_meant(operated: Operated, tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    first, second = (operated.starts("daily-ingest", "2026-03-06T05:00:00Z", home=home) for _ in range(2))
    ended = sorted([operated.ends(first), operated.ends(second)])
    assert ended == [("Completed", "Ingested 64 days: 66 files, 372 rows."), ("Completed", "Nothing was new.")]
    assert "AwaitingConcurrencySlot" in operated.states(first) + operated.states(second)
    assert operated.someone.ask(f"flow_runs/{first}", method="GET")["name"] == "ingest through 2026-03-05"

    shown = operated.starts("annual-billing", home=home, through="2026-03-05", catalog="pensero", cadence="both", dry_run=True)
    part = operated.starts("monthly-billing", home=home, through="2026-03-05", catalog="pivotal", cadence="both")
    assert operated.ends(shown) == ("Completed", "Would bill through 2026-03-05: 2 invoices, 3 lines.")
    assert operated.ends(part) == ("Completed", "Billed through 2026-03-05: 3 invoices, 4 lines.")
    rest = operated.starts("annual-billing", "2026-03-06T06:30:00Z", home=home)
    assert operated.ends(rest) == ("Completed", "Billed through 2026-03-05: 2 invoices, 3 lines.")
    product = Product(tmp_path / "home")
    assert_frame_equal(product.lines(), direct(tmp_path / "direct", operated.source).lines())
    assert operated.ends(operated.starts("month-end-reports", "2026-03-02T07:00:00Z", home=home)) == ("Completed", "Reports: 1 month.")
    assert [folder.name for folder in product.home.reports.glob("2*")] == ["2026-02"]

    told = operated.artifacts(rest)
    assert told["progress"]["data"] == 100
    assert "| pensero | growth | 3 | 2,372.06 | USD |" in told["seatledger-billing"]["data"]  # 1800.00 + 1121.10 - 549.04
    assert json.loads(told["seatledger-holds"]["data"]) == [{"workspace": "nothing is held"}]


@pytest.mark.long
def test_two_deployments_on_one_home_wait_for_each_other_though_the_server_is_restarted_meanwhile(
    operated: Operated, tmp_path: Path
) -> None:
    product = Product(tmp_path / "home")
    product.ingest(operated.source)
    with product.home.locked():  # as a long run would
        runs = [operated.starts(name, home=str(product.home.root), through=str(LAST)) for name in ("monthly-billing", "annual-billing")]
        for run in runs:
            operated.someone.until(lambda run=run: any("waiting for another run" in line for line in operated.log(run)), "a run to wait")
        operated.someone.end(operated.server)
        operated.server = operated.someone.serve()
    assert sorted(operated.ends(run)[1] for run in runs) == [
        "Billed through 2026-03-05: 2 invoices, 3 lines.",
        "Billed through 2026-03-05: 3 invoices, 4 lines.",
    ]
    assert_frame_equal(product.lines(), direct(tmp_path / "direct", operated.source).lines())
    assert not [check for check in verify(product.home, product.setting.catalogs) if check.problems]


@pytest.mark.long
def test_what_is_killed_half_way_is_recovered_by_the_next_run(operated: Operated, tmp_path: Path) -> None:
    product = Product(tmp_path / "home")
    home = str(product.home.root)
    product.ingest(operated.source)
    killed = operated.starts("monthly-billing", kill_at="ledger: before commit", home=home, cadence="both", through=str(LAST))
    assert operated.ends(killed)[0] == "Crashed"

    with product.home.locked():  # the worker, and its run that waits: both gone, as when the machine loses its power
        lost = operated.starts("monthly-billing", home=home, cadence="both", through=str(LAST))
        operated.someone.until(lambda: any("waiting for another run" in line for line in operated.log(lost)), "the run to wait")
        operated.someone.end(operated.worker, signal.SIGKILL)
    operated.worker = operated.new_worker()
    waiting = operated.starts("monthly-billing", home=home, cadence="both", through=str(LAST))
    crashed = {"state": {"type": "CRASHED", "name": "Crashed", "message": "lost"}, "force": True}  # as the automation does, or the page
    operated.someone.ask(f"flow_runs/{lost}/set_state", crashed)  # where nobody else has told the server
    state, said = operated.ends(waiting)
    # The run whose worker was killed may live on and bill before it: then there is nothing left to bill.
    assert (state, said) in [("Completed", f"Billed through 2026-03-05: {billed}.") for billed in ("5 invoices, 7 lines", "0 invoices, 0 lines")]
    assert_frame_equal(product.lines(), direct(tmp_path / "direct", operated.source).lines())
    assert not [check for check in verify(product.home, product.setting.catalogs) if check.problems]


@pytest.mark.slow
def test_a_hold_and_a_failure_say_why_and_are_told_to_a_webhook_and_nothing_personal_is_kept(operated: Operated, tmp_path: Path) -> None:
    damaged = shutil.copytree(operated.source, tmp_path / "source")
    path = users_file(damaged, date(2026, 1, 20))
    path.write_text(path.read_text().replace("oak,b,teammate", "oak,b,colleague"))
    home, heard = str(tmp_path / "home"), []
    with receiver(heard) as url:
        assert "is told of runs that fail" in operated.someone.run(SEATLEDGER, "notify", url)
        operated.someone.run(SEATLEDGER, "notify", url)  # again: the same automations, not more
        assert len(operated.someone.ask("automations/filter")) == 2
        held = operated.starts("daily-ingest", home=home, source=str(damaged), through=str(LAST))
        assert operated.ends(held) == (
            "Held 1 workspace",
            "Ingested 64 days: 66 files, 372 rows. Held, and without an invoice: 1 workspace.",
        )
        mended = operated.starts("daily-ingest", home=home, through="2026-01-20", first="2026-01-20", supersede=True)
        assert operated.ends(mended) == ("Completed", "Ingested 1 day: 1 file, 6 rows.")
        failed = operated.starts("daily-ingest", home=home, source=str(tmp_path / 'no"where'))
        name, why = operated.ends(failed)
        assert (name, why.partition(". ")[0]) == ("Failed", f'{tmp_path}/no"where: is not there')
        operated.someone.until(lambda: len(heard) >= 2, "the webhook to be told")
        assert "Nobody is told" in operated.someone.run(SEATLEDGER, "notify", "--off")
        assert operated.someone.ask("automations/filter") == []
    assert {(told["deployment"], told["state"]) for told in heard} == {("daily-ingest", "Held 1 workspace"), ("daily-ingest", "Failed")}
    assert "ingest through 2026-03-05: Held 1 workspace. Ingested 64 days" in next(t["text"] for t in heard if t["state"] != "Failed")
    assert not [line for line in operated.log(failed) if "Traceback" in line]
    (row,) = json.loads(operated.artifacts(held)["seatledger-holds"]["data"])
    assert (row["workspace"], row["what"]) == ("oak", "kind must be one of teammate, alias, portal")
    for kept in operated.someone.home.rglob("*"):
        if kept.is_file():
            content = kept.read_bytes()
            assert b"@example.com" not in content and b"Name b" not in content, kept


@pytest.mark.slow
def test_served_from_one_process_the_same_deployments_run_and_are_paused_when_it_ends(operated: Operated, tmp_path: Path) -> None:
    home, log = tmp_path / "home", len(operated.someone.started)
    serving = operated.someone.start(SEATLEDGER, "serve", operated.source, "--home", home, "--cron", "daily-ingest=15 3 * * *")
    operated.someone.until(lambda: "Serving until this process ends" in (operated.someone.home / f"{log}.log").read_text(), "serve")
    assert operated.ends(operated.starts("daily-ingest", "2026-03-06T03:15:00Z")) == ("Completed", "Ingested 64 days: 66 files, 372 rows.")
    assert Product(home).home.finance.exists()
    serving.send_signal(signal.SIGTERM)
    operated.someone.until(lambda: serving.poll() is not None, "serve to end")
    said = (operated.someone.home / f"{log}.log").read_text()
    assert (serving.returncode, "Warning" in said, "Traceback" in said) == (0, False, False), said
    found = {d["name"]: d for d in operated.someone.ask("deployments/filter")}
    assert set(found) == set(operated.deployments)
    (schedule,) = found["daily-ingest"]["schedules"]
    assert (schedule["schedule"]["cron"], found["daily-ingest"]["paused"]) == ("15 3 * * *", True)


@contextmanager
def receiver(heard: list[dict]) -> Iterator[str]:
    """Someone's webhook: what it is told, as documents."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook"
        server.shutdown()
