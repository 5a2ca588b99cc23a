"""The same with names, addresses and days of activity, as a run reads and checks them for the directory."""

from pathlib import Path

from benchmarks.peers.job import as_command
from flows.workers import begin_early, in_processes


def seat_months_and_people(source: Path, out: Path) -> None:
    """Read all nine columns."""
    begin_early()
    from benchmarks.peers.seat_months import seat_months

    seat_months(source, out, in_processes)


if __name__ == "__main__":
    as_command(seat_months_and_people)
