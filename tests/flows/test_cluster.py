"""Past one machine: SOURCE and the lake on a store that speaks S3, the passes made by two workers of a real Dask cluster."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path
from threading import Thread

import boto3
import polars as pl
import pytest
from moto.server import ThreadedMotoServer

from flows.cluster import runner_at
from flows.errors import Unanswered, UserError
from tests.conftest import ROOT, SAMPLE, Product
from tests.properties.test_by_bucket import everything
from transforms.contracts.sources import UserRows

THROUGH = "2026-01-31"  # every object costs requests
# The sample then has some 40 users: in buckets of ten they are four.
PATCHED = "import transforms.buckets as b; b.USERS_A_BUCKET = 10"
# Rosters as those of large months: in shares of some fifteen users a day.
PATCHED_LARGE = f"import flows.roster_intake as i, flows.roster_shares as r; i._SMALL_MONTH = 0; r._ROWS_A_SHARE = 15; {PATCHED}"
RUN, RUN_LARGE = (f"{patched}; from flows.cli import main; main()" for patched in (PATCHED, PATCHED_LARGE))
EARLIER = "2026-01-06"
# A server, as deployments have one: workers of the cluster would else start one each.
SERVED = "import os; from flows.temporary_server import temporary_server as t; s = t(); s.wait(); os.environ['PREFECT_API_URL'] = s.url"


@pytest.fixture(scope="module")
def store() -> Iterator[dict[str, str]]:
    """A store with the sample in it; what the environment has to say of it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    told = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }
    client = _client(told)
    for bucket in ("rosters", "exports", "lake"):
        client.create_bucket(Bucket=bucket)
    for path in SAMPLE.rglob("*.csv"):
        if f"date={THROUGH}" < path.parent.name < "e":
            continue  # every object costs a request
        client.put_object(Bucket="rosters", Key=str(path.relative_to(SAMPLE)), Body=path.read_bytes())
        if not f"date={EARLIER}" < path.parent.name < "e":
            put_export(client, path)
    yield told
    server.stop()


def put_export(client, path: Path) -> None:
    """The same as an export: rosters in Parquet, in four parts, but for one day's."""
    name = str(path.relative_to(SAMPLE))
    if not name.startswith("users/") or f"date={EARLIER}" in name:
        client.put_object(Bucket="exports", Key=name, Body=path.read_bytes())
        return
    rows = pl.read_csv(path, infer_schema=False).with_columns(pl.col("login_enabled") == "true", pl.col("last_active_on").str.to_date())
    for n in range(4):
        part = rows.cast(UserRows.types())[rows.height * n // 4 : rows.height * (n + 1) // 4]
        content = io.BytesIO()
        part.write_parquet(content)
        client.put_object(Bucket="exports", Key=name.replace(".csv", f"-{n}.parquet"), Body=content.getvalue())


def _client(store: dict[str, str]):
    access = {"aws_access_key_id": store["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": store["AWS_SECRET_ACCESS_KEY"]}
    return boto3.client("s3", endpoint_url=store["AWS_ENDPOINT_URL"], region_name=store["AWS_REGION"], **access)


class Cluster:
    """A Dask scheduler and two workers, each a process."""

    def __init__(self, environment: dict[str, str]) -> None:
        options = {"env": environment, "cwd": ROOT, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        self._options = options | {"stderr": subprocess.DEVNULL}
        self._scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard", "--host", "127.0.0.1", "--port"]
        self.scheduler = subprocess.Popen([*self._scheduler, "0"], **options)
        found = None
        while not found:
            line = self.scheduler.stderr.readline()
            assert line, "the scheduler ended"
            found = re.search(r"(tcp://127\.0\.0\.1:\d+)", line)
        self.address = found[1]
        self._worker = [sys.executable, "-m", "distributed.cli.dask_worker", self.address, "--no-nanny", "--nthreads", "1", "--no-dashboard"]
        self.workers: list[subprocess.Popen] = []
        for _ in range(2):
            self.start_a_worker()

    def start_a_worker(self, **environment: str) -> None:
        self.workers.append(subprocess.Popen(self._worker, **self._options | {"env": self._options["env"] | environment}))

    def start_again(self) -> None:
        """Kill the scheduler and its workers, and start others at the same address."""
        self.stop()
        self.scheduler = subprocess.Popen([*self._scheduler, self.address.rpartition(":")[2]], **self._options)
        self.workers.clear()
        for _ in range(2):
            self.start_a_worker()

    def stop(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture
def cluster(store: dict[str, str]) -> Iterator[Cluster]:
    cluster = Cluster(os.environ | store | {"POLARS_MAX_THREADS": "1"})
    from distributed import Client

    with Client(cluster.address) as client:
        client.wait_for_workers(2, timeout=60)
    yield cluster
    cluster.stop()


@pytest.fixture(autouse=True)
def with_a_database_for_prefect(new_prefect_home: Callable[[Path], Path], tmp_path: Path) -> None:
    """What the temporary server of a run would otherwise make first."""
    new_prefect_home(tmp_path / "prefect")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Product:
    """The same sample from a folder, billed in one process."""
    product = Product(tmp_path_factory.mktemp("here") / "home", writes_reports=True)
    product.run(SAMPLE, date.fromisoformat(THROUGH))
    return product


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Product:
    """The same, a few days of it."""
    product = Product(tmp_path_factory.mktemp("earlier") / "home", writes_reports=True)
    product.run(SAMPLE, date.fromisoformat(EARLIER))
    return product


def start(
    store: dict[str, str], cluster: Cluster, home: Path, run: str, source: str, through: str, lake: str | None = None
) -> subprocess.Popen:
    rest = ["--through", through, "--home", str(home), "--lake", f"s3://lake/{lake or source}", "--cluster", cluster.address]
    command = [sys.executable, "-c", run, "run", f"s3://{source}", *rest]
    environment = os.environ | store | {"PREFECT_HOME": str(home.parent / "prefect")}
    return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def without_times(found: dict[str, object]) -> dict[str, object]:
    """Everything but when and from where: runs and inputs."""
    return {
        name: rows for name, rows in found.items() if name not in ("runs", "inputs") and not name.endswith(("/inputs.csv", "/runs.csv"))
    }


def test_two_workers_and_a_store_give_what_one_process_gives_though_one_is_killed(
    store: dict[str, str], cluster: Cluster, here: Product, tmp_path: Path
) -> None:
    running = start(store, cluster, tmp_path / "home", RUN, "rosters", THROUGH)
    kill_a_worker("issued-lines", running, store, cluster)
    ends_well(running)
    assert without_times(everything(Product(tmp_path / "home"))) == without_times(everything(here))
    _only_what_is_kept_is_left("rosters", store, tmp_path)


@pytest.mark.slow
def test_workers_of_a_cluster_read_and_keep_large_rosters_too_though_two_are_killed(
    store: dict[str, str], cluster: Cluster, earlier: Product, tmp_path: Path
) -> None:
    """One while shares are read, and one while buckets are kept; another comes in its place."""
    running = start(store, cluster, tmp_path / "home", RUN_LARGE, "exports", EARLIER)
    cluster.start_a_worker()
    kill_a_worker("stays-", running, store, cluster)
    kill_a_worker(".directory.parquet", running, store, cluster)
    ends_well(running)
    assert without_times(everything(Product(tmp_path / "home"))) == without_times(everything(earlier))
    _only_what_is_kept_is_left("exports", store, tmp_path)


@pytest.mark.long
def test_deployments_have_their_work_done_by_a_cluster_too(store: dict[str, str], cluster: Cluster, earlier: Product, tmp_path: Path) -> None:
    home, where = tmp_path / "home", f"home={str(tmp_path / 'home')!r}, cluster={cluster.address!r}, through='{EARLIER}'"
    runs = f"operated.ingest(source='s3://exports', lake='s3://lake/deployed', {where}); operated.billing({where})"
    script = f"{PATCHED_LARGE}; {SERVED}; from flows import operated; {runs}"
    environment = os.environ | store | {"PREFECT_HOME": str(tmp_path / "prefect")}
    done = subprocess.run([sys.executable, "-c", script], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    from distributed import Client

    with Client(cluster.address) as client:
        told = client.run_on_scheduler(lambda dask_scheduler: [key for key, *_ in dask_scheduler.transition_log])
    assert told, "the cluster was asked"
    ours, theirs = everything(Product(home)), everything(earlier)
    for table in ("invoice_lines", "seat_occupancy", "subscriptions", "terms"):
        assert ours[table] == theirs[table] != []
    _only_what_is_kept_is_left("deployed", store, tmp_path)


def kill_a_worker(name: str, running: subprocess.Popen, store: dict[str, str], cluster: Cluster) -> None:
    """Kill one of the workers as soon as something of that name lies in the lake."""
    while not any(name in key for key in keys(store)):
        assert running.poll() is None, running.communicate()[1]
        time.sleep(0.02)
    worker = cluster.workers.pop(0)
    worker.kill()
    worker.wait()


def ends_well(running: subprocess.Popen) -> None:
    _, said = running.communicate(timeout=300)
    assert running.returncode == 0, said


def _only_what_is_kept_is_left(lake: str, store: dict[str, str], tmp_path: Path) -> None:
    mine = [key for key in keys(store) if key.startswith(f"{lake}/")]
    assert sum("bucket=" in key for key in mine) == 4 + 4  # January's rosters, and the directory
    assert not [key for key in mine if "/." in key], "what the workers were told and found is removed"
    assert not list((tmp_path / "home" / "lake").rglob("*.parquet")), "no row is kept but in the store"


def keys(store: dict[str, str]) -> list[str]:
    return [item["Key"] for item in _client(store).list_objects_v2(Bucket="lake").get("Contents", ())]


@pytest.mark.slow
def test_no_scheduler_and_no_workers_are_said(store: dict[str, str], tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        RUN,
        "run",
        "s3://rosters",
        "--through",
        THROUGH,
        "--home",
        str(tmp_path / "home"),
        "--cluster",
        "tcp://127.0.0.1:9",
    ]
    done = subprocess.run(command, env=os.environ | store, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "tcp://127.0.0.1:9: no Dask scheduler answers there" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_worker_of_another_version_or_with_another_disk_is_refused_by_its_address(cluster: Cluster, tmp_path: Path) -> None:
    assert runner_at(cluster.address, ROOT).address == cluster.address
    with pytest.raises(UserError, match=r"^tcp://127\.0\.0\.1:\d+: this worker does not see .*/gone, where its work lies. Give a new home --lake"):
        runner_at(cluster.address, tmp_path / "gone")
    (tmp_path / "seatledger-0.0.1.dist-info").mkdir()
    (tmp_path / "seatledger-0.0.1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: seatledger\nVersion: 0.0.1\n")
    cluster.start_a_worker(PYTHONPATH=str(tmp_path))
    from distributed import Client

    with Client(cluster.address) as client:
        client.wait_for_workers(3, timeout=60)
    of_the_run = re.escape(version("seatledger"))
    said = rf"^tcp://127\.0\.0\.1:\d+: this worker has seatledger 0\.0\.1, the run has seatledger {of_the_run}\. Install the same"
    with pytest.raises(UserError, match=said):
        runner_at(cluster.address)


@pytest.mark.slow
def test_a_worker_that_does_not_reach_prefects_server_is_told_before_it_is_given_work(cluster: Cluster) -> None:
    from distributed import Client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with (
        HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server,  # which answers that it knows no such thing
        temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{server.server_port}/api"}),
    ):
        Thread(target=server.serve_forever, daemon=True).start()
        assert runner_at(cluster.address).address == cluster.address
        cluster.start_a_worker(http_proxy="http://127.0.0.1:9")
        with Client(cluster.address) as client:
            client.wait_for_workers(3, timeout=60)
        with pytest.raises(Unanswered, match=r"^tcp://127\.0\.0\.1:\d+: this worker does not reach Prefect's server at .*, name it with PREFECT_API_URL"):
            runner_at(cluster.address)
        server.shutdown()


@pytest.mark.long
def test_a_scheduler_killed_in_the_middle_is_told_in_a_sentence(store: dict[str, str], cluster: Cluster, tmp_path: Path) -> None:
    running = start(store, cluster, tmp_path / "home", RUN, "rosters", THROUGH, lake="left")
    while not any(key.startswith("left/") and "issued-lines" in key for key in keys(store)):
        assert running.poll() is None, running.communicate()[1]
        time.sleep(0.02)
    cluster.scheduler.kill()
    _, said = running.communicate(timeout=120)
    assert running.returncode == 1
    assert f"seatledger: {cluster.address}: the Dask scheduler has gone. Start it and its workers, and run again." in said
    assert "Traceback" not in said


@pytest.mark.long
def test_a_scheduler_that_comes_back_while_rosters_are_read_is_asked_again(
    store: dict[str, str], cluster: Cluster, earlier: Product, tmp_path: Path
) -> None:
    running = start(store, cluster, tmp_path / "home", RUN_LARGE, "exports", EARLIER, lake="back")
    while not any(key.startswith("back/") and "stays-" in key for key in keys(store)):
        assert running.poll() is None, running.communicate()[1]
        time.sleep(0.02)
    cluster.start_again()
    _, said = running.communicate(timeout=300)
    assert running.returncode == 0, said
    assert "Trying again." in said and "Traceback" not in said
    assert without_times(everything(Product(tmp_path / "home"))) == without_times(everything(earlier))
    _only_what_is_kept_is_left("back", store, tmp_path)


@pytest.mark.long
def test_a_home_named_from_where_one_stands_is_found_by_workers_that_stand_elsewhere(
    store: dict[str, str], cluster: Cluster, earlier: Product, tmp_path: Path
) -> None:
    rest = ["run", str(SAMPLE), "--through", EARLIER, "--home", "home", "--cluster", cluster.address]
    environment = os.environ | {"PREFECT_HOME": str(tmp_path / "prefect"), "PYTHONPATH": str(ROOT)}
    options = {"env": environment, "cwd": tmp_path, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    ends_well(subprocess.Popen([sys.executable, "-c", RUN, *rest], **options))
    assert without_times(everything(Product(tmp_path / "home"))) == without_times(everything(earlier))
