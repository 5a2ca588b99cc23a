"""What `status` says of a home: worked out from finance.duckdb once it is published, and kept beside it.

To ask is then to read a small file: DuckDB, which takes longer to import than all else does, is needed only where that file is not of
the database that lies beside it. It says which one it is of by what a file's name cannot hide: its size, and when it was last written.
"""

from __future__ import annotations

import json
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from flows.errors import UserError
from flows.home import Home
from flows.whole_files import put_in_place

if TYPE_CHECKING:
    from flows.questions import Finance

Document = dict[str, Any]
_RUN = ("run_id", "command", "through", "cadence", "started_at", "finished_at", "product_version", "days_ingested", "files_ingested")
_RUN += ("catalog", "rows_ingested", "invoices", "lines", "held_workspaces")


def status_document(home: Home) -> Document:
    """Days, runs (newest first), sums by catalogue and currency, and how much is held or reported: plain values, days and times as ISO.

    Raises: UserError where there is no finance database, or it is damaged.
    """
    return {"home": str(home.root), **(_kept(home) or _worked_out(home))}


def keep_status(home: Home) -> None:
    """Work out what `status` says of the finance database that was just published, and keep it. It is its owner's: who may read the database alone has it worked out."""
    status = _worked_out(home)
    told = {"of": _mark(home), "sha256": _digest(status), "status": status}
    beside = home.status.with_name(f".{home.status.name}.beside")
    with suppress(OSError, UserError):  # no room for it: it is worked out when it is asked for
        beside.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
        beside.chmod(0o600)
        put_in_place(beside, home.status)


def _kept(home: Home) -> Document | None:
    """What is kept, if it is of the finance database that is there."""
    try:
        told = json.loads(home.status.read_text(encoding="utf-8"))
        is_of_it = told["of"] == _mark(home) and told["sha256"] == _digest(told["status"])
        return told["status"] if is_of_it else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _digest(status: Document) -> str:
    return sha256(json.dumps(status, sort_keys=True).encode()).hexdigest()


def _mark(home: Home) -> list[object]:
    seen = home.finance.stat()
    return [seen.st_size, seen.st_mtime_ns, version("seatledger")]


def _worked_out(home: Home) -> Document:
    from flows.questions import asked_of_finance, rows_as_dicts

    with asked_of_finance(home) as finance:
        runs = rows_as_dicts(finance, "select * from runs order by run_id desc")
        told = {
            "rosters": _rosters(finance),
            "runs": [{name: run.get(name) for name in _RUN} for run in runs],  # an older version's database may lack one
            "invoiced": _invoiced(finance),
            "held_workspaces": finance.execute("select count(distinct workspace_id) from holds").fetchone()[0],
            "findings": finance.execute("select count(*) from exceptions").fetchone()[0],
        }
    return json.loads(json.dumps(told, default=lambda value: value.isoformat()))


def _rosters(finance: Finance) -> Document:
    from transforms.calendar import days_between

    known = "select distinct day from inputs where table_name = 'users' and superseded_by is null order by day"
    days = [day for (day,) in finance.execute(known).fetchall()]
    first, last = (days[0], days[-1]) if days else (None, None)
    missing = sorted(set(days_between(first, last)) - set(days)) if days else []
    return {"days": len(days), "first_on": first, "last_on": last, "missing": missing}


def _invoiced(finance: Finance) -> list[Document]:
    from flows.questions import rows_as_dicts
    from flows.summaries import with_amounts

    sums = rows_as_dicts(
        finance,
        """select catalog, currency, count(*) as invoices, sum(net_minor) as net_minor, sum(amount_due_minor) as amount_due_minor
           from invoices group by all order by all""",
    )
    decimals = dict(finance.execute("select currency, decimals from currencies").fetchall())
    return [with_amounts(row, decimals) for row in sums]
