"""Of a month's rosters the lake keeps what is in no later version of the month: what any run knew can still be read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from flows import kept_rosters
from flows.errors import UserError
from flows.explain import explain
from flows.kept_rosters import KeptRosters
from flows.lake import Lake
from tests.conftest import Product
from tests.flows.small_source import small_source, users_of, write_users
from tests.ledger.test_ledger_whole import wrong
from transforms.roster_months import STANDING, bits_of

JAN, JAN_20, FEB_10, MAR_1 = (date(2026, *day) for day in ((1, 1), (1, 20), (2, 10), (3, 1)))


def rosters_of(days: list[date], user: str) -> pl.DataFrame:
    """Two users on all of the days: `a`, and one more."""
    rows = [("oak", name, "teammate", "active", None, bits_of(days), days[-1]) for name in sorted(["a", user])]
    return pl.DataFrame(rows, schema=[*STANDING, "bits", "last_active_on"], orient="row").cast(
        {"bits": pl.UInt32, "login_enabled": pl.Boolean}
    )


def taken_in(lake: Lake, known: dict[date, str], fresh: dict[date, str], user: str = "b") -> dict[date, str]:
    """Bring in days of January, and let go of what is no longer needed. Returns the versions then known."""
    kept = KeptRosters(lake, known)
    kept.replace(JAN, kept_rosters.WHOLE, rosters_of(list(fresh), user), fresh)
    kept.accept(fresh)
    kept.write()
    kept.let_go()
    return kept.versions


def stored(lake: Lake) -> int:
    return len([path for path in lake.root.glob("roster_months/*/*.parquet") if not path.name.endswith(".days.parquet")])


def as_known(lake: Lake, versions: Mapping[date, str]) -> list[tuple]:
    return KeptRosters(lake, versions).month(JAN).drop("last_active_on").rows()


def test_of_days_that_came_one_by_one_the_last_version_is_kept_and_all_before_it_are_read_from_it(tmp_path: Path) -> None:
    lake, known, seen = Lake(tmp_path), {}, []
    for n in range(1, 6):
        known = taken_in(lake, known, {date(2026, 1, n): f"v{n}"})
        seen.append((dict(known), as_known(lake, known)))
    assert stored(lake) == 1
    for versions, rows in seen:
        assert as_known(lake, versions) == rows
        assert rows == [("oak", user, "teammate", "active", None, bits_of(versions)) for user in ("a", "b")]


def test_a_version_of_which_a_day_was_superseded_is_kept_with_what_was_known_before_it(tmp_path: Path) -> None:
    lake, known, seen = Lake(tmp_path), {}, []
    for n, version, user in ((1, "v1", "b"), (2, "v2", "b"), (1, "other", "c"), (3, "v3", "c"), (4, "v4", "b")):
        known = taken_in(lake, known, {date(2026, 1, n): version}, user)
        seen.append((dict(known), as_known(lake, known)))
    assert stored(lake) == 2  # days 1 and 2 as they were; and 1 to 4 as they are
    for versions, rows in seen:
        assert as_known(lake, versions) == rows
    assert [len(rows) for _, rows in seen] == [2, 2, 3, 3, 3]


def test_who_was_last_active_when_is_not_told_of_a_day_from_a_later_one(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    first = taken_in(lake, {}, {JAN: "v1"})
    taken_in(lake, first, {date(2026, 1, 2): "v2"})
    assert KeptRosters(lake, first).month(JAN)["last_active_on"].to_list() == [None, None]


def test_of_a_home_without_notes_the_version_before_the_run_is_let_go_and_none_that_nobody_knows(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    first = taken_in(lake, {}, {JAN: "v1"})
    unknown = lake.roster_month_path(JAN, {JAN: "of another run"})
    unknown.write_bytes(b"")
    for note in lake.root.rglob("*.days.parquet"):
        note.unlink()
    taken_in(lake, first, {date(2026, 1, 2): "v2"})
    assert unknown.exists()
    assert stored(lake) == 2


@pytest.mark.slow
@pytest.mark.parametrize("buckets", [1, *(pytest.param(buckets, marks=pytest.mark.long) for buckets in (2, 4))])
def test_what_each_run_knew_is_explained_the_same_though_its_rosters_were_let_go(
    another_product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, buckets: int
) -> None:
    """Days come one by one, some of them again with another user; one home keeps every version."""
    monkeypatch.setattr(kept_rosters, "buckets_for_users", lambda _: buckets)
    thrifty, keeping = another_product("thrifty"), another_product("keeping")
    let_go = KeptRosters.let_go
    for through, days_of_d in ((JAN_20, ()), (FEB_10, (18,)), (MAR_1, (18, 24))):
        source = small_source(tmp_path / f"{through}", last=through)
        for day in (date(2026, 1, n) for n in days_of_d):
            write_users(source, day, [*users_of(day), "oak,d,teammate,member,active,true,,,"])
        for product, method in ((thrifty, let_go), (keeping, lambda _: None)):
            monkeypatch.setattr(KeptRosters, "let_go", method)
            product.run(source, through, supersede=True)
    assert stories(thrifty) == stories(keeping)
    assert versions_of(thrifty) < versions_of(keeping)
    assert wrong(thrifty) == set()


def stories(product: Product) -> list[dict]:
    lines = product.table("select line_id from invoice_lines order by all")["line_id"]
    assert len(lines) > 4
    return [explain(line, product.home, product.setting.catalogs) for line in lines]


def versions_of(product: Product) -> int:
    return len(
        {
            path.stem if path.parent.name.startswith("month=") else path.parent.name
            for path in product.home.lake.glob("roster_months/**/*.parquet")
        }
    )


def test_a_version_that_was_not_let_go_and_is_gone_is_not_made_up_from_others(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    first = taken_in(lake, {}, {JAN: "v1"})
    both = taken_in(lake, first, {JAN: "other", date(2026, 1, 2): "v2"})
    lake.roster_month_path(JAN, first).unlink()
    with pytest.raises(UserError, match=r"\.parquet: is gone, and with it rosters of 2026-01\. Restore it from a back-up of the home"):
        KeptRosters(lake, first).month(JAN)
    assert len(as_known(lake, both)) == 2
