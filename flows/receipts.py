"""What shows that a ledger is whole: each run chained to the one before, and a receipt of it outside the database.

A row that someone changes breaks the chain; a ledger that is lost, or an old one put back, lacks a run that has a receipt.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from flows.errors import UserError

if TYPE_CHECKING:
    import pyarrow

_OF_A_RUN = {
    "inputs": "select table_name, day, version, file, sha256, bytes, rows, ingested_at from inputs where run_id = $run",
    "invoices": "select * from invoices where run_id = $run",
    "invoice_lines": "select l.* from invoice_lines l join invoices i using (invoice_id) where i.run_id = $run",
    "invoice_dates": "select * from invoice_dates where run_id = $run",
    "credit_ledger": "select c.* from credit_ledger c join invoices i using (invoice_id) where i.run_id = $run",
    "repeats": "select table_name, day, version, file, repeats from inputs where run_id = $run and repeats > 0",
    "runs": "select * exclude (chain, catalog) from runs where run_id = $run",
    "one_catalog": "select catalog from runs where run_id = $run and catalog is not null",
}
_LATER = ("repeats", "one_catalog")
_ROWS_AT_ONCE = 20_000


def chain_of_run(connection: duckdb.DuckDBPyConnection, run_id: str, previous: str) -> str:
    """The digest of all that a run decided, and of the run before it.

    Of each part: of its rows as JSON, in the order of their text, a line each. Parts that came with a later version are left out where
    they are empty: a chain from before still holds.
    """
    digests = {name: _digest(connection, sql, run_id) for name, sql in _OF_A_RUN.items()}
    return sha256("/".join([previous, *(d for name, d in digests.items() if d or name not in _LATER)]).encode()).hexdigest()


def _digest(connection: duckdb.DuckDBPyConnection, sql: str, run_id: str) -> str:
    """The digest of a query's rows, of which only some are in memory; empty for none."""
    lines = f"select chr(10) || to_json(q)::varchar as line from ({sql}) q order by line"
    found, is_first = sha256(), True
    for batch in connection.sql(lines, params={"run": run_id}).to_arrow_reader(_ROWS_AT_ONCE):
        for text in _bytes_of(batch.column(0)):
            found.update(text[1:] if is_first else text)  # a line's end is between lines
            is_first = False
    return "" if is_first else found.hexdigest()


def _bytes_of(texts: pyarrow.Array) -> Iterator[memoryview]:
    """The texts of an Arrow array, one after the other as they lie in memory. (To cast them would import what computes with arrays: a twentieth of a second.)"""
    import pyarrow

    if len(texts):
        _, offsets, content = texts.buffers()
        starts = memoryview(offsets).cast("q" if texts.type == pyarrow.large_string() else "i")
        yield memoryview(content)[starts[texts.offset] : starts[texts.offset + len(texts)]]


def broken_links(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Runs whose stored chain is not what their rows give, with what is wrong."""
    found, previous = [], ""
    for run_id, chain in connection.execute("select run_id, chain from runs order by run_id").fetchall():
        if chain_of_run(connection, run_id, previous) != chain:
            found.append((run_id, "a row that this run wrote was changed, added or removed since"))
        previous = chain
    return found


def write_receipt(path: Path, run_id: str, chain: str) -> None:
    """Add a run's receipt, flushed to disk."""
    is_cut = path.exists() and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if is_cut else "") + json.dumps({"run_id": run_id, "chain": chain}) + "\n")
        file.flush()
        os.fsync(file.fileno())


def missing_runs(path: Path, runs: dict[str, str]) -> list[tuple[str, str]]:
    """Receipts of runs that the ledger lacks, or has otherwise; `runs` are its chains by run."""
    return [(run_id, "has a receipt, and is not in the ledger") for run_id, chain in _receipts(path) if runs.get(run_id) != chain]


def missing_receipts(path: Path, runs: dict[str, str]) -> list[tuple[str, str]]:
    """Runs of the ledger without a receipt, but for the last: a crash after its commit may have left that out, and the next run adds it."""
    told = {run_id for run_id, _ in _receipts(path)}
    return [
        (run_id, f"has no receipt in {path.name}, which was lost or cut; the next run writes it anew")
        for run_id in sorted(runs)[:-1]
        if run_id not in told
    ]


def settle_receipts(path: Path, ledger: Path, runs: dict[str, str]) -> None:
    """Check the ledger against its receipts, and add the receipt that a crash after a commit left out.

    Raises: UserError naming the first run that is lost.
    """
    lost = missing_runs(path, runs)
    if lost:
        raise UserError(
            f"{ledger}: {lost[0][0]} {lost[0][1]}: the ledger was lost or an older one put back. "
            "Restore the newest ledger.duckdb (and its .wal, if there is one) from a back-up."
        )
    told = {run_id for run_id, _ in _receipts(path)}
    for run_id in sorted(runs.keys() - told):
        write_receipt(path, run_id, runs[run_id])


def _receipts(path: Path) -> list[tuple[str, str]]:
    """Run and chain of every whole receipt; a last line that a crash cut is as if it had not been written."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            receipt = json.loads(line)
            found.append((receipt["run_id"], receipt["chain"]))
        except (ValueError, KeyError, TypeError):
            continue
    return found
