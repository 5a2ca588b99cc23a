"""What a person reads on the terminal: outcomes, the status of a home, what is held."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from rich.text import Text

from flows.endings import write_out
from flows.errors import name_days
from flows.home import Home
from flows.printable import printable
from flows.status import status_document
from flows.tables import Stdout, print_table, print_wrapped
from transforms.many import many
from transforms.money_text import money_text

if TYPE_CHECKING:
    import polars as pl

    from flows.deployments import Site
    from flows.requests import Outcome
    from flows.run import Setting
    from flows.verify import Check


# NO_COLOR leaves nothing but text; into a pipe or a file nothing is cut, and no ANSI is written anyhow.
out = Stdout(highlight=False, **({"color_system": None} if os.environ.get("NO_COLOR") else {}))
if not out.is_terminal:
    out = Stdout(highlight=False, width=200, color_system=None)
_MOST_ROWS = 40
_MOST_ANSWERED = 500
_MOST_RUNS = 5


def print_outcome(outcome: Outcome, setting: Setting, *, dry_run: bool = False) -> None:
    """What a run did, in a few lines: days in, invoices out, what is held and where to look next."""
    done = outcome.ingested
    if done.files:
        out.print(f"Ingested {many(done.days, 'day')}: {many(done.files, 'file')}, {many(done.rows, 'row')}.")
    elif done.days:
        out.print(f"Repeated the day before on {name_days(sorted(done.touched))}.")
    elif outcome.invoices is None and not outcome.exported:
        out.print("Nothing new came in.")
    if outcome.invoices is not None:
        verb = "Would bill" if dry_run else "Billed"
        out.print(f"{verb} through {outcome.through}: {many(outcome.invoices.height, 'invoice')}, {many(outcome.lines, 'line')}.")
        if outcome.invoices.height:
            _print_invoices(outcome)
    if outcome.exported:
        first, last = outcome.exported[0], outcome.exported[-1]
        _print_as_it_is(f"Reports: {first}" + (f" to {last.name}" if last != first else ""))
        _print_as_it_is(f"The month's page: {last / 'index.html'}")
        _print_as_it_is(f"All months: {last.parent / 'index.html'}")
        for workbook in outcome.workbooks:
            _print_as_it_is(f"Workbook: {workbook}")
    if not dry_run and (findings := status_document(setting.home)["findings"]):
        _print_as_it_is(f'Findings: {findings}. See: seatledger sql "from exceptions" --home {quote(str(setting.home.root))}')
    if not dry_run:
        _print_as_it_is(f"Query it: duckdb -readonly {quote(str(setting.home.finance))}")
    if outcome.held:
        held = (f"Held: {many(len(outcome.held), 'workspace')}", "bold")
        see = f", without an invoice. See: seatledger holds --home {quote(str(setting.home.root))}"
        out.print(Text.assemble(held, see), soft_wrap=True)


def _print_as_it_is(line: str) -> None:
    """A line that names a path: nothing in it is markup, and none of it is cut."""
    out.print(Text(line), soft_wrap=True)


def _print_invoices(outcome: Outcome) -> None:
    from transforms.money import CURRENCY_DECIMALS

    columns = ("invoice_number", "invoice_on", "workspace_id", "net_minor", "amount_due_minor", "credit_balance_minor", "currency")
    rows = []
    for number, on, workspace, *minor, currency in outcome.invoices.head(_MOST_ROWS).select(columns).iter_rows():
        net, due, credit = (money_text(amount, CURRENCY_DECIMALS[currency]) for amount in minor)
        rows.append((number, on, workspace, net, f"{due} {currency}", credit))
    names = ("invoice", "date", "workspace", "net", "due", "credit")
    print_table(out, names, rows, right=names[3:], spare=("credit", "net"))
    if outcome.invoices.height > _MOST_ROWS:
        out.print(f"… and {many(outcome.invoices.height - _MOST_ROWS, 'invoice')} more: they are in invoices_v.", soft_wrap=True)


def print_status(root: Path) -> None:
    """Days, runs, invoices and holds of a home, from its finance database."""
    told = status_document(Home(root))
    days = told["rosters"]
    known = f"{many(days['days'], 'day')}, {days['first_on']} to {days['last_on']}" if days["days"] else "none yet"
    lacking = f"; missing: {name_days([date.fromisoformat(day) for day in days['missing']])}" if days["missing"] else ""
    out.print(f"Rosters: {known}{lacking}.", soft_wrap=True)
    runs = [
        (
            run["run_id"],
            " ".join([run["command"], *(f"--{word} {run[word]}" for word in ("cadence", "catalog") if run[word])]),
            *(run[name] for name in ("through", "invoices", "lines", "held_workspaces")),
            f"{datetime.fromisoformat(run['finished_at']):%Y-%m-%d %H:%M}",
        )
        for run in told["runs"][:_MOST_RUNS]
    ]
    names = ("run", "command", "through", "invoices", "lines", "held", "finished (UTC)")
    print_table(out, names, runs, right=names[3:6], spare=("held", "lines", "command"))
    if len(told["runs"]) > _MOST_RUNS:
        out.print(f"… and {many(len(told['runs']) - _MOST_RUNS, 'run')} before.")
    if told["invoiced"]:
        names = ("catalogue", "currency", "invoices", "net", "due")
        sums = [tuple(row[name] for name in ("catalog", "currency", "invoices", "net", "amount_due")) for row in told["invoiced"]]
        print_table(out, names, sums, right=names[2:], spare=("invoices",))
    out.print(f"Held workspaces: {told['held_workspaces']}. Findings reported: {told['findings']}.")


def print_served(site: Site, page: str | None) -> None:
    """What is served, when, and where to look."""
    from flows.deployments import DEPLOYMENTS

    rows = [(d.name, f"{site.crons[d.name]} {site.timezone}", d.description) for d in DEPLOYMENTS]
    print_table(out, ["deployment", "schedule", "does"], rows, spare=["does"])
    for line in (f"Source: {site.source}", f"Home: {site.home}", f"Serving until this process ends. Prefect's pages: {page}"):
        print_wrapped(out, line)


def print_holds(root: Path) -> None:
    """Every hold with its reason, place and mend."""
    from flows.summaries import holds_document

    told = holds_document(Home(root))
    if not told["holds"]:
        out.print("Nothing is held.")
    for hold in told["holds"]:
        place = f" ({hold['file']}, row {hold['row']})" if hold["file"] else ""
        since = f", since {hold['since_on']}" if hold["since_on"] else ""
        out.print(Text.assemble((printable(hold["workspace_id"]), "bold"), f"  {hold['reason']}{since}"), soft_wrap=True)
        print_wrapped(out, f"  {hold['detail']}{place}")
        print_wrapped(out, f"  To mend: {hold['mend']}.")


def print_checks(checks: list[Check]) -> None:
    """Every invariant with its question; what violates one is named, the first ten of each."""
    rows = [("WRONG" if check.problems else "ok", check.name, check.question) for check in checks]
    print_table(out, ("", "check", "question"), rows, headed=False)
    for check in checks:
        for what, problem in check.problems[:10]:
            print_wrapped(out, f"{check.name}: {what}: {problem}")
        if len(check.problems) > 10:
            out.print(f"{check.name}: and {len(check.problems) - 10} more: --json tells all")
    wrong = sum(bool(check.problems) for check in checks)
    out.print(f"{many(len(checks), 'check')}, {wrong} wrong." if wrong else f"{many(len(checks), 'check')}, all well.")


def print_json(command: str, document: Mapping[str, object]) -> None:
    """A document as JSON under the name of its shape: days and times as ISO, money both in minor units and as text (docs/json.md)."""
    told = {"shape": f"seatledger.{command}/1", **document}
    write_out(json.dumps(told, ensure_ascii=False, indent=2, default=lambda value: value.isoformat()) + "\n")


def print_answer(frame: pl.DataFrame) -> None:
    """The rows of a query; more than a screen's worth are counted."""
    numbers = [name for name, kind in frame.schema.items() if kind.is_numeric()]
    print_table(out, frame.columns, frame.head(_MOST_ANSWERED).rows(), right=numbers)
    if frame.height > _MOST_ANSWERED:
        out.print(f"… and {many(frame.height - _MOST_ANSWERED, 'row')} more: seatledger sql --format csv writes them all.", soft_wrap=True)


def is_terminal() -> bool:
    """Whether a person reads, and not another program."""
    return out.is_terminal
