"""The composition, once: ingest, bill, publish. `step` calls a stage, plainly or as a Prefect task; nothing else differs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date
from itertools import chain

import polars as pl

from flows.ahead import one_ahead
from flows.bucket_pass import Asked
from flows.catalogs import list_prices
from flows.drop_guard import DropGuard
from flows.errors import UserError
from flows.facts import last_whole_day
from flows.fault_points import reached
from flows.ingest import IngestRequest, RunMark, ingest, new_table_days
from flows.kept_directory import KeptDirectory
from flows.kept_rosters import KeptRosters
from flows.lake import require_own
from flows.ledger import commit, run_row
from flows.memory_of_duckdb import hold_within_bounds
from flows.places import require_home_apart, require_place_for_reports
from flows.progress import progress
from flows.publish import publish, publish_billed, publish_runs
from flows.repeated_days import declare_repeated_days
from flows.report_export import export_reports, workbook_path
from flows.requests import BillRequest, Outcome, ReportRequest
from flows.run import Run, Setting, already_saved, open_run
from flows.status import keep_status
from flows.told import opening_day, owners_of_workspaces, roster_days
from flows.unchanged import bill_mark, facts_mark, held_as_published, is_as_billed, is_published, no_invoices, remember
from transforms.calendar import days_between, first_of_month
from transforms.credits import credit_entries_from_invoices
from transforms.descriptions import issued_lines_from_billing
from transforms.invoices import numbered_from_invoices
from transforms.many import many
from transforms.nearest import did_you_mean
from transforms.plan_totals import plan_totals_from_lines
from transforms.shown import Shown, StillOwed

log = logging.getLogger("seatledger")

Step = Callable[..., object]


def plainly(stage: Callable, *arguments: object) -> object:
    """Call a stage in-process: what `--direct` does."""
    return stage(*arguments)


# --- what one can run ---------------------------------------------------------------------------------------------------


def run_ingest(request: IngestRequest, setting: Setting, step: Step = plainly) -> Outcome:
    """Bring in what is new, and publish what it shows."""
    require_home_apart(setting.home, request.source, setting.lake)
    with open_run("ingest", setting) as run:
        step(bring_in, run, request)
        step(save, run)
        with already_saved(run):
            step(show, run)
        return run.outcome


def run_bill(request: BillRequest, setting: Setting, step: Step = plainly) -> Outcome:
    """Bill what is due, and publish it."""
    setting.home.require_something()
    with open_run("bill", setting) as run:
        step(bill, run, request)
        if not request.dry_run:
            step(save, run)
            with already_saved(run):
                step(show, run)
        return run.outcome


def run_report(request: ReportRequest, setting: Setting, step: Step = plainly) -> Outcome:
    """Publish anew and write the reports."""
    require_place_for_reports(setting.home, request.to)
    setting.home.require_something()
    with open_run("report", setting) as run:
        opening_day(run.ledger, roster_days(run.ledger))  # there is one, or nothing to report
        step(show, run)
        step(write_reports, run, request)
        return run.outcome


def run_all(source: IngestRequest, request: BillRequest, setting: Setting, step: Step = plainly) -> Outcome:
    """Ingest, bill and report."""
    require_home_apart(setting.home, source.source, setting.lake)
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
    """Read, check and keep the table days that are new. If the run does not come to be saved, rosters and directory are left as they were."""
    run.start_over()
    run.rosters, run.directory = run.kept_rosters(), KeptDirectory(run.lake)
    if run.rosters.versions:
        run.directory.require_there()
    for undo in (run.rosters.withdraw, run.directory.forget):
        run.undo.callback(undo)
    _take_in(run, request, run.rosters, run.directory)
    done = run.outcome.ingested
    log.info("ingested %s, %s, %s", many(done.days, "day"), many(done.files, "file"), many(done.rows, "row"))


def _take_in(run: Run, request: IngestRequest, kept: KeptRosters, directory: KeptDirectory) -> None:
    fresh, mark = new_table_days(request, run.ledger), RunMark(run.id, run.started_at)
    run.outcome.ingested = ingest(fresh, kept, directory, run.ledger, run.lake, mark, run.readers(request.source))
    declared = declare_repeated_days(request.repeated_days, run.ledger, kept, mark)
    run.outcome.ingested.days += len(declared)
    run.outcome.ingested.touched += declared
    run.ledger.set_buckets(kept.buckets_of_months())
    if not request.accept_drop:
        guard = DropGuard(owners_of_workspaces(run.ledger, run.lake), run.setting.catalogs)
        guard.look_at(run.outcome.ingested.roster_days | set(declared), kept)
    kept.write()


def bill(run: Run, request: BillRequest) -> None:
    """Compute what is due, number it, and write it into the ledger's open transaction; nothing of it where nothing has changed."""
    run.bill = request
    catalogs, ledger = run.setting.catalogs, run.ledger
    if request.catalog is not None and request.catalog not in catalogs:
        near = did_you_mean(request.catalog, catalogs)
        raise UserError(f"{request.catalog!r} is no catalogue.{near} There are: {', '.join(sorted(catalogs))}.")
    asked = (request.through, request.cadence, request.catalog)
    facts = facts_mark(ledger, catalogs)
    run.is_published = not request.dry_run and is_published(ledger, run.setting.home, facts)
    if run.is_published and is_as_billed(ledger, bill_mark(facts, *asked)):
        run.is_unchanged, run.outcome.invoices, run.outcome.through = True, no_invoices(), request.through
        run.outcome.held = held_as_published(run.setting.home)
        log.info(
            "billed through %s before, and nothing has changed since; held: %s", request.through, many(len(run.outcome.held), "workspace")
        )
        return
    last = run.last_whole_day()
    found = run.passes(Asked(*asked, last, None if request.dry_run else last, run.is_published))
    prefixes = pl.DataFrame([(c.id, c.invoice_prefix) for c in catalogs.values()], schema=["catalog", "invoice_prefix"], orient="row")
    invoices = numbered_from_invoices(pl.concat(run.shelf.frames("issued invoices")), ledger.used_numbers(), prefixes)
    run.outcome.invoices, run.outcome.through = invoices, request.through
    run.outcome.lines, run.outcome.held = int(invoices["lines"].sum()), tuple(sorted(chain.from_iterable(each.held for each in found)))
    run.outcome.billed = plan_totals_from_lines(run.shelf.frames("issued lines"))
    counted = f"{many(invoices.height, 'invoice')}, {many(run.outcome.lines, 'line')}; held: {many(len(run.outcome.held), 'workspace')}"
    log.info("%s through %s: %s", "would bill" if request.dry_run else "billed", request.through, counted)
    if not request.dry_run:
        _decide(run, invoices)
        remember(ledger, bill_mark(facts, *asked))


def _decide(run: Run, invoices: pl.DataFrame) -> None:
    ledger = run.ledger
    if ledger.setting("opening_on") is None:
        ledger.set("opening_on", str(min(roster_days(ledger))))
    hold_within_bounds(ledger.connection, ledger.value("select count(*) from invoices") + invoices.height)
    for catalog in map(run.setting.catalogs.get, invoices["catalog"].unique().sort()):
        ledger.remember_policy(catalog.id, catalog.rounding, list_prices(catalog, run.bill.through))
    ledger.append("invoices", invoices.with_columns(run_id=pl.lit(run.id)))
    for issued in one_ahead(issued_lines_from_billing(lines, invoices) for lines in run.shelf.frames("issued lines")):
        ledger.append("invoice_lines", issued)
    for dates in run.shelf.frames("issued dates"):
        ledger.append("invoice_dates", dates.with_columns(run_id=pl.lit(run.id)))
    last_entry = ledger.value("select coalesce(max(entry_number), 0) from credit_ledger")
    ledger.append("credit_ledger", credit_entries_from_invoices(invoices, last_entry))
    reached("ledger: invoices told")


def save(run: Run) -> None:
    """Put the directory in place, commit the run as one transaction and read it back."""
    done, request = run.outcome, run.bill
    require_own(run.setting.home, run.lake)
    if run.directory and done.ingested.roster_days:
        run.directory.write()
    run.undo.pop_all()
    run.claim.is_for_good = True
    row = run_row(
        run.id,
        run.command,
        run.started_at,
        run.setting.clock(),
        through=request.through if request else None,
        cadence=request.cadence if request else None,
        catalog=request.catalog if request else None,
        days_ingested=done.ingested.days,
        files_ingested=done.ingested.files,
        rows_ingested=done.ingested.rows,
        invoices=0 if done.invoices is None else done.invoices.height,
        lines=done.lines,
        held_workspaces=len(done.held),
    )
    commit(run.ledger, run.setting.home, row)
    done.run_id = run.id
    if run.rosters:
        run.rosters.let_go()


def show(run: Run) -> None:
    """Replace finance.duckdb by what the ledger and the facts now say."""
    finance, ledger, catalogs = run.setting.home.finance, run.ledger, run.setting.catalogs
    if run.is_unchanged:
        publish_runs(finance, ledger)
        return keep_status(run.setting.home)
    last = run.last_whole_day()
    if last and not run.is_shown:
        run.passes(Asked(shown_on=last))
    tables = StillOwed._fields if run.is_published else Shown._fields if last else ()
    shown = [(table, run.shelf.files(name) or run.shelf.frames(name)) for table, name in ((table, f"shown {table}") for table in tables)]
    first = _first_touched(run) if run.command == "run" else None  # others write no reports
    with progress("Publishing finance.duckdb"):
        if run.is_published:
            run.changed_before = publish_billed(finance, ledger, run.id, shown, first)
            run.outcome.held = held_as_published(run.setting.home)
        else:
            run.changed_before = publish(finance, ledger, shown, catalogs, facts_mark(ledger, catalogs), first)
            run.outcome.held = tuple(sorted({workspace for holds in run.shelf.frames("shown holds") for workspace in holds["workspace_id"]}))
    keep_status(run.setting.home)


def write_reports(run: Run, request: ReportRequest) -> None:
    """Write the CSV reports of the month asked for, or of every month that the run can have changed."""
    home = run.setting.home
    months = [request.month] if request.month else _months_touched(run)
    folders = export_reports(home.finance, request.to or home.reports, months, excel=request.excel, xlsx=request.xlsx)
    if not request.month and not request.to:
        home.reports_are_of(run.ledger.last_run())
    run.outcome.exported = tuple(folders)
    run.outcome.workbooks = tuple(path for path in map(workbook_path, folders) if path.exists())
    log.info("wrote the reports of %s", many(len(folders), "month"))


def _months_touched(run: Run) -> list[date] | None:
    """From the first day or invoice that the run brought, each month to the last; and those before of which something else is told now.

    None, all months, for a mere report, and where the runs before this one left no whole reports.
    """
    if run.command == "report" or run.setting.home.reports_run() != run.ledger.last_run(before=run.id) or run.changed_before is None:
        return None
    days = roster_days(run.ledger)
    opening_on = opening_day(run.ledger, days)
    last = last_whole_day(days, opening_on)
    touched = {first_of_month(day) for day in days_between(max(min(_first_touched(run), last), opening_on), last)}
    return sorted(touched.union(month for month in run.changed_before if month >= first_of_month(opening_on)))


def _first_touched(run: Run) -> date | None:
    """The first day that the run brought something of, or of its first invoice; else the last day there is."""
    invoiced = [] if run.outcome.invoices is None else run.outcome.invoices["invoice_on"].to_list()
    return min([*run.outcome.ingested.touched, *invoiced, *list(roster_days(run.ledger))[-1:]], default=None)
