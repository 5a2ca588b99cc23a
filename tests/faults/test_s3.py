"""A source on `s3://`, read from a local server that speaks S3; and row 44: its credentials are shown nowhere."""

from __future__ import annotations

import errno
import io
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import boto3
import polars as pl
import pytest
from moto.server import ThreadedMotoServer

from flows import kept_rosters
from flows.errors import StoreRefuses, Unanswered, UserError
from flows.lake import Lake
from flows.pipeline import run_report
from flows.requests import ReportRequest
from flows.s3_files import S3Path, shown
from flows.shelf import Shelf
from flows.verify import verify
from tests.conftest import Product
from tests.faults.test_trust import places_of
from tests.flows.small_source import small_source
from transforms.buckets import buckets
from transforms.directory import COLUMNS

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


def with_lake(home: Path, lake: str) -> Product:
    product = Product(home)
    product.setting = replace(product.setting, lake=lake)
    return product


def keys(store: str, bucket: str) -> list[str]:
    client = boto3.client("s3", endpoint_url=store)
    return sorted(one["Key"] for one in client.list_objects_v2(Bucket=bucket).get("Contents", []))


def test_a_prefix_is_one_homes_and_another_is_refused_before_it_lets_go_of_anything(store: str, tmp_path: Path) -> None:
    put(store, "one-home")
    source, through, later = small_source(tmp_path / "source", last=THROUGH), date(2026, 1, 8), date(2026, 1, 9)
    first = with_lake(tmp_path / "first", "s3://one-home/lake")
    first.run(source, through)
    prefix, mine = first.home.lake_url.read_text().splitlines()
    assert prefix == "s3://one-home/lake"
    before = keys(store, "one-home")
    second = with_lake(tmp_path / "second", "s3://one-home/lake")
    with pytest.raises(UserError, match=f"s3://one-home/lake: holds the rows of another home, {mine}. Choose another --lake."):
        second.run(source, later)
    assert keys(store, "one-home") == before
    first.run(source, later)
    second.home.lake_url.write_text(f"s3://one-home/lake\n{mine}\n")  # as the sentence says, of a home put back
    second.run(source, through)


@pytest.mark.slow
def test_of_two_homes_that_begin_with_one_prefix_at_once_one_is_refused_and_takes_nothing_from_the_other(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second sees no mark, puts its own, and the first finds it: also where the second comes before the first has looked again."""
    put(store, "raced")
    source = small_source(tmp_path / "source", last=THROUGH)
    first, second = (with_lake(tmp_path / name, "s3://raced/lake") for name in ("first", "second"))

    def meanwhile(_: float) -> None:
        monkeypatch.setattr("flows.lake.time", SimpleNamespace(sleep=lambda seconds: None))
        S3Path.of("s3://raced/lake/home.id").unlink()  # as the second saw it
        second.run(source, date(2026, 1, 8))

    monkeypatch.setattr("flows.lake.time", SimpleNamespace(sleep=meanwhile))
    with pytest.raises(UserError, match="s3://raced/lake: holds the rows of another home"):
        first.run(source, date(2026, 1, 8))
    assert not first.home.lake_url.exists()
    assert not [check for check in verify(second.home, second.setting.catalogs) if check.problems]
    with_lake(tmp_path / "first", "s3://raced/elsewhere").run(source, date(2026, 1, 8))


@pytest.mark.slow
def test_a_first_run_that_fails_leaves_a_prefix_to_others(store: str, tmp_path: Path) -> None:
    put(store, "failed")
    source = small_source(tmp_path / "source", last=date(2026, 1, 8))
    one = with_lake(tmp_path / "one", "s3://failed/lake")
    with pytest.raises(UserError, match="users are missing"):
        one.run(source, date(2026, 1, 9))
    assert "lake/home.id" not in keys(store, "failed")
    assert not one.home.lake_url.exists()
    with_lake(tmp_path / "other", "s3://failed/lake").run(source, date(2026, 1, 8))
    with pytest.raises(UserError, match="holds the rows of another home"):
        one.run(source, date(2026, 1, 8))


@pytest.mark.slow
def test_a_first_run_that_is_saved_keeps_its_prefix_though_its_receipt_cannot_be_written(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "receipts.jsonl")

    put(store, "no-receipt")
    source = small_source(tmp_path / "source", last=THROUGH)
    product = with_lake(tmp_path / "home", "s3://no-receipt/lake")
    with monkeypatch.context() as patched:
        patched.setattr("flows.ledger.write_receipt", full)
        product.run(source, date(2026, 1, 8))
    assert not product.home.receipts.exists()
    assert "lake/home.id" in keys(store, "no-receipt")
    later = Product(tmp_path / "home")  # without --lake
    later.run(source, THROUGH)
    assert not [check for check in verify(later.home, later.setting.catalogs) if check.problems]


def test_what_begins_with_a_dot_and_is_not_ours_stays_under_a_prefix(store: str, tmp_path: Path) -> None:
    put(store, "dotted")
    theirs = ["lake/.config/team.yaml", "lake/.terraform.lock"]
    for key in theirs:
        put(store, f"dotted/{key}", b"theirs")
    with_lake(tmp_path / "home", "s3://dotted/lake").run(small_source(tmp_path / "source", last=THROUGH), date(2026, 1, 8))
    assert [key for key in keys(store, "dotted") if "/." in key] == theirs


@pytest.mark.parametrize(("lake", "said"), [("s3://both/in", "is SOURCE itself"), ("s3://both/in/users/x", "lies in s3://both/in/users")])
def test_a_lake_is_not_its_source_nor_among_the_days_of_it(store: str, tmp_path: Path, lake: str, said: str) -> None:
    remote = upload(store, small_source(tmp_path / "source", last=date(2026, 1, 8)), "both/in")
    before = keys(store, "both")
    with pytest.raises(UserError, match=f"^{lake}: {said}.*Name another prefix for what is kept, with --lake"):
        with_lake(tmp_path / "home", lake).run(remote, date(2026, 1, 8))
    assert keys(store, "both") == before


@pytest.mark.slow
def test_a_home_of_an_earlier_version_marks_its_prefix_with_the_next_run(store: str, tmp_path: Path) -> None:
    put(store, "unmarked")
    source = small_source(tmp_path / "source", last=THROUGH)
    product = with_lake(tmp_path / "home", "s3://unmarked/lake")
    product.run(source, date(2026, 1, 8))
    product.home.lake_url.write_text("s3://unmarked/lake\n")
    boto3.client("s3", endpoint_url=store).delete_object(Bucket="unmarked", Key="lake/home.id")
    product.run(source, date(2026, 1, 9))
    assert "lake/home.id" in keys(store, "unmarked")


@pytest.mark.slow
def test_what_a_run_had_put_by_that_was_killed_is_removed_by_the_next_and_nobody_of_it_is_learnt(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a home's first run, and though the process that was killed had the same number, as in a container."""
    put(store, "swept")
    monkeypatch.setattr(kept_rosters, "buckets_for_users", lambda _: 4)
    source, product = small_source(tmp_path / "source", last=THROUGH), with_lake(tmp_path / "home", "s3://swept/lake")
    ghost = pl.DataFrame([("oak", "ghost")], schema=["workspace_id", "user_id"], orient="row").select(
        pl.col(name) if name in ("workspace_id", "user_id") else pl.lit(None, kind).alias(name) for name, kind in COLUMNS.items()
    )
    content = io.BytesIO()
    ghost.write_parquet(content)
    for process, through in ((1, date(2026, 1, 8)), (os.getpid(), date(2026, 1, 9))):
        for n in range(4):
            put(store, f"swept/lake/.directory.parquet.{process}/bucket={n:03d}-of-004.parquet", content.getvalue())
        put(store, f"swept/lake/.shelf.parquet.{process}/charges-0000-0000.parquet", b"x")
        product.run(source, through)
        assert not [key for key in keys(store, "swept") if "/." in key]
    lake = Lake(S3Path.of("s3://swept/lake"))
    people = pl.concat(lake.read(lake.directory_path(bucket)) for bucket in buckets(4))
    assert people.height > 0
    assert "ghost" not in people["user_id"]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("s3://", "names no bucket. Write s3://BUCKET or s3://BUCKET/PREFIX"),
        ("s3://bucket//users", "s3://bucket//users: has two slashes one after the other. Write one."),
        ("s3://bucket/a?b", r"s3://bucket/a: was followed by a \? or #, which no prefix can have"),
        ("s3://bucket/a#b", r"s3://bucket/a: was followed by a \? or #, which no prefix can have"),
    ],
)
def test_an_address_that_is_none_is_told_what_is_wrong_with_it(store: str, tmp_path: Path, address: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Product(tmp_path / "home").run(address, THROUGH)
    with pytest.raises(UserError, match=said):
        with_lake(tmp_path / "other", address).run(small_source(tmp_path / "source", last=THROUGH), THROUGH)


@pytest.mark.parametrize("endpoint", ["localhost:9000", "nonsense", "ftp://store", "http://"])
def test_an_endpoint_that_is_none_is_told_and_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, endpoint: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(UserError, match=r"^AWS_ENDPOINT_URL: is no address of a store\. Write it as in https://"):
        Product(tmp_path / "home").run("s3://bucket/rosters", THROUGH)


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ("AWS Error UNKNOWN (HTTP status 400) during GetObject operation: Unable to parse ExceptionName: ExpiredToken Message: x", StoreRefuses,
         "the store says EXPIRED_TOKEN. Get new credentials"),
        ("AWS Error UNKNOWN (HTTP status 301) during GetObject operation: Unable to parse ExceptionName: PermanentRedirect Message: x", StoreRefuses,
         "the store says PERMANENT_REDIRECT. Check AWS_REGION"),
        ("AWS Error ACCESS_DENIED during PutObject operation: secret", StoreRefuses, "the store says ACCESS_DENIED. Check AWS_ACCESS_KEY_ID"),
        ("AWS Error SLOW_DOWN during PutObject operation: secret", Unanswered, "the store says SLOW_DOWN: it has too much to do. Wait a while"),
        ("AWS Error UNKNOWN (HTTP status 503) during HeadObject operation: No response body.", Unanswered, "the store says HTTP 503: it has too much to do"),
        ("AWS Error UNKNOWN (HTTP status 403) during HeadObject operation: No response body.", StoreRefuses, "the store says HTTP 403. Check AWS_ACCESS_KEY_ID"),
        ("curlCode: 7, Couldn't connect to server", Unanswered, "the store does not answer. Check"),
    ],
)  # fmt: skip
def test_what_a_store_says_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch, answer: str, kind: type[UserError], said: str) -> None:
    def says(*_: object) -> None:
        raise OSError(answer)

    path = S3Path.of("s3://bucket/lake/x.parquet")
    monkeypatch.setattr("flows.s3_files._system", says)
    for ask, verb in ((path.read_bytes, "read"), (lambda: path.write_bytes(b""), "written"), (path.unlink, "removed")):
        with pytest.raises(kind, match=f"s3://bucket/lake/x.parquet: cannot be {verb}: {said}") as error:
            ask()
        assert "secret" not in str(error.value)


@pytest.mark.parametrize("error", [Unanswered("s3://lake/x: cannot be read: the store does not answer. Check."), UserError("s3://lake/x: is gone. Restore it.")])
@pytest.mark.slow
def test_a_store_that_goes_away_once_a_run_is_saved_does_not_make_it_one_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: UserError
) -> None:
    def goes_away(*_: object) -> None:
        raise error

    source, product = small_source(tmp_path / "source", last=THROUGH), Product(tmp_path / "home")
    with monkeypatch.context() as away:
        away.setattr("flows.pipeline.publish", goes_away)
        with pytest.raises(UserError, match=r"run-000001 was saved, but what it shows could not be written: s3://lake/x: .*seatledger report --home"):
            product.run(source, THROUGH)
    run_report(ReportRequest(), product.setting)
    assert product.invoices().height


def test_a_run_is_not_told_as_failed_because_a_store_keeps_what_it_had_put_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def goes_away(*_: object) -> None:
        raise Unanswered("s3://lake/.shelf.parquet.7: cannot be removed: the store does not answer. Check.")

    monkeypatch.setattr(Shelf, "clear", goes_away)
    Product(tmp_path / "home").run(small_source(tmp_path / "source", last=THROUGH), THROUGH)
    assert "cannot be removed: the store does not answer. Check. What the run had put by there is removed by the next one." in caplog.text


@pytest.mark.slow
def test_a_store_that_cannot_be_asked_is_told_by_verify_and_not_that_rosters_are_gone(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "verified")
    product = with_lake(tmp_path / "home", "s3://verified/lake")
    product.run(small_source(tmp_path / "source", last=THROUGH), THROUGH)
    assert not [check for check in verify(product.home, product.setting.catalogs) if check.problems]

    def says(answer: str) -> Callable[[], None]:
        def system() -> None:
            raise OSError(answer)

        return system

    told = {"curlCode: 7, Couldn't connect to server": "does not answer", "AWS Error ACCESS_DENIED during HeadObject operation": "says ACCESS_DENIED"}
    for answer, why in told.items():
        with monkeypatch.context() as away:
            away.setattr("flows.s3_files._system", says(answer))
            with pytest.raises(UserError, match=rf"s3://verified/lake.*: cannot be read: the store {why}\. Check AWS_"):
                verify(product.home, product.setting.catalogs)
    for key in keys(store, "verified"):
        if "roster_months" in key:
            S3Path(f"verified/{key}").unlink()
    wrong = {check.name: check.problems for check in verify(product.home, product.setting.catalogs) if check.problems}
    assert wrong["occupancy_from_rosters"] == [("2026-01", "its stored rosters are gone or damaged")]
    assert [(place.partition("/")[0], told) for place, told in wrong["lake_whole"]] == [("roster_months", "is gone; restore it from a back-up")]


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
