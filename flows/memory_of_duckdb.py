"""How much of the machine's memory a database may hold at once; what is more waits on disk, where it is told to."""

from __future__ import annotations

import duckdb

_MOST = "1GB"


def in_memory(overflow: str) -> duckdb.DuckDBPyConnection:
    """A database in memory alone, within bounds. What is more waits in a folder `overflow`, and not in that from which someone calls."""
    connection = duckdb.connect(config={"temp_directory": overflow})
    hold_within_bounds(connection)
    return connection


def hold_within_bounds(connection: duckdb.DuckDBPyConnection) -> None:
    """Bound what DuckDB holds, unless the machine or its container gives it less than that already."""
    asked = "select parse_formatted_bytes(current_setting('memory_limit')) > parse_formatted_bytes(?)"
    if connection.execute(asked, [_MOST]).fetchall()[0][0]:
        connection.execute(f"set memory_limit = '{_MOST}'")
