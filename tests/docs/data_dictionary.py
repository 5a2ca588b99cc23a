"""docs/data-dictionary.md, made of the comments that finance.duckdb carries: the database is the dictionary, the page a print of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import duckdb

ROOT = Path(__file__).resolve().parents[2]


class Subject(NamedTuple):
    """Tables that are read together, and where their meaning is explained."""

    title: str
    words: str
    tables: tuple[str, ...]


SUBJECTS = (
    Subject(
        "Invoices and credit",
        "As issued: rows are only ever added. Rules: [invoices](rules.md#5-invoices-i), [charges](rules.md#4-charges).",
        ("invoices", "invoice_lines", "credit_ledger", "invoice_changes", "unbilled_charges"),
    ),
    Subject(
        "Seats",
        "Who holds one is policy ([D3](rules.md#1-days-and-occupancy-d)); a day is judged at its close.",
        (
            "seat_occupancy",
            "seat_usage_monthly",
            "coverage_monthly",
            "plan_compliance",
            "plan_usage",
            "idle_seats",
            "reactivations",
            "broken_aliases",
        ),
    ),
    Subject(
        "Contracts",
        "What was agreed, and what became of it. Rules: [terms](rules.md#3-terms-t), [plans and prices](rules.md#2-plans-and-prices).",
        ("subscriptions", "workspace_names", "terms", "spells"),
    ),
    Subject(
        "Revenue",
        "Worked out from what was invoiced and from the seats; `verify` works each out anew. How: [outputs.md](outputs.md#mrr_movements).",
        ("mrr_movements", "revenue_schedule", "journal_entries", "accounts", "reconciliation", "billed_through"),
    ),
    Subject(
        "Trust",
        "What is held or strange, and what everything rests on. What is done about it: [faults.md](faults.md).",
        ("holds", "exceptions", "runs", "inputs"),
    ),
    Subject("Catalogues", "Policy and prices as the last run knew them: [catalogs.md](catalogs.md).", ("catalogs", "currencies")),
)

_HEAD = """# Data dictionary

Every table and column of `HOME/finance.duckdb`. The same is in the database: `select table_name, column_name, comment from duckdb_columns()`.
This page is made of it, with `python -m tests.docs.refresh data-dictionary.md`; change the comment in [reports/](../reports/) and not the page.

- **Grain** is what a table has one row for, **key** the columns that no two rows share.
- `…_minor` is a BIGINT in the currency's minor unit. Where a table has such columns, its view `…_v` has each amount also as a DECIMAL, under the name without `_minor`.
- `…_on` and `day` are dates, `…_at` UTC timestamps; `…_from` is the first day, `…_until` the first day after. `month` is the month's first day.
- The words are those of the [glossary](../GLOSSARY.md); questions with their SQL are in [analysts.md](analysts.md).
"""


def data_dictionary(finance_database: Path) -> str:
    """The page, from a finance database."""
    with duckdb.connect(str(finance_database), read_only=True) as finance:
        comments = dict(finance.execute("select table_name, comment from duckdb_tables()").fetchall())
        views = {name for (name,) in finance.execute("select view_name from duckdb_views() where not internal").fetchall()}
        columns = finance.execute(
            "select table_name, column_name, data_type, comment from duckdb_columns() order by column_index"
        ).fetchall()
    index = "".join(
        f"- [{s.title}](#{s.title.lower().replace(' ', '-')}): {', '.join(f'[`{t}`](#{t})' for t in s.tables)}\n" for s in SUBJECTS
    )
    page = f"{_HEAD}\n{index}"
    for subject in SUBJECTS:
        page += f"\n## {subject.title}\n\n{subject.words}\n"
        for table in subject.tables:
            mine = [(name, kind, comment) for of, name, kind, comment in columns if of == table]
            page += _of_table(table, comments[table], mine, has_view=f"{table}_v" in views)
    return page


def grain_and_key(comment: str) -> tuple[str, list[str]]:
    """A table's comment without its key, and the key's columns; none where rows may be alike."""
    said, _, key = comment.partition(" Key: ")
    return said, [name.strip() for name in key.rstrip(".").split(",")] if key else []


def _of_table(table: str, comment: str, columns: list[tuple[str, str, str]], *, has_view: bool) -> str:
    said, key = grain_and_key(comment)
    told = [f"Key: {', '.join(f'`{name}`' for name in key)}." if key else "No key."]
    if has_view:
        told.append(f"With amounts as DECIMAL: `{table}_v`.")
    if (ROOT / "reports" / f"{table}.sql").exists():
        told.append(f"Made by [reports/{table}.sql](../reports/{table}.sql).")
    rows = "".join(f"| `{name}` | {_kind(kind)} | {_linked(words)} |\n" for name, kind, words in columns)
    return f"\n### {table}\n\n{_linked(said)} {' '.join(told)}\n\n| Column | Type | |\n|---|---|---|\n{rows}"


def _kind(kind: str) -> str:
    return {"TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ"}.get(kind, kind)


def _linked(words: str) -> str:
    """A comment as Markdown, its rules as links."""
    text = words.replace("|", "\\|").replace("*", "\\*")
    return re.sub(r"\b([A-Z]\d)\b(?=[),])", lambda found: f"[{found[1]}](rules.md#{_anchors()[found[1][0]]})", text)


def _anchors() -> dict[str, str]:
    """Of each letter of rules the anchor of its section: `## 1. Days and occupancy (D)`."""
    headings = re.findall(r"^## (.*\((\w)\).*)$", (ROOT / "docs" / "rules.md").read_text(encoding="utf-8"), re.MULTILINE)
    return {letter: re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title, letter in headings}
