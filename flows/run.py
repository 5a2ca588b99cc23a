"""One run on one home: what it is given, what it holds open, and how what it did is taken back if it is not saved."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from shlex import quote

from flows.bucket_pass import Asked, Found, pass_over
from flows.catalogs import require_catalogs_of
from flows.errors import StoreRefuses, Unanswered, UserError, in_a_line, is_for_want_of_memory, is_of_the_disk
from flows.facts import last_whole_day
from flows.home import Home
from flows.ingest import Readers
from flows.kept_directory import KeptDirectory
from flows.kept_rosters import KeptRosters
from flows.lake import Claim, Lake, claimed, lake_of
from flows.ledger import Ledger, billed_catalogs, open_ledger, start_over
from flows.progress import progress
from flows.requests import BillRequest, Outcome
from flows.s3_files import S3Path, is_s3
from flows.shelf import Shelf
from flows.told import Division, opening_day, roster_days, told_by_ledger
from flows.workers import Workers, dismiss, in_processes, in_turn, or_in_turn, start_early, were_cut_off
from transforms.buckets import buckets, buckets_for_days
from transforms.catalog import Catalog

log = logging.getLogger("seatledger")


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
    claim: Claim  # on where the lake lies
    outcome: Outcome = field(default_factory=Outcome)
    bill: BillRequest | None = None
    rosters: KeptRosters | None = None  # as it changed them
    directory: KeptDirectory | None = None  # with the people that it brought, until it is saved
    undo: ExitStack = field(default_factory=ExitStack)  # what it did that must not stay if it is not saved
    is_unchanged: bool = False
    shelf: Shelf = field(default_factory=Shelf)  # what the passes are told, and what they find
    is_shown: bool = False  # whether what is to be shown is on it
    is_published: bool = False  # whether it is, but for what depends on what was billed
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
        dismiss()  # those who read rosters: what they hold is wanted for what the passes are told
        if is_divided and not self.setting.cluster:
            start_early(self.setting.workers)
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

            put_by = self.lake.set_aside("shelf")  # with what the passes are told
            return on_cluster(self.setting.cluster, put_by if isinstance(put_by, Path) else None)
        return or_in_turn(self.setting.workers) if passes > 1 else in_turn

    def readers(self, source: Path | str) -> Readers:
        """Who reads large rosters of a source."""
        if self.setting.cluster and is_s3(source) and isinstance(self.lake.root, S3Path):
            from flows.cluster import on_cluster

            return Readers(on_cluster(self.setting.cluster), are_far=True)
        return Readers(self.setting.workers, are_far=False)

    def start_over(self) -> None:
        """Take back all that an attempt before this one did: its files, and what it told the ledger of them."""
        self.undo.close()
        if self.rosters:
            start_over(self.ledger, self.setting.home)

    def kept_rosters(self) -> KeptRosters:
        """The rosters as the ledger now says they are."""
        return KeptRosters(self.lake, roster_days(self.ledger), self.ledger.buckets_of_months())

    def last_whole_day(self) -> date | None:
        """The last day up to which every roster is there; None before any roster came."""
        days = roster_days(self.ledger)
        return last_whole_day(days, opening_day(self.ledger, days)) if days else None


@contextmanager
def open_run(command: str, setting: Setting) -> Iterator[Run]:
    """Lock the home and open its ledger; what is not committed inside is as if it had never been.

    Raises: UserError where the home is in use, its ledger cannot be opened, or a catalogue that billed is not given.
    """
    with setting.home.locked():
        lake = lake_of(setting.home, setting.lake)
        with claimed(setting.home, lake) as claim, open_ledger(setting.home) as ledger:
            lake.sweep_store()
            require_catalogs_of(billed_catalogs(ledger.connection), setting.catalogs)
            run = Run(ledger.next_run_id(), command, setting.clock(), setting, ledger, lake, claim)
            try:
                yield run
            finally:
                dismiss()
                half_written = [lake.sweep] if were_cut_off() or setting.cluster else []
                for clean_up in (run.undo.close, run.shelf.clear, *half_written):  # nobody writes any more
                    _as_far_as_it_goes(clean_up)


def _as_far_as_it_goes(clean_up: Callable[[], None]) -> None:
    """A run is not told as failed, or as failed for another reason, because a store keeps what it had put by."""
    try:
        clean_up()
    except (StoreRefuses, Unanswered) as error:
        log.warning("%s What the run had put by there is removed by the next one.", error)


@contextmanager
def already_saved(run: Run) -> Iterator[None]:
    """What goes wrong from here on does not undo the run: it only could not be shown, and `report` shows it later."""
    try:
        yield
    except Exception as error:
        if not (isinstance(error, UserError) or is_of_the_disk(error) or is_for_want_of_memory(error)):
            raise
        what = f"{run.id} was saved, but what it shows could not be written: {in_a_line(error).rstrip('.')}"
        raise UserError(
            f"{what}. Make room, or mend what it says; then: seatledger report --home {quote(str(run.setting.home.root))}"
        ) from None
