"""DuckDB, the plain question: how many seats has each workspace on each day? It does not ask who came and went."""

from pathlib import Path

import duckdb

from benchmarks.peers.job import as_command, policy_values


def count_by_day(source: Path, out: Path) -> None:
    """Count seats by workspace and day."""
    duckdb.execute(f"""
        copy (
            select u.workspace_id, u.date as day, count(*) as seats
            from read_parquet('{source}/users/*/*.parquet', hive_partitioning = true) u
            join (select distinct workspace_id, catalog from '{source}/subscriptions.parquet') s using (workspace_id)
            join (values {policy_values()}) p(catalog, kind, status) on (s.catalog, u.kind, u.status) = (p.catalog, p.kind, p.status)
            group by all
        ) to '{out}/seats.parquet'
    """)


if __name__ == "__main__":
    as_command(count_by_day)
