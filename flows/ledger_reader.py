"""The ledger, only read: what concerns one workspace is copied into memory and the file is let go at once.

So nothing in a home changes, and no run waits for someone who reads. What a run knew can be asked again: `as_known_to`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import duckdb

from flows.errors import UserError, in_a_line, is_for_want_of_memory
from flows.home import Home
from flows.ledger import LONGEST_WAIT, Ledger
from flows.ledger_versions import bring_up_to_date
from flows.receipts import missing_runs

_OF_A_WORKSPACE = {
    "runs": "true",
    "inputs": "true",
    "row_faults": "true",
    "invoice_dates": "true",
    "invoices": "workspace_id = $workspace or list_contains($subscriptions, subscription_id)",
    "invoice_lines": "workspace_id = $workspace or list_contains($subscriptions, subscription_id)",
    "credit_ledger": "workspace_id = $workspace",
}


def ledger_of_workspace(home: Home, find: Callable[[Ledger], tuple[str, list[str]]]) -> Ledger:
    """What the ledger holds of a workspace, in memory; `find` names it, and subscriptions of it that may have been billed for another, looking into the ledger itself.

    Raises: UserError where there is no ledger, where a run has it open, or where it is damaged, lost or of another version.
    """
    home.require(home.ledger)
    connection = duckdb.connect()
    _attach(connection, home)
    if not connection.execute("select count(*) from duckdb_tables() where database_name = 'ledger'").fetchall()[0][0]:
        raise home.nothing_is_kept()  # a first run was killed
    connection.execute("set TimeZone = 'UTC'")
    try:
        connection.execute("use ledger")
        _require_every_run(Ledger(connection), home)
        workspace, subscriptions = find(Ledger(connection))
        connection.execute("use memory")
        connection.execute("create table settings (name varchar primary key, value varchar not null)")
        connection.execute("insert into settings select * from ledger.settings")
        for table, mine in _OF_A_WORKSPACE.items():
            told = {"workspace": workspace, "subscriptions": subscriptions}
            parameters = {name: value for name, value in told.items() if f"${name}" in mine}
            connection.execute(f"create table {table} as select * from ledger.{table} where {mine}", parameters)
    except duckdb.Error as reason:
        raise UserError(f"{home.ledger}: cannot be read: {in_a_line(reason).rstrip('.')}. Restore the home from a back-up.") from None
    finally:
        connection.execute("use memory")
        connection.execute("detach ledger")
    ledger = Ledger(connection)
    bring_up_to_date(connection, ledger.setting("ledger_version") or "none", home.ledger)
    return ledger


def require_nothing_but(source: Path, home: Home) -> None:
    """Refuse a home that has taken in anything but the files of a source: what is billed into it cannot be taken back.

    Raises: UserError.
    """
    if not home.ledger.exists():
        return
    theirs = {sha256(path.read_bytes()).hexdigest() for path in source.rglob("*") if path.is_file()}
    try:
        with duckdb.connect(str(home.ledger), read_only=True) as ledger:
            taken = {digest for (digest,) in ledger.execute("select distinct sha256 from inputs").fetchall()}
    except duckdb.Error:
        return  # the run itself says why it cannot be opened
    if taken - theirs:
        raise UserError(f"{home.root}: has books of its own, into which the sample is not billed. Choose another home with --home.")


def as_known_to(ledger: Ledger, run_id: str) -> Ledger:
    """The ledger as a run found it when it billed: the versions then current, and what the runs before it had issued.

    A version that came, went and came back is taken to have been back in every run after the one that brought its rival: the
    ledger does not say when it came back.
    """
    schema = f"known_to_{re.sub('[^0-9a-z]', '_', run_id)}"
    past = ledger.connection.cursor()
    past.execute("set TimeZone = 'UTC'")
    past.execute(f"create schema if not exists {schema}")
    past.execute(
        f"""create or replace table {schema}.inputs as
            with accepted as (select distinct table_name, day, version, run_id from main.inputs),
            then_known as (
                select i.* replace (case when by_whom.run_id <= $run then i.superseded_by end as superseded_by)
                from main.inputs i left join accepted by_whom
                  on by_whom.table_name = i.table_name and by_whom.day is not distinct from i.day and by_whom.version = i.superseded_by
                where i.run_id <= $run
            ),
            of_the_run as (select distinct table_name, day, version from then_known where run_id = $run)
            select k.* replace (case
                when mine.version = k.version then null
                when mine.version is not null then coalesce(k.superseded_by, mine.version)
                else k.superseded_by end as superseded_by)
            from then_known k left join of_the_run mine on mine.table_name = k.table_name and mine.day is not distinct from k.day""",
        {"run": run_id},
    )
    past.execute(f"create or replace table {schema}.invoices as select * from main.invoices where run_id < $run", {"run": run_id})
    past.execute(f"set search_path = '{schema},main'")
    return Ledger(past)


def _attach(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Attach the ledger to read it; where a run has it open, wait a little for it to be done."""
    quoted = str(home.ledger).replace("'", "''")
    deadline = time.monotonic() + LONGEST_WAIT
    while True:
        try:
            connection.execute(f"attach '{quoted}' as ledger (read_only)")
            return
        except duckdb.Error as reason:
            said = str(reason)
            if is_for_want_of_memory(reason):
                raise
            if "Conflicting lock" not in said:
                raise UserError(f"{home.ledger}: cannot be opened: {in_a_line(reason).rstrip('.')}. Restore it from a back-up.") from None
            if time.monotonic() > deadline:
                holder = re.search(r"PID (\d+)", said)
                who = f"a run (process {holder[1]})" if holder else "a run"
                raise UserError(f"{home.root}: {who} is using this home. Wait for it to end, then ask again.") from None
            time.sleep(0.2)


def _require_every_run(ledger: Ledger, home: Home) -> None:
    lost = missing_runs(home.receipts, ledger.chains())
    if lost:
        raise UserError(f"{home.ledger}: {lost[0][0]} {lost[0][1]}: an older ledger was put back. Restore the newest from a back-up.")
