"""What one types to get invoices out of the house: as PDF for the customer, as a file for the accounting system."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from flows.command_words import OneOf
from flows.options import MONTH, PAPERS, home

_month = click.option("--month", type=MONTH, metavar="YYYY-MM", help="All invoices with a date in this month.")
_catalog = click.option("--catalog", metavar="C", help="Only those of this catalogue.")


@click.command()
@click.argument("numbers", nargs=-1, metavar="[NUMBER]...")
@_month
@_catalog
@click.option(
    "--to", type=click.Path(path_type=Path), help="A .pdf file for one invoice, a folder for several; here, or HOME/invoices/YYYY-MM."
)
@click.option("--letterhead", type=click.Path(path_type=Path), metavar="FILE", help="Your address and how to pay, as a text file.")
@click.option("--due-days", type=click.IntRange(0, 366), metavar="N", help="Say that it is to be paid N days after its date.")
@click.option("--paper", type=OneOf(PAPERS), default=PAPERS[0], show_default=True)
@click.option(
    "--fonts", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR", help="More fonts, for names in other scripts."
)
@home
def invoice(
    numbers: tuple[str, ...],
    month: datetime | None,
    catalog: str | None,
    to: Path | None,
    letterhead: Path | None,
    due_days: int | None,
    paper: str,
    fonts: Path | None,
    home: Path,
) -> None:
    """Write invoices as PDF: those named, or all of a month.

    The letterhead's lines above its first empty line go under the sender's name, the others to the foot.
    """
    if bool(numbers) == bool(month):
        raise click.UsageError("Name invoices, as in PIV-2026-000015, or a month with --month YYYY-MM.")
    if to and to.suffix.lower() == ".pdf" and (month or len(numbers) > 1):
        raise click.UsageError(f"{to} is one file; give --to a folder for several invoices.")
    from flows.home import Home
    from flows.invoice_documents import Choice, Paper, chosen_invoices, read_letterhead, write_invoices
    from flows.terminal import out
    from transforms.many import many

    chosen = chosen_invoices(Home(home), Choice(numbers, month and month.date(), catalog))
    folder = to or (Home(home).root / "invoices" / f"{month:%Y-%m}" if month else Path())

    def path_of(number: str) -> Path:
        return folder if folder.suffix.lower() == ".pdf" else folder / f"{number}.pdf"

    for said in write_invoices(chosen, path_of, Paper(paper, read_letterhead(letterhead, due_days), fonts)):
        click.echo(f"seatledger: {said}", err=True)
    written = [path_of(row["invoice_number"]) for row in chosen.invoices]
    what = str(written[0]) if len(written) == 1 else f"{many(len(written), 'invoice')} to {folder.resolve()}"
    out.print(f"Wrote {what}.", soft_wrap=True, markup=False)


@click.group()
def export() -> None:
    """Write invoices as a file that an accounting system imports."""


def _exported(function: Callable) -> Callable:
    """What every export asks for."""
    for option in (
        home,
        click.option(
            "--to", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Where to write; in HOME/exports otherwise."
        ),
        click.option(
            "--customer", type=OneOf(["name", "id"]), default="name", show_default=True, help="What to call customers there."
        ),
        click.option("--due-days", type=click.IntRange(0, 366), default=30, show_default=True, metavar="N", help="Days until payment."),
        _catalog,
        click.option("--month", type=MONTH, metavar="YYYY-MM", required=True, help="The month of the invoices' dates."),
    ):
        function = option(function)
    return function


def _dates(default: str) -> Callable:
    return click.option(
        "--dates", type=OneOf(["dmy", "mdy", "ymd"]), default=default, show_default=True, help="How dates are read there."
    )


@export.command()
@click.option("--account", required=True, metavar="CODE", help="The account of the lines, as its code is there.")
@click.option("--tax", required=True, metavar="NAME", help="The tax rate of the lines, as it is called there.")
@click.option("--credit-account", metavar="CODE", help="The account of credit kept for customers; that of the lines otherwise.")
@_dates("dmy")
@_exported
def xero(account: str, tax: str, credit_account: str | None, **asked: Any) -> None:
    """Sales invoices for Xero: Invoices, Import.

    Every line has quantity 1 and its amount; credit is a line of its own, so that each invoice comes to what is due.
    """
    _export("xero", (account, tax, credit_account or account), **asked)


@export.command()
@click.option("--item", required=True, metavar="NAME", help="The product or service of the lines, as it is called there.")
@click.option("--tax", default="", metavar="CODE", help="The tax code of the lines, where one is asked for.")
@_dates("mdy")
@_exported
def quickbooks(item: str, tax: str, **asked: Any) -> None:
    """Invoices for QuickBooks Online: Import data, Invoices.

    It takes no negative amounts: an invoice with one becomes a single line of what is due, with its parts in the description. Invoices
    with nothing due are left out, and named.
    """
    _export("quickbooks", (item, tax, item), **asked)


def _export(
    system: str,
    coded: tuple[str, str, str],
    month: datetime,
    catalog: str | None,
    due_days: int,
    dates: str,
    customer: str,
    to: Path | None,
    home: Path,
) -> None:
    from flows.accounting import SYSTEMS
    from flows.accounting import export as export_invoices
    from flows.home import Home
    from flows.invoice_documents import Choice
    from flows.terminal import out
    from transforms.import_files import Coding
    from transforms.many import many

    name = "-".join([system, f"{month:%Y-%m}", *([catalog] if catalog else [])])
    path = to or Home(home).root / "exports" / f"{name}.csv"
    choice, coding = Choice((), month.date(), catalog), Coding(*coded, due_days, dates)
    done = export_invoices(Home(home), SYSTEMS[system], choice, coding, path, by_id=customer == "id")
    sums = ", ".join(f"{due} {currency}" for currency, due in done.due.items())
    for file in done.files:
        out.print(f"Wrote {file}", soft_wrap=True, markup=False)
    out.print(f"{many(done.invoices, 'invoice')}, {sums or 'nothing'} due.", soft_wrap=True)
    if done.left_out:
        out.print(f"Nothing is due on, and left out: {', '.join(done.left_out)}.", soft_wrap=True)


COMMANDS = [invoice, export]
