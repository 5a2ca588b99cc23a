"""What one types and reads: exit codes, errors as a sentence, no Prefect where none is needed, a quick start."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import duckdb
import pytest

from flows.catalogs import read_catalogs
from flows.errors import UserError
from tests.conftest import ROOT
from tests.flows.small_source import small_source, users_file
from tests.seldom import seldom_but

SEATLEDGER = Path(sys.executable).with_name("seatledger")


def seatledger(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SEATLEDGER, *map(str, arguments)], capture_output=True, text=True, env=os.environ | {"COLUMNS": "160"} | environment, timeout=120
    )


def test_run_prints_what_was_billed_and_where_to_look(tmp_path: Path) -> None:
    done = seatledger("run", small_source(tmp_path / "source"), "--through", "2026-03-05", "--direct", "--home", tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert "Ingested 64 days" in done.stdout
    assert "Billed through 2026-03-05: 5 invoices, 7 lines." in done.stdout
    assert "PIV-2026-000001" in done.stdout
    status = seatledger("status", "--home", tmp_path / "home")
    assert "Rosters: 64 days, 2026-01-01 to 2026-03-05." in status.stdout
    assert seatledger("holds", SEATLEDGER_HOME=str(tmp_path / "home")).stdout == "Nothing is held.\n"


def test_report_writes_one_month_where_one_says_and_for_excel(tmp_path: Path) -> None:
    seatledger("run", small_source(tmp_path / "source"), "--through", "2026-03-05", "--direct", "--home", tmp_path / "home")
    done = seatledger("report", "--month", "2026-02", "--to", tmp_path / "out", "--excel", "--direct", "--home", tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["2026-02", "index.html"]
    content = (tmp_path / "out" / "2026-02" / "invoices.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfinvoice_id,")
    assert b"\r\n" in content
    wrong = seatledger("report", "--month", "2027-01", "--direct", "--home", tmp_path / "home")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "2027-01: no day of that month is known. Did you mean 2026-01? Known: 2026-01 to 2026-03." in wrong.stderr


def test_held_workspaces_make_exit_3_and_holds_says_what_mends_them(tmp_path: Path) -> None:
    source = small_source(tmp_path / "source")
    path = users_file(source, date(2026, 1, 20))
    path.write_text(path.read_text().replace("oak,b,teammate", "oak,b,colleague"))
    done = seatledger("run", source, "--through", "2026-03-05", "--direct", "--home", tmp_path / "home")
    assert done.returncode == 3
    held = seatledger("holds", "--home", tmp_path / "home").stdout
    assert "oak" in held
    assert "kind must be one of teammate, alias, portal (users/date=2026-01-20/users.csv, row 2)" in held
    assert "To mend: correct the row and deliver the file again" in held


LESS_OFTEN_WRONG = [
    (["run", "nowhere\x1b[31m", "--through", "2026-01-31", "--direct"], 1, r"nowhere\x1b[31m: is not there"),
    (["run", "nowhere", "--direct"], 2, "Missing option '--through'"),
    (["bill", "--through", "31.01.2026", "--direct"], 2, "'31.01.2026' is no day of the calendar. Write one like 2026-01-31."),
    (["report", "--month", "April", "--direct"], 2, "'April' is no month. Write one like 2026-01."),
    (["bill", "--through", "2026-01-31", "--direct"], 1, "nothing is kept there yet"),
    (["bill", "--through", "2026-01-31", "--catalogs", "nowhere", "--direct"], 1, "nowhere: is no folder of catalogues"),
    (["report", "--month", "2026-01", "--direct"], 1, "nothing is kept there yet"),
    (["status"], 1, "nothing is kept there yet"),
    (["preview", "S-1"], 1, "nothing is kept there yet"),
    (["ingest", "nowhere", "--from", "2026-02-01", "--to", "2026-01-31", "--direct"], 2, "--to 2026-01-31 is before --from 2026-02-01"),
    (["status", "--home", ""], 2, "Invalid value for '--home': is empty."),
    (["sql", "select 1", "--file", "x.sql"], 2, "there are two queries, one typed and one in x.sql. Leave one of them out."),
    (["sql", "select 1", "--json", "--format", "csv"], 2, "--format csv was asked for, too. Leave one of them out."),
    (["run", "s", "--through", "2026-01-31", "--lake", "/tmp/x"], 2, "/tmp/x: is no s3:// prefix."),
    (["notify", "ftp://x"], 2, "a notification goes to a web address that starts with https:// or http://."),
    (["serve", ".", "--cron", "daily-ingest=foo"], 2, "--cron daily-ingest=foo: is no schedule. Write minute, hour, day of the month,"),
    (["serve", ".", "--timezone", "Mars/X"], 2, "timezone: 'Mars/X' is no time zone; write one such as UTC or Europe/Paris."),
    (["serve", ".", "--lake", "/tmp/x"], 2, "/tmp/x: is no s3:// prefix."),
]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run", "nowhere", "--through", "2026-01-31", "--direct"], 1, "nowhere: is not there. SOURCE holds subscriptions.csv"),
        (["bill", "--through", "2026-02-30", "--direct"], 2, "'2026-02-30' is no day of the calendar."),
        (["verify"], 1, "nothing is kept there yet"),
        (["billing"], 2, "No such command 'billing'"),
        (["sql"], 2, "name a query, as in: seatledger sql"),
        (["serve", "nosuch"], 1, "nosuch: is no folder."),
        *(pytest.param(*wrong, marks=pytest.mark.slow) for wrong in LESS_OFTEN_WRONG),
    ],
)
def test_what_a_user_gets_wrong_is_said_in_a_sentence_without_a_traceback(
    tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    done = seatledger(*arguments, SEATLEDGER_HOME=str(tmp_path / "home"))
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "home").exists() or any("nowhere" in one for one in arguments)  # who only asks makes no home


@pytest.mark.slow
def test_what_is_missing_of_a_home_is_told_with_what_to_do(tmp_path: Path) -> None:
    home = tmp_path / "the books"
    assert seatledger("run", small_source(tmp_path / "source"), "--through", "2026-01-12", "--direct", "--home", home).returncode in (0, 3)
    kept = (home / "ledger.duckdb").read_bytes()
    (home / "ledger.duckdb").unlink()
    for command in (["explain", "X-1"], ["verify"], ["bill", "--through", "2026-01-12", "--direct"]):
        assert "Restore it from a back-up" in seatledger(*command, "--home", home).stderr
    (home / "ledger.duckdb").write_bytes(kept)
    (home / "finance.duckdb").unlink()
    for command in ("status", "verify"):
        assert f"Make it again: seatledger report --home '{home}'" in seatledger(command, "--home", home).stderr
    assert seatledger("report", "--direct", "--home", home).returncode in (0, 3)
    assert f"{home / 'finance.duckdb'}: is a file" in seatledger("status", "--home", home / "finance.duckdb").stderr
    with duckdb.connect(str(home / "finance.duckdb")):
        assert "another program has it open for writing" in seatledger("holds", "--home", home).stderr


@pytest.mark.parametrize("name", ["a?b", "a\\b"])
def test_a_home_whose_path_duckdb_takes_for_another_is_refused_before_anything_is_made(tmp_path: Path, name: str) -> None:
    done = seatledger("demo", "--direct", "--home", tmp_path / name)
    assert done.returncode == 2
    assert f"has a {name[1]} in its path, by which DuckDB would look elsewhere. Choose another with --home." in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_home_whose_path_has_signs_that_stand_for_others_elsewhere_is_a_home(tmp_path: Path) -> None:
    home = tmp_path / "[a]*{b,c}'#%41"
    assert seatledger("run", small_source(tmp_path / "source"), "--through", "2026-01-12", "--direct", "--home", home).returncode == 0
    assert seatledger("verify", "--home", home).returncode == 0


@pytest.mark.slow
def test_a_home_is_not_its_source_nor_among_the_days_of_it(tmp_path: Path) -> None:
    source = small_source(tmp_path / "source")
    before = sorted(tmp_path.rglob("*"))
    for home, said in ((source, "is SOURCE itself."), (source / "users" / "home", f"lies in {source / 'users'}, where SOURCE has its days.")):
        done = seatledger("ingest", source, "--direct", "--home", home)
        assert (done.returncode, f"{home}: {said} Name another folder for what is kept, with --home." in done.stderr) == (2, True)
    assert sorted(tmp_path.rglob("*")) == before
    assert seatledger("ingest", source, "--to", "2026-01-03", "--direct", "--home", source / "home").returncode == 0
    assert seatledger("ingest", source, "--to", "2026-01-04", "--direct", "--home", source / "home").returncode == 0


@pytest.mark.slow
def test_reports_are_not_written_among_what_a_home_keeps(tmp_path: Path) -> None:
    home = tmp_path / "home"
    seatledger("run", small_source(tmp_path / "source"), "--through", "2026-01-12", "--direct", "--home", home)
    before = sorted(home.rglob("*"))
    for to in (home, home / "lake" / "x", home / "invoices"):
        done = seatledger("report", "--direct", "--home", home, "--to", to)
        assert (done.returncode, f"{to}: is where {home} keeps other things." in done.stderr) == (2, True)
    assert sorted(home.rglob("*")) == before
    for to in (home / "reports" / "more", home / "mine"):
        assert seatledger("report", "--direct", "--home", home, "--to", to).returncode == 0


def test_a_home_whose_path_duckdb_cannot_name_is_refused(tmp_path: Path) -> None:
    done = seatledger("demo", "--direct", "--home", f"{tmp_path}/home\udcff")
    assert done.returncode == 1
    assert "has a path that is not UTF-8, which DuckDB asks for. Choose another with --home." in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_what_another_version_published_is_said_to_be_of_another_version(tmp_path: Path) -> None:
    home = tmp_path / "home"
    seatledger("run", small_source(tmp_path / "source"), "--through", "2026-01-12", "--direct", "--home", home)
    with duckdb.connect(str(home / "finance.duckdb")) as finance:
        finance.execute("drop table workspace_names")
    for command in (["invoice", "--month", "2026-01"], ["verify"], ["export", "xero", "--account", "1", "--tax", "t", "--month", "2026-01"]):
        done = seatledger(*command, "--home", home)
        assert done.returncode == 1
        assert "another version published it. Have it made anew: seatledger report" in done.stderr
    assert seatledger("report", "--direct", "--home", home).returncode in (0, 3)
    assert seatledger("verify", "--home", home).returncode == 0


@pytest.mark.slow
def test_the_status_tells_what_each_run_was_asked_and_which_days_have_no_roster(tmp_path: Path) -> None:
    source, home = small_source(tmp_path / "source"), tmp_path / "home"
    seatledger("ingest", source, "--to", "2026-01-12", "--direct", "--home", home)
    seatledger("bill", "--through", "2026-01-12", "--cadence", "monthly", "--catalog", "pivotal", "--direct", "--home", home)
    seatledger("ingest", source, "--from", "2026-01-15", "--to", "2026-01-20", "--direct", "--home", home)
    said = seatledger("status", "--home", home).stdout
    assert "Rosters: 18 days, 2026-01-01 to 2026-01-20; missing: 2026-01-13, 2026-01-14." in said
    assert "bill --cadence monthly --catalog pivotal" in said
    told = json.loads(seatledger("status", "--json", "--home", home).stdout)
    assert told["rosters"]["missing"] == ["2026-01-13", "2026-01-14"]
    assert [(run["command"], run["catalog"]) for run in told["runs"]] == [("ingest", None), ("bill", "pivotal"), ("ingest", None)]


@pytest.mark.slow
def test_the_sample_is_not_billed_into_other_books(tmp_path: Path) -> None:
    home = tmp_path / "home"
    seatledger("run", small_source(tmp_path / "source"), "--through", "2026-01-12", "--direct", "--home", home)
    before = (home / "ledger.duckdb").read_bytes()
    done = seatledger("demo", "--direct", "--home", home)
    assert done.returncode == 1
    assert "has books of its own" in done.stderr
    assert (home / "ledger.duckdb").read_bytes() == before


@pytest.mark.parametrize("way", ["closed", "full"])
@pytest.mark.slow
def test_what_a_run_did_is_done_though_nobody_reads_what_it_says(tmp_path: Path, way: str) -> None:
    arguments = ["run", small_source(tmp_path / "source"), "--through", "2026-01-12", "--direct", "--home", tmp_path / "home"]
    read, write = os.pipe()
    os.close(read)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [SEATLEDGER, *map(str, arguments)], stdout=full if way == "full" else write, stderr=subprocess.PIPE, text=True, check=False
        )
    os.close(write)
    assert done.returncode == 0
    assert "Nothing was changed" not in done.stderr
    assert ("could not be written to stdout" in done.stderr) == (way == "full")


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
@pytest.mark.slow
def test_a_command_whose_streams_are_closed_ends_as_if_nobody_read_them(tmp_path: Path, closed: str) -> None:
    home = tmp_path / "home"
    run = ["run", small_source(tmp_path / "source"), "--through", "2026-01-12", "--direct", "--home", home]
    for command in (run, ["status", "--home", home], ["verify", "--json", "--home", home]):
        line = shlex.join([str(SEATLEDGER), *map(str, command)])
        done = subprocess.run(["sh", "-c", f"{line} {closed}"], capture_output=True, text=True, check=False)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert "seatledger: " in subprocess.run(
        ["sh", "-c", shlex.join([str(SEATLEDGER), "status", "--home", f"{home}/nowhere"]) + " >&-"], stderr=subprocess.PIPE, text=True, check=False
    ).stderr


@pytest.mark.parametrize(
    "command",
    seldom_but([["status", "--json"], ["--help"]], [["status"], ["status", "--json"], ["verify", "--json"], ["holds"], ["sql", "show tables"], ["--help"]]),
)
def test_a_stdout_that_cannot_be_written_is_named_and_no_file_of_the_home_is_blamed(tmp_path: Path, command: list[str]) -> None:
    home = tmp_path / "home"
    seatledger("run", small_source(tmp_path / "source"), "--through", "2026-01-12", "--direct", "--home", home)
    with open("/dev/full", "w") as full:
        environment = os.environ | {"SEATLEDGER_HOME": str(home)}
        done = subprocess.run([SEATLEDGER, *command], stdout=full, stderr=subprocess.PIPE, text=True, env=environment, check=False)
    said = "seatledger: standard output cannot be written: No space left on device. Make room where it goes, or let it go elsewhere.\n"
    assert (done.returncode, done.stderr) == (1, said)


@pytest.mark.slow
def test_a_stdout_of_another_encoding_gets_what_it_can_take(tmp_path: Path) -> None:
    home = tmp_path / "home"
    seatledger("run", small_source(tmp_path / "source"), "--through", "2026-01-12", "--direct", "--home", home)
    done = seatledger("sql", "select '3 × 4' as product", "--home", home, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout) == (0, "product\n3 ? 4\n")
    asked = seatledger("sql", "select '×'", "--home", home, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert "letters that this terminal's encoding does not say" in asked.stderr or asked.returncode == 0


@pytest.mark.parametrize("command", seldom_but([["holds"]], [["status"], ["verify"], ["holds"], ["sql", "--format", "table", "show tables"], ["status", "--json"]]))
@pytest.mark.slow
def test_who_reads_only_the_first_line_is_no_failure(tmp_path: Path, command: list[str]) -> None:
    home = tmp_path / "home"
    seatledger("run", small_source(tmp_path / "source"), "--through", "2026-01-12", "--direct", "--home", home)
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([SEATLEDGER, *command, "--home", home], stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_wrong_catalogue_is_refused_with_file_key_and_reason(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text(
        'id = "acme"\nname = "Acme"\ncurrency = "USD"\ntimezone = "Mars/Olympus"\ninvoice_prefix = "ACM"\n[seats]\n[rules]\n[plans.a]\nbasis="active"\n'
    )
    done = seatledger("bill", "--through", "2026-01-31", "--direct", "--catalogs", tmp_path, "--home", tmp_path / "home")
    assert done.returncode == 1
    assert "acme.toml: timezone: 'Mars/Olympus' is no time zone" in done.stderr


@pytest.mark.parametrize(
    ("is_now", "said"),
    [
        ('timezone = "localtime"', "pivotal.toml: timezone: 'localtime' is no time zone to reckon by"),
        ('timezone = "posix/UTC"', "pivotal.toml: timezone: 'posix/UTC' is no time zone to reckon by"),
        ("seat_limit = 99999999999999999999", "pivotal.toml: plans.solo.seat_limit: must be a whole number from 0 to 1000000000000000"),
    ],
)
def test_what_a_catalogue_names_that_no_library_can_hold_is_refused(tmp_path: Path, is_now: str, said: str) -> None:
    key = is_now.split(" = ")[0]
    lines = (ROOT / "data" / "catalogs" / "pivotal.toml").read_text().splitlines()
    (tmp_path / "pivotal.toml").write_text("\n".join(is_now if line.startswith(f"{key} = ") else line for line in lines))
    with pytest.raises(UserError, match=re.escape(said)):
        read_catalogs(tmp_path)


def test_two_runs_on_one_home_the_second_names_the_process_of_the_first(tmp_path: Path) -> None:
    from flows.home import Home

    home = Home(tmp_path / "home")
    with home.locked():
        done = seatledger("ingest", tmp_path, "--direct", "--home", tmp_path / "home")
    assert done.returncode == 1
    assert f"another run (process {os.getpid()}) is using this home" in done.stderr


def test_help_starts_quickly_and_imports_nothing_heavy() -> None:
    took = []
    for _ in range(5):
        began = time.monotonic()
        assert seatledger("--help").returncode == 0
        took.append(time.monotonic() - began)
    assert min(took) < 0.3
    script = "import sys; from flows import cli; print(sorted({'polars', 'duckdb', 'pandera', 'prefect', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_direct_way_never_imports_prefect(tmp_path: Path) -> None:
    script = (
        "import sys; from flows.cli import seatledger\n"
        f"seatledger(['run', {str(small_source(tmp_path / 'source'))!r}, '--through', '2026-01-12', '--direct', '--home', {str(tmp_path / 'home')!r}], standalone_mode=False)\n"
        "assert 'polars' in sys.modules and 'prefect' not in sys.modules and 'fastapi' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_serve_and_notify_take_what_they_say(tmp_path: Path) -> None:
    assert seatledger("notify", PREFECT_API_URL="http://127.0.0.1:1/api").returncode == 2  # neither an address nor --off
    for arguments in (["notify", "https://hooks.example/x"], ["notify", "--off"], ["serve", tmp_path, "--home", tmp_path / "home"]):
        done = seatledger(*arguments, PREFECT_API_URL="http://127.0.0.1:1/api", PREFECT_HOME=str(tmp_path / "prefect"))
        assert (done.returncode, done.stdout) == (1, "")
        assert (
            done.stderr == "seatledger: http://127.0.0.1:1/api: the Prefect server does not answer. Start it, or correct PREFECT_API_URL.\n"
        )
