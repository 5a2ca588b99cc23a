"""How much of the machine's memory a database may hold at once; what is more waits on disk, where it is told to."""

from __future__ import annotations

import duckdb

_LEAST = 1_000_000_000  # bytes
_ENOUGH_FOR = 600_000  # invoices: of more, a part of what DuckDB is at may not wait on disk, and that grows with them
_AN_INVOICE_MORE = 2_000  # bytes
_MANY_INVOICES = 1_000_000  # where it is not known how many there are


def in_memory(overflow: str) -> duckdb.DuckDBPyConnection:
    """A database in memory alone, within bounds. What is more waits in a folder `overflow`, and not in that from which someone calls."""
    connection = duckdb.connect(config={"temp_directory": overflow})
    hold_within_bounds(connection)
    return connection


def hold_within_bounds(connection: duckdb.DuckDBPyConnection, invoices: int = _MANY_INVOICES) -> None:
    """Bound what DuckDB holds while it is at so many invoices, unless the machine or its container gives it less than that already."""
    connection.execute("set variable given = coalesce(getvariable('given'), current_setting('memory_limit'))")
    most = f"{_LEAST + max(0, invoices - _ENOUGH_FOR) * _AN_INVOICE_MORE}B"
    asked = "select if(parse_formatted_bytes(getvariable('given')) > parse_formatted_bytes($most), $most, getvariable('given'))"
    ((bound,),) = connection.execute(asked, {"most": most}).fetchall()
    connection.execute(f"set memory_limit = '{bound}'")
