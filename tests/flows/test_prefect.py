"""The flows for real under Prefect: without a server, and through one that runs. Both end well, and tell it nothing personal."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.flows.small_source import small_source, users_file
from tests.flows.test_cli import SEATLEDGER, seatledger

PREFECT = Path(sys.executable).with_name("prefect")


@pytest.fixture(scope="module")
def prefect_home(tmp_path_factory: pytest.TempPathFactory, new_prefect_home: Callable[[Path], Path]) -> Path:
    return new_prefect_home(tmp_path_factory.mktemp("prefect"))


@pytest.fixture(scope="module")
def server(prefect_home: Path) -> Iterator[str]:
    """A Prefect server on a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"PREFECT_HOME": str(prefect_home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    with subprocess.Popen(
        [PREFECT, "server", "start", "--port", str(port)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        url = f"http://127.0.0.1:{port}/api"
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{url}/health", timeout=2)
                break
            except OSError:
                time.sleep(0.25)
        yield url
        process.terminate()


def asked(server: str, what: str) -> list[dict]:
    request = urllib.request.Request(f"{server}/{what}/filter", data=b"{}", headers={"content-type": "application/json"})
    return json.load(urllib.request.urlopen(request, timeout=10))


def run(source: Path, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return seatledger("run", source, "--through", "2026-03-05", "--home", home, **environment)


def test_through_a_server_the_flow_its_tasks_and_its_log_are_seen(server: str, prefect_home: Path, tmp_path: Path) -> None:
    done = run(small_source(tmp_path / "source"), tmp_path / "home", PREFECT_API_URL=server, PREFECT_HOME=str(prefect_home))
    assert done.returncode == 0, done.stderr
    assert "Billed through 2026-03-05: 5 invoices, 7 lines." in done.stdout
    (flow_run,) = asked(server, "flow_runs")
    assert (flow_run["name"], flow_run["state_name"], flow_run["parameters"]) == ("run through 2026-03-05", "Completed", {})
    assert {t["name"] for t in asked(server, "task_runs")} == {"bring in", "bill", "save", "show", "write reports"}
    deadline = time.monotonic() + 10
    while not any("billed through 2026-03-05" in entry["message"] for entry in asked(server, "logs")):
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.slow
def test_with_holds_the_state_says_so_and_an_error_is_a_sentence(server: str, prefect_home: Path, tmp_path: Path) -> None:
    source = small_source(tmp_path / "source")
    path = users_file(source, date(2026, 1, 20))
    path.write_text(path.read_text().replace("oak,b,teammate", "oak,b,colleague"))
    environment = {"PREFECT_API_URL": server, "PREFECT_HOME": str(prefect_home)}
    assert run(source, tmp_path / "home", **environment).returncode == 3
    failed = run(tmp_path / "nowhere", tmp_path / "home", **environment)
    assert failed.returncode == 1
    assert failed.stderr.endswith("users/date=YYYY-MM-DD/*.csv (or .parquet).\n")
    assert "Traceback" not in failed.stderr
    assert {"Held 1 workspace", "Failed"} <= {r["state_name"] for r in asked(server, "flow_runs")}


def test_without_a_server_a_temporary_one_is_enough_and_nothing_personal_is_kept(tmp_path: Path) -> None:
    home, prefect_home = tmp_path / "home", tmp_path / "prefect"
    done = run(small_source(tmp_path / "source"), home, PREFECT_HOME=str(prefect_home), PREFECT_API_URL="")
    assert done.returncode == 0, done.stderr
    assert "5 invoices" in done.stdout
    assert "leaked" not in done.stderr
    kept = [path for path in prefect_home.rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        content = path.read_bytes()
        assert b"@example.com" not in content, path
        assert str(home).encode() not in content, path


def servers_with(prefect_home: Path) -> list[int]:
    """Temporary servers of this folder that run."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_one = b"flows.temporary_server" in (process / "cmdline").read_bytes()
            if is_one and str(prefect_home).encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue  # it has just ended
    return found


@pytest.mark.slow
def test_a_command_that_is_killed_leaves_no_server_and_no_lock_behind(tmp_path: Path) -> None:
    source, home = small_source(tmp_path / "source"), tmp_path / "home"
    environment = os.environ | {"PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_API_URL": ""}
    command = [SEATLEDGER, "run", source, "--through", "2026-03-05", "--home", home]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: servers_with(tmp_path / "prefect"))
        process.kill()
    wait_until(lambda: not servers_with(tmp_path / "prefect"))
    assert seatledger("run", source, "--through", "2026-03-05", "--home", home, "--direct").returncode == 0


def wait_until(it_is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not it_is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
def test_a_profile_that_names_a_server_is_followed_and_no_other_is_kept(server: str, tmp_path: Path) -> None:
    prefect_home = tmp_path / "prefect"
    prefect_home.mkdir()
    (prefect_home / "profiles.toml").write_text(f'active = "ours"\n[profiles.ours]\nPREFECT_API_URL = "{server}"\n')
    before = len(asked(server, "flow_runs"))
    done = run(small_source(tmp_path / "source"), tmp_path / "home", PREFECT_HOME=str(prefect_home), PREFECT_API_URL="")
    assert done.returncode == 0, done.stderr
    assert len(asked(server, "flow_runs")) == before + 1
    assert {artifact["key"] for artifact in asked(server, "artifacts")} >= {"seatledger-run", "seatledger-holds"}
    assert not servers_with(prefect_home)
    assert not list(prefect_home.glob("prefect.db"))


def test_a_stage_that_reads_the_world_is_tried_again_and_a_users_error_is_not(server: str, prefect_home: Path) -> None:
    script = """
import flows.deploy as deploy
from flows.errors import UserError
deploy.FIRST_WAIT = 0.01
tries = []
def bring_in():
    tries.append(1)
    if len(tries) < 3: raise OSError(5, "a passing fault")
    return "in"
def bill(): tries.append(1); raise UserError("wrong")
def both(step): return step(bring_in)
def wrong(step): return step(bill)
assert deploy.run_as_flow("retry", both) == "in" and len(tries) == 3, tries
tries.clear()
try: deploy.run_as_flow("no retry", wrong)
except UserError as error: assert str(error) == "wrong" and len(tries) == 1, tries
else: raise AssertionError
"""
    environment = os.environ | {"PREFECT_API_URL": server, "PREFECT_HOME": str(prefect_home)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_run_that_takes_too_long_is_ended_as_timed_out_and_is_not_tried_again(server: str, prefect_home: Path, tmp_path: Path) -> None:
    script = f"""
import flows.operated as operated
from flows.home import Home
home = {str(tmp_path / "home")!r}
with Home(home).locked():
    Home(home).receipts.touch()  # as if a run had been saved
    state = operated.reports.with_options(timeout_seconds=1)(home=home, month="2026-02", return_state=True)
assert (state.name, state.type.value) == ("TimedOut", "FAILED"), state
"""
    environment = os.environ | {"PREFECT_API_URL": server, "PREFECT_HOME": str(prefect_home)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("named", "page"), [("", None), ("https://prefect.example/api", "https://prefect.example/runs/flow-run/")])
@pytest.mark.slow
def test_what_a_webhook_is_told_ends_with_the_runs_page_or_where_the_server_has_none_with_why(named: str, page: str | None) -> None:
    script = """
from types import SimpleNamespace as Named
from uuid import UUID
from flows.notifications import _PAYLOAD
from prefect.server.events.jinja_filters import all_filters
from prefect.server.schemas.core import FlowRun
from prefect.server.schemas.states import State
from prefect.server.utilities.user_templates import register_user_template_filters, render_user_template_sync

register_user_template_filters(all_filters)
run = FlowRun(id=UUID(int=1), flow_id=UUID(int=2), name="ingest", state=State(type="FAILED", name="Failed", message='no "x".'))
print(render_user_template_sync(_PAYLOAD, {"flow_run": run, "deployment": Named(name="daily-ingest")}))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=os.environ | {"PREFECT_API_URL": named})
    told = json.loads(done.stdout)
    address = page and page + "00000000-0000-0000-0000-000000000001"
    assert (told["page"], told["message"]) == (address, 'no "x".')
    assert told["text"] == 'daily-ingest, ingest: Failed. no "x".' + (f" {address}" if address else "")
