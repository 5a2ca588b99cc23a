"""The month's page: one HTML file that needs no network, from the finance database. Questions in reports/page/*.sql, looks in its template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from flows.page_rendering import Row, amount_of, asked, block, json_block, json_text, rendered_page
from flows.page_words import against, cut, day_name, month_before, month_name, signed
from transforms.money import CURRENCY_DECIMALS
from transforms.money_text import readable_money

if TYPE_CHECKING:
    import duckdb

_MOST_OF_INVOICES = 2_000_000  # characters with their lines, so that a page stays far below 5 MB whatever the texts
_MOVEMENTS = [
    {"label": "New", "column": "new_minor"},
    {"label": "Reactivation", "column": "reactivation_minor"},
    {"label": "Expansion", "column": "expansion_minor"},
    {"label": "Contraction", "column": "contraction_minor"},
    {"label": "Churn", "column": "churn_minor"},
]
_CAUSES = ("seats", "plan", "price", "days", "term", "corrections", "credits")


class Issued(NamedTuple):
    """The month's invoices as the page carries them: as JSON, of which workspaces, and how many."""

    block: str
    workspaces: list[str]
    count: int


def page_of_month(finance: duckdb.DuckDBPyConnection, month: date) -> bytes:
    """The page of a month that the finance database knows. The same database gives the same bytes."""
    issued = issued_of_month(finance, month)
    movers = asked(finance, "movers", month=month)
    holds = asked(finance, "holds")
    findings = [list(kind) for _, kind in groupby(asked(finance, "findings", month=month), itemgetter("finding"))]
    named = {row["workspace_id"] for row in (*movers, *holds, *(row for kind in findings for row in kind))}
    names = _names(finance, named.union(issued.workspaces) - {None})
    told = {
        "title": month_name(month),
        "month": asked(finance, "months", month=month)[0],
        "month_before": month_before(month),
        "not_billed": not_billed(finance, month),
        "holds": holds,
        "findings": findings,
        "found": sum(kind[0]["found"] for kind in findings),
        "due": _due(finance, month),
        "recurring": _recurring(finance, month),
        "worth_unknown": asked(finance, "recurring_held", month=month)[0]["workspaces"],
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
    invoices = asked(finance, "invoices", month=month)
    lines: dict[str, list[Row]] = {}
    for line in asked(finance, "invoice_lines", month=month, invoices=[i["invoice_number"] for i in invoices]) if invoices else ():
        lines.setdefault(line["invoice_number"], []).append(line)
    rows, size = [], 0
    for invoice in invoices:
        row = _invoice(invoice, lines.get(invoice["invoice_number"], []))
        text = json_text(row)
        size += len(text)
        rows.append(text if size < _MOST_OF_INVOICES else json_text(row | {"lines": []}))  # how many there are it says all the same
    return Issued(block("invoices", f"[{','.join(rows)}]"), sorted({i["workspace_id"] for i in invoices}), len(rows))


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
    steps = _by_currency(asked(finance, "due_bridge", month=month))
    found = asked(finance, "due", month=month)
    for c in found:
        c["steps"] = steps.get(c["currency"], [])
        c["words"] = against(c["due_minor"], c["due_before_minor"], f"in {month_name(month_before(month))}", c["currency"])
        largest = sorted(c["steps"], key=lambda step: -abs(step["minor"]))[:3]
        if len(c["steps"]) > 1:
            named = [f"{step['label'].lower()} {signed(step['minor'], CURRENCY_DECIMALS[c['currency']])}" for step in largest]
            c["words"] += f". Largest causes: {', '.join(named)}"
    return found


def _recurring(finance: duckdb.DuckDBPyConnection, month: date) -> list[Row]:
    plans = _by_currency(asked(finance, "recurring_plans", month=month))
    found = asked(finance, "recurring", month=month)
    for c in found:
        c["plans"] = plans[c["currency"]]
        c["seats"] = sum(plan["closing_seats"] for plan in c["plans"])
        c["words"] = against(c["closing_minor"], c["opening_minor"], "at the month’s start", c["currency"])
    return found


def _seats(finance: duckdb.DuckDBPyConnection, month: date) -> Row:
    rows = asked(finance, "seats", month=month)
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


def not_billed(finance: duckdb.DuckDBPyConnection, month: date) -> str:
    """What was not billed yet through the month's known days, in words; nothing where all was."""
    told = []
    for vendor, rows in groupby(asked(finance, "not_billed", month=month), itemgetter("vendor")):
        by_day: dict[date | None, list[str]] = {}
        for row in rows:
            by_day.setdefault(row["billed_on"], []).append(row["cadence"])
        for billed_on, cadences in by_day.items():
            terms = vendor if len(cadences) == 2 else f"{vendor}, {cadences[0]} terms,"
            told.append(f"{terms} billed through {day_name(billed_on)}" if billed_on else f"{terms} not billed yet")
    return "; ".join(told)


def _deferred(finance: duckdb.DuckDBPyConnection, month: date) -> list[Row]:
    months = _by_currency(asked(finance, "deferred_months", month=month))
    found = asked(finance, "deferred", month=month)
    for c in found:
        left = c["closing_minor"]
        c["months"] = months.get(c["currency"], [])
        for to_come in c["months"]:
            left -= to_come["recognised_minor"]
            to_come["left_minor"] = left
        last = max((to_come["month"] for to_come in c["months"] if to_come["recognised_minor"]), default=None)
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
            "months": [[str(m["month"]), m["recognised_minor"], amount_of(m["recognised_minor"], c)] for m in c["months"]],
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


def _names(finance: duckdb.DuckDBPyConnection, workspaces: set[str]) -> dict[str, str]:
    if not workspaces:
        return {}
    return {row["workspace_id"]: row["name"] for row in asked(finance, "names", workspaces=sorted(workspaces))}


def _by_currency(rows: list[Row]) -> dict[str, list[Row]]:
    return {currency: list(of_currency) for currency, of_currency in groupby(rows, itemgetter("currency"))}


def _rendered(told: Mapping[str, Any], issued: Issued, of_invoices: Mapping[str, str], names: Mapping[str, str]) -> bytes:
    shown = {workspace: cut(name) for workspace, name in of_invoices.items()}
    blocks = [json_block("charts", _charts(told)), json_block("names", shown), issued.block]
    return rendered_page("month.html.j2", {**told, "names": names}, ("plot.js", "page.js"), blocks)
