"""Faults 28-30: numbers at and beyond their bounds, credit that no invoice will ever use, currencies without cents or with mills."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import Product
from tests.faults.sources import Source, event, own_catalog

MOST_SEATS, MOST_MINOR = 10**7, 10**9


def test_F28_numbers_beyond_their_bounds_hold_and_those_at_them_are_exact(product: Product, tmp_path: Path, with_reports: None) -> None:
    source = Source("2026-01-01", "2026-02-10")
    for n in range(200):  # so that subscriptions are not mostly broken
        source.subscribe(f"many-{n}", plan="solo")
    source.growth("most", seats=str(MOST_SEATS), unit_price_year="10000000.00", starts_on="2025-12-10")
    source.happens(event("to 1", "2026-01-03T10:00:00Z", "most", "seats_updated", quantity="1"))
    source.happens(event("to most", "2026-01-20T10:00:00Z", "most", "seats_updated", quantity=str(MOST_SEATS)))
    source.growth("seats", seats=str(MOST_SEATS + 1)).growth("price", unit_price_year="10000000.01").growth(
        "digits", unit_price_year="1" * 19
    )
    source.growth("wraps", seats=str(2**64 + 3)).growth("event").growth("event-2").growth("usage")
    source.happens(event("1", "2026-01-05T10:00:00Z", "event", "seats_updated", quantity=str(MOST_SEATS + 1)))
    source.happens(event("2", "2026-01-06T10:00:00Z", "event-2", "seats_updated", quantity=str(2**63)))
    source.uses("2026-01-05", "usage", "api", str(2**63))
    outcome = product.run(source.write(tmp_path / "source"), source.last)
    assert outcome.held == ("digits", "event", "event-2", "price", "seats", "usage", "wraps")
    details = dict(product.table("select workspace_id, detail from holds").rows())
    assert details["price"] == "unit_price_year is over the largest price, 1000000000 minor units"
    assert details["seats"] == details["wraps"] == f"seats must be a whole number from 0 to {MOST_SEATS}"
    lines = product.table("select reason, quantity, days, amount_minor from invoice_lines order by line_id").rows()
    exactly = [
        (reason, sign * round_half_up((MOST_SEATS - 1) * MOST_MINOR * days, 365))
        for reason, sign, days in (("seats_reduced", -1, 341), ("seats_added", 1, 324))
    ]
    assert [(reason, amount) for reason, _, _, amount in lines] == exactly
    shown = [
        row["amount"]
        for month in ("2026-01", "2026-02")
        for row in csv.DictReader((product.home.reports / month / "invoice_lines.csv").open())
    ]
    assert [int(amount.replace(".", "")) for amount in shown] == [amount for _, amount in exactly]


def round_half_up(product: int, period: int) -> int:
    return (2 * product + period) // (2 * period)


def test_F28_whole_numbers_that_parquet_holds_beyond_64_bits_hold_too(product: Product, tmp_path: Path) -> None:
    source = Source("2026-01-01", "2026-01-03").growth("oak").growth("elm").growth("fir")
    source.happens(*(event(name, "2026-01-02T10:00:00Z", name, "seats_updated", quantity="1") for name in ("oak", "elm")))
    path = source.write(tmp_path / "source") / "activity" / "date=2026-01-02" / "activity.csv"
    wide = {"oak": 2**64 - 1, "elm": 2**63 - 1}
    frame = pl.read_csv(path, infer_schema=False)
    frame = frame.with_columns(quantity=pl.col("workspace_id").replace_strict(wide, return_dtype=pl.UInt64))
    for name, one in zip(("a", "b"), frame.partition_by("workspace_id"), strict=True):  # a file each: one broken row a file
        one.write_parquet(path.with_name(f"{name}.parquet"))
    path.unlink()
    assert product.run(tmp_path / "source", source.last).held == ("elm", "oak")
    assert product.table("select workspace_id, net_minor from invoices").rows() == [("fir", 180000)]


def test_F28_a_total_beyond_its_bound_holds_the_workspace_and_no_sum_ever_wraps(product: Product, tmp_path: Path) -> None:
    """Up and down by ten million seats at ten million each: 10¹⁶ minor units a day, and 64 bits end at 9 × 10¹⁸."""
    source = Source("2026-01-01", "2026-04-30").growth("oak")
    for name in ("whale", "minnow"):
        source.growth(name, seats=str(MOST_SEATS), unit_price_year="10000000.00", starts_on="2025-12-10")
    for n, day in enumerate(source.days[1:]):
        source.happens(event(f"w{n}", f"{day}T10:00:00Z", "whale", "seats_updated", quantity=str(1 if n % 2 else MOST_SEATS)))
    path = source.write(tmp_path / "source")
    assert product.run(path, date(2026, 3, 31)).held == ()
    issued = product.table("select * exclude (run_id) from invoices order by invoice_number").rows()
    assert product.run(path, source.last).held == ("whale",)
    ((reason, since, detail),) = product.table("select reason, since_on::varchar, detail from holds").rows()
    assert (reason, since) == ("amount_too_large", "2026-01-03")
    assert detail == "its charges may come to more than 1000000000000000000 minor units, the most that is reckoned with"
    assert product.table("select * exclude (run_id) from invoices order by invoice_number").rows()[: len(issued)] == issued
    assert product.table("select distinct workspace_id from invoices where invoice_on > '2026-03-31'").rows() == []
    for minor in ("net_minor", "amount_due_minor", "credit_balance_minor"):
        assert product.table(f"select max(abs({minor})) < 1000000000000000000 from invoices").item()


def test_F29_credit_larger_than_all_invoices_to_come_stays_as_credit(product: Product, tmp_path: Path) -> None:
    source = Source("2026-01-01", "2026-02-06").growth("oak", seats="9", starts_on="2025-12-05")
    source.happens(event("less", "2026-01-03T10:00:00Z", "oak", "seats_updated", quantity="1"))
    source.happens(event("more", "2026-02-01T10:00:00Z", "oak", "seats_updated", quantity="2"))
    source.happens(event("end", "2026-02-02T10:00:00Z", "oak", "canceled"))
    for through in (date(2026, 1, 10), source.last):
        product.run(source.write(tmp_path / "source"), through)
    granted = round_half_up(8 * 60000 * (date(2026, 12, 5) - date(2026, 1, 3)).days, 365)
    used = round_half_up(60000 * (date(2026, 12, 5) - date(2026, 2, 1)).days, 365)
    columns = "invoice_on::varchar, net_minor, amount_due_minor, credit_balance_minor"
    assert product.table(f"select {columns} from invoices order by 1").rows() == [
        ("2026-01-05", -granted, 0, granted),
        ("2026-02-05", used, 0, granted - used),
    ]
    entries = product.table("select change_minor, balance_minor from credit_ledger order by entry_number").rows()
    assert entries == [(granted, granted), (-used, granted - used)]
    assert granted > 8 * used > 0


@pytest.mark.parametrize(
    ("currency", "price", "beyond", "minor", "amount", "said"),
    [
        ("JPY", "1000", "1000.5", 355, "355", "1000 JPY"),  # 11/31
        ("BHD", "10.005", "10.0005", 3550, "3.550", "10.005 BHD"),
        ("CLF", "1.0005", "1.00005", 3550, "0.3550", "1.0005 CLF"),
    ],
)
def test_F30_each_currency_has_its_own_minor_unit(
    tmp_path: Path, currency: str, price: str, beyond: str, minor: int, amount: str, said: str
) -> None:
    product = Product(tmp_path / "home", own_catalog(tmp_path / "catalogs", currency, month=price, year=price))
    source = Source("2026-01-21", "2026-01-22").workspace("oak", catalog="acme", plan="basic")
    source.workspace("elm", catalog="acme", plan="basic", unit_price_month=beyond).workspace("fir")
    assert product.run(source.write(tmp_path / "source"), source.last).held == ("elm",)
    lines = "select amount_minor, trim(amount::varchar, '0') = trim(? , '0'), currency, description from invoice_lines_v where workspace_id = 'oak'"
    ((found, is_shown, code, words),) = product.table(lines.replace("?", f"'{amount}.'" if "." not in amount else f"'{amount}'")).rows()
    assert (found, is_shown, code) == (minor, True, currency)
    assert f"1 × {said} × 11/31 days" in words
    assert f"has more decimals than {currency} has" in product.table("select detail from holds").item()
    assert product.table("select net_minor from invoices where currency = 'USD'").item() == 1384  # a neighbour in dollars
