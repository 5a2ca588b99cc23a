"""Invoices as PDF, set by Typst: what the finance database says of them, on one page or as many as it takes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unicodedata import category

import polars as pl

from flows.errors import UserError
from flows.home import Home
from flows.month_reports import REPORTS
from flows.progress import progress
from flows.questions import asked_of_finance
from flows.whole_files import whole
from transforms.descriptions import words_of_movement
from transforms.invoice_documents import Document, Sender, document_of_invoice
from transforms.line_words import formula_of_line

_STANDARDS = ["a-2a", "ua-1"]  # to be archived, and to be read aloud
_LACKING = re.compile(r'the text `"(.+)"` could not be displayed')
_SHOWN_INSTEAD = "□"
_CHANGES_LOOKS = {"Mn", "Mc", "Me", "Cf", "Sk"}  # of the character before: marks, joiners, variants, colours
_LONGEST_LETTERHEAD = 40  # lines


class Choice(NamedTuple):
    """Which invoices: by number, or of a month, or both none for all; of one catalogue or of any."""

    numbers: tuple[str, ...] = ()
    month: date | None = None
    catalog: str | None = None


class Chosen(NamedTuple):
    """Invoices with the names of their parties, and each one's lines by its number."""

    invoices: list[dict[str, Any]]
    lines: Mapping[str, pl.DataFrame]


class Paper(NamedTuple):
    """How an invoice is set: on what, for whom, with which fonts beside those that Typst brings."""

    paper: str = "a4"
    sender: Sender = Sender()
    fonts: Path | None = None


def chosen_invoices(home: Home, choice: Choice) -> Chosen:
    """The invoices that are asked for, one by one; raises as `chosen_frames` does."""
    frames = chosen_frames(home, choice)
    lines = frames["lines"].partition_by("invoice_number", as_dict=True, maintain_order=True)
    return Chosen(frames["invoices"].to_dicts(), {number: rows for (number,), rows in lines.items()})


def chosen_frames(home: Home, choice: Choice) -> dict[str, pl.DataFrame]:
    """The `invoices` that are asked for, their `lines`, and what all `customers` are called.

    Raises: UserError where a number is of no invoice, naming the nearest, or where a month or a catalogue has none.
    """
    asked = {"month": choice.month, "catalog": choice.catalog, "numbers": list(choice.numbers) or None}
    with asked_of_finance(home) as finance:
        frames = {name: finance.sql(_sql(name), params=asked).pl() for name in ("invoices", "lines")}
        missing = [number for number in choice.numbers if number not in frames["invoices"]["invoice_number"]]
        if missing:
            raise UserError(_no_such_invoice(missing[0], finance.sql(_sql("nearest"), params={"number": missing[0].upper()}).fetchall()))
        if frames["invoices"].is_empty():
            raise UserError(_none_chosen(choice, *finance.sql(_sql("known")).fetchall()[0]))
        return frames | {"customers": finance.sql(_sql("customers")).pl()}


def write_invoices(chosen: Chosen, path_of: Callable[[str], Path], paper: Paper) -> Iterator[str]:
    """Write each invoice to its path; yields what a person should know of them.

    Raises: UserError without the library, and where a file cannot be written.
    """
    set_on_paper = typesetter(paper)
    with progress("Setting invoices", len(chosen.invoices)) as told:
        for invoice in chosen.invoices:
            number = invoice["invoice_number"]
            content, lacking = set_on_paper(invoice, chosen.lines[number])
            path = path_of(number)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                with whole(path) as beside:
                    beside.write_bytes(content)
            except OSError as reason:
                raise UserError(f"{path}: cannot be written: {reason.strerror}.") from None
            if lacking:
                yield _said_of_lacking(number, lacking)
            told.advance()


def typesetter(paper: Paper) -> Callable[[Mapping[str, Any], pl.DataFrame], tuple[bytes, Sequence[str]]]:
    """What makes a PDF of an invoice and its lines, and tells the characters that no font has. The same invoice gives the same bytes."""
    try:
        import typst
    except ImportError:
        raise UserError("invoices as PDF are set by Typst, which is not installed. In the clone that seatledger is installed from: pip install -c constraints.txt -e '.[pdf]'") from None
    folders = [str(paper.fonts)] if paper.fonts else []
    template, compiler = (REPORTS / "invoice.typ").read_bytes(), typst.Compiler(font_paths=folders, ignore_system_fonts=True)

    def compiled(document: Document, on: date) -> bytes:
        inputs = {"invoice": json.dumps(document, ensure_ascii=False), "paper": paper.paper}
        at = datetime.combine(on, time.min, UTC)
        return compiler.compile(template, format="pdf", sys_inputs=inputs, timestamp=at, pdf_standards=_STANDARDS)

    def set_on_paper(invoice: Mapping[str, Any], lines: pl.DataFrame) -> tuple[bytes, Sequence[str]]:
        document, lacking = document_of_invoice(invoice, _told_lines(invoice, lines), paper.sender), []
        while True:
            try:
                return compiled(document, invoice["invoice_on"]), lacking
            except typst.TypstError as error:
                found = _LACKING.search(error.message)
                if not found or found.group(1) in lacking:
                    raise UserError(f"{invoice['invoice_number']}: could not be set: {error.message}. Please report this.") from None
                lacking.append(found.group(1))
                document = _without(document, found.group(1))

    return set_on_paper


def read_letterhead(path: Path | None, due_days: int | None) -> Sender:
    """A sender's own lines from a text file: those above the first empty line go under its name, the others to the foot.

    Raises: UserError where the file cannot be read or is too long for a page.
    """
    if path is None:
        return Sender(due_days=due_days)
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").strip().splitlines()]
    except (OSError, UnicodeDecodeError) as reason:
        raise UserError(f"{path}: cannot be read: {reason.strerror if isinstance(reason, OSError) else 'it is not UTF-8'}.") from None
    if len(lines) > _LONGEST_LETTERHEAD:
        raise UserError(f"{path}: has {len(lines)} lines; a letterhead has at most {_LONGEST_LETTERHEAD}.")
    end = lines.index("") if "" in lines else len(lines)
    return Sender(tuple(lines[:end]), tuple(line for line in lines[end:] if line), due_days)


def _told_lines(invoice: Mapping[str, Any], lines: pl.DataFrame) -> list[dict[str, Any]]:
    """The lines with their words, and with a formula where the columns alone do not tell the amount: what was billed before counts too."""
    rounds = SimpleNamespace(rounding=invoice["rounding"])
    told = lines.with_columns(words=words_of_movement()).to_dicts()
    return [line | {"formula": formula_of_line(line, rounds).text if line["quantity_billed_before"] else None} for line in told]


def _without(told: Any, lacking: str) -> Any:
    """A document with each character that no font has shown as a box, and without what changes its looks alone: a box has no colour of skin."""
    if isinstance(told, str):
        first, *others = told.split(lacking)
        return first + "".join(_SHOWN_INSTEAD + other.lstrip("".join(c for c in other if category(c) in _CHANGES_LOOKS)) for other in others)
    if isinstance(told, dict):
        return {name: _without(value, lacking) for name, value in told.items()}
    return [_without(value, lacking) for value in told] if isinstance(told, list) else told


def _said_of_lacking(number: str, lacking: Iterable[str]) -> str:
    codes = ", ".join(f"U+{ord(c):04X}" for text in lacking for c in text)
    return f"{number}: no font has {codes}; shown as {_SHOWN_INSTEAD}. Name a folder with a font that has it: --fonts DIR"


def _sql(name: str) -> str:
    return (REPORTS / "documents" / f"{name}.sql").read_text(encoding="utf-8")


def _no_such_invoice(number: str, near: list[tuple[str]]) -> str:
    if not near:
        return f"{number}: there is no such invoice; nothing has been invoiced yet."
    return f"{number}: there is no such invoice. Nearest: {', '.join(found for (found,) in near)}. All are in invoices."


def _none_chosen(choice: Choice, first: date | None, last: date | None, catalogs: str | None) -> str:
    if first is None:
        return "nothing has been invoiced yet. See: seatledger bill --help"
    when = f"{choice.month:%Y-%m}: " if choice.month else ""
    of = f" of catalogue {choice.catalog}" if choice.catalog else ""
    return f"{when}there is no invoice{of}. There are invoices of {first:%Y-%m} to {last:%Y-%m}, of {catalogs}."
