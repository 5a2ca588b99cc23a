"""What the reading commands answer, as plain values: what `--json` prints, and the terminal shows. Shapes: docs/json.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flows.home import Home
from flows.questions import Finance, asked_of_finance
from transforms.calendar import days_between
from transforms.money_text import money_text

if TYPE_CHECKING:
    from flows.requests import Outcome
    from flows.run import Setting
    from flows.verify import Check

Document = dict[str, Any]
_RUN = ("run_id", "command", "through", "cadence", "started_at", "finished_at", "product_version", "days_ingested", "files_ingested")
_RUN += ("catalog", "rows_ingested", "invoices", "lines", "held_workspaces")
_HOLD = ("workspace_id", "subscription_id", "reason", "since_on", "detail", "file", "row", "mend")
_INVOICE = ("invoice_number", "invoice_id", "invoice_on", "subscription_id", "workspace_id", "catalog", "currency", "lines")
_AMOUNTS = ("net", "credit_applied", "credit_granted", "amount_due", "credit_balance")


def status_document(home: Home) -> Document:
    """Days, runs (newest first), sums by catalogue and currency, and how much is held or reported."""
    with asked_of_finance(home) as finance:
        runs = _rows(finance, "select * from runs order by run_id desc")
        return {
            "home": str(home.root),
            "rosters": _rosters(finance),
            "runs": [{name: run.get(name) for name in _RUN} for run in runs],  # an older version's database may lack one
            "invoiced": _invoiced(finance),
            "held_workspaces": finance.execute("select count(distinct workspace_id) from holds").fetchone()[0],
            "findings": finance.execute("select count(*) from exceptions").fetchone()[0],
        }


def _rosters(finance: Finance) -> Document:
    known = "select distinct day from inputs where table_name = 'users' and superseded_by is null order by day"
    days = [day for (day,) in finance.execute(known).fetchall()]
    first, last = (days[0], days[-1]) if days else (None, None)
    missing = sorted(set(days_between(first, last)) - set(days)) if days else []
    return {"days": len(days), "first_on": first, "last_on": last, "missing": missing}


def _invoiced(finance: Finance) -> list[Document]:
    sums = _rows(
        finance,
        """select catalog, currency, count(*) as invoices, sum(net_minor) as net_minor, sum(amount_due_minor) as amount_due_minor
           from invoices group by all order by all""",
    )
    decimals = dict(finance.execute("select currency, decimals from currencies").fetchall())
    return [_with_amounts(row, decimals) for row in sums]


def holds_document(home: Home) -> Document:
    """Every hold with its reason, place and mend."""
    with asked_of_finance(home) as finance:
        rows = _rows(finance, f"select {', '.join(map(_quoted, _HOLD))} from holds order by all")
    return {"home": str(home.root), "held_workspaces": len({row["workspace_id"] for row in rows}), "holds": rows}


def checks_document(home: Home, checks: list[Check]) -> Document:
    """Every invariant, whether it holds, and all that violates it."""
    told = [
        {
            "name": check.name,
            "question": check.question,
            "is_well": not check.problems,
            "problems": [{"what": what, "problem": problem} for what, problem in check.problems],
        }
        for check in checks
    ]
    return {"home": str(home.root), "wrong": sum(not check["is_well"] for check in told), "checks": told}


def outcome_document(command: str, outcome: Outcome, setting: Setting, *, dry_run: bool = False) -> Document:
    """What a run did: what came in, the invoices that it issued, what is held, what it wrote."""
    from transforms.money import CURRENCY_DECIMALS

    done, billed = outcome.ingested, None
    if outcome.invoices is not None:
        rows = outcome.invoices.select(*_INVOICE, *(f"{name}_minor" for name in _AMOUNTS)).to_dicts()
        billed = {
            "through": outcome.through,
            "invoices": [_with_amounts(row, CURRENCY_DECIMALS) for row in rows],
            "lines": outcome.lines,
        }
    return {
        "command": command,
        "run_id": outcome.run_id,
        "dry_run": dry_run,
        "home": str(setting.home.root),
        "ingested": {"days": done.days, "files": done.files, "rows": done.rows},
        "billed": billed,
        "held": list(outcome.held),
        "reports": [str(folder) for folder in outcome.exported],
    }


def _with_amounts(row: Document, decimals: Mapping[str, int]) -> Document:
    """The row with each amount in minor units followed by the same as a text, with the currency's own decimals."""
    told = {}
    for name, value in row.items():
        told[name] = value
        if name.endswith("_minor"):
            told[name.removesuffix("_minor")] = money_text(value, decimals[row["currency"]])
    return told


def _rows(finance: Finance, sql: str) -> list[Document]:
    found = finance.execute(sql)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _quoted(name: str) -> str:
    return f'"{name}"'
