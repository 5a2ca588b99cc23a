"""The flows that deployments run: typed and described, so that Prefect's pages show a form. They call what the commands call.

A flow holds no rule of its own: which day is meant comes from the scheduled time, never from the clock, so that a late run does the right day.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from prefect import flow
from prefect.exceptions import FailedRun
from prefect.logging.handlers import APILogHandler
from prefect.runtime import flow_run
from prefect.states import State
from pydantic import Field

from flows.artifacts import BarOnThePage, tell
from flows.catalogs import read_catalogs
from flows.clock import now
from flows.deploy import Kept, as_task
from flows.deployments import require_timezone, timezone_of
from flows.errors import UserError
from flows.home import Home
from flows.ingest import IngestRequest
from flows.pipeline import run_bill, run_ingest, run_report
from flows.requests import BillRequest, Outcome, ReportRequest
from flows.run import Setting
from flows.s3_files import is_s3

PATIENCE = 3600.0  # seconds that a run waits for another one to end with its home
_HOUR = 3600


class Cadence(StrEnum):
    """Which terms are billed."""

    monthly = "monthly"
    annual = "annual"
    both = "both"


Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]


# What Prefect's pages say of a parameter is its line under Args; its title is its name.


@flow(name="seatledger-ingest", flow_run_name=lambda: _name_of_run("ingest"), timeout_seconds=4 * _HOUR, persist_result=False)
def ingest(
    source: str,
    home: str,
    through: date | None = None,
    first: date | None = None,
    supersede: bool = False,
    accept_drop: bool = False,
    repeat_days: list[date] = [],  # noqa: B006 - shown on the page; nothing writes it
    catalogs: str | None = None,
    timezone: str | None = None,
    lake: str | None = None,
    cluster: str | None = None,
) -> State[Any]:
    """Bring in every day that is new, and check every row. Run it as often as you like: nothing is taken twice.

    Args:
        source: The folder, as a whole path, or the s3:// prefix that is ingested.
        home: The folder where everything is kept, as a whole path. One run at a time; the next one waits.
        through: The last day to bring in. None: the day before the scheduled one, also for a run that starts late.
        first: The first day to look at. None: every day that is new. With `through` it names a day to bring in again.
        supersede: Let a day that came before with other content replace it. Both are kept; the difference becomes correction lines.
        accept_drop: Confirm that rosters really lost more than 30 % of their seats in a day.
        repeat_days: Lost days that are declared to repeat the day before.
        catalogs: A folder with catalogues of your own, as a whole path. None: the shipped ones alone.
        timezone: In which the day before is meant, such as Europe/Paris. None: that of the catalogues.
        lake: An s3:// prefix for the rows of a new home. None: the home itself, or what its first run settled.
        cluster: The address of a Dask scheduler whose workers read large rosters. None: this machine alone.
    """

    def work(step: Callable[..., Any]) -> Outcome:
        last = through or _day_before(timezone, catalogs)
        request = IngestRequest(_source(source), first, last, supersede, accept_drop, tuple(repeat_days))
        return run_ingest(request, _setting(home, catalogs, cluster, lake), BarOnThePage(3, step).step)

    return _operate("ingest", work, home)


@flow(name="seatledger-billing", flow_run_name=lambda: _name_of_run("billing"), timeout_seconds=4 * _HOUR, persist_result=False)
def billing(
    home: str,
    cadence: Cadence = Cadence.both,
    through: date | None = None,
    catalog: str | None = None,
    dry_run: bool = False,
    catalogs: str | None = None,
    timezone: str | None = None,
    cluster: str | None = None,
) -> State[Any]:
    """Issue the invoices that are due and not yet done. Run it as often as you like: nothing is billed twice.

    Args:
        home: The folder where everything is kept, as a whole path. One run at a time; the next one waits.
        cadence: Only the invoice dates of terms of this cadence. The others stay due.
        through: Bill every invoice date up to this day. None: the day before the scheduled one, also for a run that starts late.
        catalog: Only the subscriptions of this catalogue, by its id. None: all. The others stay due.
        dry_run: Show what would be billed; change nothing.
        catalogs: A folder with catalogues of your own, as a whole path. None: the shipped ones alone.
        timezone: In which the day before is meant, such as Europe/Paris. None: that of the catalogues.
        cluster: The address of a Dask scheduler whose workers bill, a bucket each. None: this machine alone.
    """
    asked = None if cadence is Cadence.both else cadence.value, catalog or None

    def work(step: Callable[..., Any]) -> Outcome:
        request = BillRequest(through or _day_before(timezone, catalogs), asked[0], dry_run, asked[1])
        return run_bill(request, _setting(home, catalogs, cluster), BarOnThePage(1 if dry_run else 3, step).step)

    return _operate("billing", work, home, asked)


@flow(name="seatledger-reports", flow_run_name=lambda: _name_of_run("reports"), timeout_seconds=2 * _HOUR, persist_result=False)
def reports(
    home: str,
    month: Month | None = None,
    every_month: bool = False,
    excel: bool = False,
    catalogs: str | None = None,
    timezone: str | None = None,
    cluster: str | None = None,
) -> State[Any]:
    """Publish anew, and write the reports of a month.

    Args:
        home: The folder where everything is kept, as a whole path. One run at a time; the next one waits.
        month: The month, YYYY-MM. None: the month before the scheduled day's.
        every_month: Write all months anew, as after a day was superseded.
        excel: CSV as Excel likes it, with a byte order mark and CRLF.
        catalogs: A folder with catalogues of your own, as a whole path. None: the shipped ones alone.
        timezone: In which the scheduled day is meant, such as Europe/Paris. None: that of the catalogues.
        cluster: The address of a Dask scheduler whose workers work out what is published. None: this machine alone.
    """

    def work(step: Callable[..., Any]) -> Outcome:
        wanted = date.fromisoformat(f"{month}-01") if month else _month_before(timezone, catalogs)
        request = ReportRequest(None if every_month else wanted, excel=excel)
        return run_report(request, _setting(home, catalogs, cluster), BarOnThePage(2, step).step)

    return _operate("reports", work, home)


# --- how a run goes ------------------------------------------------------------------------------------------------------


def _operate(name: str, work: Callable[..., Outcome], home: str, asked: tuple[str | None, str | None] = (None, None)) -> State[Any]:
    """Do the work with every stage as a task, leave what it tells, and end in a state that says how it went."""
    os.umask(0o077)  # what a home holds is for its owner
    _log_to_the_page()
    kept = Kept()
    state = kept.of(work, as_task)
    if kept.error is not None and not isinstance(kept.error, UserError):
        traceback.print_exception(kept.error, file=sys.stderr)  # for who keeps the program: a traceback may hold values
    if kept.error is None:
        tell(name, kept.value, Home(Path(home)), asked)
    return state


def _setting(home: str, catalogs: str | None, cluster: str | None = None, lake: str | None = None) -> Setting:
    whole, own = Home(_whole_path("home", home), patience=PATIENCE), _whole_path("catalogs", catalogs) if catalogs else None
    return Setting(whole, read_catalogs(own), now, lake=lake or None, cluster=cluster or None)


def _whole_path(name: str, text: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_absolute():
        raise UserError(f"{name}: {text!r} is no whole path. A worker runs in a folder of its own: write it from / on.")
    return path


def _source(text: str) -> str:
    return text if is_s3(text) else str(_whole_path("source", text))


def _scheduled(timezone: str | None, catalogs: str | None) -> datetime:
    """When the run was to start, where the schedule is meant: what it does depends on that alone."""
    zone = timezone or timezone_of(catalogs)
    require_timezone(zone)
    return flow_run.scheduled_start_time.astimezone(ZoneInfo(zone))


def _day_before(timezone: str | None, catalogs: str | None) -> date:
    return _scheduled(timezone, catalogs).date() - timedelta(days=1)


def _month_before(timezone: str | None, catalogs: str | None) -> date:
    last_of_it = _scheduled(timezone, catalogs).date().replace(day=1) - timedelta(days=1)
    return last_of_it.replace(day=1)


def _name_of_run(what: str) -> str:
    """What a run is called on the page: which days, and what is special about it."""
    given = flow_run.parameters
    try:
        day = given.get("through") or _day_before(given.get("timezone"), given.get("catalogs"))
        before = _month_before(given.get("timezone"), given.get("catalogs"))
        month = "every month" if given.get("every_month") else given.get("month") or f"{before:%Y-%m}"
    except UserError:
        day = month = "a day to be named"
    cadence = given.get("cadence")
    words = [
        str(getattr(cadence, "value", cadence)) if cadence and what == "billing" else "",
        what,
        f"of {month}" if what == "reports" else f"through {day}",
        f"of {given['catalog']}" if given.get("catalog") else "",
        "superseding" if given.get("supersede") else "",
        "(dry run)" if given.get("dry_run") else "",
    ]
    return " ".join(word for word in words if word)


def _log_to_the_page() -> None:
    """Our lines, ids and counts, into the run's log: a worker's process knows of no logger but Prefect's."""
    ours = logging.getLogger("seatledger")
    ours.setLevel(logging.INFO)
    if not any(isinstance(handler, APILogHandler) for handler in ours.handlers):
        ours.addHandler(APILogHandler())
    logging.getLogger("prefect.flow_runs").addFilter(_is_no_traceback_of_a_failed_run)


def _is_no_traceback_of_a_failed_run(record: logging.LogRecord) -> bool:
    """Why a run failed is its state's message; Prefect would print its own way there below it, line by line."""
    return not (record.exc_info and isinstance(record.exc_info[1], FailedRun))
