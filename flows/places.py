"""Folders that may not be the same, or lie in one another: what comes in, what is kept, and what is written for others."""

from __future__ import annotations

from pathlib import Path

from flows.errors import WrongUsage
from flows.home import Home
from flows.lake import lake_of
from flows.s3_files import S3Path, is_s3

_OF_A_SOURCE = ("users", "activity", "usage")
_NOT_FOR_REPORTS = ("lake", "invoices", "exports")


def require_home_apart(home: Home, source: Path | str, lake: str | None = None) -> None:
    """Refuse a home, or a lake on a store, that is the folder of a source, or lies where that has its days: each would be taken for a part of the other.

    Raises: WrongUsage.
    """
    if is_s3(source):
        _require_lake_apart(lake_of(home, lake).root, S3Path.of(str(source)))
        return
    root, folder = home.root.resolve(), Path(source).resolve()
    if root == folder:
        raise WrongUsage(f"{home.root}: is SOURCE itself. Name another folder for what is kept, with --home.")
    for table in _OF_A_SOURCE:
        if root.is_relative_to(folder / table):
            raise WrongUsage(f"{home.root}: lies in {Path(source) / table}, where SOURCE has its days. Name another folder for what is kept, with --home.")


def _require_lake_apart(root: Path | S3Path, source: S3Path) -> None:
    if root == source:
        raise WrongUsage(f"{root}: is SOURCE itself. Name another prefix for what is kept, with --lake.")
    for table in _OF_A_SOURCE:
        if f"{root}/".startswith(f"{source / table}/"):
            raise WrongUsage(f"{root}: lies in {source / table}, where SOURCE has its days. Name another prefix for what is kept, with --lake.")


def require_place_for_reports(home: Home, to: Path | None) -> None:
    """Refuse to write reports among what a home keeps for itself. Raises: WrongUsage."""
    if to is None:
        return
    root, folder = home.root.resolve(), to.resolve()
    if folder == root or any(folder.is_relative_to(root / kept) for kept in _NOT_FOR_REPORTS):
        raise WrongUsage(f"{to}: is where {home.root} keeps other things. Name another folder with --to; without it, reports go to {home.reports}.")
