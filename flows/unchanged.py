"""Whether a run that bills would only find again what the last one found: then it need not look. Nor need it show again what no bill changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from hashlib import sha256
from importlib.metadata import version

import duckdb
import polars as pl

from flows.home import Home
from flows.ledger import Ledger
from flows.publish import MADE_FROM
from flows.told import opening_day, roster_days
from transforms.catalog import Catalog

_BILLED = "billed"


def facts_mark(ledger: Ledger, catalogs: Mapping[str, Catalog]) -> str:
    """A digest of all that is computed from but what was billed: the current version of every table and day, the catalogues, the opening day, this version."""
    days = roster_days(ledger)
    versions = [f"{table} {day} {version}" for (table, day), version in ledger.current_versions().items()]
    policies = [repr(catalog) for _, catalog in sorted(catalogs.items())]
    return _digest(*versions, *policies, opening_day(ledger, days) if days else None, version("seatledger"))


def bill_mark(facts: str, through: date, cadence: str | None, catalog: str | None) -> str:
    """A digest of all that a bill depends on: the facts, and what is asked.

    What was billed before is not in it: a run that bills leaves nothing for its own like (I2).
    """
    return _digest(facts, through, cadence, catalog)


def remember(ledger: Ledger, mark: str) -> None:
    """Keep what was billed last, in the run's own transaction."""
    ledger.set(_BILLED, mark)


def is_as_billed(ledger: Ledger, mark: str) -> bool:
    """Whether the last bill was of the very same."""
    return ledger.setting(_BILLED) == mark


def is_published(ledger: Ledger, home: Home, facts: str) -> bool:
    """Whether what is published was made by the last run, or of it, and from the same facts."""
    if not home.finance.exists():
        return False
    try:
        with duckdb.connect(str(home.finance), read_only=True) as finance:
            found = finance.execute(f"select max(run_id), {MADE_FROM}() from runs").fetchall()
    except duckdb.Error:  # a damaged one, or an older version's
        return False
    return found == [(ledger.last_run(), facts)]


def held_as_published(home: Home) -> tuple[str, ...]:
    """The workspaces that are held, as they are published."""
    with duckdb.connect(str(home.finance), read_only=True) as finance:
        return tuple(workspace for (workspace,) in finance.execute("select distinct workspace_id from holds order by 1").fetchall())


def _digest(*told: object) -> str:
    return sha256("\n".join(map(str, told)).encode()).hexdigest()


def no_invoices() -> pl.DataFrame:
    """What a run that finds nothing new has billed."""
    from transforms.contracts.charges import Invoices

    return Invoices.empty().with_columns(invoice_id=pl.lit(None, pl.String), invoice_number=pl.lit(None, pl.String))
