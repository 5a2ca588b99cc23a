"""Whether all counted the same seats: outputs compared row by row, whoever wrote them."""

from __future__ import annotations

from pathlib import Path

import duckdb

COLUMNS = {
    "seats": "workspace_id::varchar, day::date, seats::bigint",
    "moves": "workspace_id::varchar, day::date, arrived::bigint, departed::bigint",
}


def rows_of_peer(out: Path, table: str) -> str | None:
    """The query of what a peer wrote; None where it wrote no such table."""
    path = out / f"{table}.parquet"
    if not path.exists():
        return None
    files = f"{path}/*.parquet" if path.is_dir() else path
    return f"select {COLUMNS[table]} from read_parquet('{files}')"


def rows_of_product(home: Path, table: str) -> str | None:
    """The query of what the product published of the same: its occupancy. On the opening day everybody is new there."""
    if not (home / "finance.duckdb").exists():
        return None
    occupancy = "from finance.seat_occupancy"
    if table == "seats":
        return f"select workspace_id, day, occupied::bigint {occupancy} where occupied > 0"
    later = f"day > (select min(day) {occupancy})"
    return f"select workspace_id, day, added::bigint, removed::bigint {occupancy} where {later} and added + removed > 0"


def differences(mine: str, reference: str, home: Path | None = None) -> int:
    """How many rows are in one and not in the other."""
    with duckdb.connect() as db:
        if home:
            db.execute(f"attach '{home / 'finance.duckdb'}' as finance (read_only)")
        apart = f"(({mine}) except all ({reference})) union all (({reference}) except all ({mine}))"
        return db.execute(f"select count(*) from ({apart})").fetchone()[0]
