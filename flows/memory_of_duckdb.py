"""How much of the machine's memory a database may hold at once; what is more waits on disk beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MOST = "2GB"


def hold_within_bounds(connection: DuckDBPyConnection) -> None:
    """Bound what DuckDB holds, unless the machine or its container gives it less than that already."""
    asked = "select parse_formatted_bytes(current_setting('memory_limit')) > parse_formatted_bytes(?)"
    if connection.execute(asked, [_MOST]).fetchall()[0][0]:
        connection.execute(f"set memory_limit = '{_MOST}'")
