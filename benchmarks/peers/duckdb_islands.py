"""DuckDB, gaps and islands: consecutive days of a user on a seat are one spell; seats and moves are counted from the spells."""

from pathlib import Path

import duckdb

from benchmarks.peers.job import as_command, first_and_last, policy_values


def islands(source: Path, out: Path) -> None:
    """Find each user's spells on a seat, then count."""
    first, last = first_and_last(source)
    duckdb.execute(f"""
        create temp table spells as
        with held as (
            select u.workspace_id, u.user_id, u.date as day
            from read_parquet('{source}/users/*/*.parquet', hive_partitioning = true) u
            join (select distinct workspace_id, catalog from '{source}/subscriptions.parquet') s using (workspace_id)
            join (values {policy_values()}) p(catalog, kind, status) on (s.catalog, u.kind, u.status) = (p.catalog, p.kind, p.status)
        ),
        numbered as (
            select *, day - row_number() over (partition by workspace_id, user_id order by day)::integer as island from held
        )
        select workspace_id, user_id, min(day) as first_day, max(day) as last_day
        from numbered group by workspace_id, user_id, island
    """)
    duckdb.execute(f"""
        copy (
            select workspace_id, day::date as day, count(*) as seats
            from (select workspace_id, unnest(generate_series(first_day, last_day, interval 1 day)) as day from spells)
            group by all
        ) to '{out}/seats.parquet'
    """)
    duckdb.execute(f"""
        copy (
            select workspace_id, day, sum(came)::bigint as arrived, sum(went)::bigint as departed
            from (
                select workspace_id, first_day as day, 1 as came, 0 as went from spells where first_day > '{first}'
                union all
                select workspace_id, last_day + 1, 0, 1 from spells where last_day < '{last}'
            )
            group by all
        ) to '{out}/moves.parquet'
    """)


if __name__ == "__main__":
    as_command(islands)
