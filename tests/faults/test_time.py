"""Faults 24-27: facts that come late, clocks that change, days that are rare. (25: tests/flows/test_runs.py)"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from tests.conftest import Product
from tests.faults.sources import Source, event, own_catalog


def test_F24_an_event_that_comes_late_for_a_billed_term_corrects_it_on_the_next_invoice(product: Product, tmp_path: Path) -> None:
    source = Source("2026-01-01", "2026-02-10").workspace("oak", billing_day="10")
    product.run(source.write(tmp_path / "source"), date(2026, 1, 10))
    issued = product.lines()
    source.happens(event("late", "2026-01-05T10:00:00Z", "oak", "plan_changed", plan="pro"), delivered_on="2026-01-12")
    product.run(source.write(tmp_path / "source"), source.last)
    assert_frame_equal(product.table("select * from invoice_lines where invoice_on <= '2026-01-10' order by line_id"), issued)
    columns = "reason, moved_on::varchar, quantity, plan, amount_minor, is_correction"
    assert product.table(f"select {columns} from invoice_lines where invoice_on = '2026-02-10' order by line_id").rows() == [
        ("plan_switch", "2026-01-05", -1, "team", -629, True),  # 5/31 of 39.00
        ("plan_switch", "2026-01-05", 1, "pro", 1274, True),  # 5/31 of 79.00
        ("opening", "2026-01-10", -1, "team", -3900, True),
        ("opening", "2026-01-10", 1, "pro", 7900, True),
        ("opening", "2026-02-10", 1, "pro", 7900, False),
    ]


def plan_days(tmp_path: Path, first: str, last: str, moments: dict[str, str]) -> dict[str, str]:
    """In New York: the first day that closes on the other plan, for an event at each moment."""
    source = Source(first, last)
    product = Product(tmp_path / first, own_catalog(tmp_path / "catalogs", timezone="America/New_York"))
    for n, moment in enumerate(moments):
        source.workspace(f"ws-{n}", catalog="acme", plan="basic")
        source.happens(event(f"e-{n}", moment, f"ws-{n}", "plan_changed", plan="better"), delivered_on=last)
    product.run(source.write(tmp_path / f"source {first}"), source.last)
    assert product.table("select * from exceptions").is_empty()
    rows = product.table("select workspace_id, min(day)::varchar from seat_occupancy where plan = 'better' group by 1").rows()
    found = dict(rows)
    return {moment: found.get(f"ws-{n}", "") for n, moment in enumerate(moments)}


@pytest.mark.parametrize(
    "moments",
    [
        {  # the clock goes from 02:00 to 03:00 on 8 March 2026
            "2026-03-08T04:30:00Z": "2026-03-07",
            "2026-03-08T05:00:00Z": "2026-03-08",
            "2026-03-08T01:59:59-05:00": "2026-03-08",
            "2026-03-08T03:00:00-04:00": "2026-03-08",
            "2026-03-09T03:59:59Z": "2026-03-08",
            "2026-03-09T04:00:00Z": "2026-03-09",
        },
        {  # the clock goes from 02:00 to 01:00 on 1 November 2026
            "2026-11-01T03:59:59Z": "2026-10-31",
            "2026-11-01T04:00:00Z": "2026-11-01",
            "2026-11-01T01:30:00-04:00": "2026-11-01",
            "2026-11-01T01:30:00-05:00": "2026-11-01",
            "2026-11-02T04:59:59Z": "2026-11-01",
            "2026-11-02T05:00:00Z": "2026-11-02",
        },
    ],
)
def test_F26_where_the_clock_changes_an_event_counts_for_its_local_day(tmp_path: Path, moments: dict[str, str]) -> None:
    days = sorted(moments.values())
    first = str(date.fromisoformat(days[0]).replace(day=6)) if days[0].startswith("2026-03") else "2026-10-30"
    assert plan_days(tmp_path, first, days[-1], moments) == moments


def test_F27_an_event_at_a_days_very_end_or_beginning_counts_for_its_local_day(tmp_path: Path) -> None:
    moments = {
        "2026-01-05T23:59:59.999-05:00": "2026-01-05",
        "2026-01-05T23:59:59.999999999-05:00": "2026-01-05",
        "2026-01-06T04:59:59.999Z": "2026-01-05",
        "2026-01-06T13:59:59.999+09:00": "2026-01-05",
        "2026-01-06T00:00:00-05:00": "2026-01-06",
        "2026-01-06T05:00Z": "2026-01-06",
        "2026-01-06 10:30:00+0530": "2026-01-06",
    }
    assert plan_days(tmp_path, "2026-01-04", "2026-01-07", moments) == moments


def test_F26_terms_from_the_29th_of_february_and_to_the_31st(product: Product, tmp_path: Path) -> None:
    source = Source("2024-02-28", "2024-03-01")
    source.workspace("leap", cadence="annual", billing_day="anniversary", starts_on="2024-02-29")
    source.workspace("year", cadence="annual", billing_day="anniversary").workspace("month", billing_day="31")
    product.run(source.write(tmp_path / "source"), source.last)
    columns = "workspace_id, term_from::varchar, term_until::varchar, period_days"
    assert product.table(f"select {columns} from terms order by all").rows() == [
        ("leap", "2024-02-29", "2025-02-28", 365),
        ("month", "2024-02-28", "2024-02-29", 29),  # a stub of the month from 31 January
        ("month", "2024-02-29", "2024-03-31", 31),
        ("year", "2024-02-28", "2025-02-28", 366),
    ]
    amounts = product.table("select workspace_id, days, amount_minor from invoice_lines order by all").rows()
    assert amounts == [("leap", 365, 38400), ("month", 1, 134), ("month", 31, 3900), ("year", 366, 38400)]  # 39.00 / 29 = 1.34
