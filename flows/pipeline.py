"""The composition, once: ingest, bill, publish. `step` calls a stage, plainly or as a Prefect task; nothing else differs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain
from pathlib import Path

import polars as pl

from flows.bucket_pass import Asked, Found, pass_over
from flows.drop_guard import DropGuard
from flows.errors import UserError, in_a_line, is_for_want_of_memory, is_of_the_disk
from flows.facts import last_whole_day
from flows.fault_points import reached
from flows.home import Home
from flows.ingest import IngestRequest, Readers, RunMark, ingest, new_table_days
from flows.kept_directory import KeptDirectory
from flows.kept_rosters import KeptRosters
from flows.lake import Lake, lake_of
from flows.ledger import Ledger, commit, open_ledger, run_row
from flows.progress import progress
from flows.publish import export_reports, publish, publish_runs, workbook_path
from flows.repeated_days import declare_repeated_days
from flows.requests import BillRequest, Outcome, ReportRequest
from flows.s3_files import S3Path, is_s3
from flows.shelf import Shelf
from flows.told import Division, opening_day, owners_of_workspaces, roster_days, told_by_ledger
from flows.unchanged import held_as_published, is_as_billed, mark_of, no_invoices, remember
from flows.workers import Workers, dismiss, in_processes, in_turn, or_in_turn, start_early
from transforms.buckets import buckets, buckets_for_days
from transforms.calendar import days_between, first_of_month
from transforms.catalog import Catalog
from transforms.credits import credit_entries_from_invoices
from transforms.descriptions import issued_lines_from_billing
from transforms.invoices import numbered_from_invoices
from transforms.many import many
from transforms.nearest import did_you_mean
from transforms.plan_totals import plan_totals_from_lines
from transforms.standing import Standing

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
    workers: Workers = in_processes
    lake: str | None = None  # an s3:// prefix for the rows of a new home
    cluster: str | None = None  # a Dask scheduler whose workers read large rosters and make the passes


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
    rosters: KeptRosters | None = None  # as it changed them
    directory: KeptDirectory | None = None  # with the people that it brought, until it is saved
    undo: ExitStack = field(default_factory=ExitStack)  # what it did that must not stay if it is not saved
    is_unchanged: bool = False
    shelf: Shelf = field(default_factory=Shelf)  # what the passes are told, and what they find
    is_shown: bool = False  # whether what is to be shown is on it
    changed_before: list[date] | None = field(default_factory=list)  # months before any that it touched; None: not known

    def __getstate__(self) -> dict[str, object]:
        """A run stays in its process: of what Prefect sends to a worker with the context of a task, it is nothing."""
        return {}

    def passes(self, asked: Asked) -> list[Found]:
        """Pass over every bucket, from what is known now; the frames found are on the shelf."""
        workspace_days = self.ledger.rows_of_subscriptions() * len(roster_days(self.ledger))
        division = Division(buckets(max(self.kept_rosters().buckets, buckets_for_days(workspace_days))))
        is_divided = len(division.buckets) > 1
        self.shelf = Shelf(self.lake if is_divided else None)
        if is_divided and not self.setting.cluster:
            start_early(self.setting.workers, pass_over)
        jobs = [(told, self.lake, asked, self.setting.catalogs) for told in told_by_ledger(self.ledger, self.lake, division, self.shelf)]
        found = []
        with progress("Working out seats and invoices", len(jobs)) as told:
            for each in self._workers(len(jobs))(pass_over, jobs):
                found.append(each)
                told.advance()
        for each in found:
            self.shelf.take_over(each.shelf)
        dismiss()  # what they hold is wanted elsewhere
        self.is_shown = asked.shown_on is not None
        return found

    def _workers(self, passes: int) -> Workers:
        if self.setting.cluster and passes > 1:
            from flows.cluster import on_cluster

            return on_cluster(self.setting.cluster)
        return or_in_turn(self.setting.workers) if passes > 1 else in_turn

    def readers(self, source: Path | str) -> Readers:
        """Who reads large rosters of a source."""
        if self.setting.cluster and is_s3(source) and isinstance(self.lake.root, S3Path):
            from flows.cluster import on_cluster

            return Readers(on_cluster(self.setting.cluster), are_far=True)
        return Readers(self.setting.workers, are_far=False)

    def kept_rosters(self) -> KeptRosters:
        """The rosters as the ledger now says they are."""
        return KeptRosters(self.lake, roster_days(self.ledger), self.ledger.buckets_of_months())

    def last_whole_day(self) -> date | None:
        """The last day up to which every roster is there; None before any roster came."""
        days = roster_days(self.ledger)
        return last_whole_day(days, opening_day(self.ledger, days)) if days else None


@contextmanager
def open_run(command: str, setting: Setting) -> Iterator[Run]:
    """Lock the home and open its ledger; what is not committed inside is as if it had never been."""
    with setting.home.locked():
        lake = lake_of(setting.home, setting.lake)
        with open_ledger(setting.home) as ledger:
            run = Run(ledger.next_run_id(), command, setting.clock(), setting, ledger, lake)
            try:
                yield run
            finally:
                dismiss()
                run.undo.close()  # nobody writes any more
                run.shelf.clear()


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
    setting.home.require_something()
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
    """Read, check and keep the table days that are new. If the run does not come to be saved, rosters and directory are left as they were."""
    run.undo.close()  # what an attempt before this one left
    run.rosters, run.directory = run.kept_rosters(), KeptDirectory(run.lake)
    for undo in (run.rosters.withdraw, run.directory.forget):
        run.undo.callback(undo)
    _take_in(run, request, run.rosters, run.directory)
    done = run.outcome.ingested
    log.info("ingested %s, %s, %s", many(done.days, "day"), many(done.files, "file"), many(done.rows, "row"))


def _take_in(run: Run, request: IngestRequest, kept: KeptRosters, directory: KeptDirectory) -> None:
    fresh, mark = new_table_days(request, run.ledger), RunMark(run.id, run.started_at)
    run.outcome.ingested = ingest(fresh, kept, directory, run.ledger, run.lake, mark, run.readers(request.source))
    run.outcome.ingested.days += declare_repeated_days(request.repeated_days, run.ledger, kept, mark)
    run.outcome.ingested.touched += request.repeated_days
    run.ledger.set_buckets(kept.buckets_of_months())
    if not request.accept_drop:
        guard = DropGuard(owners_of_workspaces(run.ledger, run.lake), run.setting.catalogs)
        guard.look_at(run.outcome.ingested.roster_days | set(request.repeated_days), kept)
    kept.write()


def bill(run: Run, request: BillRequest) -> None:
    """Compute what is due, number it, and write it into the ledger's open transaction; nothing of it where nothing has changed."""
    run.bill = request
    catalogs, ledger = run.setting.catalogs, run.ledger
    if request.catalog is not None and request.catalog not in catalogs:
        near = did_you_mean(request.catalog, catalogs)
        raise UserError(f"{request.catalog!r} is no catalogue.{near} There are: {', '.join(sorted(catalogs))}.")
    asked = (request.through, request.cadence, request.catalog)
    mark = mark_of(ledger, catalogs, *asked)
    if not request.dry_run and is_as_billed(ledger, run.setting.home, mark):
        run.is_unchanged, run.outcome.invoices, run.outcome.through = True, no_invoices(), request.through
        run.outcome.held = held_as_published(run.setting.home)
        log.info(
            "billed through %s before, and nothing has changed since; held: %s", request.through, many(len(run.outcome.held), "workspace")
        )
        return
    found = run.passes(Asked(*asked, None if request.dry_run else run.last_whole_day()))
    prefixes = pl.DataFrame([(c.id, c.invoice_prefix) for c in catalogs.values()], schema=["catalog", "invoice_prefix"], orient="row")
    invoices = numbered_from_invoices(pl.concat(run.shelf.frames("issued invoices")), ledger.used_numbers(), prefixes)
    run.outcome.invoices, run.outcome.through = invoices, request.through
    run.outcome.lines, run.outcome.held = int(invoices["lines"].sum()), tuple(sorted(chain.from_iterable(each.held for each in found)))
    run.outcome.billed = plan_totals_from_lines(run.shelf.frames("issued lines"))
    counted = f"{many(invoices.height, 'invoice')}, {many(run.outcome.lines, 'line')}; held: {many(len(run.outcome.held), 'workspace')}"
    log.info("%s through %s: %s", "would bill" if request.dry_run else "billed", request.through, counted)
    if not request.dry_run:
        _decide(run, invoices)
        remember(ledger, mark_of(ledger, catalogs, *asked))  # with the opening day, once it is settled


def _decide(run: Run, invoices: pl.DataFrame) -> None:
    ledger = run.ledger
    if ledger.setting("opening_on") is None:
        ledger.set("opening_on", str(min(roster_days(ledger))))
    ledger.append("invoices", invoices.with_columns(run_id=pl.lit(run.id)))
    for lines in run.shelf.frames("issued lines"):
        ledger.append("invoice_lines", issued_lines_from_billing(lines, invoices))
    for dates in run.shelf.frames("issued dates"):
        ledger.append("invoice_dates", dates.with_columns(run_id=pl.lit(run.id)))
    last_entry = ledger.value("select coalesce(max(entry_number), 0) from credit_ledger")
    ledger.append("credit_ledger", credit_entries_from_invoices(invoices, last_entry))
    reached("ledger: invoices told")


def save(run: Run) -> None:
    """Put the directory in place, commit the run as one transaction and read it back."""
    done, request = run.outcome, run.bill
    if run.directory and done.ingested.roster_days:
        run.directory.write()
    run.undo.pop_all()
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
    if run.is_unchanged:
        return publish_runs(run.setting.home.finance, run.ledger)
    last = run.last_whole_day()
    if last and not run.is_shown:
        run.passes(Asked(shown_on=last))
    names = {table: f"shown {table}" for table in Standing._fields} if last else {}
    shown = [(table, run.shelf.files(name) or run.shelf.frames(name)) for table, name in names.items()]
    with progress("Publishing finance.duckdb"):
        run.changed_before = publish(run.setting.home.finance, run.ledger, shown, run.setting.catalogs, _first_touched(run))
    run.outcome.held = tuple(sorted({workspace for holds in run.shelf.frames("shown holds") for workspace in holds["workspace_id"]}))


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
