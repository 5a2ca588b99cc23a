"""The contracts' one pass over the data says what pandera, check by check, says."""

from __future__ import annotations

import random
from datetime import date

import pandera.errors
import pandera.polars as pa
import polars as pl
import pytest

from transforms.contracts.base import Contract, is_kept
from transforms.contracts.charges import Invoices, Lines
from transforms.contracts.seats import SeatMonths
from transforms.contracts.sources import ActivityRows, SubscriptionRows, UsageRows, UserRows

CONTRACTS = (ActivityRows, SubscriptionRows, UsageRows, UserRows, SeatMonths, Lines, Invoices)
VALUES = {
    pl.String: ("monthly", "teammate", "active", "owner", "first", "canceled", "USD", "added", " a", "", "a\n", "39.00", "x" * 201, None),
    pl.Int64: (0, 1, 28, 31, -1, 10**7, 10**7 + 1, 2**62, None),
    pl.Date: (date(2026, 1, 1), None),
    pl.Boolean: (True, False, None),
}


def pandera_says(contract: type[Contract], frame: pl.DataFrame) -> bool:
    try:
        super(Contract, contract).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors:
        return False
    return True


def some_frame(contract: type[Contract], rng: random.Random) -> pl.DataFrame:
    """A few rows, mostly of one plausible value a column, so that about half of the frames keep their contract."""
    columns = {}
    for name, kind in contract.types().items():
        allowed = [c.statistics["allowed_values"] for c in contract.to_schema().columns[name].checks if "allowed_values" in c.statistics]
        values = VALUES.get(kind, (None,))
        likely = allowed[0][0] if allowed else {pl.String: "USD", pl.Int64: 28}.get(kind, values[0])
        columns[name] = pl.Series([likely if rng.random() < 0.995 else rng.choice(values) for _ in range(4)], dtype=kind)
    return pl.DataFrame(columns)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_one_pass_finds_a_frame_kept_or_broken_exactly_where_pandera_does(contract: type[Contract]) -> None:
    rng, found = random.Random(contract.__name__), set()
    for _ in range(60):
        frame = some_frame(contract, rng)
        assert is_kept(contract, frame) == pandera_says(contract, frame), frame
        found.add(is_kept(contract, frame))
    assert False in found


def test_a_frame_with_a_column_more_less_or_of_another_type_breaks_its_contract() -> None:
    sound = UsageRows.empty()
    assert is_kept(UsageRows, sound)
    for frame in (sound.drop("value"), sound.with_columns(more=1), sound.with_columns(pl.col("value").cast(pl.Int32))):
        assert not is_kept(UsageRows, frame)
        with pytest.raises((pandera.errors.SchemaError, pandera.errors.SchemaErrors)):
            UsageRows.validate(frame)


def test_a_check_that_does_not_ignore_nulls_counts_a_null_as_broken() -> None:
    class Strict(Contract):
        value: int = pa.Field(ge=0, nullable=True, ignore_na=False)

    frame = pl.DataFrame({"value": [1, None]}, schema={"value": pl.Int64})
    assert is_kept(Strict, frame) == pandera_says(Strict, frame)
    assert is_kept(Strict, frame.head(1))
