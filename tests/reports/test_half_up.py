"""`half_up` and `half_even`, the division of money in SQL, are the one in Python."""

from __future__ import annotations

import polars as pl
import pytest

from tests.reports.books import Books
from transforms.money import MAX_AMOUNT_MINOR, prorated_minor


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"), [(5, 10, 1), (-5, 10, -1), (4, 10, 0), (-4, 10, 0), (15, 10, 2), (0, 7, 0)]
)
def test_half_a_unit_goes_away_from_zero(numerator: int, denominator: int, rounded: int) -> None:
    assert Books().finance.execute("select half_up(?, ?)", [numerator, denominator]).fetchone() == (rounded,)


def test_the_largest_amount_over_the_longest_period_does_not_wrap() -> None:
    largest = f"select half_up({2 * MAX_AMOUNT_MINOR}::hugeint * 366, 366)"
    assert Books().finance.execute(largest).fetchone() == (2 * MAX_AMOUNT_MINOR,)


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"), [(5, 10, 0), (-15, 10, -2), (25, 10, 2), (-25, 10, -2), (26, 10, 3), (24, 10, 2), (0, 7, 0)]
)
def test_half_a_unit_goes_to_the_even_one_where_the_catalogue_says_so(numerator: int, denominator: int, rounded: int) -> None:
    assert Books().finance.execute("select half_even(?, ?)", [numerator, denominator]).fetchone() == (rounded,)


@pytest.mark.parametrize("rounding", ["half_up", "half_even"])
def test_it_rounds_as_lines_do(rounding: str) -> None:
    cases = pl.DataFrame(
        [(q, p, d, n) for q in (-7, 1, 3) for p in (3900, 7999) for d in range(1, 32) for n in (28, 30, 31) if d <= n],
        schema=list("qpdn"),
        orient="row",
    )
    lines = cases.select(prorated_minor(pl.col("q"), pl.col("p"), pl.col("d"), pl.col("n"), pl.lit(rounding)))["q"].to_list()
    finance = Books().finance
    finance.register("cases", cases.to_arrow())
    assert [row[0] for row in finance.execute(f"select {rounding}(q * p * d, n) from cases").fetchall()] == lines
