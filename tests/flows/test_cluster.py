"""Past one machine: SOURCE and the lake on a store that speaks S3, the passes made by two workers of a real Dask cluster."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.conftest import ROOT, SAMPLE, Product
from tests.properties.test_by_bucket import everything

THROUGH = "2026-01-31"  # every object costs requests
# The sample then has some 40 users: in buckets of ten they are four.
RUN = "import transforms.buckets as b; b.USERS_A_BUCKET = 10; from flows.cli import main; main()"


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
    for bucket in ("rosters", "lake"):
        client.create_bucket(Bucket=bucket)
    for path in SAMPLE.rglob("*.csv"):
        if f"date={THROUGH}" < path.parent.name < "e":
            continue  # every object costs a request
        client.put_object(Bucket="rosters", Key=str(path.relative_to(SAMPLE)), Body=path.read_bytes())
    yield told
    server.stop()


def _client(store: dict[str, str]):
    access = {"aws_access_key_id": store["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": store["AWS_SECRET_ACCESS_KEY"]}
    return boto3.client("s3", endpoint_url=store["AWS_ENDPOINT_URL"], region_name=store["AWS_REGION"], **access)


class Cluster:
    """A Dask scheduler and two workers, each a process."""

    def __init__(self, environment: dict[str, str]) -> None:
        options = {"env": environment, "cwd": ROOT, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        self.scheduler = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard", "--host", "127.0.0.1"], **options
        )
        found = None
        while not found:
            line = self.scheduler.stderr.readline()
            assert line, "the scheduler ended"
            found = re.search(r"(tcp://127\.0\.0\.1:\d+)", line)
        self.address = found[1]
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", self.address, "--no-nanny", "--nthreads", "1", "--no-dashboard"]
        self.workers = [subprocess.Popen(worker, **(options | {"stderr": subprocess.DEVNULL})) for _ in range(2)]

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


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Product:
    """The same sample from a folder, billed in one process."""
    product = Product(tmp_path_factory.mktemp("here") / "home")
    product.run(SAMPLE, date.fromisoformat(THROUGH))
    return product


def start(store: dict[str, str], cluster: Cluster, home: Path, lake: str) -> subprocess.Popen:
    command = [
        sys.executable,
        "-c",
        RUN,
        "run",
        "s3://rosters",
        "--through",
        THROUGH,
        "--home",
        str(home),
        "--lake",
        lake,
        "--cluster",
        cluster.address,
    ]
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
    running = start(store, cluster, tmp_path / "home", "s3://lake/home")
    while not any("issued-lines" in key for key in keys(store)):
        assert running.poll() is None, running.communicate()[1]
        time.sleep(0.02)
    os.kill(cluster.workers[0].pid, signal.SIGKILL)
    _, said = running.communicate(timeout=300)
    assert running.returncode == 0, said
    assert without_times(everything(Product(tmp_path / "home"))) == without_times(everything(here))
    assert sum("bucket=" in key for key in keys(store)) == 4 + 4  # January's rosters, and the directory
    assert not [key for key in keys(store) if "shelf" in key], "what the passes were told and found is removed"
    assert not list((tmp_path / "home" / "lake").rglob("*.parquet")), "no row is kept but in the store"


def keys(store: dict[str, str]) -> list[str]:
    return [item["Key"] for item in _client(store).list_objects_v2(Bucket="lake").get("Contents", ())]


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
