"""What is in the finance database: the tables, filled from the ledger and from what is shown; the reports made of them; the views with readable money."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from graphlib import TopologicalSorter
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl

from flows.exact_paths import exact
from flows.month_reports import REPORTS
from transforms.catalog import Catalog
from transforms.money import CURRENCY_DECIMALS

if TYPE_CHECKING:
    import pyarrow

    Rows = pyarrow.Table | pyarrow.RecordBatchReader | list[Path]

ShownRows = Iterable[tuple[str, Iterator[pl.DataFrame] | list[Path]]]  # of each table any number of frames, or Parquet files of them


def fill_finance(finance: duckdb.DuckDBPyConnection, rows: Iterable[tuple[str, Rows]], catalogs: Mapping[str, Catalog]) -> None:
    """Everything that is published, in an empty database: the tables, of which the rows may come in parts, the reports made of them, the views."""
    finance.execute((REPORTS / "tables.sql").read_text(encoding="utf-8"))
    ours = (("currencies", _currencies(catalogs).to_arrow()), ("catalogs", _catalogs(catalogs).to_arrow()))
    for table, part in chain(ours, rows):
        fill_table(finance, table, part)
    for report in reports_in_order():
        finance.execute(report.read_text(encoding="utf-8"))
    _create_money_views(finance, max(CURRENCY_DECIMALS[c.currency] for c in catalogs.values()))


def reports_in_order() -> list[Path]:
    """The reports that are tables, each after those that its header names (`-- After: …`)."""
    paths = {path.stem: path for path in sorted(REPORTS.glob("*.sql")) if path.name != "tables.sql"}
    needs = {name: re.findall(r"^-- After: (\w+)\.$", path.read_text(encoding="utf-8"), re.MULTILINE) for name, path in paths.items()}
    return [paths[name] for name in TopologicalSorter(needs).static_order()]


def reports_that_follow_from(tables: set[str]) -> list[Path]:
    """The reports that are tables and name one of these, or one of those that do; in their order."""
    found, named = [], set(tables)
    for report in reports_in_order():
        if named & set(re.findall(r"\w+", report.read_text(encoding="utf-8"))):
            found.append(report)
            named.add(report.stem)
    return found


def fill_table(finance: duckdb.DuckDBPyConnection, table: str, rows: Rows) -> None:
    """Add rows to a table, by column name."""
    if isinstance(rows, list):  # read by all of DuckDB's threads, and with no copy of it held here
        read = f"insert into {table} by name select * from read_parquet($files, hive_partitioning = false)"
        finance.execute(read, {"files": [exact(path) for path in rows]})
        return
    finance.register("incoming", rows)
    finance.execute(f"insert into {table} by name select * from incoming")
    finance.unregister("incoming")


def rows_of_shown(shown: ShownRows) -> Iterator[tuple[str, Rows]]:
    """Of each table what can be filled in: files as they are, frames as one stream."""
    return ((table, parts if isinstance(parts, list) else _read_once(parts)) for table, parts in shown)


def _read_once(frames: Iterator[pl.DataFrame]) -> pyarrow.RecordBatchReader:
    """Frames as one stream, of which only the present one is held. (Of tables registered one by one DuckDB keeps all until it commits.)"""
    import pyarrow

    first = next(frames).to_arrow()
    return pyarrow.RecordBatchReader.from_batches(
        first.schema, chain(first.to_batches(), (batch for frame in frames for batch in frame.to_arrow().to_batches()))
    )


def _currencies(catalogs: Mapping[str, Catalog]) -> pl.DataFrame:
    codes = sorted({c.currency for c in catalogs.values()})
    rows = [(code, CURRENCY_DECIMALS[code], f"{Decimal(1).scaleb(-CURRENCY_DECIMALS[code]):.4f}") for code in codes]
    frame = pl.DataFrame(rows, schema=["currency", "decimals", "unit"], orient="row")
    return frame.with_columns(pl.col("unit").str.to_decimal(scale=4))


def _catalogs(catalogs: Mapping[str, Catalog]) -> pl.DataFrame:
    rows = [(c.id, c.name, c.currency, c.timezone, c.invoice_prefix, c.rounding) for c in sorted(catalogs.values(), key=lambda c: c.id)]
    return pl.DataFrame(rows, schema=["catalog", "name", "currency", "timezone", "invoice_prefix", "rounding"], orient="row")


def _create_money_views(finance: duckdb.DuckDBPyConnection, decimals: int) -> None:
    """Beside each column in minor units, the same amount as a DECIMAL with the most decimals of any currency.

    What one minor unit is worth has no more decimals than that: multiplied so, an amount need not be divided again, which costs ten times as much.
    """
    worth = f"c.unit::decimal({decimals + 1}, {decimals})"
    described = (
        "select table_name, column_name, coalesce(comment, '') from duckdb_columns() where not internal order by table_name, column_index"
    )
    tables: dict[str, list[tuple[str, str]]] = {}
    for table, name, comment in finance.execute(described).fetchall():
        tables.setdefault(table, []).append((name, comment))
    statements = []
    for table, columns in tables.items():
        minor = [name for name, _ in columns if name.endswith("_minor")]
        if not minor:
            continue
        amounts = [f"(t.{name} * {worth})::decimal(24, {decimals}) as {name.removesuffix('_minor')}" for name in minor]
        statements.append(
            f"create view {table}_v as select t.*, {', '.join(amounts)} from {table} t left join currencies c using (currency)"
        )
        statements.append(f"comment on view {table}_v is 'As {table}, with money also in the currency''s own unit.'")
        readable = [(name.removesuffix("_minor"), f"{name} in the currency's own unit.") for name in minor]
        statements += [_comment(f'{table}_v."{name}"', comment) for name, comment in columns + readable]
    finance.execute(";".join(statements))


def _comment(column: str, comment: str) -> str:
    text = comment.replace("'", "''")
    return f"comment on column {column} is '{text}'"
