"""The ledger as a run found it: which versions were current then, whatever came since; reading changes nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from flows.errors import UserError
from flows.home import Home
from flows.ledger import commit, open_ledger, run_row
from flows.ledger_reader import as_known_to, ledger_of_workspace

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY = date(2026, 1, 1)


def accept(home: Home, version: str, day: date = DAY) -> None:
    """One run that accepts one version of a day's rosters, in two files."""
    with home.locked(), open_ledger(home) as ledger:
        run_id = ledger.next_run_id()
        key = pl.DataFrame({"table_name": ["users"], "day": [day], "version": [version]})
        files = pl.concat([key.with_columns(file=pl.lit(f"{part}.csv"), sha256=pl.lit(version), bytes=1, rows=1) for part in "ab"])
        files = files.with_columns(pl.col("bytes", "rows").cast(pl.Int64), ingested_at=pl.lit(NOON), run_id=pl.lit(run_id))
        ledger.accept(key, files, pl.DataFrame(schema={"table_name": pl.String}))
        figures = dict.fromkeys(("days_ingested", "files_ingested", "rows_ingested", "invoices", "lines", "held_workspaces"), 0)
        commit(ledger, home, run_row(run_id, "ingest", NOON, NOON, **figures))


def versions_known_to(home: Home, *runs: str) -> list[str]:
    ledger = ledger_of_workspace(home, lambda ledger: ("w", []))
    return [as_known_to(ledger, run).current_versions()["users", DAY] for run in runs]


def test_each_run_knew_the_version_that_was_current_then(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    for version in ("one", "two", "three"):
        accept(home, version)
    accept(home, "other day", date(2026, 1, 2))
    assert versions_known_to(home, "run-000001", "run-000002", "run-000003", "run-000004") == ["one", "two", "three", "three"]


def test_a_version_that_came_back_was_replaced_in_the_run_that_brought_its_rival(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    for version in ("one", "two", "one"):
        accept(home, version)
    assert versions_known_to(home, "run-000001", "run-000002", "run-000003") == ["one", "two", "one"]


def test_a_run_knew_nothing_of_days_that_came_later(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    accept(home, "one")
    accept(home, "other day", date(2026, 1, 2))
    past = as_known_to(ledger_of_workspace(home, lambda ledger: ("w", [])), "run-000001")
    assert past.current_versions() == {("users", DAY): "one"}


def test_an_older_ledger_put_back_is_noticed_by_who_only_reads(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    accept(home, "one")
    old = home.ledger.read_bytes()
    accept(home, "two")
    home.ledger.write_bytes(old)
    with pytest.raises(UserError, match=r"an older ledger was put back\. Restore the newest"):
        ledger_of_workspace(home, lambda ledger: ("w", []))


def test_a_ledger_of_an_earlier_version_is_read_and_stays_as_it_is(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    accept(home, "one")
    with duckdb.connect(str(home.ledger)) as ledger:
        ledger.execute("alter table inputs drop column repeats")
        ledger.execute("alter table runs drop column catalog")
        ledger.execute("update settings set value = '1' where name = 'ledger_version'")
    before = home.ledger.read_bytes()
    assert versions_known_to(home, "run-000001") == ["one"]
    assert home.ledger.read_bytes() == before
