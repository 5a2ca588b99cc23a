"""The home that the pages are about: the sample as `seatledger demo` bills it, at a time that stands still."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"
BILLED_AT = datetime(2026, 6, 1, 6, tzinfo=UTC)


def bill_the_sample(root: Path) -> Path:
    """Bill the sample into a folder, which becomes the home. Returns it."""
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    from flows.catalogs import read_catalogs
    from flows.home import Home
    from flows.ingest import IngestRequest
    from flows.pipeline import run_all
    from flows.requests import BillRequest
    from flows.run import Setting

    through = date(2026, 5, 31)
    run_all(IngestRequest(SAMPLE, last=through), BillRequest(through), Setting(Home(root), read_catalogs(None), lambda: BILLED_AT))
    return root
