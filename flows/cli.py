"""What one types: arguments to one call. Heavy libraries are imported by the command that needs them."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows import document_commands, operating
from flows.command_words import AS_JSON, CADENCE, CLUSTER, LAKE, SUMMARY_AS_JSON, Commands, OneOf
from flows.endings import Stopped, exit_code_of, stop_when_told, tell_nothing_more, though_nobody_reads_it, told
from flows.errors import UserError
from flows.head_start import head_start
from flows.nurse import tend
from flows.options import DAY as _DAY
from flows.options import MONTH as _MONTH
from flows.options import PLACE, SOURCE
from flows.options import catalogs as _catalogs
from flows.options import home as _home
from flows.progress import LogAboveBar
from flows.standard_streams import settle_streams

if TYPE_CHECKING:
    from flows.requests import Outcome
    from flows.run import Setting

DONE_WITH_HOLDS = 3
SAMPLE_THROUGH = date(2026, 5, 31)
_supersede = click.option("--supersede", is_flag=True, help="Let a day that came before with other content replace it.")
_accept_drop = click.option("--accept-drop", is_flag=True, help="Confirm that rosters really lost more than 30 % of their seats in a day.")
_direct = click.option("--direct", is_flag=True, help="Run in this process, without Prefect.")


def _pipeline_command(function: Callable) -> Callable:
    return _home(_catalogs(LAKE(CLUSTER(_direct(SUMMARY_AS_JSON(function))))))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="seatledger")
def seatledger() -> None:
    """Turn daily user rosters and seat activity into exact, explainable invoices.

    Start with `seatledger demo`, then `seatledger run SOURCE --through DATE`.
    """


@seatledger.command()
@_pipeline_command
def demo(home: Path, catalogs: Path | None, direct: bool) -> None:
    """Bill the shipped sample, into a home that has nothing else."""
    from flows.catalogs import SHIPPED
    from flows.home import Home
    from flows.ingest import IngestRequest
    from flows.ledger_reader import require_nothing_but
    from flows.pipeline import run_all
    from flows.requests import BillRequest

    sample = SHIPPED.parent / "sample"
    require_nothing_but(sample, Home(home))
    _run("demo", direct, run_all, IngestRequest(sample, last=SAMPLE_THROUGH), BillRequest(SAMPLE_THROUGH), _setting(home, catalogs))


@seatledger.command()
@click.argument("source", type=SOURCE)
@click.option("--through", type=_DAY, required=True, metavar="DATE", help="The last day to ingest and to bill, YYYY-MM-DD.")
@_supersede
@_accept_drop
@_pipeline_command
def run(source: str, through: datetime, supersede: bool, accept_drop: bool, home: Path, catalogs: Path | None, direct: bool) -> None:
    """Ingest SOURCE, bill what is due, write the reports."""
    head_start(source)
    from flows.ingest import IngestRequest
    from flows.pipeline import run_all
    from flows.requests import BillRequest

    request = IngestRequest(source, last=through.date(), supersede=supersede, accept_drop=accept_drop)
    _run("run", direct, run_all, request, BillRequest(through.date()), _setting(home, catalogs))


@seatledger.command()
@click.argument("source", type=SOURCE)
@click.option("--from", "first", type=_DAY, metavar="DATE", help="The first day to ingest.")
@click.option("--to", "last", type=_DAY, metavar="DATE", help="The last day to ingest.")
@_supersede
@_accept_drop
@click.option(
    "--repeat-day", "repeated", type=_DAY, multiple=True, metavar="DATE", help="Declare that this lost day repeats the one before."
)
@_pipeline_command
def ingest(
    source: str,
    first: datetime | None,
    last: datetime | None,
    supersede: bool,
    accept_drop: bool,
    repeated: tuple[datetime, ...],
    home: Path,
    catalogs: Path | None,
    direct: bool,
) -> None:
    """Bring in the days of SOURCE that are new, and check every row."""
    from flows.ingest import IngestRequest
    from flows.pipeline import run_ingest

    if first and last and last < first:
        raise click.UsageError(f"--to {last.date()} is before --from {first.date()}.")
    head_start(source)
    request = IngestRequest(
        source, first and first.date(), last and last.date(), supersede, accept_drop, tuple(day.date() for day in repeated)
    )
    _run("ingest", direct, run_ingest, request, _setting(home, catalogs))


@seatledger.command()
@click.option("--through", type=_DAY, required=True, metavar="DATE", help="Bill every invoice date up to this day.")
@click.option("--cadence", type=CADENCE, help="Only the invoice dates of terms of this cadence.")
@click.option("--catalog", metavar="ID", help="Only the invoice dates of subscriptions of this catalogue.")
@click.option("--dry-run", is_flag=True, help="Show what would be billed; change nothing.")
@_pipeline_command
def bill(
    through: datetime, cadence: str | None, catalog: str | None, dry_run: bool, home: Path, catalogs: Path | None, direct: bool
) -> None:
    """Issue the invoices that are due and not yet done."""
    from flows.pipeline import run_bill
    from flows.requests import BillRequest

    _run("bill", direct, run_bill, BillRequest(through.date(), cadence, dry_run, catalog), _setting(home, catalogs), dry_run=dry_run)


@seatledger.command()
@click.option("--month", type=_MONTH, metavar="YYYY-MM", help="Only this month; otherwise all.")
@click.option("--to", type=PLACE, help="Where to write; HOME/reports otherwise.")
@click.option("--excel", is_flag=True, help="CSV as Excel likes it: with BOM and CRLF.")
@click.option("--xlsx", is_flag=True, help="Also all reports of a month as one workbook, seatledger-YYYY-MM.xlsx.")
@_pipeline_command
def report(month: datetime | None, to: Path | None, excel: bool, xlsx: bool, home: Path, catalogs: Path | None, direct: bool) -> None:
    """Write the month's page, and its reports as CSV and as a workbook."""
    from flows.pipeline import run_report
    from flows.requests import ReportRequest

    _run("report", direct, run_report, ReportRequest(month and month.date(), to, excel, xlsx), _setting(home, catalogs))


@seatledger.command()
@AS_JSON
@_home
def status(as_json: bool, home: Path) -> None:
    """What the home holds: days, runs, invoices, what is held."""
    from flows.home import Home
    from flows.status import status_document
    from flows.terminal import print_json, print_status

    print_json("status", status_document(Home(home))) if as_json else print_status(home)


@seatledger.command()
@AS_JSON
@_home
def holds(as_json: bool, home: Path) -> None:
    """What is held, since when, why, and what mends it."""
    from flows.home import Home
    from flows.summaries import holds_document
    from flows.terminal import print_holds, print_json

    print_json("holds", holds_document(Home(home))) if as_json else print_holds(home)


@seatledger.command("sql")
@click.argument("query", required=False)
@click.option("--file", type=click.Path(path_type=Path), help="Read the query from a file.")
@click.option("--format", "form", type=OneOf(["table", "csv", "json"]), help="How to write it: a table on a terminal, else CSV.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@_home
def ask(query: str | None, file: Path | None, form: str | None, as_json: bool, home: Path) -> None:
    """Ask the finance database, read only: no files, no network.

    QUERY may be - to read it from stdin. What there is: seatledger sql "show tables".
    """
    from flows.home import Home
    from flows.questions import answer, form_of_answer, query_from, write_answer
    from flows.terminal import is_terminal, print_answer

    form = form_of_answer(form, as_json, is_terminal())
    found = answer(Home(home), query_from(query, file))
    if form == "table":
        print_answer(found)
    else:
        write_answer(found, form)


@seatledger.command()
@AS_JSON
@_home
@_catalogs
def verify(as_json: bool, home: Path, catalogs: Path | None) -> None:
    """Every invariant, recomputed from what is stored."""
    from flows.catalogs import read_catalogs
    from flows.home import Home
    from flows.summaries import checks_document
    from flows.terminal import print_checks, print_json
    from flows.verify import verify as verify_home

    checks = verify_home(Home(home), read_catalogs(catalogs))
    print_json("verify", checks_document(Home(home), checks)) if as_json else print_checks(checks)
    if any(check.problems for check in checks):
        sys.exit(1)


@seatledger.command()
@click.argument("line_id")
@click.option("--names", is_flag=True, help="Name the users, but for deleted ones.")
@AS_JSON
@_home
@_catalogs
def explain(line_id: str, names: bool, as_json: bool, home: Path, catalogs: Path | None) -> None:
    """Why a line is on an invoice: who, when, price, files and rule."""
    from flows.catalogs import read_catalogs
    from flows.explain import explain as explain_line
    from flows.explain_terminal import print_explanation
    from flows.home import Home
    from flows.terminal import print_json

    told = explain_line(line_id, Home(home), read_catalogs(catalogs), names=names)
    print_json("explain", told) if as_json else print_explanation(told)


@seatledger.command()
@click.argument("subscription")
@click.option("--on", type=_DAY, metavar="DATE", help="The day on which the change is asked; without one, the first day to look at.")
@click.option("--seats", type=click.IntRange(0, 10**7), metavar="N", help="Ask for so many seats in all.")
@click.option("--plan", metavar="P", help="Ask for another plan.")
@click.option("--cadence", metavar="C", type=CADENCE, help="Ask for another cadence: monthly or annual.")
@AS_JSON
@_home
@_catalogs
def preview(
    subscription: str,
    on: datetime | None,
    seats: int | None,
    plan: str | None,
    cadence: str | None,
    as_json: bool,
    home: Path,
    catalogs: Path | None,
) -> None:
    """The next invoice as it stands, and what a change would do to it."""
    from flows.catalogs import read_catalogs
    from flows.home import Home
    from flows.preview import PreviewRequest
    from flows.preview import preview as preview_invoice
    from flows.preview_terminal import print_preview
    from flows.terminal import print_json

    request = PreviewRequest(subscription, on and on.date(), seats, plan, cadence)
    told = preview_invoice(request, Home(home), read_catalogs(catalogs))
    print_json("preview", told) if as_json else print_preview(told)
    if told["holds"]:
        sys.exit(DONE_WITH_HOLDS)


for _command in (*document_commands.COMMANDS, *operating.COMMANDS):
    seatledger.add_command(_command)
# --- how a command runs and ends -----------------------------------------------------------------------------------------


def _setting(home: Path, catalogs: Path | None) -> Setting:
    from flows.catalogs import read_catalogs
    from flows.clock import now
    from flows.home import Home
    from flows.run import Setting

    asked = click.get_current_context().meta
    root = home.absolute() if asked.get("cluster") else home  # its workers began elsewhere
    return Setting(Home(root), read_catalogs(catalogs), now, lake=asked.get("lake"), cluster=asked.get("cluster"))


def _run(name: str, direct: bool, composition: Callable[..., Outcome], *arguments: object, dry_run: bool = False) -> None:
    from flows.summaries import outcome_document
    from flows.terminal import print_json, print_outcome

    if direct and arguments[-1].cluster:
        raise click.UsageError("--cluster (or SEATLEDGER_CLUSTER) goes through Prefect: leave --direct out, or the other.")
    if direct:
        outcome = composition(*arguments)
    else:
        from flows.temporary_server import temporary_server

        server = temporary_server()  # it starts while Prefect is imported
        from flows.deploy import run_as_flow

        outcome = run_as_flow(name, composition, *arguments, server=server)
    with though_nobody_reads_it():
        if click.get_current_context().meta["as_json"]:
            print_json("run", outcome_document(name, outcome, arguments[-1], dry_run=dry_run))
        else:
            print_outcome(outcome, arguments[-1], dry_run=dry_run)
        sys.stdout.flush()
    if outcome.held:
        sys.exit(DONE_WITH_HOLDS)


def _show_log() -> None:
    handler = LogAboveBar()
    handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", datefmt="%H:%M:%S"))
    log = logging.getLogger("seatledger")
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    log.propagate = False


_TENDED = ("demo", "run", "ingest", "bill", "report", "verify")  # what may need much memory


def main() -> None:
    """Run the command; a user's error is one sentence on stderr and exit 1, never a traceback."""
    settle_streams()
    if sys.argv[1:2] and sys.argv[1] in _TENDED:
        tend()
    stop_when_told()
    os.umask(0o077)  # what a home holds is for its owner; only what is published is for the group
    os.environ.setdefault("RUST_BACKTRACE", "0")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # of NumPy's: nothing here has a use for threads of linear algebra
    _show_log()
    try:
        seatledger.main(standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has read enough
        tell_nothing_more()
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except UserError as error:
        sys.exit(told(error))
    except Stopped as stopped:
        sys.exit(stopped.told())
    except SystemExit:
        raise
    except BaseException as error:
        sys.exit(exit_code_of(error))


if __name__ == "__main__":
    main()
