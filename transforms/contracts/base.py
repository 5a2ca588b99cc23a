"""What all contracts share: strict columns, no coercion, every fault found."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import pandera.polars as pa
import polars as pl
from pandera.backends.polars.register import register_polars_backends

MAX_ID_CHARACTERS = 200
MAX_BITS = 2**31 - 1

register_polars_backends()  # pandera does so itself, but only once it validates


def filled() -> Any:
    """A text that is there and not empty. A new field each time: pandera binds a field to the name it is given."""
    return pa.Field(str_length={"min_value": 1})


class Contract(pa.DataFrameModel):
    """A frame of exactly these columns and types. Validate eager frames: on a lazy one pandera checks no values."""

    class Config:
        strict = True
        coerce = False
        ordered = False

    @classmethod
    def names(cls) -> list[str]:
        """The columns' names, in the contract's order."""
        return list(_types(cls))

    @classmethod
    def types(cls) -> dict[str, pl.DataType]:
        """The columns' types, by name."""
        return _types(cls)

    @classmethod
    def empty(cls) -> pl.DataFrame:
        """A frame of no rows that keeps the contract."""
        return pl.DataFrame(schema=_types(cls))

    @classmethod
    def validate(cls, frame: pl.DataFrame, **options: Any) -> pl.DataFrame:
        """The frame, if it keeps the contract: all of pandera's checks in one pass over the data.

        Raises: pandera's SchemaError, or SchemaErrors where `lazy=True`; only then does pandera look check by check, to say where.
        """
        return frame if is_kept(cls, frame) else super().validate(frame, **options)


@cache
def _types(contract: type[Contract]) -> dict[str, pl.DataType]:
    return {name: column.dtype.type for name, column in contract.to_schema().columns.items()}


def is_kept(contract: type[Contract], frame: pl.DataFrame) -> bool:
    """Whether a frame keeps a contract. Nulls are for the columns' own rule, not for their checks, as pandera has it."""
    if dict(frame.schema) != _types(contract):
        return False
    rows = frame.lazy()
    wrong = [check.alias(str(n)) for n, check in enumerate(_required(contract))]
    told = [rows.select(wrong), *_broken(contract, rows)]
    return not any(any(row) for answer in pl.collect_all(told) for row in answer.iter_rows())


def rows_that_keep(contract: type[Contract], frame: pl.DataFrame) -> pl.Series:
    """Of which rows each value keeps the contract, for a frame of some of its columns in their types. Checks of whole rows are not asked.

    Grain: a boolean a row.
    """
    rows, columns = frame.lazy(), contract.to_schema().columns
    filled = [rows.select(pl.col(name).is_not_null().alias("is_kept")) for name in frame.columns if not columns[name].nullable]
    told = [_says(check, rows, name).select(pl.first().fill_null(check.ignore_na).alias("is_kept")) for name in frame.columns for check in columns[name].checks]
    kept = pl.repeat(True, frame.height, dtype=pl.Boolean, eager=True)
    for answer in pl.collect_all([*filled, *told]):
        kept = kept & answer["is_kept"]
    return kept


def _required(contract: type[Contract]) -> Iterator[pl.Expr]:
    """For each column that must be filled: is a null in it?"""
    return (pl.col(name).has_nulls() for name, column in contract.to_schema().columns.items() if not column.nullable)


def _broken(contract: type[Contract], rows: pl.LazyFrame) -> Iterator[pl.LazyFrame]:
    """For each check: is there a row of which pandera's check function says no?"""
    schema = contract.to_schema()
    for key, checks in [("*", schema.checks), *((name, column.checks) for name, column in schema.columns.items())]:
        for check in checks:
            yield _says(check, rows, key).select(~pl.all().fill_null(check.ignore_na).all())


def _says(check: Any, rows: pl.LazyFrame, key: str) -> pl.LazyFrame:
    return partial(check._check_fn, **check._check_kwargs)(pa.PolarsData(rows, key))
