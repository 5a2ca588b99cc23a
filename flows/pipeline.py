"""The composition, once: ingest, bill, publish. `step` calls a stage, plainly or as a Prefect task; nothing else differs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import polars as pl

from flows import facts
from flows.drop_guard import DropGuard
from flows.errors import UserError, in_a_line, is_for_want_of_memory, is_of_the_disk
from flows.fault_points import reached
from flows.home import Home
from flows.ingest import Ingested, IngestRequest, RunMark, ingest, new_table_days
from flows.kept_rosters import KeptRosters
from flows.lake import Lake
from flows.ledger import Ledger, commit, open_ledger, run_row
from flows.publish import export_reports, publish, publish_runs
from flows.repeated_days import declare_repeated_days
from flows.unchanged import held_as_published, is_as_billed, mark_of, no_invoices, remember
from transforms.billing import Billing, Facts, Position, billing_from_position, position_from_facts
from transforms.calendar import days_between, first_of_month
from transforms.catalog import Catalog
from transforms.credits import credit_entries_from_invoices
from transforms.descriptions import documents_from_billing
from transforms.invoices import numbered_from_invoices
from transforms.standing import Standing, standing_from_position

log = logging.getLogger("seatledger")

Step = Callable[..., object]


def plainly(stage: Callable, *arguments: object) -> object:
    """Call a stage in-process: what `--direct` does."""
    return stage(*arguments)


@dataclass(frozen=True)
class Setting:
    """What every command of the pipeline needs: where, by which catalogues, at what time."""

    home: Home
    catalogs: Mapping[str, Catalog]
    clock: Callable[[], datetime]


@dataclass(frozen=True)
class BillRequest:
    """Up to which day to bill, which invoice dates, and whether only to show what would be billed."""

    through: date
    cadence: str | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class ReportRequest:
    """Which month (None: those that the run can have changed, or all), to which folder, and whether for Excel."""

    month: date | None = None
    to: Path | None = None
    excel: bool = False


@dataclass
class Outcome:
    """What a run did, in counts and small frames; what a person is told of it."""

    ingested: Ingested = field(default_factory=Ingested)
    invoices: pl.DataFrame | None = None
    lines: int = 0
    held: tuple[str, ...] = ()
    through: date | None = None
    exported: tuple[Path, ...] = ()


@dataclass
class Run:
    """One run on one home: its ledger, inside one transaction, and what it has done so far."""

    id: str
    command: str
    started_at: datetime
    setting: Setting
    ledger: Ledger
    lake: Lake
    outcome: Outcome = field(default_factory=Outcome)
    bill: BillRequest | None = None
    is_unchanged: bool = False
    positions: dict[date, tuple[Facts, Position]] = field(default_factory=dict)

    def position(self, horizon: date) -> tuple[Facts, Position]:
        """What is known, and owed, at the close of a day: computed once a run, after everything has come in."""
        if horizon not in self.positions:
            known = facts.facts_until(horizon, self.ledger, self.lake)
            self.positions[horizon] = known, position_from_facts(known, self.setting.catalogs)
        return self.positions[horizon]


@contextmanager
def open_run(command: str, setting: Setting) -> Iterator[Run]:
    """Lock the home and open its ledger; what is not committed inside is as if it had never been."""
    with setting.home.locked(), open_ledger(setting.home) as ledger:
        yield Run(ledger.next_run_id(), command, setting.clock(), setting, ledger, Lake(setting.home.lake))


@contextmanager
def already_saved(run: Run) -> Iterator[None]:
    """What goes wrong from here on does not undo the run: it only could not be shown, and `report` shows it later."""
    try:
        yield
    except Exception as error:
        if not (is_of_the_disk(error) or is_for_want_of_memory(error)):
            raise
        what = f"{run.id} was saved, but what it shows could not be written: {in_a_line(error)}"
        raise UserError(f"{what}. Make room, or mend what it says; then: seatledger report --home {run.setting.home.root}") from None


# --- what one can run ---------------------------------------------------------------------------------------------------


def run_ingest(request: IngestRequest, setting: Setting, step: Step = plainly) -> Outcome:
    """Bring in what is new, and publish what it shows."""
    with open_run("ingest", setting) as run:
        step(bring_in, run, request)
        step(save, run)
        with already_saved(run):
            step(show, run)
        return run.outcome


def run_bill(request: BillRequest, setting: Setting, step: Step = plainly) -> Outcome:
    """Bill what is due, and publish it."""
    with open_run("bill", setting) as run:
        step(bill, run, request)
        if not request.dry_run:
            step(save, run)
            with already_saved(run):
                step(show, run)
        return run.outcome


def run_report(request: ReportRequest, setting: Setting, step: Step = plainly) -> Outcome:
    """Publish anew and write the reports."""
    with open_run("report", setting) as run:
        step(show, run)
        step(write_reports, run, request)
        return run.outcome


def run_all(source: IngestRequest, request: BillRequest, setting: Setting, step: Step = plainly) -> Outcome:
    """Ingest, bill and report."""
    with open_run("run", setting) as run:
        step(bring_in, run, source)
        step(bill, run, request)
        step(save, run)
        with already_saved(run):
            step(show, run)
            step(write_reports, run, ReportRequest())
        return run.outcome


# --- the stages ---------------------------------------------------------------------------------------------------------


def bring_in(run: Run, request: IngestRequest) -> None:
    """Read, check and keep the table days that are new."""
    fresh = new_table_days(request, run.ledger)
    kept = KeptRosters(run.lake, facts.roster_days(run.ledger))
    mark = RunMark(run.id, run.started_at)
    run.outcome.ingested = ingest(fresh, kept, run.ledger, run.lake, mark)
    run.outcome.ingested.days += declare_repeated_days(request.repeated_days, run.ledger, kept, mark)
    if not request.accept_drop:
        guard = DropGuard(facts.owners_of_workspaces(run.ledger, run.lake), run.setting.catalogs)
        guard.look_at(run.outcome.ingested.roster_days | set(request.repeated_days), kept)
    kept.write()
    if run.outcome.ingested.directory is not None:
        run.lake.write(run.lake.directory_path, run.outcome.ingested.directory)
        reached("directory: in place")
    run.outcome.ingested.touched += request.repeated_days
    log.info("ingested %d days, %d files, %d rows", run.outcome.ingested.days, run.outcome.ingested.files, run.outcome.ingested.rows)


def bill(run: Run, request: BillRequest) -> None:
    """Compute what is due, number it, and write it into the ledger's open transaction; nothing of it where nothing has changed."""
    run.bill = request
    catalogs, ledger = run.setting.catalogs, run.ledger
    mark = mark_of(ledger, catalogs, request.through, request.cadence)
    if not request.dry_run and is_as_billed(ledger, run.setting.home, mark):
        run.is_unchanged, run.outcome.invoices, run.outcome.through = True, no_invoices(), request.through
        run.outcome.held = held_as_published(run.setting.home)
        log.info("billed through %s before, and nothing has changed since; held workspaces: %d", request.through, len(run.outcome.held))
        return
    _, position = run.position(request.through)
    billing = billing_from_position(position, facts.billed_so_far(ledger), catalogs, request.cadence)
    prefixes = pl.DataFrame([(c.id, c.invoice_prefix) for c in catalogs.values()], schema=["catalog", "invoice_prefix"], orient="row")
    invoices = numbered_from_invoices(billing.invoices, ledger.used_numbers(), prefixes)
    run.outcome.invoices, run.outcome.lines, run.outcome.through = invoices, billing.lines.height, request.through
    run.outcome.held = tuple(position.holds["workspace_id"].unique().sort())
    log.info(
        "billed through %s: %d invoices, %d lines, held workspaces: %d",
        request.through,
        invoices.height,
        billing.lines.height,
        len(run.outcome.held),
    )
    if not request.dry_run:
        _decide(run, billing, invoices)
        remember(ledger, mark_of(ledger, catalogs, request.through, request.cadence))  # with the opening day, once it is settled


def _decide(run: Run, billing: Billing, invoices: pl.DataFrame) -> None:
    ledger = run.ledger
    if ledger.setting("opening_on") is None:
        ledger.set("opening_on", str(min(facts.roster_days(ledger))))
    ledger.append("invoices", invoices.with_columns(run_id=pl.lit(run.id)))
    ledger.append("invoice_lines", documents_from_billing(billing.lines, invoices, run.setting.catalogs))
    ledger.append("invoice_dates", billing.dates.with_columns(run_id=pl.lit(run.id)))
    last_entry = ledger.value("select coalesce(max(entry_number), 0) from credit_ledger")
    ledger.append("credit_ledger", credit_entries_from_invoices(invoices, last_entry))
    reached("ledger: invoices told")


def save(run: Run) -> None:
    """Commit the run as one transaction and read it back."""
    done, request = run.outcome, run.bill
    row = run_row(
        run.id,
        run.command,
        run.started_at,
        run.setting.clock(),
        through=request.through if request else None,
        cadence=request.cadence if request else None,
        days_ingested=done.ingested.days,
        files_ingested=done.ingested.files,
        rows_ingested=done.ingested.rows,
        invoices=0 if done.invoices is None else done.invoices.height,
        lines=done.lines,
        held_workspaces=len(done.held),
    )
    commit(run.ledger, run.setting.home, row)


def show(run: Run) -> None:
    """Replace finance.duckdb by what the ledger and the facts now say."""
    if run.is_unchanged:
        return publish_runs(run.setting.home.finance, run.ledger)
    standing = current_standing(run)
    publish(run.setting.home.finance, run.ledger, standing, run.setting.catalogs)
    if standing:
        run.outcome.held = tuple(standing.holds["workspace_id"].unique().sort())


def current_standing(run: Run) -> Standing | None:
    """What can be shown of the last day up to which every roster is there; None before any roster came."""
    days = facts.roster_days(run.ledger)
    if not days:
        return None
    horizon = facts.last_whole_day(days, facts.opening_day(run.ledger, days))
    known, position = run.position(horizon)
    billing = billing_from_position(position, facts.billed_so_far(run.ledger), run.setting.catalogs)
    return standing_from_position(known, position, billing, run.setting.catalogs)


def write_reports(run: Run, request: ReportRequest) -> None:
    """Write the CSV reports of the month asked for, or of every month that the run can have changed."""
    home = run.setting.home
    months = [request.month] if request.month else _months_touched(run)
    folders = export_reports(home.finance, request.to or home.reports, months, excel=request.excel)
    if not request.month and not request.to:
        home.reports_are_of(run.ledger.last_run())
    run.outcome.exported = tuple(folders)
    log.info("wrote reports, months: %d", len(folders))


def _months_touched(run: Run) -> list[date] | None:
    """From the first day or invoice that the run brought, each month to the last.

    None, all months, for a mere report, and where the runs before this one left no whole reports.
    """
    if run.command == "report" or run.setting.home.reports_run() != run.ledger.last_run(before=run.id):
        return None
    days = facts.roster_days(run.ledger)
    invoiced = [] if run.outcome.invoices is None else run.outcome.invoices["invoice_on"].to_list()
    first = min([*run.outcome.ingested.touched, *invoiced, max(days)])
    opening_on = facts.opening_day(run.ledger, days)
    last = facts.last_whole_day(days, opening_on)
    return sorted({first_of_month(day) for day in days_between(max(min(first, last), opening_on), last)})
