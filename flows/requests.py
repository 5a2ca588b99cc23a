"""What is asked of a run, and what it did: the words between those who call the pipeline and the pipeline itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from flows.ingest import Ingested


@dataclass(frozen=True)
class BillRequest:
    """Up to which day to bill, which invoice dates (of one cadence, of one catalogue), and whether only to show what would be billed."""

    through: date
    cadence: str | None = None
    dry_run: bool = False
    catalog: str | None = None


@dataclass(frozen=True)
class ReportRequest:
    """Which month (None: those that the run can have changed, or all), to which folder, whether CSV for Excel, whether a workbook too."""

    month: date | None = None
    to: Path | None = None
    excel: bool = False
    xlsx: bool = False


@dataclass
class Outcome:
    """What a run did, in counts and small frames; what a person is told of it."""

    ingested: Ingested = field(default_factory=Ingested)
    invoices: pl.DataFrame | None = None
    lines: int = 0
    held: tuple[str, ...] = ()
    through: date | None = None
    exported: tuple[Path, ...] = ()
    workbooks: tuple[Path, ...] = ()
    run_id: str | None = None
    billed: pl.DataFrame | None = None
