"""Invoices for other systems: each comes to what is due there too, and nothing in a name breaks the import."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from flows.accounting import SYSTEMS, Exported, due_by_currency, export
from flows.errors import UserError
from flows.invoice_documents import Choice
from tests.conftest import Product
from tests.faults.sources import HOSTILE, Source, own_catalog
from tests.flows.test_cli import seatledger
from transforms.import_files import Coding, customers_from_workspaces, one_entry_where_negative
from transforms.money import MAX_TOTAL_MINOR

MONTHS = [date(2026, month, 1) for month in range(1, 6)]
CODING = Coding(account="200", tax="Tax Exempt", credit_account="2200", due_days=30, dates="ymd")
# Xero's own template, as people who use it write it down; QuickBooks Online's, with the columns that we fill
XERO = (
    "*ContactName,EmailAddress,POAddressLine1,POAddressLine2,POAddressLine3,POAddressLine4,POCity,PORegion,POPostalCode,POCountry,"
    "*InvoiceNumber,Reference,*InvoiceDate,*DueDate,InventoryItemCode,*Description,*Quantity,*UnitAmount,Discount,*AccountCode,*TaxType,"
    "TrackingName1,TrackingOption1,TrackingName2,TrackingOption2,Currency,BrandingTheme"
)
QUICKBOOKS = (
    "*InvoiceNo,*Customer,*InvoiceDate,*DueDate,Terms,Location,Memo,Item(Product/Service),ItemDescription,ItemQuantity,ItemRate,*ItemAmount,"
    "Taxable,ItemTaxCode,Currency,Service Date"
)
COLUMNS = {"xero": ("*InvoiceNumber", "*Quantity", "*UnitAmount"), "quickbooks": ("*InvoiceNo", "ItemQuantity", "ItemRate")}


def exported(
    product: Product, name: str, to: Path, month: date | None = None, coding: Coding = CODING, **options
) -> tuple[Exported, list[dict]]:
    done = export(product.home, SYSTEMS[name], Choice(month=month), coding, to, **options)
    return done, [row for path in done.files for row in rows_of(path)]


def rows_of(path: Path) -> list[dict]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8"), newline="")))


def totals(rows: list[dict], name: str) -> dict[str, Decimal]:
    """What each invoice comes to, as the system works it out: quantity × unit amount, summed."""
    number, quantity, amount = COLUMNS[name]
    found: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        found[row[number]] += Decimal(row[quantity]) * Decimal(row[amount])
    return found


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("month", MONTHS, ids=str)
def test_every_invoice_comes_to_what_is_due(sample: Product, tmp_path: Path, name: str, month: date) -> None:
    done, rows = exported(sample, name, tmp_path / "out.csv", month)
    due = dict(
        sample.table(f"select invoice_number, amount_due from invoices_v where date_trunc('month', invoice_on) = date '{month}'").rows()
    )
    assert totals(rows, name) == {number: due[number] for number in due if number not in done.left_out}
    assert all(due[number] == 0 for number in done.left_out)
    assert done.due == {"USD": sum(due.values())}


def test_the_columns_are_those_of_the_templates(sample: Product, tmp_path: Path) -> None:
    for name, header in (("xero", XERO), ("quickbooks", QUICKBOOKS)):
        (path,) = exported(sample, name, tmp_path / name)[0].files
        assert path.read_bytes().decode().split("\r\n")[0] == header


def test_in_xero_credit_moves_between_receivable_and_its_own_account_as_in_the_journal(sample: Product, tmp_path: Path) -> None:
    _, rows = exported(sample, "xero", tmp_path / "out.csv")
    told = defaultdict(Decimal)
    for row in rows:
        if row["*AccountCode"] == "2200":
            told[row["*InvoiceNumber"]] += Decimal(row["*UnitAmount"])
    journal = sample.table(
        "select invoice_number, sum(credit - debit) from journal_entries_v where account_code = '2200' group by all"
    ).rows()
    assert told == dict(journal) != {}
    granted = [(row["*Description"], row["*UnitAmount"]) for row in rows if row["*InvoiceNumber"] == "PEN-2026-000006"]
    assert granted[-1] == ("Kept as credit for later invoices", "973.15")  # 498.08 + 475.07 given back
    used = [(row["*Description"], row["*UnitAmount"]) for row in rows if row["*InvoiceNumber"] == "PIV-2026-000022"]
    assert used[-1] == ("Paid from credit of earlier invoices", "-1551.46")


def test_quickbooks_gets_no_negative_amount_and_is_told_the_parts_in_words(sample: Product, tmp_path: Path) -> None:
    done, rows = exported(sample, "quickbooks", tmp_path / "out.csv")
    assert all(Decimal(row["*ItemAmount"]) > 0 and row["ItemRate"] == row["*ItemAmount"] for row in rows)
    nothing_due = sample.table(
        "select invoice_number from invoices where amount_due_minor = 0 order by invoice_on, catalog, invoice_number"
    )
    assert done.left_out == nothing_due["invoice_number"].to_list() != []
    (one,) = (row for row in rows if row["*InvoiceNo"] == "PIV-2026-000022")
    assert one["*ItemAmount"] == "70.51"  # 1089.86 + 532.11 − 1551.46
    assert one["ItemDescription"].endswith("× 249/365 days: 532.11; Paid from credit of earlier invoices: -1551.46")
    assert sum(row["*InvoiceNo"] == "PIV-2026-000018" for row in rows) == 2  # nothing negative: a row a line


def test_of_more_parts_than_a_description_holds_the_first_are_told_whole_and_the_others_counted() -> None:
    texts = [f"{n} seats, 1 × 39.00 × {n}/31 days".ljust(98, ".") for n in range(60)]
    invoices = pl.DataFrame({"invoice_number": ["V-1"], "amount_due_minor": [57], "invoice_on": [date(2026, 4, 1)], "currency": ["USD"]})
    amounts = [-1] + [1] * 59
    entries = pl.DataFrame(
        {"invoice_number": ["V-1"] * 60, "place": range(60), "is_credit": [False] * 60, "description": texts, "amount_minor": amounts}
    )
    entries = entries.with_columns(service_from=date(2026, 4, 1))
    (words,) = one_entry_where_negative(invoices, entries)["description"]
    *told, rest = words.split("; ")
    assert len(words) <= 4000
    assert told == [f"{text}: {'-' if not n else ''}0.01" for n, text in enumerate(texts[: len(told)])]
    assert (len(told), rest) == (37, "… and 23 more")
    (words,) = one_entry_where_negative(invoices, entries.head(37))["description"]
    assert "more" not in words


def test_dates_tax_account_and_days_to_pay_are_as_asked(sample: Product, tmp_path: Path) -> None:
    _, rows = exported(sample, "xero", tmp_path / "x.csv", MONTHS[3], CODING._replace(dates="dmy", due_days=14))
    assert {(row["*InvoiceDate"], row["*DueDate"]) for row in rows if row["*InvoiceNumber"] == "PIV-2026-000015"} == {
        ("01/04/2026", "15/04/2026")
    }
    assert {row["*TaxType"] for row in rows} == {"Tax Exempt"}
    _, rows = exported(sample, "quickbooks", tmp_path / "q.csv", MONTHS[3], CODING._replace(dates="mdy", tax=""))
    assert {(row["*InvoiceDate"], row["Taxable"], row["ItemTaxCode"]) for row in rows if row["*InvoiceNo"] == "PIV-2026-000018"} == {
        ("04/18/2026", "N", "")
    }


@pytest.mark.parametrize("name", SYSTEMS)
def test_hostile_names_neither_run_nor_break_the_file(tmp_path: Path, name: str) -> None:
    source = Source("2026-01-01", "2026-01-02")
    for n, text in enumerate((*HOSTILE, "two\nlines", "a\ttab", "Acme: North <b>", "x" * 300)):
        source.workspace(f"ws-{n:02}", workspace_name=text)
    source.workspace("=1+1", workspace_name="")
    product = Product(tmp_path / "home")
    product.run(source.write(tmp_path / "source"), source.last)
    _, rows = exported(product, name, tmp_path / "out.csv")
    customers = [row["*ContactName" if name == "xero" else "*Customer"] for row in rows]
    assert len(set(customers)) == len(source.subscriptions) == len(rows)
    for row in rows:
        assert None not in row
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())
        assert not any(c in cell for cell in row.values() for c in "\r\n\t\u202e")
    assert max(map(len, customers)) == SYSTEMS[name].longest_name
    assert {"'=cmd|' /C calc'!A0", "'=1+1", "two lines", "a tab"} <= set(customers)
    assert ("Acme: North b" if name == "xero" else "Acme North b") in customers


def test_a_customer_that_is_called_what_another_came_to_be_called_stays_apart_from_it() -> None:
    named = pl.DataFrame({"workspace_id": ["w-1", "w-2", "w-3"], "workspace_name": ["Same", "Same", "Same (w-1)"]})
    told = customers_from_workspaces(named, by_id=False, longest=255, not_taken="<>")
    assert told["customer"].to_list() == ["Same (w-1)", "Same (w-2)", "Same (w-1) (w-3)"]


def test_ids_that_differ_in_case_or_signs_alone_or_past_the_cut_stay_apart() -> None:
    ids = ["w-1", "W-1", "a:b", "a b", "x" * 100 + "1", "y" * 100 + "1"]
    named = pl.DataFrame({"workspace_id": ids, "workspace_name": ["Same"] * len(ids)})
    for by_id in (False, True):
        told = customers_from_workspaces(named, by_id=by_id, longest=30, not_taken="<>:")["customer"].to_list()
        assert len({name.casefold() for name in told}) == len(ids)
        assert max(map(len, told)) <= 30
        assert not any(sign in name for name in told for sign in "<>:")


def test_two_customers_of_one_name_stay_two(tmp_path: Path) -> None:
    named = pl.DataFrame({"workspace_id": ["a", "b", "c", "d"], "workspace_name": ["Acme", "ACME ", "Acme Labs", None]})
    told = customers_from_workspaces(named, by_id=False, longest=255, not_taken="<>")
    assert told["customer"].to_list() == ["Acme (a)", "ACME (b)", "Acme Labs", "d"]
    by_id = customers_from_workspaces(named, by_id=True, longest=255, not_taken="<>")
    assert by_id["customer"].to_list() == ["a", "b", "c", "d"]


@pytest.mark.parametrize("currency, month, amount", [("JPY", "4500", "9000"), ("CHF", "12.05", "24.10")])
def test_a_currency_keeps_its_own_decimals(tmp_path: Path, currency: str, month: str, amount: str) -> None:
    _, (row,) = exported(billed_in(tmp_path, currency, month), "xero", tmp_path / "out.csv")
    assert (row["*UnitAmount"], row["Currency"]) == (amount, currency)


def test_a_currency_of_three_decimals_is_refused_for_it_would_be_rounded_there(tmp_path: Path) -> None:
    product = billed_in(tmp_path, "BHD", "12.345")
    with pytest.raises(UserError, match=r"amounts in BHD have more than 2 decimals, and would be rounded there\. Nothing was written"):
        exported(product, "xero", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def billed_in(root: Path, currency: str, month: str) -> Product:
    """Two seats of a plan in that currency."""
    source = Source("2026-01-01", "2026-01-02").workspace("oak", ("a", "b"), catalog="acme", plan="basic")
    product = Product(root / "home", own_catalog(root / "catalogs", currency=currency, month=month, year="1"))
    product.run(source.write(root / "source"), source.last)
    return product


def test_more_than_a_file_may_hold_goes_into_several_and_no_invoice_is_parted(sample: Product, tmp_path: Path) -> None:
    small = SYSTEMS["xero"]._replace(most_invoices=3, most_rows=10)
    done = export(sample.home, small, Choice(month=MONTHS[3]), CODING, tmp_path / "out.csv")
    parts = [rows_of(path) for path in done.files]
    assert [path.name for path in done.files] == [f"out-{n}.csv" for n in range(1, len(parts) + 1)]
    numbers = [{row["*InvoiceNumber"] for row in part} for part in parts]
    assert sum(map(len, numbers)) == len(set().union(*numbers)) == 8
    assert all(len(part) <= 10 and len(of_part) <= 3 for part, of_part in zip(parts, numbers, strict=True))


def test_the_command_writes_to_the_home_or_where_one_says_and_tells_what(sample: Product, tmp_path: Path) -> None:
    home = ("--home", sample.home.root)
    done = seatledger("export", "xero", "--month", "2026-04", "--catalog", "pivotal", "--account", "200", "--tax", "Tax Exempt", *home)
    assert done.stdout == f"Wrote {sample.home.root / 'exports' / 'xero-2026-04-pivotal.csv'}\n6 invoices, 2807.37 USD due.\n"
    done = seatledger("export", "quickbooks", "--month", "2026-04", "--item", "Seats", "--to", tmp_path / "q.csv", *home)
    assert done.stdout.endswith(
        "5 invoices, 2807.37 USD due.\nNothing is due on, and left out: PEN-2026-000006, PIV-2026-000016, PEN-2026-000007.\n"
    )


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (["xero", "--month", "2026-04", "--tax", "x"], 2, "Missing option '--account'"),
        (["xero", "--month", "2027-04", "--account", "1", "--tax", "x"], 1, "2027-04: there is no invoice"),
        (
            ["xero", "--month", "2026-04", "--account", "1", "--tax", "x", "--to", "/dev/null/x.csv"],
            1,
            "/dev/null/x.csv: cannot be written",
        ),
        (["sage", "--month", "2026-04"], 2, "No such command 'sage'"),
    ],
)
def test_what_a_user_gets_wrong_is_said_in_a_sentence(sample: Product, arguments: list[str], code: int, said: str) -> None:
    done = seatledger("export", *arguments, "--home", sample.home.root)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_due_in_all_may_be_more_than_sixty_four_bits_hold() -> None:
    invoices = pl.DataFrame({"currency": "USD", "amount_due_minor": [MAX_TOTAL_MINOR] * 10})
    assert due_by_currency(invoices) == {"USD": Decimal(MAX_TOTAL_MINOR) / 10}
