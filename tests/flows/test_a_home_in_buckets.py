"""A home that keeps its months in four buckets bills, shows, verifies and names as one that keeps them in one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from multiprocessing import active_children
from pathlib import Path

import duckdb
import pytest

from flows import kept_rosters, roster_intake, roster_reading
from flows.errors import UserError
from flows.kept_directory import KeptDirectory
from flows.kept_rosters import KeptRosters
from flows.lake import Lake
from flows.roster_reading import RosterReading
from flows.told import told_by_ledger
from flows.verify import verify
from flows.workers import WorkerLost, Workers, in_processes
from tests.conftest import Product
from tests.flows.small_source import small_source, users_file, users_of, write_users

FEB, LOST = date(2026, 2, 12), date(2026, 2, 1)
TABLES = {"invoice_lines": "*", "seat_occupancy": "*", "idle_seats": "*", "holds": "*", "exceptions": "*", "inputs": "* exclude (run_id)"}


@pytest.fixture
def in_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_rosters, "buckets_for_users", lambda _: 4)
    monkeypatch.setattr(roster_intake, "_SMALL_MONTH", 0)


def run(product: Product, source: Path) -> dict[str, list]:
    """In steps, with a lost first of a month that repeats the day before, and a day that is superseded."""
    product.run(source, date(2026, 1, 20))
    product.run(source, FEB, repeated_days=(LOST,))
    write_users(source, date(2026, 1, 25), [row for row in users_of(date(2026, 1, 25)) if ",y," not in row])
    product.run(source, FEB, supersede=True)
    return {table: product.table(f"select {columns} from {table} order by all").rows() for table, columns in TABLES.items()}


def prepared(root: Path) -> Path:
    source = small_source(root, last=FEB)
    shutil.rmtree(users_file(source, LOST).parent)
    return source


def lost_after_one(call: Callable, jobs: Sequence[tuple]) -> Iterator[object]:
    """Workers of which one is lost whenever it has made a call."""
    yield call(*jobs[0])
    raise WorkerLost("a worker process was ended by the system")


@pytest.mark.parametrize("workers", [in_processes, pytest.param(lost_after_one, marks=pytest.mark.long)])
def test_by_other_processes_and_by_some_that_are_lost_it_is_the_same(
    another_product, tmp_path: Path, request: pytest.FixtureRequest, workers: Workers
) -> None:
    one = run(another_product("one"), prepared(tmp_path / "a"))
    request.getfixturevalue("in_buckets")
    product = Product(tmp_path / "by others", workers=workers)
    assert run(product, prepared(tmp_path / "b")) == one
    known = KeptDirectory(Lake(product.home.lake)).of_workspace("oak")
    assert known.select("user_id", "name").rows() == [(user, f"Name {user}") for user in "abc"]


@pytest.mark.usefixtures("in_buckets")
def test_who_read_the_rosters_is_gone_before_passes_are_told_so_that_the_run_has_their_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_work = []

    def told(*arguments: object) -> list:
        at_work.append(len(active_children()))
        return told_by_ledger(*arguments)

    def kept(*arguments: object) -> None:
        at_work.append(len(active_children()))
        return write_kept(*arguments)

    write_kept = KeptRosters.write
    monkeypatch.setattr(KeptRosters, "write", kept)
    monkeypatch.setattr("flows.run.told_by_ledger", told)
    Product(tmp_path / "home", workers=in_processes).run(small_source(tmp_path / "source"), date(2026, 1, 3))
    while_kept, *while_told = at_work
    assert while_kept > 0
    assert while_told == [0]


@pytest.mark.parametrize(("many", "stay"), [(1, False), (8, True)])
@pytest.mark.usefixtures("in_buckets")
@pytest.mark.slow
def test_who_read_many_shares_puts_no_buckets_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int, stay: bool) -> None:
    """The days of a roster that cannot be divided by rows are two shares."""
    at_work, days_with_repeats = [], RosterReading._days_with_repeats

    def counted(*arguments: object) -> set[date]:
        at_work.append(len(active_children()))
        return days_with_repeats(*arguments)

    monkeypatch.setattr(RosterReading, "_days_with_repeats", counted)
    monkeypatch.setattr(roster_reading, "_MANY_SHARES", many)
    Product(tmp_path / "home", workers=in_processes).run(small_source(tmp_path / "source"), date(2026, 1, 3))
    assert [bool(number) for number in at_work] == [stay]


@pytest.mark.slow
def test_a_home_in_buckets_is_as_one_in_one_and_verifies(another_product, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    one = run(another_product("one"), prepared(tmp_path / "a"))
    request.getfixturevalue("in_buckets")
    product = another_product("month=2026-01, Anna's [1]*")
    assert run(product, prepared(tmp_path / "b")) == one
    assert [(check.name, check.problems) for check in verify(product.home, product.setting.catalogs) if check.problems] == []
    with duckdb.connect(str(product.home.ledger), read_only=True) as ledger:
        settled = ledger.execute("select name, value from settings where name like 'buckets%' order by all").fetchall()
    assert settled == [("buckets 2026-01", "4"), ("buckets 2026-02", "4")]
    known = KeptDirectory(Lake(product.home.lake)).of_workspace("oak")
    assert known.select("user_id", "name").rows() == [(user, f"Name {user}") for user in "abc"]
    lost = next(product.home.lake.glob("roster_months/month=2026-01/*/bucket=000-of-004.parquet"))
    shutil.rmtree(product.home.lake / "roster_months" / "month=2026-01")
    assert ("2026-01", "its stored rosters are gone or damaged") in [
        p for check in verify(product.home, product.setting.catalogs) for p in check.problems
    ]
    assert not lost.exists()


@pytest.mark.usefixtures("in_buckets")
def test_a_drop_of_all_rosters_together_is_seen_over_all_buckets(product: Product, tmp_path: Path) -> None:
    """No workspace has a hundred seats; together they have, in every bucket some (G4)."""
    source = small_source(tmp_path / "source", last=date(2026, 1, 3))
    workspaces = [f"w{n}" for n in range(40)]
    told = (source / "subscriptions.csv").read_text()
    rows = "".join(f"sub-{w},{w},{w},pivotal,team,monthly,first,2026-01-01,,,,\n" for w in workspaces)
    (source / "subscriptions.csv").write_text(told + rows)
    for day, users in ((1, 4), (2, 4), (3, 2)):
        on = date(2026, 1, day)
        many = [f"{w},u{n},teammate,member,active,true,,," for w in workspaces for n in range(users)]
        write_users(source, on, [*users_of(on), *many])
    with pytest.raises(UserError, match=r"2026-01-03: all rosters together fell from 165 to 85 seats"):
        product.run(source, date(2026, 1, 3))
    assert list(product.home.lake.glob("roster_months/**/*.parquet")) == []
    assert not (product.home.lake / "directory").exists()
    product.run(source, date(2026, 1, 3), accept_drop=True)
