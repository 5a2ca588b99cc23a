"""Faults 39-43: text that wants to be a formula, a tag, a statement or a path, and names that belong in one place only."""

from __future__ import annotations

import csv
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tests.conftest import Product
from tests.faults.conftest import LAST
from tests.faults.sources import HOSTILE, Source, event, user
from tests.flows.small_source import USERS, users_file

pytestmark = pytest.mark.usefixtures("with_reports")
NUMBER = re.compile(r"-?\d+(\.\d+)?")
FREE_TEXT = ("\t=1+1", "\r=1+1", "=HYPERLINK(0)\n=2", "\u200b=1", '"', "'", ",", "\\", "%s{}$0")


# --- 39 to 41: hostile text ----------------------------------------------------------------------------------------------------


def source_with(names: tuple[str, ...], texts: tuple[str, ...]) -> Source:
    """Every name is a workspace, a subscription, users, events, an actor, a metric, and a plan and catalogue that nobody knows."""
    source = Source("2026-01-01", "2026-02-01")
    for n, name in enumerate(names):
        source.workspace(name, (name, "b"), subscription_id=name, workspace_name=texts[n % len(texts)])
        source.happens(event(f"{name}", "2026-01-05T10:00:00Z", name, "plan_changed", subscription_id=name, actor_id=name, plan="pro"))
        source.happens(event(f"{name}!", "2026-01-06T10:00:00Z", name, "plan_changed", subscription_id=name, plan=name))  # refused
        source.happens(event(f"{name}?", "2026-01-07T10:00:00Z", name, "canceled", subscription_id=f"{name}?", actor_role=name))  # unknown
        source.happens(event(f"{name}~", "2026-01-08T10:00:00Z", name, "deactivated", user_id=name))  # the roster denies it
        source.uses("2026-01-05", name, name, "1")
    for row in (row for rows in source.users.values() for row in rows):
        row |= {"name": texts[len(row["user_id"]) % len(texts)], "email": row["user_id"]}
    for day in source.days[9:]:
        source.users[day] = [row for row in source.users[day] if row["user_id"] != "b"]  # vanishes from every workspace
        source.users[day].append(user(f"{names[0]} stray", names[1]))  # has no subscription
    source.workspace(f"{names[0]} held", plan=names[0]).workspace(f"{names[1]} held", catalog=names[1])
    return source


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> tuple[Product, Product]:
    """The same facts under hostile and under harmless names, each in a folder that shows what else was written."""
    products = []
    for kind, names, texts in (("hostile", HOSTILE, FREE_TEXT), ("harmless", tuple(f"w{n:02}" for n in range(len(HOSTILE))), ("Name",))):
        root = tmp_path_factory.mktemp(kind)
        source = source_with(names, texts).write(root / "inside" / "source")
        products.append(Product(root / "inside" / "home", writes_reports=True))
        products[-1].outcome = products[-1].run(source, date(2026, 2, 1))
    return products[0], products[1]


@pytest.fixture(scope="module")
def hostile(twins: tuple[Product, Product]) -> Product:
    return twins[0]


def told_again(value: object) -> object:
    """A cell of the harmless twin, with the hostile names in place of the harmless ones."""
    return re.sub(r"w(\d\d)", lambda found: HOSTILE[int(found[1])], value) if isinstance(value, str) else value


TABLES = [
    "invoices",
    "invoice_lines",
    "credit_ledger",
    "seat_occupancy",
    "seat_usage_monthly",
    "coverage_monthly",
    "mrr_movements",
    "revenue_schedule",
    "reconciliation",
    "subscriptions",
    "terms",
    "holds",
    "exceptions",
]


@pytest.mark.parametrize("table", TABLES)
def test_F40_hostile_text_is_plain_data_in_every_table(twins: tuple[Product, Product], table: str) -> None:
    ours, theirs = (product.table(f"select columns(*) from {table}") for product in twins)
    kept = [name for name in ours.columns if name not in ("invoice_number", "line_id", "workspace_name")]
    assert ours.height == theirs.height
    assert ours.height > 0 or table == "credit_ledger"
    told = [tuple(map(told_again, row)) for row in theirs.select(kept).rows()]
    assert sorted(map(repr, ours.select(kept).rows())) == sorted(map(repr, told))


def test_F39_no_cell_of_any_report_is_a_formula_and_every_value_can_be_read_back(hostile: Product) -> None:
    files = sorted(hostile.home.reports.rglob("*.csv"))
    assert len(files) > 10
    seen = set()
    for path in files:
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file, strict=True)
        assert all(len(row) == len(header) for row in rows), path
        for cell in (cell for row in rows for cell in row):
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")) or NUMBER.fullmatch(cell), (path.name, cell)
            seen.add(cell[1:] if re.match(r"'[=+\-@\t\r]", cell) else cell)
    assert set(HOSTILE) <= seen
    assert set(FREE_TEXT) <= seen


def test_F40_the_database_and_the_ledger_are_whole(hostile: Product) -> None:
    assert set(hostile.table("select workspace_id from invoices")["workspace_id"]) == set(HOSTILE)
    assert hostile.table("select count(*) from duckdb_tables()").item() >= 11
    names = {row["workspace_name"] for row in hostile.table("select workspace_name from subscriptions").iter_rows(named=True)}
    assert set(FREE_TEXT) <= names


def test_F41_every_file_has_a_generated_name_and_is_inside_the_home(hostile: Product) -> None:
    home = hostile.home.root
    written = [path for path in home.parent.parent.rglob("*") if path.is_file() and not path.is_relative_to(home.parent / "source")]
    assert written
    for path in written:
        assert path.is_relative_to(home), path
        assert re.fullmatch(r"[A-Za-z0-9_.=/-]+", path.relative_to(home).as_posix()), path


def test_F40_what_is_printed_is_printed_as_it_is_but_for_what_cannot_be_seen(hostile: Product, capsys: pytest.CaptureFixture[str]) -> None:
    from flows.terminal import print_holds, print_outcome, print_status

    print_outcome(hostile.outcome, hostile.setting)
    said = " ".join(capsys.readouterr().out.split())
    assert all(name.replace("\u202e", "\\u202e") in said for name in HOSTILE)  # which would turn the writing round
    print_holds(hostile.home.root)
    print_status(hostile.home.root)
    said = capsys.readouterr().out
    assert f"{HOSTILE[0]} held  unknown_plan" in said
    assert f"plan {HOSTILE[0]} is not in catalogue pivotal" in said


def test_F41_a_file_of_the_source_may_be_called_anything(product: Product, tmp_path: Path) -> None:
    root = Source("2026-01-01", "2026-01-02").workspace("oak").write(tmp_path / "source")
    path = users_file(root, date(2026, 1, 2))
    name = "=a'; drop table inputs; --\n<b>.csv"
    path.rename(path.with_name(name))
    product.run(root, date(2026, 1, 2))
    assert product.table("select file from inputs where day = '2026-01-02'").item() == f"users/date=2026-01-02/{name}"


def test_F41_a_name_that_is_no_text_is_refused_and_shown_so_that_the_file_can_be_found(billed: Product, source: Path, refuses) -> None:
    path = users_file(source, LAST)
    path.rename(path.with_name(os.fsdecode(b"us\xe9rs.csv")))
    assert "users/date=2026-01-20/us\\xe9rs.csv: the file's name is not UTF-8. Rename it." in refuses("not UTF-8")


# --- 42: personal data ---------------------------------------------------------------------------------------------------------

NAME, EMAIL = "Canary Kanarienvogel", "canary.bird@aviary.example"
CANARIES = (NAME, EMAIL, "Kanarienvogel", "canary.bird")


def canary(status: str = "active", user_id: str = "bird", **columns: str) -> dict[str, str]:
    return user("oak", user_id, status=status, name=NAME, email=EMAIL, **columns)


def places_of_canaries(root: Path) -> set[str]:
    return places_of(root, CANARIES)


def places_of(root: Path, texts: tuple[str, ...]) -> set[str]:
    """The files that hold one of some texts: in their bytes, or in what they say once unpacked."""
    found = set()
    for path in (path for path in root.rglob("*") if path.is_file()):
        text = path.read_bytes().decode("latin-1") + path.as_posix()
        if path.suffix == ".parquet":
            text += str(pl.read_parquet(path, hive_partitioning=False).rows())
        elif path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as database:
                names = [name for (name,) in database.execute("select table_name from duckdb_tables()").fetchall()]
                text += "".join(str(database.execute(f"from {name}").fetchall()) for name in names)
        if any(one in text for one in texts):
            found.add(path.relative_to(root).as_posix())
    return found


def birds(first: str = "2026-01-01", last: str = "2026-01-06") -> Source:
    source = Source(first, last).workspace("oak").workspace("elm")
    for day in source.days:
        source.users[day] += [canary(), *(user("elm", f"u{n}") for n in range(40))]
    return source


def test_F42_a_name_and_an_address_are_in_the_directory_and_nowhere_else_even_of_broken_rows(
    product: Product, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    from flows.terminal import print_holds, print_outcome, print_status

    source = birds()
    source.on_roster("2026-01-02", "oak", "bird")["status"] = NAME  # cells that moved by one
    source.on_roster("2026-01-03", "oak", "bird")["last_active_on"] = EMAIL
    source.users[source.days[3]].append(canary(role="member"))  # there twice, with other values
    source.users[source.days[4]][2] |= {"kind": EMAIL}
    source.happens(event("e", "2026-01-02T10:00:00Z", "oak", "plan_changed", plan="pro", until=EMAIL))
    with caplog.at_level(logging.DEBUG):
        outcome = product.run(source.write(tmp_path / "source"), source.last)
        print_outcome(outcome, product.setting)
        print_holds(product.home.root)
        print_status(product.home.root)
    said = capfd.readouterr()
    assert "oak" in outcome.held
    assert "Held" in said.out
    for text in (said.out, said.err, caplog.text, str([vars(record) for record in caplog.records])):
        assert not any(one in text for one in CANARIES)
    assert places_of_canaries(product.home.root) == {"lake/directory.parquet"}


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (f"oak,a,teammate,{NAME}\n", "users.csv"),
        (f'oak,a,teammate,member,active,true,"{NAME},{EMAIL},\n', "users.csv"),
        (f"oak,a,teammate,member,active,true,{NAME}\0,{EMAIL},\n", "users.csv"),
        (f"oak,a,teammate,member,active,true,é{NAME},{EMAIL},\n".encode("latin-1"), "users.csv"),
        (f"oak,a,{NAME},member,active,true,,,\noak,b,{NAME},member,active,{EMAIL},,,\n", "users.csv"),
        (f",a,teammate,member,{NAME},true,,{EMAIL},\n", "users.csv"),
        (f"oak,a,teammate,member,active,true,{NAME},{EMAIL},\n", "users.parquet"),
        (f"oak,a,teammate,member,active,true,{NAME * 80_000},{EMAIL},\n", "users.csv"),
    ],
)
def test_F42_what_is_refused_is_named_by_its_place_and_never_by_a_personal_value(
    billed: Product, source: Path, refuses: Callable[..., str], content: str | bytes, name: str
) -> None:
    path = users_file(source, LAST)
    path.unlink()
    path.with_name(name).write_bytes(USERS.encode() + (content if isinstance(content, bytes) else content.encode()))
    said = refuses("users/date=2026-01-20/")
    assert not any(one in said for one in CANARIES)
    assert places_of_canaries(billed.home.root) == set()


@pytest.mark.parametrize("row", [f"{NAME},{NAME},{EMAIL},{EMAIL}", f"oak,a,teammate,member,active,true,{EMAIL},{EMAIL},"])
def test_F42_a_file_without_its_header_shows_no_value_as_a_columns_name(
    billed: Product, source: Path, refuses: Callable[..., str], row: str
) -> None:
    users_file(source, LAST).write_text(f"{row}\n{row}\n")
    said = refuses("users/date=2026-01-20/users.csv, line 1: a column that no contract knows is there twice. Is the header missing?")
    assert not any(one in said for one in CANARIES)


def test_F42_after_the_users_deletion_nothing_is_left_anywhere_and_older_days_bring_nothing_back(product: Product, tmp_path: Path) -> None:
    source = birds()
    for day in source.days[3:]:  # a deleted user's row may still carry what it should not
        source.users[day][2] |= {"status": "deleted", "login_enabled": "false"}
    root = source.write(tmp_path / "source")
    product.run(root, source.days[2])
    assert places_of_canaries(product.home.root) == {"lake/directory.parquet"}
    product.run(root, source.last)
    assert places_of_canaries(product.home.root) == set()
    source.users[source.days[1]].append(user("oak", "late"))
    product.run(source.write(root), source.last, supersede=True)
    assert places_of_canaries(product.home.root) == set()
    seats = product.table("select day::varchar, occupied from seat_occupancy where workspace_id = 'oak' order by 1").rows()
    assert seats == [("2026-01-01", 2), ("2026-01-02", 3), *((f"2026-01-0{n}", 2 if n == 3 else 1) for n in range(3, 7))]


def test_F42_a_directory_that_is_gone_is_not_begun_anew(billed: Product, source: Path, refuses: Callable[..., str]) -> None:
    """A roster that came again with a name of before its user was deleted had it stored once more."""
    (billed.home.lake / "directory.parquet").unlink()
    refuses(r"directory\.parquet: is gone, or a part of it\. Restore it from a back-up of the home")


# --- 43: who may read it -------------------------------------------------------------------------------------------------------


def test_F43_what_the_command_writes_is_for_its_owner_and_the_published_database_for_the_group(tmp_path: Path) -> None:
    root = Source("2026-01-01", "2026-01-03").workspace("oak").write(tmp_path / "source")
    home = tmp_path / "home"
    home.mkdir(mode=0o755)  # a folder that someone opened to others
    os.chmod(home, 0o755)
    command = [Path(sys.executable).with_name("seatledger"), "run", root, "--through", "2026-01-03", "--direct", "--home", home]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, umask=0o022)
    assert done.returncode == 0, done.stderr
    for path in home.rglob("*"):
        allowed = 0o640 if path == home / "finance.duckdb" else 0o700
        assert path.stat().st_mode & 0o777 & ~allowed == 0, path
    assert (home / "finance.duckdb").stat().st_mode & 0o777 == 0o640
