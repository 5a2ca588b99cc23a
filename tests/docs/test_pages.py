"""The pages that show results: every query and command in them is run, and gives what is printed. To write them anew: python -m tests.docs.refresh"""

from __future__ import annotations

import difflib
import re
import shutil
from decimal import Decimal
from itertools import combinations
from pathlib import Path

import duckdb
import pytest

from tests.conftest import ROOT
from tests.docs.data_dictionary import SUBJECTS, grain_and_key
from tests.docs.pages import queries, written_anew
from tests.docs.refresh import DOCS, MADE, RUN, page_now
from tests.seldom import seldom_but


@pytest.fixture(scope="module")
def folder(documented_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("docs")
    shutil.copytree(documented_home, root / "warehouse")
    return root


@pytest.fixture(scope="module")
def finance(folder: Path) -> duckdb.DuckDBPyConnection:
    with duckdb.connect(str(folder / "warehouse" / "finance.duckdb"), read_only=True) as connection:
        yield connection


@pytest.mark.parametrize("name", seldom_but([name for name in (*RUN, *MADE) if name not in ("commands.md", "why-is-my-invoice-higher.md")], [*RUN, *MADE]))
def test_a_page_shows_what_there_is(name: str, folder: Path) -> None:
    shown, now = (DOCS / name).read_text(encoding="utf-8"), page_now(name, folder)
    changed = "\n".join(difflib.unified_diff(shown.splitlines(), now.splitlines(), f"docs/{name}", "as it is now", lineterm="", n=1))
    assert shown == now, f"{changed}\nTo write it anew: python -m tests.docs.refresh {name}"


def test_a_page_that_says_otherwise_is_found_out(folder: Path) -> None:
    right = "```sql\nselect 1 as one, 'a|b' as two;\n```\n\n| one | two |\n| ---: | --- |\n| 1 | a\\|b |\n"
    assert written_anew(right, folder) == right
    for wrong in (right.replace("| 1 |", "| 2 |"), right.replace("| 1 | a\\|b |\n", ""), right.split("\n\n")[0] + "\n"):
        assert written_anew(wrong, folder) == right
    kept = "```console\n$ echo x\nx\n```\n\n| a table | of the page |\n|---|---|\n"
    assert written_anew(kept, folder) == kept
    typed = "```console\n$ printf 'a\\nb\\nc\\n'\na\n…\nc\n$ echo x\nx\n```\n"
    assert written_anew(typed, folder) == typed
    assert written_anew(typed.replace("c\n$", "d\n$"), folder) == typed.replace("…", "b")
    assert written_anew("```sql\nfrom invoices where false;\n```\n", folder) == "```sql\nfrom invoices where false;\n```\n\n*No row.*\n"


def test_the_cookbook_answers_many_questions_and_nearly_all_have_an_answer_on_the_sample() -> None:
    page = (DOCS / "analysts.md").read_text(encoding="utf-8")
    asked = list(queries(page))
    assert len(re.findall(r"^### ", page, re.MULTILINE)) >= 25
    assert len(asked) >= 25
    assert sum(result == "*No row.*" for _, result in asked) == 2  # corrections, of which it makes some; and holds


def test_no_example_adds_money_of_several_currencies() -> None:
    """Where amounts are summed, the currency is grouped by, or one is named."""
    for sql, _ in queries((DOCS / "analysts.md").read_text(encoding="utf-8")):
        if "sum(" in sql and re.search(r"_v\b|_minor", sql):
            assert "currency" in sql or "reason" in sql, sql


def test_the_python_of_the_cookbook_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", (DOCS / "analysts.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(folder)
    names: dict = {}
    exec(code, names)
    assert names["invoices"].height == 35


def test_every_amount_of_the_reply_was_shown_or_is_the_sum_of_two_lines() -> None:
    before, _, reply = (DOCS / "why-is-my-invoice-higher.md").read_text(encoding="utf-8").partition("## The reply")
    shown = {Decimal(amount) for amount in re.findall(r"-?\d+\.\d\d\b", before)}
    lines = [Decimal(amount) for amount in re.findall(r"^PIV-2026-000015-00\d  .* (-?\d+\.\d\d)$", before, re.MULTILINE)]
    assert sum(lines) == Decimal("552.97")
    told = {Decimal(amount) for amount in re.findall(r"-?\d+\.\d\d\b", reply)}
    assert told <= shown | {a + b for a, b in combinations(lines, 2)}
    assert len(told) >= 10


# --- the dictionary -------------------------------------------------------------------------------------------------------


def test_every_table_and_column_has_a_comment(finance: duckdb.DuckDBPyConnection) -> None:
    missing = finance.execute(
        """select table_name, null from duckdb_tables() where coalesce(comment, '') = ''
           union all select view_name, null from duckdb_views() where not internal and coalesce(comment, '') = ''
           union all select table_name, column_name from duckdb_columns() where not internal and coalesce(comment, '') = ''"""
    ).fetchall()
    assert missing == []


def test_every_table_is_in_the_dictionary_once(finance: duckdb.DuckDBPyConnection) -> None:
    named = [table for subject in SUBJECTS for table in subject.tables]
    assert sorted(named) == sorted(name for (name,) in finance.execute("select table_name from duckdb_tables()").fetchall())


def test_a_table_says_its_grain_and_its_key_is_one(finance: duckdb.DuckDBPyConnection) -> None:
    without = []
    for table, comment in finance.execute("select table_name, comment from duckdb_tables()").fetchall():
        grain, key = grain_and_key(comment)
        assert grain.startswith("One per "), table
        if not key:
            without.append(table)
            continue
        columns = ", ".join(f'"{name}"' for name in key)
        assert finance.execute(f"select {columns}, count(*) from {table} group by all having count(*) > 1").fetchall() == [], table
    assert sorted(without) == ["exceptions", "holds"]  # two rows may be alike in all but their words


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        to = (page.parent / path).resolve() if path else page
        assert to.exists(), f"{page.name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", to.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in headings}
            assert anchor in anchors, f"{page.name}: {target}"
