"""chDB, ClickHouse in the process: each user's days in an array; seats by unfolding it, moves where neighbours are not consecutive."""

from pathlib import Path

from chdb import session

from benchmarks.peers.job import as_command, first_and_last, policy_values


def arrays_of_days(source: Path, out: Path) -> None:
    """Collect each user's days on a seat, then count."""
    first, last = first_and_last(source)
    clickhouse = session.Session()
    clickhouse.query(f"""
        create table held engine = Memory as
        select workspace_id, user_id, arraySort(groupArray(toDate(u.date))) as days
        from file('{source}/users/*/*.parquet', Parquet) as u
        join (select distinct workspace_id, catalog from file('{source}/subscriptions.parquet', Parquet)) as s
            on u.workspace_id = s.workspace_id
        where (s.catalog, u.kind, u.status) in ({policy_values()})
        group by u.workspace_id as workspace_id, u.user_id as user_id
        settings use_hive_partitioning = 1
    """)
    clickhouse.query(f"""
        insert into function file('{out}/seats.parquet', Parquet)
        select workspace_id, toDate32(day) as day, toInt64(count()) as seats from held array join days as day group by workspace_id, day
        settings engine_file_truncate_on_insert = 1
    """)
    clickhouse.query(f"""
        insert into function file('{out}/moves.parquet', Parquet)
        select workspace_id, toDate32(move.1) as day, toInt64(countIf(move.2 = 1)) as arrived, toInt64(countIf(move.2 = -1)) as departed
        from (
            select
                workspace_id,
                arrayFilter(day -> not has(days, day - 1) and day > toDate('{first}'), days) as came,
                arrayFilter(day -> not has(days, day) and day <= toDate('{last}'), arrayMap(day -> day + 1, days)) as went,
                arrayConcat(arrayMap(day -> (day, 1), came), arrayMap(day -> (day, -1), went)) as moves
            from held
        )
        array join moves as move
        group by workspace_id, day
        settings engine_file_truncate_on_insert = 1
    """)


if __name__ == "__main__":
    as_command(arrays_of_days)
