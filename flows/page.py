"""The month's page: one HTML file that needs no network, from the finance database. Questions in reports/page/*.sql, looks in its template."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flows.page_words import against, cut, day_name, month_before, month_name, signed
from transforms.many import many
from transforms.money import CURRENCY_DECIMALS
from transforms.money_text import readable_money

if TYPE_CHECKING:
    import duckdb
    import jinja2

PAGE = Path(__file__).resolve().parent.parent / "reports" / "page"
PAGE_NAME = "index.html"
_MOST_OF_INVOICES = 2_000_000  # characters with their lines, so that a page stays far below 5 MB whatever the texts
_MOVEMENTS = [
    {"label": "New", "column": "new_minor"},
    {"label": "Reactivation", "column": "reactivation_minor"},
    {"label": "Expansion", "column": "expansion_minor"},
    {"label": "Contraction", "column": "contraction_minor"},
    {"label": "Churn", "column": "churn_minor"},
]
_CAUSES = ("seats", "plan", "price", "days", "term", "corrections", "credits")

Row = dict[str, Any]


class Issued(NamedTuple):
    """The month's invoices as the page carries them: as JSON, of which workspaces, and how many."""

    block: str
    workspaces: list[str]
    count: int


def page_of_month(finance: duckdb.DuckDBPyConnection, month: date) -> bytes:
    """The page of a month that the finance database knows. The same database gives the same bytes."""
    issued = issued_of_month(finance, month)
    movers = _asked(finance, "movers", month=month)
    holds = _asked(finance, "holds")
    findings = [list(kind) for _, kind in groupby(_asked(finance, "findings", month=month), itemgetter("finding"))]
    named = {row["workspace_id"] for row in (*movers, *holds, *(row for kind in findings for row in kind))}
    names = _names(finance, named.union(issued.workspaces) - {None})
    told = {
        "title": month_name(month),
        "month": _asked(finance, "months", month=month)[0],
        "month_before": month_before(month),
        "not_billed": _not_billed(finance, month),
        "holds": holds,
        "findings": findings,
        "found": sum(kind[0]["found"] for kind in findings),
        "due": _due(finance, month),
        "recurring": _recurring(finance, month),
        "movements": _MOVEMENTS,
        "seats": _seats(finance, month),
        "movers": _movers(movers),
        "deferred": _deferred(finance, month),
        "invoices_shown": issued.count,
    }
    told["invoices_in_all"] = sum(c["invoices"] for c in told["due"])
    return _rendered(told, issued, {workspace: names[workspace] for workspace in issued.workspaces if workspace in names}, names)


def issued_of_month(finance: duckdb.DuckDBPyConnection, month: date) -> Issued:
    """The part of the page that never changes once written: what was issued with a date in the month, up to what a page can carry."""
    invoices = _asked(finance, "invoices", month=month)
    lines: dict[str, list[Row]] = {}
    for line in _asked(finance, "invoice_lines", month=month, invoices=[i["invoice_number"] for i in invoices]) if invoices else ():
        lines.setdefault(line["invoice_number"], []).append(line)
    rows, size = [], 0
    for invoice in invoices:
        row = _invoice(invoice, lines.get(invoice["invoice_number"], []))
        text = _json(row)
        size += len(text)
        rows.append(text if size < _MOST_OF_INVOICES else _json(row | {"lines": []}))  # how many there are it says all the same
    return Issued(_block("invoices", f"[{','.join(rows)}]"), sorted({i["workspace_id"] for i in invoices}), len(rows))


def _invoice(invoice: Row, lines: list[Row]) -> Row:
    decimals = CURRENCY_DECIMALS[invoice["currency"]]
    credit = invoice["credit_granted_minor"] - invoice["credit_applied_minor"]
    causes = {name: invoice[f"{name}_minor"] for name in _CAUSES if invoice[f"{name}_minor"]}
    before = invoice["previous_invoice_number"] and {
        "number": invoice["previous_invoice_number"],
        "on": str(invoice["previous_invoice_on"]),
        "due": readable_money(invoice["previous_due_minor"], decimals),
        "causes": [[name, signed(minor, decimals)] for name, minor in causes.items()],
    }
    return {
        "number": invoice["invoice_number"],
        "on": str(invoice["invoice_on"]),
        "workspace": invoice["workspace_id"],
        "subscription": invoice["subscription_id"],
        "plans": cut(", ".join(dict.fromkeys(line["plan"] for line in lines))),
        "currency": invoice["currency"],
        "net": readable_money(invoice["net_minor"], decimals),
        "credit": signed(credit, decimals),
        "due": readable_money(invoice["amount_due_minor"], decimals),
        "difference": signed(invoice["difference_minor"], decimals),
        "before": before,
        "count": invoice["lines"],
        "lines": [[line["line_id"], cut(line["description"], 300), readable_money(line["amount_minor"], decimals)] for line in lines],
    }


# --- what each section tells ---------------------------------------------------------------------------------------------


def _due(finance: duckdb.DuckDBPyConnection, month: date) -> list[Row]:
    steps = _by_currency(_asked(finance, "due_bridge", month=month))
    found = _asked(finance, "due", month=month)
    for c in found:
        c["steps"] = steps.get(c["currency"], [])
        c["words"] = against(c["due_minor"], c["due_before_minor"], f"in {month_name(month_before(month))}", c["currency"])
        largest = sorted(c["steps"], key=lambda step: -abs(step["minor"]))[:3]
        if len(c["steps"]) > 1:
            named = [f"{step['label'].lower()} {signed(step['minor'], CURRENCY_DECIMALS[c['currency']])}" for step in largest]
            c["words"] += f". Largest causes: {', '.join(named)}"
    return found


def _recurring(finance: duckdb.DuckDBPyConnection, month: date) -> list[Row]:
    plans = _by_currency(_asked(finance, "recurring_plans", month=month))
    found = _asked(finance, "recurring", month=month)
    for c in found:
        c["plans"] = plans[c["currency"]]
        c["seats"] = sum(plan["closing_seats"] for plan in c["plans"])
        c["words"] = against(c["closing_minor"], c["opening_minor"], "at the month’s start", c["currency"])
    return found


def _seats(finance: duckdb.DuckDBPyConnection, month: date) -> Row:
    rows = _asked(finance, "seats", month=month)
    series = list(dict.fromkeys(row["series"] for row in sorted(rows, key=itemgetter("place", "series"))))
    days = []
    for day, of_day in groupby(rows, itemgetter("day")):
        known = {row["series"]: row for row in of_day}
        held = [known[name]["held"] if name in known else None for name in series]
        days.append({"day": day, "held": held, "all": sum(filter(None, held)), "billed": sum(row["billed"] for row in known.values())})
    before = [day["all"] for day in days if day["day"] < month]
    change = days[-1]["all"] - (before[-1] if before else days[0]["all"])
    since = f"at the close of {month_name(month_before(month))}" if before else f"on {day_name(days[0]['day'])}"
    words = f"{abs(change):,} {'more' if change > 0 else 'fewer'} than {since}" if change else f"as many as {since}"
    return {"series": series, "days": days, "last": days[-1]["all"], "last_on": days[-1]["day"], "words": words}


def _movers(rows: list[Row]) -> list[list[Row]]:
    """By currency; `share` is the length of a bar, of 50 at most."""
    groups = list(_by_currency(rows).values())
    for group in groups:
        most = max(abs(row["change_minor"]) for row in group)
        for row in group:
            row["share"] = max(1, 50 * abs(row["change_minor"]) // most)
    return groups


def _not_billed(finance: duckdb.DuckDBPyConnection, month: date) -> str:
    """What was not billed yet through the month's known days, in words; nothing where all was."""
    told = []
    for vendor, rows in groupby(_asked(finance, "not_billed", month=month), itemgetter("vendor")):
        by_day: dict[date | None, list[str]] = {}
        for row in rows:
            by_day.setdefault(row["billed_on"], []).append(row["cadence"])
        for billed_on, cadences in by_day.items():
            terms = vendor if len(cadences) == 2 else f"{vendor}, {cadences[0]} terms,"
            told.append(f"{terms} billed through {day_name(billed_on)}" if billed_on else f"{terms} not billed yet")
    return "; ".join(told)


def _deferred(finance: duckdb.DuckDBPyConnection, month: date) -> list[Row]:
    months = _by_currency(_asked(finance, "deferred_months", month=month))
    found = _asked(finance, "deferred", month=month)
    for c in found:
        left = c["closing_minor"]
        c["months"] = months.get(c["currency"], [])
        for to_come in c["months"]:
            left -= to_come["recognised_minor"]
            to_come["left_minor"] = left
        last = c["months"][-1]["month"] if c["months"] else None
        c["words"] = f" It becomes revenue by {month_name(last)}." if last else ""
    return found


def _charts(told: Mapping[str, Any]) -> Row:
    """What the page's script draws: amounts as whole minor units for their place, and as text for their label."""
    due = [_bridge(c, month_name(told["month_before"]), "due_before_minor", c["steps"], told["title"], "due_minor") for c in told["due"]]
    due = due if told["month"]["has_month_before"] else []
    recurring = []
    for c in told["recurring"]:
        steps = [{"label": m["label"], "minor": c[m["column"]]} for m in _MOVEMENTS if c[m["column"]]]
        recurring.append(_bridge(c, "Opening", "opening_minor", steps, "Closing", "closing_minor"))
    seats = told["seats"]
    of_days = [[str(day["day"]), *day["held"]] for day in seats["days"]]
    month = {
        "from": str(told["month"]["month"]),
        "title": told["title"],
        "series": [cut(name) for name in seats["series"]],
        "days": of_days,
    }
    deferred = [
        {
            "currency": c["currency"],
            "decimals": CURRENCY_DECIMALS[c["currency"]],
            "months": [[str(m["month"]), m["recognised_minor"], _amount_of(m["recognised_minor"], c)] for m in c["months"]],
        }
        for c in told["deferred"]
    ]
    return {"due": due, "recurring": recurring, "seats": [month], "deferred": deferred}


def _bridge(c: Row, before: str, before_minor: str, steps: Iterable[Row], after: str, after_minor: str) -> Row:
    decimals = CURRENCY_DECIMALS[c["currency"]]
    moved = [[step["label"], "step", step["minor"], signed(step["minor"], decimals)] for step in steps]
    first, last = ([label, "total", c[name], readable_money(c[name], decimals)] for label, name in ((before, before_minor), (after, after_minor)))
    return {"currency": c["currency"], "steps": [first, *moved, last]}


# --- asking, writing -----------------------------------------------------------------------------------------------------


def _asked(finance: duckdb.DuckDBPyConnection, question: str, **parameters: object) -> list[Row]:
    answer = finance.execute((PAGE / f"{question}.sql").read_text(encoding="utf-8"), parameters or None)
    columns = [column[0] for column in answer.description]
    return [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]


def _names(finance: duckdb.DuckDBPyConnection, workspaces: set[str]) -> dict[str, str]:
    if not workspaces:
        return {}
    return {row["workspace_id"]: row["name"] for row in _asked(finance, "names", workspaces=sorted(workspaces))}


def _by_currency(rows: list[Row]) -> dict[str, list[Row]]:
    return {currency: list(of_currency) for currency, of_currency in groupby(rows, itemgetter("currency"))}


def json_block(name: str, document: object) -> str:
    """A document as a script element that no browser runs; no text in it can end the element or begin another."""
    return _block(name, _json(document))


def _block(name: str, text: str) -> str:
    return f'<script type="application/json" id="{name}">{text}</script>'


def _json(document: object) -> str:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _rendered(told: Mapping[str, Any], issued: Issued, of_invoices: Mapping[str, str], names: Mapping[str, str]) -> bytes:
    from markupsafe import Markup

    style, script = _assets()
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    shown = {workspace: cut(name) for workspace, name in of_invoices.items()}
    blocks = {"charts": _charts(told), "names": shown}
    html = _template().render(
        **told,
        policy=Markup(policy),
        style=Markup(style),
        script=Markup(script),
        blocks=[Markup(json_block(name, document)) for name, document in blocks.items()] + [Markup(issued.block)],
        names=names,
    )
    return html.encode("utf-8", errors="replace")


@cache
def _assets() -> tuple[str, str]:
    style = (PAGE / "page.css").read_text(encoding="utf-8")
    return style, "\n".join((PAGE / name).read_text(encoding="utf-8") for name in ("plot.js", "page.js"))


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _template() -> jinja2.Template:
    import jinja2

    house = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    house.filters |= {
        "money": _amount_of,
        "signed": lambda minor, row: signed(minor, CURRENCY_DECIMALS[row["currency"]]),
        "day": day_name,
        "month": month_name,
        "cut": cut,
        "words": lambda text: text.replace("_", " "),
        "sentence": lambda text: f"{text[:1].upper()}{text[1:]}.",
        "count_of": many,
    }
    return house.get_template("month.html.j2")


def _amount_of(minor: int, row: Row) -> str:
    return readable_money(minor, CURRENCY_DECIMALS[row["currency"]])
