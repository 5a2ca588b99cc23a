"""Rows 34 to 36 of the fault table: killed at any point, stopped, out of room; the next run ends as an undisturbed one."""

from __future__ import annotations

import functools
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from flows.fault_points import KILL_AT, POINTS
from tests.conftest import ROOT, Product
from tests.flows.small_source import small_source
from tests.seldom import seldom_but

THROUGH = date(2026, 2, 12)
pytestmark = pytest.mark.usefixtures("with_reports")
SCRIPT = """
import sys; from datetime import date; from pathlib import Path
from tests.conftest import Product
Product(Path(sys.argv[1]), writes_reports=True).run(Path(sys.argv[2]), date(2026, 2, 12))
"""


# The same source as one of large months: shares of a few rows, four buckets, processes that read, keep and bill them.
SCRIPT_OF_LARGE = """
import sys; from datetime import date; from pathlib import Path
from flows import kept_rosters, roster_intake, roster_shares; from flows.workers import in_processes
from tests.conftest import Product
roster_intake._SMALL_MONTH, roster_shares._ROWS_A_SHARE, kept_rosters.buckets_for_users = 0, 2, lambda users: 4
if __name__ == "__main__":
    Product(Path(sys.argv[1]), workers=in_processes, writes_reports=True).run(Path(sys.argv[2]), date(2026, 2, 12))
"""

# The same with workers that die once they have written beside a file's place; the run itself does not.
SCRIPT_OF_WORKERS_THAT_DIE = SCRIPT_OF_LARGE.replace(
    "    Product(",
    f"""    import os; from flows.workers import begin_early
    os.environ["{KILL_AT}"] = "lake: written beside"; begin_early(); del os.environ["{KILL_AT}"]
    Product(""",
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_source(tmp_path_factory.mktemp("crash") / "source", last=THROUGH)


@pytest.fixture(scope="module")
def undisturbed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    product = Product(tmp_path_factory.mktemp("undisturbed") / "home", writes_reports=True)
    product.run(source, THROUGH)
    return reports(product)


def reports(product: Product) -> dict[str, bytes]:
    """Every report but the list of runs, of which a killed home has one more."""
    files = product.home.reports.rglob("*")
    return {str(p.relative_to(product.home.reports)): p.read_bytes() for p in files if p.is_file() and p.name not in ("runs.csv", ".run")}


def start(home: Path, source: Path, script: str = SCRIPT, **environment: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", script, home, source], cwd=ROOT, env=os.environ | environment, stderr=subprocess.PIPE)


def mend_and_compare(home: Path, source: Path, undisturbed: dict[str, bytes]) -> None:
    product = Product(home)
    product.run(source, THROUGH)
    assert reports(product) == undisturbed
    assert product.table("select count(distinct invoice_number), count(*) from invoices").rows() == [(4, 4)]
    assert half_written(home) == []


def half_written(home: Path) -> list[Path]:
    """What lies beside its place."""
    return [path for path in home.rglob(".*") if path.name not in (".lock", ".run")]


@pytest.mark.parametrize("point", seldom_but(["ledger: before commit", "ledger: after commit"], POINTS))
def test_F34_killed_at_any_point_the_next_run_gives_the_bytes_of_an_undisturbed_one(
    point: str, tmp_path: Path, source: Path, undisturbed: dict[str, bytes]
) -> None:
    with start(tmp_path / "home", source, **{KILL_AT: point}) as process:
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    mend_and_compare(tmp_path / "home", source, undisturbed)


@pytest.mark.long
@pytest.mark.parametrize("n", range(int(os.environ.get("SEATLEDGER_KILLS", "100"))))
def test_F34_killed_at_a_random_moment_the_next_run_gives_the_bytes_of_an_undisturbed_one(
    n: int, tmp_path: Path, source: Path, undisturbed: dict[str, bytes]
) -> None:
    with start(tmp_path / "home", source) as process:
        time.sleep(random.Random(n).uniform(0.2, 3.0))
        process.kill()
    mend_and_compare(tmp_path / "home", source, undisturbed)


@pytest.mark.parametrize("n", [0, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, int(os.environ.get("SEATLEDGER_KILLS", "100"))))])
def test_F34_in_parts_too_the_run_or_one_of_its_workers_may_be_killed_at_any_moment(
    n: int, tmp_path: Path, source: Path, undisturbed: dict[str, bytes]
) -> None:
    """Without the run nothing is seen of what its workers wrote; without a worker the run goes on by itself."""
    home, moment = tmp_path / "home", random.Random(n)
    with start(home, source, SCRIPT_OF_LARGE) as process:
        if n % 2:
            _kill_a_worker(process, moment)
            _, said = process.communicate()
            assert process.returncode == 0, said
        else:
            time.sleep(moment.uniform(0.8, 5.0))
            process.kill()
    with start(home, source, SCRIPT_OF_LARGE) as process:
        _, said = process.communicate()
    assert process.returncode == 0, said
    product = Product(home)
    assert reports(product) == undisturbed
    assert product.table("select count(distinct invoice_number), count(*) from invoices").rows() == [(4, 4)]
    assert half_written(home) == []


@pytest.mark.slow
def test_F34_what_a_worker_was_writing_when_it_was_lost_is_gone_with_the_run(tmp_path: Path, source: Path, undisturbed: dict[str, bytes]) -> None:
    with start(tmp_path / "home", source, SCRIPT_OF_WORKERS_THAT_DIE) as process:
        _, said = process.communicate()
    assert process.returncode == 0, said
    assert reports(Product(tmp_path / "home")) == undisturbed
    assert half_written(tmp_path / "home") == []


def _kill_a_worker(process: subprocess.Popen, moment: random.Random) -> None:
    """Kill one of its processes, a while after they began."""
    workers: list[int] = []
    while len(workers) < 2 and process.poll() is None:
        workers = [worker for child in _children(process.pid) for worker in _children(child)]  # copies of a process that has imported all
        time.sleep(0.02)
    time.sleep(moment.uniform(0, 2.5))
    for worker in workers[-1:]:
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    with suppress(FileNotFoundError, ProcessLookupError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


WORKERS_AT_REST = """
import os, time
from flows.workers import in_processes
if __name__ == "__main__":
    print(*in_processes(os.getpid, [(), (), ()]), flush=True)
    time.sleep(60)
"""


def test_the_processes_of_a_killed_run_end_with_it_so_that_nothing_is_written_into_the_next_one() -> None:
    with subprocess.Popen([sys.executable, "-c", WORKERS_AT_REST], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
        workers = {Path(f"/proc/{worker}") for worker in run.stdout.readline().split()}
        assert workers and all(map(_is_at_work, workers))
        run.kill()
    deadline = time.monotonic() + 20
    while any(map(_is_at_work, workers)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(_is_at_work, workers))


def _is_at_work(process: Path) -> bool:
    """Whether it is there, and not only waits for its end to be noticed."""
    try:
        return process.joinpath("stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


STOPS = [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]


@pytest.mark.parametrize(("stop", "code"), seldom_but([(signal.SIGTERM, 143)], STOPS))
def test_F35_stopped_it_rolls_back_and_exits_with_the_signals_code(stop: signal.Signals, code: int, tmp_path: Path, source: Path) -> None:
    heard = functools.partial(signal.signal, stop, signal.SIG_DFL)  # under nohup these tests ignore SIGHUP, and so would the run
    command = run_command(source, tmp_path / "home")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard) as process:
        while not (tmp_path / "home" / "ledger.duckdb").exists():
            time.sleep(0.01)
        process.send_signal(stop)
        _, said = process.communicate()
    assert process.returncode == code
    assert "Traceback" not in said
    assert "what was not yet saved is as if it had never been" in said
    assert [path.name for path in (tmp_path / "home").rglob("*") if path.is_file()] == [".lock"]
    assert Product(tmp_path / "home").run(source, THROUGH).invoices.height == 4


STOPPED_IN_A_QUERY = """
import os, signal, sys, threading
import duckdb
from flows.endings import exit_code_of, stop_when_told
stop_when_told()
threading.Timer(0.3, os.kill, [os.getpid(), int(sys.argv[1])]).start()
try:
    duckdb.connect(config={"threads": 1}).execute("SELECT sum(hash(range)) FROM range(1_000_000_000_000)")  # with several, only the others may be at it
except BaseException as error:
    sys.exit(exit_code_of(error))
"""


@pytest.mark.parametrize(("stop", "code"), seldom_but([(signal.SIGINT, 130)], STOPS))
def test_F35_stopped_while_duckdb_is_at_work_the_code_is_the_signals_too(stop: signal.Signals, code: int) -> None:
    heard = functools.partial(signal.signal, stop, signal.SIG_DFL)
    command = [sys.executable, "-c", STOPPED_IN_A_QUERY, str(int(stop))]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, preexec_fn=heard)
    assert (ended.returncode, "Traceback" in ended.stderr) == (code, False)
    assert "what was not yet saved is as if it had never been" in ended.stderr


def run_command(source: Path, home: Path) -> list[str]:
    through = str(THROUGH)
    return [*map(str, [Path(sys.executable).with_name("seatledger"), "run", source, "--through", through, "--direct", "--home", home])]


def test_F34_killed_as_the_process_that_was_started_the_whole_run_ends_and_the_next_one_starts_at_once(
    tmp_path: Path, source: Path, undisturbed: dict[str, bytes]
) -> None:
    with subprocess.Popen(run_command(source, tmp_path / "home"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not (tmp_path / "home" / "ledger.duckdb").exists():
            time.sleep(0.01)
        assert (tmp_path / "home" / ".lock").read_text() == str(process.pid)
        process.kill()
    done = subprocess.run(run_command(source, tmp_path / "home"), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ours = reports(Product(tmp_path / "home"))
    assert {name: content for name, content in ours.items() if "inputs" not in name} == {
        name: content
        for name, content in undisturbed.items()
        if "inputs" not in name  # which say when
    }


@pytest.mark.parametrize("megabytes", [1000, *(pytest.param(megabytes, marks=pytest.mark.long) for megabytes in (200, 1700))])
def test_F36_with_too_little_memory_it_says_so_and_earlier_results_are_intact(megabytes: int, tmp_path: Path, source: Path) -> None:
    product = Product(tmp_path / "home")
    product.run(source, date(2026, 1, 20))
    before = reports(product), product.home.finance.read_bytes()
    limit = functools.partial(resource.setrlimit, resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    done = subprocess.run(run_command(source, tmp_path / "home"), capture_output=True, text=True, preexec_fn=limit)
    if done.returncode == 0:  # it was enough, here
        return
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert re.search("no more memory|for want of memory|was saved, but what it shows could not be written: Out of Memory", done.stderr)
    assert (reports(product), product.home.finance.read_bytes()) == before
    assert product.run(source, THROUGH).held == ()


def test_F36_a_run_that_the_system_kills_is_told_by_the_process_that_was_started(tmp_path: Path, source: Path) -> None:
    environment = os.environ | {KILL_AT: "ledger: before commit"}
    done = subprocess.run(run_command(source, tmp_path / "home"), capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert "the run was ended by the system (SIGKILL), most likely for want of memory" in done.stderr
    assert Product(tmp_path / "home").run(source, THROUGH).invoices.height == 4


def test_F36_a_home_that_cannot_be_written_is_said_in_a_sentence(tmp_path: Path, source: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = subprocess.run(run_command(source, tmp_path / "file" / "home"), capture_output=True, text=True)
    assert done.returncode == 1
    assert "the home cannot be made or written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("room", [20_000])
def test_F36_out_of_room_it_says_so_and_earlier_results_are_intact(room: int, tmp_path: Path, source: Path) -> None:
    """No file may grow beyond `room` bytes: lake, ledger or finance database, whichever comes first, cannot be written."""
    product, roomy = Product(tmp_path / "home"), Product(tmp_path / "roomy")
    product.run(source, date(2026, 1, 20))
    before = reports(product), product.home.finance.read_bytes()
    limit = functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (room, room))
    done = subprocess.run(run_command(source, tmp_path / "home"), capture_output=True, text=True, preexec_fn=limit)
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    assert "was saved, but what it shows could not be written" in done.stderr
    assert (reports(product), product.home.finance.read_bytes()) == before
    product.run(source, THROUGH)
    for through in (date(2026, 1, 20), THROUGH):
        roomy.run(source, through)
    ours, theirs = ({name: content for name, content in reports(p).items() if "inputs" not in name} for p in (product, roomy))
    assert ours == theirs


LINES = "select * exclude (line_id, invoice_number) from invoice_lines order by all"
ON_A_SMALL_DISK = """
import subprocess, sys
size, folder, *command = sys.argv[1:]
subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "small", folder], check=True)
subprocess.run(["cp", "-a", f"{folder}-before/.", folder], check=True)
done = subprocess.run(command)
subprocess.run(["rm", "-rf", f"{folder}-after"])
subprocess.run(["cp", "-a", folder, f"{folder}-after"], check=True)
sys.exit(done.returncode)
"""


def on_a_small_disk(size: str, home: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command with `home` on a disk of its own, of that size, in a name space of its own; what is left goes to `home-after`."""
    home.mkdir(exist_ok=True)
    apart = ["unshare", "--mount", "--map-root-user", sys.executable, "-c", ON_A_SMALL_DISK, size, str(home)]
    return subprocess.run([*apart, *command], capture_output=True, text=True)


def undisturbed_lines(source: Path, home: Path) -> pl.DataFrame:
    product = Product(home)
    product.run(source, THROUGH)
    return product.table(LINES)


def can_mount(tmp_path: Path) -> bool:
    (tmp_path / "try-before").mkdir()
    return bool(shutil.which("unshare")) and on_a_small_disk("1m", tmp_path / "try", ["true"]).returncode == 0


@pytest.mark.parametrize("room", [2_000_000, *(pytest.param(room, marks=pytest.mark.long) for room in (40_000, 500_000, 4_000_000))])
def test_F36_on_a_disk_that_fills_up_it_says_so_and_earlier_results_are_intact(room: int, tmp_path: Path, source: Path) -> None:
    if not can_mount(tmp_path):
        pytest.skip("this system lets nobody mount a small disk")
    before, after = Product(tmp_path / "home-before"), Product(tmp_path / "home-after")
    before.run(source, date(2026, 1, 20))
    used = sum(4096 * (path.stat().st_size // 4096 + 1) for path in before.home.root.rglob("*") if path.is_file())
    done = on_a_small_disk(str(used + room), tmp_path / "home", run_command(source, tmp_path / "home"))
    assert "Traceback" not in done.stderr
    said = "No space left|could not be written|cannot be written|full"
    assert done.returncode == 0 or (done.returncode == 1 and re.search(said, done.stderr)), done.stderr
    with duckdb.connect(str(after.home.finance), read_only=True) as finance:
        assert finance.execute("select count(*) from invoices").fetchone()[0] >= 2
    after.run(source, THROUGH)
    assert after.table(LINES).equals(undisturbed_lines(source, tmp_path / "roomy"))
