"""A report as CSV: days, which Polars writes slowly, are written in another way, and are the same."""

from __future__ import annotations

import io
from datetime import date

import polars as pl
import pytest

from flows.report_csv import write_csv

SOME = [date(2026, 1, 31), None, date(2026, 1, 1), date(2026, 1, 1)]


@pytest.mark.parametrize(
    "days",
    [SOME * 20, SOME, [None] * 40, [date(1, 1, 1), date(9999, 12, 31)] * 20, [date(1969, 12, 30), date(1970, 1, 2)] * 20, []],
    ids=["more rows than days", "fewer", "none", "far apart", "about 1970", "no row"],
)
@pytest.mark.parametrize("excel", [False, True])
def test_days_are_written_as_polars_writes_them(days: list[date | None], excel: bool) -> None:
    rows = pl.DataFrame({"day": days, "row": range(len(days))}, schema={"day": pl.Date, "row": pl.Int64})
    file, plain = io.BytesIO(), io.BytesIO()
    write_csv("days", [rows.clear(), rows.head(7), rows.slice(7)], file, excel=excel)
    rows.write_csv(plain, include_bom=excel, line_terminator="\r\n" if excel else "\n")
    assert file.getvalue() == plain.getvalue()
