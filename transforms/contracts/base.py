"""What all contracts share: strict columns, no coercion, every fault found."""

from __future__ import annotations

from functools import cache, partial
from itertools import chain
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
    return dict(frame.schema) == _types(contract) and not any(chain.from_iterable(frame.select(_faults(contract)).iter_rows()))


def rows_that_keep(contract: type[Contract], frame: pl.DataFrame) -> pl.Series:
    """Of which rows each value keeps the contract, for a frame of some of its columns in their types. Checks of whole rows are not asked.

    Grain: a boolean a row.
    """
    columns, checks = contract.to_schema().columns, _checks(contract)
    filled = (pl.col(name).is_not_null() for name in frame.columns if not columns[name].nullable)
    return frame.select(pl.all_horizontal(pl.repeat(True, pl.len()), *filled, *chain.from_iterable(checks[name] for name in frame.columns))).to_series()


@cache
def _faults(contract: type[Contract]) -> list[pl.Expr]:
    """For each column that must be filled: is a null in it? For each check: is there a row of which it says no?"""
    required = (pl.col(name).has_nulls() for name, column in contract.to_schema().columns.items() if not column.nullable)
    broken = (~says.all() for says in chain.from_iterable(_checks(contract).values()))
    return [fault.alias(str(n)) for n, fault in enumerate(chain(required, broken))]


@cache
def _checks(contract: type[Contract]) -> dict[str, list[pl.Expr]]:
    """What pandera's check functions say of a row, by column; those of whole rows under `*`."""
    schema = contract.to_schema()
    by_column = {"*": schema.checks, **{name: column.checks for name, column in schema.columns.items()}}
    return {name: [_says(check, name).fill_null(check.ignore_na) for check in checks] for name, checks in by_column.items()}


def _says(check: Any, key: str) -> pl.Expr:
    return partial(check._check_fn, **check._check_kwargs)(pa.PolarsData(_Asked(), key))


class _Asked:
    """Stands for the rows that a check function selects from, and gives back what it would select: one pass asks for all of them."""

    def select(self, says: pl.Expr) -> pl.Expr:
        return says
