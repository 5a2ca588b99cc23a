"""A subscription that was billed, and whose row names another workspace, or another catalogue, afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from flows.catalogs import read_catalogs
from flows.explain import explain
from flows.preview import PreviewRequest, preview
from flows.verify import verify
from tests.conftest import Product
from tests.faults.sources import Source, user
from transforms import buckets

BEFORE, AFTER = date(2026, 3, 15), date(2026, 4, 15)
LINES = """select reason, moved_on::varchar, quantity, quantity_billed_before, amount_minor, is_correction
           from invoice_lines where invoice_on = '2026-04-01' and subscription_id = 'mv' order by moved_on, reason"""


def source(root: Path, row: str) -> Path:
    """`old` has a alone; `new` has a and, from 5 February, b. The subscription begins on 10 January; `keep` stays as it is."""
    made = Source("2026-01-01", "2026-04-15").workspace("keep", ("a",))
    for day, users in made.users.items():
        users += [user("old", "a"), user("new", "a"), *[user("new", "b")] * (day >= date(2026, 2, 5))]
    made.write(root)
    path = root / "subscriptions.csv"
    kept = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*kept, row, ""]), encoding="utf-8")
    return root


def of(workspace: str, catalog: str = "pivotal", plan: str = "team") -> str:
    return f"mv,{workspace},,{catalog},{plan},monthly,first,2026-01-10,,,,"


def moved(product: Product, tmp_path: Path) -> Product:
    product.run(source(tmp_path / "source", of("old")), BEFORE)
    product.run(source(tmp_path / "source", of("new")), AFTER)
    return product


def test_I3_its_next_invoice_is_one_with_what_differs_and_all_others_are_billed(product: Product, tmp_path: Path) -> None:
    moved(product, tmp_path)
    assert product.table(LINES).rows() == [
        ("seats_added", "2026-02-05", 1, 0, 3343, True),  # 39.00 × 24/28: b, whom `old` did not have
        ("opening", "2026-03-01", 1, 1, 3900, True),
        ("opening", "2026-04-01", 2, 0, 7800, False),
    ]
    invoices = "select workspace_id, net_minor from invoices where invoice_on = '2026-04-01' order by 1"
    assert product.table(invoices).rows() == [("keep", 3900), ("new", 15043)]
    assert [check for check in verify(product.home, product.setting.catalogs) if check.problems] == []


@pytest.mark.slow
def test_in_buckets_it_is_the_same(another_product: Callable[[str], Product], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old workspace and the new one are of different buckets: what was billed of it is told where it is now."""
    one = moved(another_product("one"), tmp_path / "a").table(LINES).rows()
    monkeypatch.setattr(buckets, "DAYS_A_BUCKET", 40)
    assert buckets.bucket_numbers(pl.Series(["old", "new"]), buckets.buckets_for_days(2 * 105)).n_unique() == 2
    divided = another_product("divided")
    assert moved(divided, tmp_path / "b").table(LINES).rows() == one
    assert [check for check in verify(divided.home, divided.setting.catalogs) if check.problems] == []


@pytest.mark.slow
def test_its_preview_is_what_is_billed_then(product: Product, tmp_path: Path) -> None:
    product.run(source(tmp_path / "source", of("old")), BEFORE)
    product.ingest(source(tmp_path / "source", of("new")), last=AFTER)
    (seen,) = preview(PreviewRequest("mv"), product.home, product.setting.catalogs)["now"]["invoices"]
    product.bill(AFTER)
    assert seen["net_minor"] == product.table("select net_minor from invoices where invoice_on = '2026-04-01' and subscription_id = 'mv'").item()
    assert seen["net_minor"] == 15043


@pytest.mark.slow
def test_its_corrections_and_its_older_lines_are_explained(product: Product, tmp_path: Path) -> None:
    moved(product, tmp_path)
    catalogs = read_catalogs(None)
    line = product.table("select line_id from invoice_lines where invoice_on = '2026-04-01' and moved_on = '2026-03-01'").item()
    told = explain(line, product.home, catalogs)
    assert told["correction"]["known_before"]["quantity"] == 1
    assert [row["column"] for row in told["correction"]["agreement"]] == ["workspace_id"]
    older = product.table("select line_id from invoice_lines where invoice_on = '2026-03-01' and subscription_id = 'mv'").item()
    assert explain(older, product.home, catalogs)["line"]["workspace_id"] == "old"


def test_G2_one_that_names_another_catalogue_holds_its_workspace_until_it_names_the_first_again(product: Product, tmp_path: Path) -> None:
    """A charge is of a plan of one vendor, in its currency: what one has billed the other cannot correct."""
    product.run(source(tmp_path / "source", of("old")), BEFORE)
    outcome = product.run(source(tmp_path / "source", of("old", "pensero", "growth").replace("monthly,first,2026-01-10,,", "annual,first,2026-01-10,,3")), AFTER)
    assert outcome.held == ("old",)
    assert product.table("select reason, detail, since_on from holds").rows() == [
        ("catalog_changed", "subscription mv was billed by catalogue pivotal before, and its row names pensero", AFTER)
    ]
    assert product.table("select workspace_id from invoices where invoice_on = '2026-04-01'").rows() == [("keep",)]
    assert product.run(source(tmp_path / "source", of("old")), AFTER).held == ()
    assert product.table("select quantity, amount_minor from invoice_lines where invoice_on = '2026-04-01' and subscription_id = 'mv'").rows() == [(1, 3900)]
