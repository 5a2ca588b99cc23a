"""What all contracts share: strict columns, no coercion, every fault found."""

from __future__ import annotations

from typing import Any

import pandera.polars as pa
import polars as pl

MAX_ID_CHARACTERS = 200
MAX_BITS = 2**31 - 1


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
        return list(cls.to_schema().columns)

    @classmethod
    def empty(cls) -> pl.DataFrame:
        """A frame of no rows that keeps the contract."""
        return pl.DataFrame(schema={name: column.dtype.type for name, column in cls.to_schema().columns.items()})
