"""What a run has to read: DuckDB reads every value of all nine columns, once, and does nothing with them."""

from pathlib import Path

import duckdb

from benchmarks.peers.job import as_command


def scan(source: Path, out: Path) -> None:
    """Read the columns whole."""
    query = "select bit_xor(hash(workspace_id, user_id, kind, role, status, login_enabled, name, email, last_active_on)), count(*) from read_parquet(?)"
    print(*duckdb.execute(query, [f"{source}/users/*/*.parquet"]).fetchone())


if __name__ == "__main__":
    as_command(scan)
