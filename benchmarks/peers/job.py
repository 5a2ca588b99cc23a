"""The job that every peer does, and what they may all know: the source's files and the catalogues' seat policy.

From the daily rosters, for every workspace and day:

    seats.parquet   workspace_id, day, seats              users who hold a seat at the day's close, where there are any
    moves.parquet   workspace_id, day, arrived, departed  who hold one and did not the day before, and the reverse, from the second day on

A peer that only counts writes no moves, and a peer that only reads writes nothing.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

CATALOGS = Path(__file__).resolve().parents[2] / "data" / "catalogs"


def seat_policy() -> list[tuple[str, str, str]]:
    """Catalogue, kind and status of those who hold a seat, by the shipped catalogues."""
    catalogs = [tomllib.loads(path.read_text()) for path in sorted(CATALOGS.glob("*.toml"))]
    return [(c["id"], kind, status) for c in catalogs for kind in c["seats"]["kinds"] for status in c["seats"]["statuses"]]


def policy_values() -> str:
    """The policy as rows of SQL."""
    return ", ".join(str(row) for row in seat_policy())


def first_and_last(source: Path) -> tuple[date, date]:
    """The days that the source has."""
    said = json.loads((source / "source.json").read_text())
    return date.fromisoformat(said["first"]), date.fromisoformat(said["last"])


def days(source: Path) -> list[date]:
    """Each day from the first to the last."""
    first, last = first_and_last(source)
    return [first + timedelta(n) for n in range((last - first).days + 1)]


def as_command(peer: Callable[[Path, Path], None]) -> None:
    """Run a peer from the command line: SOURCE, and the folder for what it writes."""
    parser = argparse.ArgumentParser(description=peer.__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=Path("peer-output"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    peer(arguments.source.resolve(), arguments.out.resolve())
