"""All months on one page: where who looks for a month begins. Links and figures, and no script."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import TYPE_CHECKING

from flows.page import not_billed
from flows.page_rendering import PAGE_NAME, asked, rendered_page

if TYPE_CHECKING:
    import duckdb


def overview_of_months(finance: duckdb.DuckDBPyConnection, with_page: Collection[date]) -> bytes:
    """The months that the finance database knows, the latest first; those `with_page` lead there. The same database gives the same bytes."""
    months, due = asked(finance, "overview"), asked(finance, "overview_due")
    currencies = sorted({row["currency"] for row in due})
    for row in months:
        of_month = {each["currency"]: each for each in due if each["month"] == row["month"]}
        row["due"] = [of_month.get(currency) for currency in currencies]
        row["page"] = f"{row['month']:%Y-%m}/{PAGE_NAME}" if row["month"] in with_page else None
    latest = months[0]
    told = {
        "months": months,
        "currencies": currencies,
        "known_through": latest["known_through"],
        "held": asked(finance, "overview_held")[0]["workspaces"],
        "held_page": latest["page"],
        "not_billed": not_billed(finance, latest["month"]),
    }
    return rendered_page("overview.html.j2", told)
