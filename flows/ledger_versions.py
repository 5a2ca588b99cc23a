"""A ledger written by an earlier version is brought up to this one by the first run that uses it, in that run's transaction."""

from __future__ import annotations

from pathlib import Path

import duckdb

from flows.errors import UserError

LEDGER_VERSION = "3"

# What each version changed since the one before. What a run wrote stays as it was, so that its chain holds.
_UPGRADES = {
    "2": ["alter table inputs add column repeats bigint default 0"],  # identical rows that count once
    "3": ["alter table runs add column catalog varchar"],  # the only catalogue billed
}


def bring_up_to_date(connection: duckdb.DuckDBPyConnection, found: str, path: Path) -> None:
    """Upgrade an open ledger, one version after the other.

    Raises: UserError for a ledger that a newer version wrote.
    """
    if found not in {"1", *_UPGRADES}:
        raise UserError(
            f"{path}: was written by a newer version (ledger {found}, this is {LEDGER_VERSION}). Use the version that wrote it, "
            "or restore a back-up from before."
        )
    for version, statements in _UPGRADES.items():
        if int(version) > int(found):
            for statement in statements:
                connection.execute(statement)
            connection.execute("insert or replace into settings values ('ledger_version', ?)", [version])
