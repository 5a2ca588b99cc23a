"""A month of rosters folded by DuckDB, straight from Parquet files and in bounded memory: what is larger waits on disk."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import duckdb
import polars as pl

from flows.exact_paths import exact
from flows.parquet_rows import LARGEST_FIELD
from transforms.buckets import Bucket, buckets
from transforms.catalog import KINDS, STATUSES
from transforms.contracts.base import rows_that_keep
from transforms.contracts.sources import ROLES, UserRows
from transforms.directory import PERSON
from transforms.roster_months import SCHEMA, STANDING, bits_of
from transforms.source_rows import CALENDAR

# What DuckDB may hold at once; it stays under it by writing to disk. With Polars beside it four million seats came in with 1.8 GiB.
_MEMORY = "1GB"
_MEMORY_BESIDE = "300MB"  # while buckets are worked on in Polars
_FEW_BUCKETS = 8
_USERS_AT_ONCE = 1_250_000  # what a fold of a month holds of them under that limit
_BATCH = 500_000  # rows
_KINDS, _STATUSES = sorted(KINDS), sorted(STATUSES)
_ID_COLUMNS = ("workspace_id", "user_id")


class HashesCollide(Exception):
    """Two users have the same hash, as one pair in 10¹⁹ may: the rosters have to be folded by their text."""


class DayFile(NamedTuple):
    """A Parquet file of one day's roster in the contract's types, and how many rows it says that it has."""

    path: Path
    day: date
    rows: int


class MonthPart(NamedTuple):
    """A month's rosters of one bucket, and the last row of each of its users."""

    bucket: Bucket
    rosters: pl.DataFrame
    people: pl.DataFrame


class RosterFold:
    """The rosters of one month, of some days, in files. To be closed; `scratch` is where DuckDB puts what it cannot hold."""

    def __init__(self, files: Sequence[DayFile], scratch: Path) -> None:
        self._files = list(files)
        self._last = max(file.day for file in files)
        self._last_bit = bits_of([self._last])
        config = {
            "memory_limit": _MEMORY,
            "temp_directory": str(scratch),
            "preserve_insertion_order": False,
            "enable_external_file_cache": False,
            # what a footer says of a column's least and largest is not relied on: a damaged one may say anything
            "disabled_optimizers": "statistics_propagation,compressed_materialization",
        }
        self._connection = duckdb.connect(config=config)

    def close(self) -> None:
        """Let go of the memory and of what is on disk."""
        self._connection.close()

    def broken_days(self, into: int) -> set[date]:
        """Fold, for so many buckets, and return the days that have to be looked at row by row first; nothing is wrong with the others.

        Raises: HashesCollide; duckdb.Error for a file that cannot be read.
        """
        self._fold()
        self._run("fold_members")
        if self._one("select count(*) from members where least <> largest"):
            raise HashesCollide
        broken = self._days("select bit_or(bits) from folded where standing not in (select unnest($known))", known=_known_standings())
        broken |= self._days_of_repeats()
        self._run("fold_cells", roles=list(ROLES), last_bit=self._last_bit, first_date=CALENDAR[0], last_date=CALENDAR[1])
        broken |= self._days_of_broken_cells()
        if broken:
            return broken
        last_files = [exact(file.path) for file in self._files if file.day == self._last]
        self._execute(_sql("fold_people") + self._in_order(into), buckets=into, last_day=self._last.day, last_files=last_files)
        self._run("fold_leavers", buckets=into)  # apart: DuckDB does not sort a union in bounded memory
        if self._one("select (select count(*) from people) <> (select count(*) from members)"):
            raise duckdb.DataError("rows that were there when folding were not found again")
        return self._days_of_broken_ids()

    def _fold(self) -> None:
        """Fold the same share of each day's files at a time: where days are in one order, the same users, who fit into memory.

        Where they are not it is as right, and more waits on disk.
        """
        shares = self._shares()
        for n, files in enumerate(shares):
            self._execute(f"create table share_{n} as {_sql('fold_rosters')}", files, kinds=_KINDS, statuses=_STATUSES)
        if len(shares) == 1:
            self._execute("alter table share_0 rename to folded")
            return
        self._execute(f"create view shares as {' union all '.join(f'from share_{n}' for n in range(len(shares)))}")
        self._run("fold_shares")
        self._execute("drop view shares")
        for n in range(len(shares)):
            self._execute(f"drop table share_{n}")

    def _shares(self) -> list[list[DayFile]]:
        """Files in groups of which each has the same share of every day."""
        days: dict[date, list[DayFile]] = {}
        for file in self._files:
            days.setdefault(file.day, []).append(file)
        users = max(sum(file.rows for file in files) for files in days.values())
        of = max(1, min(-(-users // _USERS_AT_ONCE), *(len(files) for files in days.values())))
        shares: list[list[DayFile]] = [[] for _ in range(of)]
        for files in days.values():
            for n, file in enumerate(files):
                shares[n * of // len(files)].append(file)
        return shares

    def parts(self, into: int) -> Iterator[MonthPart]:
        """The month, one bucket after the other; after `broken_days` found none."""
        self._execute(_sql("fold_standings") + self._in_order(into))
        for table in ("folded", "members", "cells"):
            self._execute(f"drop table {table}")
        self._execute(f"set memory_limit = '{_MEMORY_BESIDE}'")
        for bucket in buckets(into):
            people = self._frame("select * exclude (bucket) from people where bucket = $number", number=bucket.number).sort(_ID_COLUMNS)
            standings = self._frame("select * exclude (bucket) from standings where bucket = $number", number=bucket.number)
            yield MonthPart(bucket, self._roster_month(people, standings), self._people(people))

    def _in_order(self, into: int) -> str:
        """Of many buckets each is then read where it lies; to read all for each of a few costs less than to sort."""
        return "order by bucket" if into > _FEW_BUCKETS else ""

    def _roster_month(self, people: pl.DataFrame, standings: pl.DataFrame) -> pl.DataFrame:
        users = people.select(*_ID_COLUMNS, "user_hash", "last_active_on")
        joined = users.join(standings.sort("standing"), on="user_hash", maintain_order="left_right")
        words = _standings().select(pl.all().gather(joined["standing"]))
        is_there = (pl.col("bits") & self._last_bit) != 0
        told = joined.with_columns(words, last_active_on=pl.when(is_there).then("last_active_on"))
        return told.select(list(SCHEMA))

    def _people(self, people: pl.DataFrame) -> pl.DataFrame:
        return people.with_columns(day=pl.date(self._last.year, self._last.month, "day")).select(PERSON)

    # --- what is not in order -------------------------------------------------------------------------------------------------

    def _days_of_repeats(self) -> set[date]:
        """Days on which a user has two rows."""
        if not self._one('select count(*) from members where "rows" <> bit_count(bits)'):
            return set()
        twice = """
            select distinct list_extract($days, file_index::bigint + 1) as day
            from read_parquet($files, hive_partitioning = false)
            where hash(workspace_id, user_id) in (select user_hash from members where "rows" <> bit_count(bits))
            group by day, hash(workspace_id, user_id)
            having count(*) > 1"""
        return {self._last.replace(day=day) for (day,) in self._execute(twice).fetchall()}

    def _days_of_broken_cells(self) -> set[date]:
        """Days with a file that has a broken cell, or not the rows that it says."""
        asked = 'select file_index, "filename", "rows", is_whole, longest from cells'
        told = {n: rest for n, *rest in self._execute(asked).fetchall()}
        broken = set()
        for n, file in enumerate(self._files):
            name, rows, is_whole, longest = told.get(n, (str(file.path), 0, True, 0))
            if name != str(file.path) or rows != file.rows or not is_whole or longest > LARGEST_FIELD:
                broken.add(file.day)
        return broken

    def _days_of_broken_ids(self) -> set[date]:
        """Days on which somebody is whose ids break their contract."""
        broken: set[date] = set()
        for column, ids in (("workspace_id", "select distinct workspace_id from people"), ("user_id", "select user_id from people")):
            wrong = pl.Series(column, dtype=pl.String)
            for batch in self._connection.sql(ids).to_arrow_reader(_BATCH):
                found = pl.from_arrow(batch).select(pl.col(column).cast(pl.String))
                wrong = pl.concat([wrong, found.filter(~rows_that_keep(UserRows, found))[column]])
            if len(wrong):
                days = f"select bit_or(m.bits) from members m join people p using (user_hash) where coalesce({column}, '') in (select unnest($wrong))"
                broken |= self._days(days, wrong=wrong.fill_null("").to_list())
        return broken

    # --- asking --------------------------------------------------------------------------------------------------------------

    def _run(self, name: str, **values: object) -> None:
        self._execute(_sql(name), **values)

    def _execute(self, sql: str, files: Sequence[DayFile] | None = None, **values: object) -> duckdb.DuckDBPyConnection:
        files = self._files if files is None else files
        values |= {"files": [exact(file.path) for file in files], "days": [file.day.day for file in files]}
        return self._connection.execute(sql, {name: value for name, value in values.items() if re.search(rf"\${name}\b", sql)})

    def _one(self, sql: str) -> int:
        return self._execute(sql).fetchall()[0][0]

    def _days(self, sql: str, **values: object) -> set[date]:
        ((bits,),) = self._execute(sql, **values).fetchall()
        return {self._last.replace(day=n + 1) for n in range(31) if (bits or 0) >> n & 1}

    def _frame(self, sql: str, **values: object) -> pl.DataFrame:
        return self._connection.sql(sql, params=values).pl()


def _sql(name: str) -> str:
    return Path(__file__).with_name(f"{name}.sql").read_text(encoding="utf-8")


def _standings() -> pl.DataFrame:
    """Every standing by its number, as fold_rosters.sql reckons it; null where a number is none."""
    rows: list[Mapping[str, object]] = [dict.fromkeys(STANDING[2:])] * 128
    for number in range(128):
        kind, status, login = number >> 5, number >> 2 & 7, number & 3
        if 1 <= kind <= len(_KINDS) and 1 <= status <= len(_STATUSES) and login in ((1, 2) if _KINDS[kind - 1] == "alias" else (0,)):
            rows[number] = {"kind": _KINDS[kind - 1], "status": _STATUSES[status - 1], "login_enabled": [None, False, True][login]}
    return pl.DataFrame(rows, schema={column: SCHEMA[column] for column in STANDING[2:]})


def _known_standings() -> list[int]:
    return _standings()["kind"].is_not_null().arg_true().to_list()
