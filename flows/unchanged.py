"""Whether a run that bills would only find again what the last one found: then it need not look."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from hashlib import sha256
from importlib.metadata import version

import duckdb
import polars as pl

from flows.home import Home
from flows.ledger import Ledger
from transforms.catalog import Catalog

_BILLED = "billed"


def mark_of(ledger: Ledger, catalogs: Mapping[str, Catalog], through: date, cadence: str | None, catalog: str | None) -> str:
    """A digest of all that a bill depends on: the current version of every table and day, the catalogues, what is asked, this version.

    What was billed before is not in it: a run that bills leaves nothing for its own like (I2).
    """
    versions = [f"{table} {day} {version}" for (table, day), version in ledger.current_versions().items()]
    policies = [repr(catalog) for _, catalog in sorted(catalogs.items())]
    asked = [str(through), str(cadence), str(catalog), str(ledger.setting("opening_on")), version("seatledger")]
    return sha256("\n".join([*versions, *policies, *asked]).encode()).hexdigest()


def remember(ledger: Ledger, mark: str) -> None:
    """Keep what was billed last, in the run's own transaction."""
    ledger.set(_BILLED, mark)


def is_as_billed(ledger: Ledger, home: Home, mark: str) -> bool:
    """Whether the last bill was of the very same, and what it shows is what is published."""
    if ledger.setting(_BILLED) != mark or not home.finance.exists():
        return False
    try:
        with duckdb.connect(str(home.finance), read_only=True) as finance:
            ((shown,),) = finance.execute("select max(run_id) from runs").fetchall()
    except duckdb.Error:
        return False
    return shown == ledger.last_run()


def held_as_published(home: Home) -> tuple[str, ...]:
    """The workspaces that are held, as they are published."""
    with duckdb.connect(str(home.finance), read_only=True) as finance:
        return tuple(workspace for (workspace,) in finance.execute("select distinct workspace_id from holds order by 1").fetchall())


def no_invoices() -> pl.DataFrame:
    """What a run that finds nothing new has billed."""
    from transforms.contracts.charges import Invoices

    return Invoices.empty().with_columns(invoice_id=pl.lit(None, pl.String), invoice_number=pl.lit(None, pl.String))
