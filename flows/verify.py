"""Every invariant, recomputed from what is stored: the queries of reports/checks, the chain, the receipts, the lake."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple

import duckdb

from flows.catalogs import require_catalogs_of
from flows.damage import unreadable
from flows.errors import LostOrDamaged, UserError
from flows.exact_paths import exact
from flows.finance_tables import reports_in_order
from flows.home import Home
from flows.kept_rosters import KeptRosters
from flows.lake import Lake, lake_of, write_frame
from flows.lake_checks import problems_of_lake
from flows.ledger import billed_catalogs, buckets_of_months
from flows.ledger_versions import LEDGER_VERSION
from flows.memory_of_duckdb import in_memory
from flows.month_reports import REPORTS
from flows.page import issued_of_month
from flows.page_rendering import PAGE_NAME
from flows.publish import FROM_LEDGER
from flows.receipts import broken_links, missing_receipts, missing_runs
from flows.report_export import csv_reports
from flows.whole_files import where_one_may_write
from transforms.buckets import buckets
from transforms.catalog import Catalog

_ISSUED = ("credit_ledger", "invoice_lines", "invoices")
_MONTH = re.compile(r"[12]\d{3}-(0[1-9]|1[0-2])")


class Check(NamedTuple):
    """An invariant: its name, the question it asks, and what it found (what, problem); nothing found is good."""

    name: str
    question: str
    problems: list[tuple[str, str]]


def verify(home: Home, catalogs: Mapping[str, Catalog]) -> list[Check]:
    """Check a home, changing nothing. Raises UserError where there is nothing to check or it cannot be read."""
    home.require(home.ledger)
    home.require(home.finance)
    with home.locked(to_read=True), in_memory(_overflow(home)) as both:
        try:
            _attach(both, home)
            _require_this_version(both, home)
            require_catalogs_of(billed_catalogs(both, "ledger"), catalogs)
            checks = [*checks_of_published(both), _published(both), _lake_whole(both, home), _from_rosters(both, home, catalogs)]
            checks.append(_reports(both, home))
            both.execute("use ledger")
            both.execute("set TimeZone = 'UTC'")
            runs = dict(both.execute("select run_id, chain from runs").fetchall())
            checks.append(Check("ledger_chained", "Are the rows of every run as it wrote them?", broken_links(both)))
            unmatched = missing_runs(home.receipts, runs) + missing_receipts(home.receipts, runs)
            checks.append(Check("receipts_kept", "Has every run its receipt, and is every run that has one in the ledger?", unmatched))
        except duckdb.Error as reason:
            raise unreadable(home, reason) from None
    return checks


def _overflow(home: Home) -> str:
    """Where what is too much for memory waits: in the home, or where that cannot be written, with what else is temporary."""
    return str(where_one_may_write(home.root) / f".{home.finance.name}.{os.getpid()}.verify")


def _reports(both: duckdb.DuckDBPyConnection, home: Home) -> Check:
    """The months' invoices, lines and credit as CSV and on the page, made again. What is told of a month otherwise is told as of the day it was written."""
    problems = []
    ((last,),) = both.execute("select max(run_id) from ledger.runs").fetchall()
    folders = [path for path in sorted(home.reports.glob("????-??")) if _MONTH.fullmatch(path.name)]
    are_of_last = home.reports_run() == last
    for folder in folders if are_of_last else []:
        for name, content in csv_reports(both, date.fromisoformat(f"{folder.name}-01"), only=_ISSUED):
            path = folder / name
            if not path.is_file():
                problems.append((f"{folder.name}/{name}", "is missing"))
            elif path.read_bytes().removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n") != content:
                problems.append((f"{folder.name}/{name}", "is not what is published"))
        page = folder / PAGE_NAME
        if not page.is_file():
            problems.append((f"{folder.name}/{page.name}", "is a folder" if page.exists() else "is missing"))
        elif issued_of_month(both, date.fromisoformat(f"{folder.name}-01")).block.encode() not in page.read_bytes():
            problems.append((f"{folder.name}/{page.name}", "has other invoices than are published"))
    unseen = " Not looked at: they are not all of the last run. seatledger report writes them." if folders and not are_of_last else ""
    return Check("reports_agree", f"Are the invoices, lines and credit of each month's CSV and page those published?{unseen}", problems)


def _attach(both: duckdb.DuckDBPyConnection, home: Home) -> None:
    for name, path in (("ledger", home.ledger), ("finance", home.finance)):
        quoted = str(path).replace("'", "''")
        both.execute(f"attach '{quoted}' as {name} (read_only)")
    both.execute("use finance")


def _require_this_version(both: duckdb.DuckDBPyConnection, home: Home) -> None:
    ((found,),) = both.execute("select value from ledger.settings where name = 'ledger_version'").fetchall()
    if found != LEDGER_VERSION:
        raise UserError(
            f"{home.ledger}: is of ledger version {found}, this is {LEDGER_VERSION}. The next run brings it up to date; verify it then."
        )


def checks_of_published(both: duckdb.DuckDBPyConnection) -> list[Check]:
    """The invariants that ask nothing but the finance database, attached as `finance` to one in memory, and in use."""
    return [*_queries(both), _worked_out_anew(both)]


def _queries(both: duckdb.DuckDBPyConnection) -> list[Check]:
    """The queries of reports/checks: each returns what violates it."""
    checks = []
    for path in sorted((REPORTS / "checks").glob("*.sql")):
        sql = path.read_text(encoding="utf-8")
        question = sql.splitlines()[0].removeprefix("-- ").split("  ")[0]
        checks.append(Check(path.stem, question, [(str(what), str(problem)) for what, problem in both.execute(sql).fetchall()]))
    return checks


def _published(both: duckdb.DuckDBPyConnection) -> Check:
    """What analysts see is what the ledger holds."""
    problems = []
    for table in FROM_LEDGER:
        columns = ", ".join(
            f'"{c}"'
            for (c,) in both.execute(
                "select column_name from duckdb_columns() where database_name = 'finance' and table_name = ? order by column_index", [table]
            ).fetchall()
        )
        ours, theirs = (f"select {columns} from {database}.{table}" for database in ("ledger", "finance"))
        for have, lack, words in ((ours, theirs, "is not published"), (theirs, ours, "is not in the ledger")):
            count = both.execute(f"select count(*) from (({have}) except all ({lack}))").fetchone()[0]
            if count:
                problems.append((table, f"{count} rows: each {words} so"))
    return Check("published_whole", "Are the published tables those of the ledger?", problems)


def _worked_out_anew(both: duckdb.DuckDBPyConnection) -> Check:
    """Every report that is a table, made again in memory from the tables it rests on, and compared row by row."""
    problems = []
    both.execute("set search_path = 'memory.main,finance.main'")
    order = reports_in_order()
    for n, path in enumerate(order):
        both.execute(path.read_text(encoding="utf-8"))
        for ours, theirs, words in (("memory", "finance", "is not published"), ("finance", "memory", "is published and not worked out")):
            sql = f"select count(*) from ((from {ours}.main.{path.stem}) except all (from {theirs}.main.{path.stem}))"
            count = both.execute(sql).fetchone()[0]
            if count:
                problems.append((path.stem, f"{count} rows: each {words} so"))
        if not any(f"-- After: {path.stem}." in later.read_text(encoding="utf-8") for later in order[n + 1 :]):
            both.execute(f"drop table memory.main.{path.stem}")  # one at a time in memory
    both.execute("use finance")
    return Check("reports_worked_out_anew", "Are the finance tables what their queries give?", problems)


def _lake_whole(both: duckdb.DuckDBPyConnection, home: Home) -> Check:
    """What the home keeps of rosters, events, subscriptions, usage and names is what was written."""
    versions = both.execute("select distinct table_name, day, version from ledger.inputs where table_name <> 'users' order by all").fetchall()
    ((people,),) = both.execute("select coalesce(sum(rows), 0) from ledger.inputs where table_name = 'users'").fetchall()
    question = "Is every file of the lake there, and as it was written?"
    lake = lake_of(home)
    return Check("lake_whole", question, problems_of_lake(lake, versions, _kept_rosters(both, lake), has_people=people > 0))


def _kept_rosters(both: duckdb.DuckDBPyConnection, lake: Lake) -> KeptRosters:
    current = "select distinct day, version from ledger.inputs where table_name = 'users' and superseded_by is null order by day"
    settings = both.execute("select name, value from ledger.settings").fetchall()
    return KeptRosters(lake, dict(both.execute(current).fetchall()), buckets_of_months(settings))


def _from_rosters(both: duckdb.DuckDBPyConnection, home: Home, catalogs: Mapping[str, Catalog]) -> Check:
    """The published occupancy, counted anew from the rosters in the lake: by sets of users, not by bits."""
    question = "Are a day's seats those that the stored rosters hold?"
    lake, gone, files = lake_of(home), [], []
    kept = _kept_rosters(both, lake)
    with lake.scratch("verify") as scratch:
        for month in kept.months():
            try:
                files += [(str(path), month) for path in _files_of_month(month, kept, lake, scratch)]
            except LostOrDamaged:
                gone.append((f"{month:%Y-%m}", "its stored rosters are gone or damaged"))
        return Check("occupancy_from_rosters", question, gone or (_recounted(both, files, catalogs) if files else []))


def _files_of_month(month: date, kept: KeptRosters, lake: Lake, scratch: Path) -> Iterator[Path]:
    """A month's rosters, as files: those of the lake, or what the days come to that a home of the first version kept. Raises LostOrDamaged where they are not whole."""
    for bucket in buckets(kept.buckets_of_months().get(month, 1)):
        path = kept.path(month, bucket)
        if path.exists():
            lake.require_whole(path)
            yield lake.near(path, scratch)
        else:
            put_together = scratch / f"{month:%Y-%m}-{bucket.number}.parquet"
            write_frame(put_together, kept.month(month, bucket))
            yield put_together


def _recounted(both: duckdb.DuckDBPyConnection, files: list[tuple[str, date]], catalogs: Mapping[str, Catalog]) -> list[tuple[str, str]]:
    both.execute("create temp table roster_files (filename varchar, month date)")
    both.executemany("insert into roster_files values (?, ?)", files)
    policies = [(c.id, kind, status) for c in catalogs.values() for kind in c.kinds for status in c.statuses]
    both.execute("create temp table seat_policies (catalog varchar, kind varchar, status varchar)")
    both.executemany("insert into seat_policies values (?, ?, ?)", policies)
    sql = """
        with held as (
            select workspace_id, f.month + d.n::int as day, p.catalog, count(distinct user_id) as seats
            from read_parquet($files, filename = true, hive_partitioning = false) r
            join roster_files f using (filename) join seat_policies p using (kind, status)
            join range(31) d(n) on get_bit(bits::bit, 31 - d.n::int) = 1
            group by all
        )
        select o.workspace_id || ' ' || o.day, format('{} seats published, {} on the roster', occupied, coalesce(seats, 0))
        from finance.seat_occupancy o left join held h using (workspace_id, day, catalog)
        where o.catalog is not null and occupied <> coalesce(seats, 0)
        order by all"""
    return both.execute(sql, {"files": [exact(path) for path, _ in files]}).fetchall()
