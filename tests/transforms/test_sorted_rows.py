"""Rows in order: by all columns of a key as one, and what is beside a row or has come together so far, without windows."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from transforms.sorted_rows import begins, beside, has_several, in_order, in_order_of_groups, with_latest, with_rows_added, with_running_sum

TEXTS = st.none() | st.sampled_from(["", "a", "ab", "b", "é", "a\0"])
ROWS = st.lists(st.tuples(TEXTS, st.none() | st.booleans(), st.none() | st.integers(-3, 3), st.integers(-5, 5)), max_size=30)
SCHEMA = {"text": pl.String, "flag": pl.Boolean, "number": pl.Int64, "value": pl.Int64}
KEY = ["text", "flag", "number"]


def frame(rows: list[tuple]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").with_row_index("came")


@given(ROWS)
def test_rows_are_in_the_order_that_sorting_column_by_column_gives(rows: list[tuple]) -> None:
    assert in_order(frame(rows), *KEY).select(KEY).equals(frame(rows).sort(KEY).select(KEY))
    assert in_order_of_groups(frame(rows), *KEY).select(KEY).equals(frame(rows).sort(KEY).select(KEY))


@given(ROWS)
def test_sorting_moves_whole_rows(rows: list[tuple]) -> None:
    ordered = in_order_of_groups(frame(rows), *KEY)
    assert ordered.sort("came").equals(frame(rows))


@given(ROWS)
def test_a_key_begins_where_a_row_differs_from_the_one_before(rows: list[tuple]) -> None:
    ordered = frame(rows).sort(KEY, maintain_order=True)
    keys = ordered.select(KEY).rows()
    assert begins(ordered, *KEY).to_list() == [n == 0 or key != keys[n - 1] for n, key in enumerate(keys)]
    assert has_several(begins(ordered, *KEY)).to_list() == [keys.count(key) > 1 for key in keys]


@given(ROWS)
def test_added_rows_are_put_where_they_belong(rows: list[tuple]) -> None:
    once = frame(rows).unique(KEY, keep="any").sort(KEY)
    added, there = once.gather_every(3), once.join(once.gather_every(3), on="came", how="anti").sort(KEY)
    assert with_rows_added(there, added.reverse(), KEY).equals(once)


@given(ROWS)
def test_what_is_beside_a_row_is_of_its_key_as_a_window_says(rows: list[tuple]) -> None:
    ordered = frame(rows).sort(KEY, maintain_order=True)
    said = ordered.select(before=beside("value", 1, *KEY), after=beside("value", -1, *KEY))
    assert said.equals(ordered.select(before=pl.col("value").shift(1).over(KEY), after=pl.col("value").shift(-1).over(KEY)))


@given(ROWS)
def test_a_running_sum_begins_anew_with_each_key_as_in_a_window(rows: list[tuple]) -> None:
    ordered = frame(rows).sort(KEY, maintain_order=True)
    said = with_running_sum(ordered, "so_far", pl.col("value"), *KEY)
    assert said.equals(ordered.with_columns(so_far=pl.col("value").cum_sum().over(KEY)))


def test_a_running_sum_survives_keys_that_together_exceed_64_bits() -> None:
    large = pl.DataFrame({"key": ["a", "b", "b"], "value": [2**63 - 1, 2**63 - 2, 1]})
    assert with_running_sum(large, "so_far", pl.col("value"), "key")["so_far"].to_list() == [2**63 - 1, 2**63 - 2, 2**63 - 1]


DATED = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["", "x", "y"]), st.integers(0, 9), st.integers(-5, 5)), max_size=30)


@given(DATED, DATED)
def test_the_latest_of_a_key_is_the_one_that_an_as_of_join_finds(rows: list[tuple], told: list[tuple]) -> None:
    columns = {"one": pl.String, "other": pl.String, "on": pl.Int64, "value": pl.Int64}
    asked = pl.DataFrame(rows, schema=columns, orient="row").drop("value")
    once = pl.DataFrame(told, schema=columns, orient="row").unique(["one", "other", "on"], keep="first", maintain_order=True)
    by_day = asked.with_row_index("came").sort("on")
    plainly = by_day.join_asof(once.sort("on"), on="on", by=["one", "other"], check_sortedness=False).sort("came").drop("came")
    assert with_latest(asked, once, "value", ["one", "other"]).equals(plainly)
