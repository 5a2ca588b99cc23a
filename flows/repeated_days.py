"""Lost days: an operator declares that a day's rosters repeat those of the day before; it is recorded, and shown (G1)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING

import polars as pl

from flows.errors import UserError
from flows.kept_rosters import KeptRosters
from transforms.calendar import CALENDAR, ONE_DAY

if TYPE_CHECKING:
    from flows.ingest import RunMark
    from flows.ledger import Ledger

DECLARED = "declared: repeats the day before"


def declare_repeated_days(days: Iterable[date], ledger: Ledger, kept: KeptRosters, run: RunMark) -> list[date]:
    """Keep, for each lost day, the rosters of the day before as its own; also for those declared before, where these have since been superseded.

    Returns the days that now have other rosters.
    Raises: UserError for a day that was delivered after all, or whose day before is not there.
    """
    declared = []
    for day in sorted({*days, *ledger.declared_days(DECLARED)}):
        if day <= CALENDAR[0]:
            raise UserError(f"{day} cannot repeat the day before: there is none that is reckoned with.")
        current = ledger.current_versions()
        before = current.get(("users", day - ONE_DAY))
        if before is None:
            raise UserError(f"{day} cannot repeat the day before: there are no rosters of {day - ONE_DAY}. Deliver those first.")
        version = _version_of_repeated(before)
        if day in ledger.declared_days(DECLARED):
            if current["users", day] in (version, before):  # that of the day before: as it was named before 0.7.0
                continue
        elif ("users", day) in current:
            raise UserError(f"users of {day} were delivered: nothing is lost. To replace them, ingest them with --supersede.")
        kept.repeat(day, version)
        rows = kept.rows_on(day)
        key = pl.select(table_name=pl.lit("users"), day=pl.lit(day), version=pl.lit(version))
        record = key.with_columns(file=pl.lit(DECLARED), sha256=pl.lit(before), bytes=pl.lit(0), rows=pl.lit(rows))
        faults = ledger.current_faults().filter((pl.col("table_name") == "users") & (pl.col("day") == day - ONE_DAY))
        faults = faults.drop("since_on").with_columns(day=pl.lit(day), version=pl.lit(version))
        ledger.accept(key, record.with_columns(ingested_at=pl.lit(run.started_at), run_id=pl.lit(run.id)), faults)
        declared.append(day)
    return declared


def _version_of_repeated(before: str) -> str:
    """Of its own: the same rosters may be delivered for the day after all, and are then no longer declared."""
    return sha256(f"{DECLARED} {before}".encode()).hexdigest()
