"""What a person reads on the terminal: outcomes, the status of a home, what is held."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from flows.home import Home
from flows.questions import open_finance

if TYPE_CHECKING:
    import polars as pl

    from flows.deployments import Site
    from flows.pipeline import Outcome, Setting
    from flows.verify import Check

out = Console(highlight=False)
if not out.is_terminal:
    out = Console(highlight=False, width=200)  # into a file or a pipe: nothing is cut
_MOST_ROWS = 40
_MOST_ANSWERED = 500


def print_outcome(outcome: Outcome, setting: Setting, *, dry_run: bool = False) -> None:
    """What a run did, in a few lines: days in, invoices out, what is held and where to look next."""
    done = outcome.ingested
    if done.files:
        out.print(f"Ingested {many(done.days, 'day')}: {many(done.files, 'file')}, {many(done.rows, 'row')}.")
    if outcome.invoices is not None:
        verb = "Would bill" if dry_run else "Billed"
        out.print(f"{verb} through {outcome.through}: {many(outcome.invoices.height, 'invoice')}, {many(outcome.lines, 'line')}.")
        if outcome.invoices.height:
            out.print(_invoice_table(outcome))
    if outcome.exported:
        first, last = outcome.exported[0], outcome.exported[-1]
        out.print(f"Reports: {first}" + (f" to {last.name}" if last != first else ""), soft_wrap=True)
    if not dry_run:
        out.print(f"Query it: duckdb {setting.home.finance}", soft_wrap=True)
    if outcome.held:
        out.print(
            f"[bold]Held: {many(len(outcome.held), 'workspace')}[/bold], without an invoice. See: seatledger holds --home {setting.home.root}",
            soft_wrap=True,
        )


def _invoice_table(outcome: Outcome) -> Table:
    import polars as pl

    from transforms.descriptions import amount_text
    from transforms.money import CURRENCY_DECIMALS

    decimals = pl.col("currency").replace_strict(CURRENCY_DECIMALS, return_dtype=pl.Int64)
    money = ["net_minor", "amount_due_minor", "credit_balance_minor"]
    rows = outcome.invoices.with_columns(amount_text(pl.col(name), decimals).alias(name) for name in money)
    table = table_of("invoice", "date", "workspace", "net", "due", "credit", right=(3, 4, 5))
    for number, on, workspace, net, due, credit, currency in (
        rows.head(_MOST_ROWS).select("invoice_number", "invoice_on", "workspace_id", *money, "currency").iter_rows()
    ):
        table.add_row(number, str(on), plain(workspace), net, f"{due} {currency}", credit)
    if rows.height > _MOST_ROWS:
        table.add_row("…", "", f"and {rows.height - _MOST_ROWS} more", "", "", "")
    return table


def print_status(root: Path) -> None:
    """Days, runs, invoices and holds of a home, from its finance database."""
    with open_finance(Home(root)) as finance:
        first, last, days = finance.execute(
            "select min(day), max(day), count(distinct day) from inputs where table_name = 'users' and superseded_by is null"
        ).fetchone()
        out.print(f"Rosters: {days} days, {first} to {last}." if days else "Rosters: none yet.")
        runs = finance.execute(
            "select run_id, command, through, invoices, lines, held_workspaces, strftime(finished_at, '%Y-%m-%d %H:%M') from runs order by run_id desc limit 5"
        ).fetchall()
        table = table_of("run", "command", "through", "invoices", "lines", "held", "finished (UTC)", right=(3, 4, 5))
        for row in runs:
            table.add_row(*["" if cell is None else str(cell) for cell in row])
        out.print(table)
        totals = finance.execute(
            "select catalog, currency, count(*), sum(net), sum(amount_due) from invoices_v group by all order by all"
        ).fetchall()
        if totals:
            table = table_of("catalogue", "currency", "invoices", "net", "due", right=(2, 3, 4))
            for row in totals:
                table.add_row(*map(str, row))
            out.print(table)
        held = finance.execute("select count(distinct workspace_id) from holds").fetchone()[0]
        findings = finance.execute("select count(*) from exceptions").fetchone()[0]
        out.print(f"Held workspaces: {held}. Findings reported: {findings}.")


def print_served(site: Site, page: str | None) -> None:
    """What is served, when, and where to look."""
    from flows.deployments import DEPLOYMENTS

    table = table_of("deployment", "schedule", "does")
    for deployment in DEPLOYMENTS:
        table.add_row(deployment.name, plain(f"{site.crons[deployment.name]} {site.timezone}"), deployment.description)
    out.print(table)
    out.print(f"Source: {plain(str(site.source))}", soft_wrap=True)
    out.print(f"Home: {plain(site.home)}", soft_wrap=True)
    out.print(f"Serving until this process ends. Prefect's pages: {page}", soft_wrap=True)


def print_holds(root: Path) -> None:
    """Every hold with its reason, place and mend."""
    with open_finance(Home(root)) as finance:
        rows = finance.execute('select workspace_id, reason, since_on, detail, file, "row", mend from holds order by all').fetchall()
    if not rows:
        out.print("Nothing is held.")
        return
    for workspace, reason, since, detail, file, row, mend in rows:
        place = f" ({file}, row {row})" if file else ""
        out.print(f"[bold]{plain(workspace)}[/bold]  {reason}" + (f", since {since}" if since else ""))
        out.print(f"  {plain(detail)}{plain(place)}", soft_wrap=True)
        out.print(f"  To mend: {mend}.", soft_wrap=True)


def print_checks(checks: list[Check]) -> None:
    """Every invariant with its question; what violates one is named, the first ten of each."""
    for check in checks:
        out.print(f"{'ok   ' if not check.problems else 'WRONG'}  {check.name:<26}{check.question}", soft_wrap=True)
        for what, problem in check.problems[:10]:
            out.print(f"         {plain(what)}: {plain(problem)}", soft_wrap=True)
        if len(check.problems) > 10:
            out.print(f"         and {len(check.problems) - 10} more")
    wrong = sum(bool(check.problems) for check in checks)
    out.print(f"{many(len(checks), 'check')}, {wrong} wrong." if wrong else f"{many(len(checks), 'check')}, all well.")


def print_json(document: object) -> None:
    """A document as JSON: dates and times as ISO, money both in minor units and as text."""
    print(json.dumps(document, ensure_ascii=False, indent=2, default=lambda value: value.isoformat()))


def print_answer(frame: pl.DataFrame) -> None:
    """The rows of a query; more than a screen's worth are counted."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, kind in frame.schema.items():
        is_number = kind.is_numeric()
        table.add_column(plain(name), justify="right" if is_number else "left", no_wrap=is_number, overflow="fold")
    for row in frame.head(_MOST_ANSWERED).iter_rows():
        table.add_row(*["" if cell is None else plain(str(cell)) for cell in row])
    out.print(table)
    if frame.height > _MOST_ANSWERED:
        out.print(f"and {many(frame.height - _MOST_ANSWERED, 'row')} more: seatledger sql --format csv writes them all.")


def is_terminal() -> bool:
    """Whether a person reads, and not another program."""
    return out.is_terminal


def table_of(*columns: str, right: tuple[int, ...] = ()) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for n, column in enumerate(columns):
        if column == "workspace":  # the only one that a narrow terminal may cut
            table.add_column(column, overflow="ellipsis", min_width=10)
        else:
            table.add_column(column, justify="right" if n in right else "left", no_wrap=True)
    return table


def many(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def plain(text: str) -> str:
    """Text as data: ids may hold what the terminal library would read as markup."""
    from rich.markup import escape

    return escape(text)
