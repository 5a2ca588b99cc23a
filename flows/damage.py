"""Which of a home's two databases it is that cannot be read: one comes from a back-up, the other can be made anew."""

from __future__ import annotations

import duckdb

from flows.errors import UserError, why_not_opened
from flows.home import Home

MADE_ANEW = "Have it made anew: seatledger report"


def unreadable(home: Home, reason: duckdb.Error) -> UserError:
    """To be raised where the two were asked at once, and DuckDB does not say which of them failed."""
    path = home.finance if _is_whole(home) else home.ledger
    mend = (MADE_ANEW,) if path == home.finance else ()
    return UserError(f"{path}: cannot be read: {why_not_opened(reason, *mend)}")


def _is_whole(home: Home) -> bool:
    """Whether every row of the ledger can be read: each block of the file has a checksum."""
    try:
        with duckdb.connect(str(home.ledger), read_only=True) as ledger:
            for (table,) in ledger.execute("select table_name from duckdb_tables()").fetchall():
                ledger.execute(f"select max(hash(t)) from {table} t").fetchall()
    except duckdb.Error:
        return False
    return True
