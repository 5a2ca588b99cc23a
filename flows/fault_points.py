"""Named points at every step that touches the disk, where a test may end the process as a power cut would."""

from __future__ import annotations

import os
import signal

KILL_AT = "SEATLEDGER_KILL_AT"
POINTS = (
    "lake: written beside",
    "lake: in place",
    "directory: in place",
    "ledger: inputs told",
    "ledger: invoices told",
    "ledger: before commit",
    "ledger: after commit",
    "receipt: written",
    "publish: filled beside",
    "publish: in place",
    "report: written beside",
    "report: in place",
)


def reached(point: str) -> None:
    """Die here, at once and without cleaning up, if the environment names this point."""
    if os.environ.get(KILL_AT) == point:
        os.kill(os.getpid(), signal.SIGKILL)
