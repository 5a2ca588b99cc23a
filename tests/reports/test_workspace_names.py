"""What a workspace is called: by one rule everywhere, and on an invoice as its own subscription says."""

from __future__ import annotations

import pytest

from flows.month_reports import REPORTS
from tests.reports.books import Books

ROW = "subscription_id | workspace_id | workspace_name | starts_on | ended_on"


def named(*rows: str) -> Books:
    """Books through 31 January with these subscriptions of workspace `ws`: `id | name | starts on | ended on`."""
    text = "\n".join([ROW, *("{} | ws | {} | {} | {}".format(*row.split(", ")) for row in rows)])
    return Books().seats("2026-01-31", "1").given("subscriptions", text, catalog="vendor")


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        (("sub, Now, 2025-01-01, 2026-03-01", "next, Later, 2026-03-01, -"), "Now"),  # what only comes renames nobody
        (("sub, Before, 2024-01-01, 2025-01-01", "last, Last, 2025-01-01, 2025-06-01", "next, Later, 2026-03-01, -"), "Last"),
        (("sub, Before, 2024-01-01, 2025-01-01", "now, Now, 2025-01-01, -"), "Now"),
        (("b, Second, 2026-04-01, -", "a, First, 2026-03-01, -"), "First"),  # none has started
        (("sub, , 2025-01-01, 2026-03-01", "next, Later, 2026-03-01, -"), "Later"),  # a blank name is none
        (("sub, -, 2025-01-01, -",), None),
    ],
)
def test_a_workspace_is_called_by_what_runs_or_ran_last_and_else_by_the_first_to_come(rows: tuple[str, ...], name: str | None) -> None:
    assert named(*rows).report("workspace_names", "workspace_name") == ([name] if name else [])


def test_an_issued_invoice_keeps_its_name_when_another_subscription_comes_or_starts() -> None:
    one, other = "sub, Oak, 2025-01-01, 2025-06-01", "next, Elm, 2025-06-01, -"
    for rows in ((one,), (one, other)):
        books = named(*rows).line("a", "2025-02-01", ("2025-02-01", "2025-03-01"), 3900).invoice("2025-02-01")
        books.report("workspace_names", "*")
        sql = (REPORTS / "documents" / "invoices.sql").read_text(encoding="utf-8")
        asked = {"month": None, "catalog": None, "numbers": None}
        assert books.finance.sql(sql, params=asked).pl()["workspace_name"].to_list() == ["Oak"]


def test_the_page_the_files_and_the_list_of_limits_call_it_the_same() -> None:
    books = named("sub, Now, 2025-01-01, 2026-03-01", "next, Later, 2026-03-01, -").seats("2026-01-01", "7", seat_limit=5)
    assert books.report("plan_compliance", "workspace_name") == ["Now"]
    page, customers = ((REPORTS / f"{name}.sql").read_text(encoding="utf-8") for name in ("page/names", "documents/customers"))
    assert books.finance.sql(page, params={"workspaces": ["ws"]}).fetchall() == [("ws", "Now")]
    assert books.finance.sql(customers).fetchall() == [("ws", "Now")]
