"""How a page is put together: what is asked of the finance database for it, its template, and its style, script and data in the one file."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.page_words import cut, day_name, month_name, signed
from transforms.many import many
from transforms.money import CURRENCY_DECIMALS
from transforms.money_text import readable_money

if TYPE_CHECKING:
    import duckdb
    import jinja2

PAGE = Path(__file__).resolve().parent.parent / "reports" / "page"
PAGE_NAME = "index.html"

Row = dict[str, Any]


def asked(finance: duckdb.DuckDBPyConnection, question: str, **parameters: object) -> list[Row]:
    """The rows that a question of reports/page gives, by column name."""
    answer = finance.execute((PAGE / f"{question}.sql").read_text(encoding="utf-8"), parameters or None)
    columns = [column[0] for column in answer.description]
    return [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]


def rendered_page(template: str, told: Mapping[str, Any], scripts: Iterable[str] = (), blocks: Iterable[str] = ()) -> bytes:
    """A page by its template, with the page's style, some scripts and blocks of data, and a policy that lets a browser load nothing else."""
    from markupsafe import Markup

    style, script = _text_of("page.css"), "\n".join(map(_text_of, scripts))
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    html = (
        _templates()
        .get_template(template)
        .render(**told, policy=Markup(policy), style=Markup(style), script=Markup(script), blocks=list(map(Markup, blocks)))
    )
    return html.encode("utf-8", errors="replace")


def json_block(name: str, document: object) -> str:
    """A document as a script element that no browser runs; no text in it can end the element or begin another."""
    return block(name, json_text(document))


def block(name: str, text: str) -> str:
    """The same for JSON as `json_text` writes it."""
    return f'<script type="application/json" id="{name}">{text}</script>'


def json_text(document: object) -> str:
    """A document as JSON that may stand in HTML."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def amount_of(minor: int, row: Row) -> str:
    """An amount as a person reads it, by the currency of its row."""
    return readable_money(minor, CURRENCY_DECIMALS[row["currency"]])


@cache
def _text_of(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _templates() -> jinja2.Environment:
    import jinja2

    house = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    house.filters |= {
        "money": amount_of,
        "signed": lambda minor, row: signed(minor, CURRENCY_DECIMALS[row["currency"]]),
        "day": day_name,
        "month": month_name,
        "cut": cut,
        "words": lambda text: text.replace("_", " "),
        "sentence": lambda text: f"{text[:1].upper()}{text[1:]}.",
        "count_of": many,
    }
    return house
