"""A CSV file's cells: however many of its lines have quotes, they are what RFC 4180 says."""

from __future__ import annotations

import csv
import io

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flows import csv_rows
from flows.csv_rows import rows_of_csv
from flows.errors import UserError

HEADER = "workspace_id,user_id,name"


@pytest.fixture(params=["small", "large"], autouse=True)
def _(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file is read line by line in Python, if nothing in it is wrong; a large one by Polars."""
    if request.param == "large":
        monkeypatch.setattr(csv_rows, "_SMALL", 0)


def by_the_book(text: str) -> list[tuple] | None:
    """Python's own reader over the whole file; none where it or the number of cells says that something is wrong."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline="\n"), strict=True))[1:]
    except csv.Error:
        return None
    return [tuple(cell or None for cell in row) for row in rows] if all(len(row) == 3 for row in rows) else None


def ours(text: str) -> list[tuple] | None:
    try:
        return rows_of_csv("users.csv", "users", text.encode()).rows()
    except UserError:
        return None


@given(st.lists(st.text('a",\n\r', max_size=12), max_size=6))
@example(['a"b,"c', "x,y,z", 'z",a"b'])  # quotes that do not open a cell: as many on each line as would close
@example(['"a\nb",,', "x,y,z"])
@example(['"a, b",u,v', "x,y,z", ",,", 'w,"say ""hi""",n'])
@settings(max_examples=400)
def test_lines_with_and_without_quotes_are_read_as_the_whole_file_would_be(lines: list[str]) -> None:
    for end in ("\n", "\r\n"):
        text = end.join([HEADER, *lines]) + end
        assert ours(text) == by_the_book(text)


def test_one_name_with_a_comma_does_not_change_the_others() -> None:
    text = f'{HEADER}\nw1,u1,Ada\nw1,u2,"Doe, Jane"\nw2,,\n"w3",u3,"say ""hi"""\n'
    rows = rows_of_csv("users.csv", "users", text.encode())
    assert rows.rows() == [("w1", "u1", "Ada"), ("w1", "u2", "Doe, Jane"), ("w2", None, None), ("w3", "u3", 'say "hi"')]
    assert set(rows.dtypes) == {pl.String}


@pytest.mark.parametrize(("lines", "line"), [(['a,"b",c', "x,y"], 3), (["x,y", 'a,"b",c'], 2), (['a,"b"'], 2), (["a,b,c", 'a,"b"x,c'], 3)])
def test_what_is_wrong_is_told_with_its_line_among_lines_with_quotes(lines: list[str], line: int) -> None:
    with pytest.raises(UserError, match=f"users.csv, line {line}:"):
        rows_of_csv("users.csv", "users", "\n".join([HEADER, *lines]).encode())


def test_a_cell_in_quotes_is_as_long_as_one_of_parquet_may_be() -> None:
    """A letter may be several bytes: what is taken here has to be taken again where it waits, as Parquet."""
    with pytest.raises(UserError, match=r"users\.csv, row 2: has a cell of over 1000000 bytes"):
        rows_of_csv("users.csv", "users", f'{HEADER}\nw1,u1,Ada\nw2,u2,"{"é" * 900_000},"\n'.encode())
