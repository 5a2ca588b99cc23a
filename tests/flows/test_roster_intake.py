"""Large months are read share by share, small ones at once, and by turns. What is billed and shown of them is the same."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from flows import ingest, roster_intake
from flows.checked_rows import Checked, checked
from tests.conftest import Product
from tests.flows.small_source import small_source, users_file
from tests.seldom import seldom_but
from transforms.contracts.sources import UserRows

FEB = date(2026, 2, 12)
DAMAGES = {
    "nothing": lambda rows: rows,
    "a row twice": lambda rows: pl.concat([rows, rows.slice(1, 1)]),
    "a user twice, with another status": lambda rows: pl.concat([rows, rows.slice(1, 1).with_columns(status=pl.lit("revoked"))]),
    "a status that is none": lambda rows: rows.with_columns(pl.when(pl.col("user_id") == "b").then(pl.lit("asleep")).otherwise("status").alias("status")),
    "a newcomer whose id is none": lambda rows: pl.concat([rows, rows.slice(1, 1).with_columns(user_id=pl.lit(" z"))]),
    "a date before all dates": lambda rows: rows.with_columns(
        last_active_on=pl.when(pl.col("user_id") == "b").then(pl.lit(date(1900, 1, 1))).otherwise("last_active_on")
    ),
    "a word that is missing": lambda rows: rows.with_columns(role=pl.when(pl.col("user_id") != "b").then("role")),
}  # fmt: skip


def as_exported(path: Path, damage: str) -> None:
    """A roster as Parquet with the types of an export, in two parts, with something wrong in it."""
    rows = pl.read_csv(path, infer_schema=False).with_columns(
        pl.col("login_enabled").str.to_lowercase() == "true", pl.col("last_active_on").str.to_date("%Y-%m-%d")
    )
    rows = DAMAGES[damage](rows).cast(UserRows.types())
    rows.head(2).write_parquet(path.with_name("part-0.parquet"))
    rows.slice(2).write_parquet(path.with_name("part-1.parquet"))
    path.unlink()


def seen(product: Product) -> dict[str, list]:
    tables = {
        "invoice_lines": "* exclude (line_id)", "seat_occupancy": "*", "idle_seats": "*", "holds": "*", "exceptions": "*",
        "inputs": "table_name, day, file, sha256, rows, repeats",
    }  # fmt: skip
    directory = pl.read_parquet(product.home.lake / "directory.parquet").rows()
    return {table: product.table(f"select {columns} from {table} order by all").rows() for table, columns in tables.items()} | {
        "": directory
    }


@pytest.mark.parametrize("damage", seldom_but(["a row twice"], DAMAGES))
@pytest.mark.parametrize("in_steps", [False, pytest.param(True, marks=pytest.mark.long)])  # nine runs each
def test_out_of_core_or_at_once_it_is_the_same(
    another_product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str, in_steps: bool
) -> None:
    source = small_source(tmp_path / "source", last=FEB)
    for path in sorted(source.glob("users/*/users.csv")):
        as_exported(path, damage if path == users_file(source, date(2026, 1, 20)) else "nothing")
    at_once, out_of_core, by_turns = (another_product(name) for name in ("at once", "out of core", "by turns"))
    steps = [date(2026, 1, 10), date(2026, 1, 25), FEB] if in_steps else [FEB]
    for product, sizes in ((at_once, [10**9] * 3), (out_of_core, [0] * 3), *([(by_turns, [10**9, 0, 10**9])] if in_steps else [])):
        for through, size in zip(steps, sizes, strict=False):
            monkeypatch.setattr(roster_intake, "_SMALL_MONTH", size)
            product.run(source, through)
        assert seen(product) == seen(at_once)
    assert bool(seen(out_of_core)["holds"]) == (damage not in ("nothing", "a row twice"))




def test_rows_of_other_tables_are_let_go_of_before_rosters_are_read(product: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, taken = [], []

    def remembered(table: str, contents: dict) -> Checked:
        found = checked(table, contents)
        read.append(weakref.ref(found.rows))
        return found

    def rosters(*arguments: object) -> Iterator[roster_intake.MonthIn]:
        assert read and not any(rows() is not None for rows in read)
        for month in roster_intake.months_of_rosters(*arguments):
            taken.append(month.month)
            yield month

    monkeypatch.setattr(ingest, "checked", remembered)
    monkeypatch.setattr(ingest, "months_of_rosters", rosters)
    product.run(small_source(tmp_path / "source", last=FEB), FEB)
    assert taken == [date(2026, 1, 1), date(2026, 2, 1)]
