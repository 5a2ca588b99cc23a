"""What a run tells whoever watches it: in a word, in a sentence, as a page of Markdown, and its holds as a table.

Ids, counts and amounts; no name and no address is in it. What comes from a source may be hostile: in Markdown it is escaped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from transforms.many import many
from transforms.money_text import readable_money

if TYPE_CHECKING:
    from flows.home import Home
    from flows.requests import Outcome

REPORTS_URL = "SEATLEDGER_REPORTS_URL"  # where HOME/reports can be seen from a browser, if anywhere
_MOST_HOLDS = 50
_BEFORE = """
    select run_id, through from runs
    where invoices > 0 and run_id < coalesce(?, 'z')
      and cadence is not distinct from ? and catalog is not distinct from ?
    order by run_id desc limit 1
"""
_OF_A_RUN = """
    select catalog, currency, plan, sum(amount_minor)::bigint from invoice_lines join invoices using (invoice_id, catalog, currency)
    where run_id = ? group by all
"""


def how_it_ended(outcome: Outcome) -> str | None:
    """The name of a run's last state; None: the usual one."""
    return f"Held {many(len(outcome.held), 'workspace')}" if outcome.held else None


def in_short(outcome: Outcome) -> str:
    """What a run did, in a sentence or two."""
    said = []
    if outcome.ingested.days or outcome.ingested.files:
        done = outcome.ingested
        said.append(f"Ingested {many(done.days, 'day')}: {many(done.files, 'file')}, {many(done.rows, 'row')}.")
    if outcome.invoices is not None:
        verb = "Billed" if outcome.run_id else "Would bill"
        said.append(f"{verb} through {outcome.through}: {many(outcome.invoices.height, 'invoice')}, {many(outcome.lines, 'line')}.")
    if outcome.exported:
        said.append(f"Reports: {many(len(outcome.exported), 'month')}.")
    if outcome.held:
        said.append(f"Held, and without an invoice: {many(len(outcome.held), 'workspace')}.")
    return " ".join(said) or "Nothing was new."


def summary(outcome: Outcome, home: Home, asked: tuple[str | None, str | None] = (None, None)) -> str:
    """A run as a page of Markdown; `asked` are the only cadence and the only catalogue that it billed."""
    from flows.questions import open_finance

    parts: list[str] = []
    held: list[tuple] = []
    if home.finance.exists():
        with open_finance(home) as finance:
            if outcome.invoices is not None:
                parts += _billed(outcome, finance, asked)
            held = _holds(finance)
    if outcome.held and held:
        parts += [
            "## Held",
            *_held(held),
            f"Mended data is billed by the next run. `seatledger holds --home {_code(str(home.root))}` lists the same.",
        ]
    parts += _pages(outcome, home)
    return "\n\n".join(parts or [in_short(outcome)]) + "\n"


def holds_table(home: Home) -> list[dict[str, str]]:
    """Every hold as a row; one that says so where nothing is held."""
    from flows.questions import open_finance

    found = []
    if home.finance.exists():
        with open_finance(home) as finance:
            found = _holds(finance)
    if not found:
        return [{"workspace": "nothing is held"}]
    return [
        {
            "workspace": _cell(workspace),
            "what": _cell(detail),
            "to mend": _cell(mend),
            "where": _cell(f"{file}, row {row}") if file else "",
            "since": "" if since is None else str(since),
        }
        for workspace, since, detail, file, row, mend in found
    ]


def _billed(outcome: Outcome, finance: Any, asked: tuple[str | None, str | None]) -> list[str]:
    """What was billed by catalogue and plan, against the last run before that was asked the same and billed anything."""
    now = {row[:3]: row[3:] for row in outcome.billed.iter_rows()} if outcome.billed is not None else {}
    if not now:
        return ["No invoice date was due that had not been billed."]
    before_run = finance.execute(_BEFORE, [outcome.run_id, *asked]).fetchone()
    before = {}
    if before_run:
        before = {row[:3]: row[3] for row in finance.execute(_OF_A_RUN, [before_run[0]]).fetchall()}
    decimals = dict(finance.execute("select currency, decimals from currencies").fetchall())
    rows = []
    for key in sorted(now.keys() | before.keys()):
        catalog, currency, plan = key
        lines, net = now.get(key, (0, 0))
        cells = [_cell(catalog), _cell(plan), str(lines), _amount(net, currency, decimals)]
        if before_run:
            cells += [_amount(before.get(key, 0), currency, decimals), _amount(net - before.get(key, 0), currency, decimals, sign=True)]
        rows.append([*cells, currency])
    compared = ["run before", "change"] if before_run else []
    said = [_table(["catalogue", "plan", "lines", "net", *compared, ""], rows, right={2, 3, 4, 5} if before_run else {2, 3})]
    if before_run:
        said.append(f"The run before: {before_run[0]}, through {before_run[1]}.")
    return [*_totals(outcome, decimals), "## By catalogue and plan", *said]


def _totals(outcome: Outcome, decimals: dict[str, int]) -> list[str]:
    sums: dict[tuple[str, str], list[int]] = {}
    for catalog, currency, net, due in outcome.invoices.select("catalog", "currency", "net_minor", "amount_due_minor").iter_rows():
        total = sums.setdefault((catalog, currency), [0, 0, 0])
        total[:] = [total[0] + 1, total[1] + net, total[2] + due]
    rows = [
        [_cell(catalog), str(number), _amount(net, currency, decimals), _amount(due, currency, decimals), currency]
        for (catalog, currency), (number, net, due) in sorted(sums.items())
    ]
    return ["## Invoices", _table(["catalogue", "invoices", "net", "due", ""], rows, right={1, 2, 3})]


def _holds(finance: Any) -> list[tuple]:
    return finance.execute('select workspace_id, since_on, detail, file, "row", mend from holds order by all').fetchall()


def _held(found: list[tuple]) -> list[str]:
    rows = [
        [_cell(workspace), "" if since is None else str(since), _cell(detail), _cell(f"{file}, row {row}") if file else "", _cell(mend)]
        for workspace, since, detail, file, row, mend in found[:_MOST_HOLDS]
    ]
    more = [f"And {len(found) - _MOST_HOLDS} more."] if len(found) > _MOST_HOLDS else []
    return [_table(["workspace", "since", "what", "where", "to mend"], rows), *more]


def _pages(outcome: Outcome, home: Home) -> list[str]:
    """Where the months can be seen: what a browser may open is a link, a file is named."""
    folders = outcome.exported
    if outcome.run_id and outcome.through and not folders:
        folders = (home.reports / outcome.through.strftime("%Y-%m"),)
    pages = [page for folder in folders if (page := folder / "index.html").exists()]
    base = os.environ.get(REPORTS_URL, "").rstrip("/")
    if base.startswith(("http://", "https://")):
        links = [f"- [{page.parent.name}](<{base}/{page.parent.name}/index.html>)" for page in pages]
    else:
        links = [f"- {page.parent.name}: `{_code(str(page))}`" for page in pages]
    return ["## The month's page", "\n".join(links)] if links else []


def _table(names: Iterable[str], rows: list[list[str]], right: set[int] | None = None) -> str:
    names = list(names)
    marks = ["---:" if n in (right or set()) else "---" for n in range(len(names))]
    return "\n".join("| " + " | ".join(row) + " |" for row in [names, marks, *rows])


def _amount(minor: int, currency: str, decimals: dict[str, int], *, sign: bool = False) -> str:
    """An amount in whole minor units, written with its currency's decimals."""
    return f"{'+' if sign and minor > 0 else ''}{readable_money(minor, decimals[currency])}"


def _cell(text: object) -> str:
    """Text as data in Markdown: nothing in it is markup, a link, HTML, another column or a control character.

    No more is escaped than that takes: one of Prefect's two pages renders the cells of a table as Markdown, the other shows them as they are.
    """
    visible = "".join(c if c.isprintable() else "�" for c in str(text))
    return re.sub(r"([\\`*\[\]<>|~&]|:(?=//)|(?<=www)\.)", r"\\\1", visible)


def _code(text: str) -> str:
    return "".join(c if c.isprintable() and c != "`" else "�" for c in text)
