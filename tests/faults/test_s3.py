"""A source on `s3://`, read from a local server that speaks S3; and row 44: its credentials are shown nowhere."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from flows.errors import UserError
from flows.s3_files import shown
from tests.conftest import Product
from tests.faults.test_trust import places_of
from tests.flows.small_source import small_source

KEY_ID, SECRET, TOKEN = "AKIACANARY00000000AA", "canary/secret+key/0123456789abcdefghijkl", "canarytokencanarytoken"
THROUGH = date(2026, 1, 20)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def store(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server's address; this process has credentials for it."""
    credentials = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN, "AWS_REGION": "us-east-1"}
    for name, value in (credentials | {"AWS_ENDPOINT_URL": server}).items():
        monkeypatch.setenv(name, value)
    return server


def put(store: str, path: str, content: bytes = b"") -> None:
    """Make a bucket, or an object in it."""
    client = boto3.client("s3", endpoint_url=store)
    bucket, _, key = path.partition("/")
    client.put_object(Bucket=bucket, Key=key, Body=content) if key else client.create_bucket(Bucket=bucket)


def upload(store: str, source: Path, prefix: str) -> str:
    put(store, prefix.split("/")[0])
    for path in source.rglob("*"):
        if path.is_file():
            put(store, f"{prefix}/{path.relative_to(source)}", path.read_bytes())
    return f"s3://{prefix}"


def test_a_source_on_s3_is_billed_as_the_same_files_in_a_folder(store: str, tmp_path: Path) -> None:
    source = small_source(tmp_path / "source", last=THROUGH)
    remote = upload(store, source, "rosters/of the month")
    put(store, "rosters/of the month/users/date=2026-01-05/_SUCCESS")
    there, here = Product(tmp_path / "there"), Product(tmp_path / "here")
    there.run(remote, THROUGH)
    here.run(source, THROUGH)
    for table in ("invoice_lines", "seat_occupancy"):
        assert there.table(f"from {table} order by all").equals(here.table(f"from {table} order by all"))
    files = "select file, sha256, rows from inputs order by all"
    assert there.table(files).equals(here.table(files))
    assert there.run(remote + "/", THROUGH).ingested.files == 0


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ({"users/date=2026-02-30/users.csv": b"x"}, "users/date=2026-02-30: names no day of the calendar"),
        ({"users/date=2026-01-07/more.csv.gz": b"x"}, "users/date=2026-01-07/more.csv.gz: is compressed"),
        ({"users/date=2026-01-07/users.csv": b""}, r"users/date=2026-01-07/users.csv: is empty \(0 bytes\)"),
        ({"subscriptions.parquet": b"x"}, "exactly one subscriptions.csv or subscriptions.parquet is needed; 2 were found"),
    ],
)
def test_what_is_wrong_with_it_is_said_as_of_a_folder(store: str, tmp_path: Path, damage: dict[str, bytes], said: str) -> None:
    remote = upload(store, small_source(tmp_path / "source", last=date(2026, 1, 8)), f"b{abs(hash(said))}/source")
    for name, content in damage.items():
        put(store, f"{remote.removeprefix('s3://')}/{name}", content)
    with pytest.raises(UserError, match=said):
        Product(tmp_path / "home").run(remote, date(2026, 1, 8))


def test_F44_credentials_are_in_no_log_no_error_and_no_file(
    store: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    remote = upload(store, small_source(tmp_path / "source", last=date(2026, 1, 8)), "secret/source")
    said = []
    with caplog.at_level(logging.DEBUG):
        Product(tmp_path / "home").run(remote, date(2026, 1, 8))
        for wrong in (
            "s3://secret/elsewhere",
            "s3://no-such-bucket/x",
            f"s3://{KEY_ID}:{SECRET}@secret/source",
            f"s3://secret/source?secret={SECRET}",
        ):
            with pytest.raises(UserError) as error:
                Product(tmp_path / "other").run(wrong, date(2026, 1, 8))
            said.append(str(error.value))
    printed = capfd.readouterr()
    everything = "\n".join([*said, printed.out, printed.err, caplog.text, str([vars(record) for record in caplog.records])])
    assert not any(secret in everything for secret in (KEY_ID, SECRET, TOKEN))
    assert places_of(tmp_path / "home", (KEY_ID, SECRET, TOKEN)) == set()
    assert "s3://secret/source: credentials do not belong in SOURCE" in said[2]
    assert "s3://no-such-bucket/x: is not there" in said[1] or "cannot be read" in said[1]


def test_F44_a_store_that_refuses_or_does_not_answer_is_told_without_its_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = os.environ | {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    command = [
        Path(sys.executable).with_name("seatledger"),
        "run",
        "s3://bucket/x",
        "--through",
        "2026-01-08",
        "--direct",
        "--home",
        tmp_path,
    ]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, env=environment)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "seatledger: s3://bucket/x: cannot be read: the store" in done.stderr
    assert not any(secret in done.stderr + done.stdout for secret in (KEY_ID, SECRET))


@pytest.mark.parametrize(
    "typed",
    [f"s3://{KEY_ID}:{SECRET}@bucket/x", f"S3://{KEY_ID}:{SECRET}@bucket/x", f"s3:/u:{SECRET}@bucket/x", f"s3://bucket/x?k={SECRET}"],
)
def test_F44_a_source_is_shown_without_what_was_typed_before_its_bucket_or_after_its_prefix(typed: str) -> None:
    assert shown(typed) == "s3://bucket/x"
