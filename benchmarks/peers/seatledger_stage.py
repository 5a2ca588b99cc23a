"""seatledger's seat months alone, from the columns that the peers read.

A run reads who the users are as well, for the directory: that is `seatledger_stage_all`.
"""

from pathlib import Path

from benchmarks.peers.job import as_command
from flows.workers import begin_early


def seat_months_alone(source: Path, out: Path) -> None:
    """Read the six columns that decide who holds a seat, or that rows are known again by."""
    begin_early()  # as a run does, before its own imports
    from benchmarks.peers.seat_months import of_what_decides, seat_months

    seat_months(source, out, of_what_decides)


if __name__ == "__main__":
    as_command(seat_months_alone)
