"""Invoices as PDF: every amount of them, nothing that a name could bring along, the same bytes each time."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pypdf
import pytest

from flows.errors import UserError
from flows.invoice_documents import Choice, Paper, chosen_invoices, read_letterhead, typesetter, write_invoices
from tests.conftest import Product
from tests.faults.sources import HOSTILE, Source, own_catalog, user
from tests.flows.test_cli import seatledger
from transforms.invoice_documents import Sender
from transforms.money import CURRENCY_DECIMALS
from transforms.money_text import money_text
from transforms.plain_text import one_line


def text_of(content: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages).split())


def set_on_paper(product: Product, number: str, paper: Paper = Paper()) -> bytes:  # noqa: B008
    chosen = chosen_invoices(product.home, Choice((number,)))
    return typesetter(paper)(chosen.invoices[0], chosen.lines[number])[0]


def on_paper(minor: int, currency: str) -> str:
    """`-156000` cents as they are printed: `−1,560.00`."""
    whole, _, rest = money_text(minor, CURRENCY_DECIMALS[currency]).partition(".")
    return f"{int(whole.lstrip('-')):,}".join(["−" if minor < 0 else "", f".{rest}" if rest else ""])


def test_every_invoice_of_the_sample_shows_each_line_and_total_as_they_were_issued(sample: Product) -> None:
    chosen = chosen_invoices(sample.home, Choice())
    assert len(chosen.invoices) == sample.invoices().height
    setting = typesetter(Paper())
    for invoice in chosen.invoices:
        number, currency = invoice["invoice_number"], invoice["currency"]
        content, lacking = setting(invoice, chosen.lines[number])
        text = text_of(content)
        assert lacking == []
        for line in chosen.lines[number].to_dicts():
            price, amount = (on_paper(line[name], currency) for name in ("unit_price_minor", "amount_minor"))
            per = {"monthly": "month", "annual": "year"}[line["cadence"]]
            seats = str(line["quantity"]).replace("-", "−")
            assert f"{seats} {line['days']}/{line['period_days']} {price} / {per} {amount}" in text, line["line_id"]
        assert f"Subtotal {on_paper(invoice['net_minor'], currency)} " in text
        assert f"Amount due, {currency} {on_paper(invoice['amount_due_minor'], currency)} " in text
        if invoice["credit_applied_minor"]:
            assert f"Paid from your credit {on_paper(-invoice['credit_applied_minor'], currency)} " in text
        if invoice["credit_granted_minor"]:
            assert f"Added to your credit {on_paper(invoice['credit_granted_minor'], currency)} " in text
            assert f"Your credit after this invoice {on_paper(invoice['credit_balance_minor'], currency)} " in text
        assert number in text
        assert one_line(invoice["workspace_name"]) in text


def test_one_invoice_reads_like_this(sample: Product) -> None:
    text = text_of(set_on_paper(sample, "PIV-2026-000015"))
    assert text.startswith(
        "Pivotal INVOICE PIV-2026-000015 Billed to Lumen Studio Workspace lumen-studio Subscription sub-lumen "
        "Invoice date 1 Apr 2026 Term, monthly 1 – 30 Apr 2026 Amount due 552.97 USD "
        "No. Description Service, first to last day Seats Days Price a seat Amount "
        "1 1 seat released on plan team 5 – 31 Mar 2026 −1 27/31 39.00 / month −33.97 "
        "2 1 seat added on plan team 9 – 31 Mar 2026 1 23/31 39.00 / month 28.94 "
    )
    assert text.endswith("Pivotal · PIV-2026-000015 Page 1 of 1")


def test_the_same_invoice_gives_the_same_bytes_and_can_be_archived_and_read_aloud(sample: Product) -> None:
    first, again = (set_on_paper(sample, "PEN-2026-000007") for _ in range(2))
    assert first == again
    document = pypdf.PdfReader(io.BytesIO(first))
    assert document.metadata.title == "PEN-2026-000007 Pensero"
    assert document.metadata.creation_date.date() == date(2026, 4, 19)  # its own date, not the clock's
    assert document.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert b"pdfaid:part" in document.trailer["/Root"]["/Metadata"].get_data()


def late(root: Path, names: dict[str, str] | None = None, catalogs: Path | None = None, **subscription: str) -> Product:
    """A workspace `oak` billed for January, whose seat b turns out to have been there from the 11th, and for February."""
    source = Source("2026-01-01", "2026-02-01").workspace("oak", ("a", "c"), **(names or {}) | subscription)
    product = Product(root / "home", catalogs)
    product.run(source.write(root / "source"), source.last)
    for day in [day for day in source.days if day >= date(2026, 1, 11)]:
        source.users[day].append(user("oak", "b"))
    more = Source("2026-01-01", "2026-03-01").workspace("oak", ("a", "c"), **(names or {}) | subscription)
    for day in more.days[10:]:
        more.users[day].append(user("oak", "b"))
    product.run(more.write(root / "more"), more.last, supersede=True)
    return product


def test_a_correction_is_marked_and_shows_what_was_billed_before(tmp_path: Path) -> None:
    product = late(tmp_path)
    (number,) = product.table("select max(invoice_number) from invoices").row(0)
    lines = {(line["reason"], line["is_correction"]): line for line in product.lines().filter(invoice_number=number).to_dicts()}
    text = text_of(set_on_paper(product, number))
    assert lines["opening", True]["quantity_billed_before"] == 2
    assert "Correction: 1 seat on plan team (2 + 1) × 39.00 × 28/28 − 2 × 39.00 × 28/28 = 39.00 1 – 28 Feb 2026 1 28/28" in text
    assert "Correction: 1 seat added on plan team 11 – 31 Jan 2026 1 21/31 39.00 / month 26.42" in text  # 39.00 × 21/31 = 26.419…


@pytest.mark.parametrize("currency, month, due", [("JPY", "4500", "13,500"), ("BHD", "12.345", "37.035")])
def test_a_currency_keeps_its_own_decimals(tmp_path: Path, currency: str, month: str, due: str) -> None:
    catalogs = own_catalog(tmp_path / "catalogs", currency=currency, month=month, year="1")
    source = Source("2026-01-01", "2026-01-02").workspace("oak", ("a", "b", "c"), catalog="acme", plan="basic")
    product = Product(tmp_path / "home", catalogs)
    product.run(source.write(tmp_path / "source"), source.last)
    assert f"Amount due, {currency} {due} " in text_of(set_on_paper(product, "ACM-2026-000001"))  # three seats


def test_a_long_invoice_goes_over_pages_each_with_its_number_and_the_tables_header(sample: Product) -> None:
    chosen = chosen_invoices(sample.home, Choice(("PIV-2026-000015",)))
    invoice, lines = chosen.invoices[0], chosen.lines["PIV-2026-000015"]
    content, _ = typesetter(Paper(paper="us-letter"))(
        invoice, lines.select(lines.columns).vstack(lines.sample(120, with_replacement=True, seed=1))
    )
    pages = [" ".join(page.extract_text().split()) for page in pypdf.PdfReader(io.BytesIO(content)).pages]
    assert len(pages) > 2
    for n, page in enumerate(pages, start=1):
        assert f"Page {n} of {len(pages)}" in page
        assert "PIV-2026-000015" in page
        assert "No. Description Service, first to last day Seats Days Price a seat Amount" in page
    assert ["Amount due, USD 552.97" in page for page in pages] == [*[False] * (len(pages) - 1), True]


MARKUP = (
    "#panic()",
    "*bold* _it_ `raw`",
    "$x^2$",
    "= Heading",
    "@reference <label>",
    '#import "x.typ": *',
    "\\u{41} // gone",
    "#sys.inputs",
    "[[]]{}#{",
)


@pytest.mark.parametrize("name", [*MARKUP, *(name for name in HOSTILE if name.isascii())])
def test_a_name_with_markup_comes_out_as_it_is(sample: Product, name: str) -> None:
    chosen = chosen_invoices(sample.home, Choice(("PIV-2026-000015",)))
    hostile = chosen.invoices[0] | {"workspace_name": name, "catalog_name": name}
    content, lacking = typesetter(Paper(sender=Sender((name,), (name,))))(hostile, chosen.lines["PIV-2026-000015"])
    assert (text_of(content).count(" ".join(name.split())), lacking) == (5, [])  # seller, head, customer, foot, page foot


def test_what_no_font_has_is_shown_as_a_box_and_said_without_the_name(sample: Product, tmp_path: Path) -> None:
    chosen = chosen_invoices(sample.home, Choice(("PIV-2026-000015",)))
    chosen.invoices[0]["workspace_name"] = "Zoë \u202eevil\x07 \U0001f333 株"
    said = list(write_invoices(chosen, lambda number: tmp_path / f"{number}.pdf", Paper()))
    told = "PIV-2026-000015: no font has U+1F333, U+682A; shown as □. Name a folder with a font that has it: --fonts DIR"
    assert said == [told]
    assert "Billed to Zoë evil □ □ Workspace" in text_of((tmp_path / "PIV-2026-000015.pdf").read_bytes())


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\U0001f44d\U0001f3fd Ltd", "□ Ltd"),  # a thumb with a colour of skin
        ("\U0001f469\u200d\U0001f469\u200d\U0001f467", "□□□"),  # a family
        ("\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "□"),  # a flag spelt with letters that are not seen
    ],
)
def test_signs_that_are_put_together_are_boxes_too(sample: Product, name: str, shown: str) -> None:
    chosen = chosen_invoices(sample.home, Choice(("PIV-2026-000015",)))
    content, lacking = typesetter(Paper())(chosen.invoices[0] | {"workspace_name": name}, chosen.lines["PIV-2026-000015"])
    assert lacking
    assert f"Billed to {shown} Workspace" in text_of(content)


def test_the_command_writes_one_several_or_a_month(sample: Product, tmp_path: Path) -> None:
    home = ("--home", sample.home.root)
    done = seatledger("invoice", "PIV-2026-000015", "--to", tmp_path / "one.pdf", *home)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"Wrote {tmp_path / 'one.pdf'}.\n", "")
    seatledger("invoice", "PIV-2026-000015", "PEN-2026-000001", "--to", tmp_path / "two", *home)
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == ["PEN-2026-000001.pdf", "PIV-2026-000015.pdf"]
    month = seatledger("invoice", "--month", "2026-04", "--catalog", "pivotal", *home)
    folder = sample.home.root / "invoices" / "2026-04"
    assert month.stdout == f"Wrote 6 invoices to {folder}.\n"
    assert {path.stem for path in folder.iterdir()} == set(
        sample.table("from invoices where catalog = 'pivotal' and month(invoice_on) = 4")["invoice_number"]
    )


def test_a_letterhead_and_days_to_pay_are_printed(sample: Product, tmp_path: Path) -> None:
    (tmp_path / "head.txt").write_text("1 Example Street\nTax number 12-34\n\nPay to account #7\n", encoding="utf-8")
    paper = Paper(sender=read_letterhead(tmp_path / "head.txt", 14))
    text = text_of(set_on_paper(sample, "PIV-2026-000015", paper))
    assert text.startswith("Pivotal 1 Example Street Tax number 12-34 INVOICE")
    assert "Payment due 15 Apr 2026" in text  # 1 April and 14 days
    assert "Pay to account #7" in text


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (["PIV-2026-00015"], 1, "PIV-2026-00015: there is no such invoice. Nearest: PIV-2026-000015"),
        (["--month", "2027-04"], 1, "2027-04: there is no invoice. There are invoices of 2026-01 to 2026-05, of pensero, pivotal."),
        (["--month", "2026-04", "--catalog", "x"], 1, "there is no invoice of catalogue x"),
        (["PIV-2026-000015", "--letterhead", "nowhere"], 1, "nowhere: cannot be read"),
        (["PIV-2026-000015", "--to", "/dev/null/x.pdf"], 1, "/dev/null/x.pdf: cannot be written"),
        ([], 2, "Name invoices, as in PIV-2026-000015, or a month"),
        (["--month", "2026-04", "--to", "x.pdf"], 2, "x.pdf is one file"),
    ],
)
def test_what_a_user_gets_wrong_is_said_in_a_sentence(sample: Product, arguments: list[str], code: int, said: str) -> None:
    done = seatledger("invoice", *arguments, "--home", sample.home.root)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_without_typst_it_says_what_to_install(sample: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(UserError, match=r"pip install -c constraints.txt -e '\.\[pdf\]'"):
        set_on_paper(sample, "PIV-2026-000015")


def test_neither_prefect_nor_a_catalogue_is_needed(sample: Product, tmp_path: Path) -> None:
    arguments = json.dumps(["invoice", "PIV-2026-000015", "--to", str(tmp_path), "--home", str(sample.home.root)])
    script = (
        f"import sys; from flows.cli import seatledger; seatledger({arguments}, standalone_mode=False); print('prefect' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.endswith("False\n"), done.stderr
