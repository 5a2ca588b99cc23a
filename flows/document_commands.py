"""What one types to get invoices out of the house: as PDF for the customer, as a file for the accounting system."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from flows.options import MONTH, home

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
@click.option("--paper", type=click.Choice(["a4", "us-letter"]), default="a4", show_default=True)
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
    from flows.terminal import many, out

    chosen = chosen_invoices(Home(home), Choice(numbers, month and month.date(), catalog))
    folder = to or (Home(home).root / "invoices" / f"{month:%Y-%m}" if month else Path())

    def path_of(number: str) -> Path:
        return folder if folder.suffix.lower() == ".pdf" else folder / f"{number}.pdf"

    for said in write_invoices(chosen, path_of, Paper(paper, read_letterhead(letterhead, due_days), fonts)):
        click.echo(f"seatledger: {said}", err=True)
    written = [path_of(row["invoice_number"]) for row in chosen.invoices]
    what = str(written[0]) if len(written) == 1 else f"{many(len(written), 'invoice')} to {folder}"
    out.print(f"Wrote {what}.", soft_wrap=True, markup=False)


COMMANDS = [invoice]
