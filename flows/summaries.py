"""What the reading commands answer, as plain values: what `--json` prints, and the terminal shows. Shapes: docs/json.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flows.home import Home
from flows.questions import asked_of_finance, rows_as_dicts
from transforms.money_text import money_text

if TYPE_CHECKING:
    from flows.requests import Outcome
    from flows.run import Setting
    from flows.verify import Check

Document = dict[str, Any]
_HOLD = ("workspace_id", "subscription_id", "reason", "since_on", "detail", "file", "row", "mend")
_INVOICE = ("invoice_number", "invoice_id", "invoice_on", "subscription_id", "workspace_id", "catalog", "currency", "lines")
_AMOUNTS = ("net", "credit_applied", "credit_granted", "amount_due", "credit_balance")


def holds_document(home: Home) -> Document:
    """Every hold with its reason, place and mend."""
    with asked_of_finance(home) as finance:
        rows = rows_as_dicts(finance, f"select {', '.join(map(_quoted, _HOLD))} from holds order by all")
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
            "invoices": [with_amounts(row, CURRENCY_DECIMALS) for row in rows],
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


def with_amounts(row: Document, decimals: Mapping[str, int]) -> Document:
    """The row with each amount in minor units followed by the same as a text, with the currency's own decimals."""
    told = {}
    for name, value in row.items():
        told[name] = value
        if name.endswith("_minor"):
            told[name.removesuffix("_minor")] = money_text(value, decimals[row["currency"]])
    return told


def _quoted(name: str) -> str:
    return f'"{name}"'
