"""Faults 9-15: columns and cells that are not what was agreed, rows that are there twice, files that are mostly broken."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.errors import UserError
from tests.conftest import Product
from tests.faults.conftest import LAST
from tests.faults.sources import COLUMNS, Row, Source, event, user
from tests.flows.small_source import ACTIVITY, users_file

DAY = date(2026, 1, 15)
LONG = "x" * 201


@pytest.fixture
def full_source(source: Path) -> dict[str, Path]:
    """A file of every table that the next run would ingest."""
    files = {"subscriptions": source / "subscriptions.csv", "users": users_file(source, DAY)}
    rows = {
        "activity": f"{ACTIVITY}e7,2026-01-15T10:00:00Z,elm,sub-elm,seats_updated,x,owner,,5,,,\n",
        "usage": "workspace_id,metric,value\noak,api,1\n",
    }
    for table, text in rows.items():
        files[table] = source / table / f"date={DAY}" / "part.csv"
        files[table].parent.mkdir(parents=True)
        files[table].write_text(text)
    return files


@pytest.mark.parametrize("table", ["subscriptions", "users", "activity", "usage"])
def test_F09_a_column_missing_renamed_or_there_twice_is_refused_saying_what_is_expected(
    full_source: dict[str, Path], refuses: Callable[..., str], table: str
) -> None:
    path = full_source[table]
    header, rows = path.read_text().split("\n", 1)
    name = COLUMNS[table][-1]
    expected = f"lacks the column {name}. Expected: {', '.join(COLUMNS[table])}"
    cut = [line.rsplit(",", 1)[0] for line in path.read_text().splitlines()]
    damaged = {
        "\n".join(cut) + "\n": expected,
        f"{header.removesuffix(name)}{name.title()}\n{rows}": expected.replace(". E", f". It has {name.title()}; names are compared letter by letter. E"),
        f"{header},{name}\n{rows.replace(chr(10), ',x' + chr(10))}": f"line 1: the column {name} is there twice",
    }
    for content, said in damaged.items():
        path.write_text(content)
        refuses(said.replace(".", r"\."))


def test_F09_a_parquet_that_lacks_a_column_is_refused_too(full_source: dict[str, Path], refuses: Callable[..., str]) -> None:
    path = full_source["users"]
    pl.read_csv(path, infer_schema=False).rename({"status": "state"}).write_parquet(path.with_suffix(".parquet"))
    path.unlink()
    refuses(r"users/date=2026-01-15/users.parquet: lacks the column status\. Expected: workspace_id, user_id, kind")


def test_F10_more_columns_in_another_order_are_fine_in_every_table(
    full_source: dict[str, Path], source: Path, billed: Product, another_product: Callable[[str], Product], tmp_path: Path
) -> None:
    plain = another_product("plain")
    plain.run(shutil.copytree(source, tmp_path / "as agreed"), LAST)
    for path in full_source.values():
        frame = pl.read_csv(path, infer_schema=False)
        frame.select(pl.lit("red, blue").alias("colour"), pl.all().reverse()).select(reversed(["colour", *frame.columns])).write_csv(path)
    other = another_product("other")
    other.run(source, LAST)
    assert_frame_equal(other.lines(), plain.lines())
    assert other.table("select count(*) from invoices").item() == 2


# --- cells that break their contract: each in a workspace and on a day of its own, so that one run shows them all ---------------

USER_CELLS = [
    ("kind", "robot"), ("kind", ""), ("role", "king"), ("role", ""), ("status", "Active"), ("status", ""), ("login_enabled", "yes"),
    ("login_enabled", "1"), ("login_enabled", ""), ("last_active_on", "2026-02-30"), ("last_active_on", "31.01.2026"), ("last_active_on", "2026-1-5"),
    ("user_id", ""), ("user_id", " b"), ("user_id", "b\t"), ("user_id", "b\x07b"), ("user_id", LONG), ("user_id", "b\u2003"), ("user_id", "b\nb"),
]  # fmt: skip
EVENT_CELLS = [
    ("event", "exploded"), ("event", ""), ("cadence", "weekly"), ("until", "tomorrow"), ("quantity", "10.50"), ("quantity", "1,000"), ("quantity", "0x10"),
    ("quantity", "NaN"), ("quantity", "inf"), ("quantity", "-1"), ("quantity", "+5"), ("quantity", "5 "), ("quantity", "1e3"), ("quantity", "٣"),
    ("quantity", ""), ("occurred_at", ""), ("occurred_at", "2026-01-05"), ("occurred_at", "2026-01-05T10:00:00"), ("occurred_at", "2026-01-05T24:00:00Z"),
    ("occurred_at", "2026-01-05T10:00:00+99:00"), ("subscription_id", ""), ("subscription_id", " sub"), ("event_id", ""), ("event_id", "e\x01"),
    ("actor_id", "a "), ("user_id", LONG), ("plan", "\tteam"), ("occurred_at", "0000-01-01T00:00:00Z"),
    ("occurred_at", "2026-01-05T10:00:60Z"), ("occurred_at", "9999-12-31T23:59:59-12:00"), ("until", "0001-01-01"),
]  # fmt: skip
SUBSCRIPTION_CELLS = [
    ("cadence", "weekly"), ("cadence", ""), ("billing_day", "32"), ("billing_day", "0"), ("billing_day", "last"), ("starts_on", ""),
    ("starts_on", "2026-02-30"), ("starts_on", "0001-01-01"), ("trial_ends_on", "1969-12-31"),
    ("trial_ends_on", "soon"), ("seats", "10.50"), ("seats", "-1"), ("seats", "1,000"), ("seats", "NaN"),
    ("unit_price_month", "39,00"), ("unit_price_month", "-1.00"), ("unit_price_month", "1e3"), ("unit_price_month", "inf"), ("unit_price_year", "$5"),
    ("subscription_id", ""), ("subscription_id", LONG), ("plan", ""), ("catalog", "pivotal "),
]  # fmt: skip
USAGE_CELLS = [("value", ""), ("value", "-1"), ("value", "1.0"), ("value", "inf"), ("metric", ""), ("metric", " api")]


def named(cells: list[tuple[str, str]], table: str) -> dict[str, tuple[str, str, str]]:
    return {f"{table}-{n:02}": (table, column, value) for n, (column, value) in enumerate(cells)}


FAULTS = (
    named(USER_CELLS, "users") | named(EVENT_CELLS, "activity") | named(SUBSCRIPTION_CELLS, "subscriptions") | named(USAGE_CELLS, "usage")
)


@pytest.fixture(scope="module")
def broken_cells(tmp_path_factory: pytest.TempPathFactory) -> Product:
    """One run over a workspace for each fault and one sound workspace, on a roster large enough for some broken rows a day."""
    root = tmp_path_factory.mktemp("broken cells")
    source = Source("2026-01-01", "2026-01-12").workspace("sound", ("a", "b"))
    for n in range(450):  # sound rows, so that no file is mostly broken
        source.subscribe(f"many-{n}", plan="solo")
    for n, (name, (table, column, value)) in enumerate(FAULTS.items()):
        source.workspace(name, ("a", "b"))
        day = str(source.first + timedelta(days=n % 12))
        change: Row = {column: value}
        if table == "users":
            source.on_roster(day, name, "b").update(change)
        elif table == "subscriptions":
            source.subscriptions[-1].update(change)
        elif table == "usage":
            source.usage.setdefault(date.fromisoformat(day), []).append({"workspace_id": name, "metric": "api", "value": "1"} | change)
        else:
            asks = {"quantity": "5", "cadence": "", "plan": ""}
            source.happens(event(f"e-{n}", f"{day}T10:00:00Z", name, "seats_updated", **asks) | change, delivered_on=day)
    for day in source.days:  # sound rows here too
        source.happens(*(event(f"s-{day}-{n}", f"{day}T10:00:00Z", "sound", "accepted", user_id="a") for n in range(60)))
        for n in range(60):
            source.uses(str(day), "sound", f"metric-{n}", "1")
    product = Product(root / "home")
    product.held = product.run(source.write(root / "source"), date(2026, 1, 12)).held
    return product


@pytest.mark.parametrize("name", FAULTS)
def test_F11_F12_a_cell_that_breaks_its_contract_holds_its_workspace_by_file_row_and_column(broken_cells: Product, name: str) -> None:
    table, column, value = FAULTS[name]
    holds = broken_cells.table(f"select reason, detail, file, \"row\", mend from holds where workspace_id = '{name}'").rows()
    assert len(holds) == 1
    reason, detail, file, row, mend = holds[0]
    assert (reason, file.split("/")[0].removesuffix(".csv"), row > 0, bool(mend)) == ("broken_row", table, True, True)
    places_column = f"{column} must be " in detail
    names_what_is_asked = value == "" and ("lacks what its event asks for" in detail or "names none in subscription_id" in detail)
    assert places_column or names_what_is_asked, detail
    assert len(value) < 5 or value not in detail
    assert broken_cells.table(f"select count(*) from invoices where workspace_id = '{name}'").item() == 0
    assert broken_cells.table(f"select distinct coverage from seat_occupancy where workspace_id = '{name}'").rows() == [("held",)]


def test_F11_of_who_is_held_for_its_subscriptions_it_is_not_said_that_it_has_none(broken_cells: Product) -> None:
    assert broken_cells.table("select workspace_id, finding from exceptions where finding in ('no_subscription', 'unknown_subscription')").rows() == []


def test_F11_F12_the_others_are_billed_as_if_nothing_had_happened(broken_cells: Product) -> None:
    assert set(broken_cells.held) == set(FAULTS)
    assert broken_cells.table("select workspace_id, invoice_on::varchar, net_minor from invoices").rows() == [("sound", "2026-01-01", 7800)]


def test_F12_a_workspace_id_with_blanks_or_control_characters_holds_the_workspace_that_it_means(product: Product, tmp_path: Path) -> None:
    source = Source("2026-01-01", "2026-01-03").workspace("oak", ("a", "b")).workspace("elm").workspace("fir")
    source.on_roster("2026-01-02", "oak", "b")["workspace_id"] = " oak"
    source.on_roster("2026-01-03", "elm", "a")["workspace_id"] = "elm\x1f"
    assert product.run(source.write(tmp_path / "source"), date(2026, 1, 3)).held == ("elm", "oak")
    assert product.table("select workspace_id from invoices").rows() == [("fir",)]


def test_F12_a_broken_row_that_names_no_workspace_is_refused_for_nobody_could_be_held(source: Path, refuses: Callable[..., str]) -> None:
    path = users_file(source, DAY)
    for workspace in ("", "   ", "\x07"):
        sound = path.read_text().splitlines()[:6]
        path.write_text("\n".join([*sound, f"{workspace},z,teammate,member,active,true,,,"]) + "\n")
        refuses("users.csv, row 6: workspace_id is empty")


def test_F13_the_same_user_twice_on_a_day_in_one_file_or_in_two_is_one_seat(
    another_product: Callable[[str], Product], source: Path
) -> None:
    once, twice = another_product("once"), another_product("twice")
    once.run(source, DAY)
    for day in (date(2026, 1, 3), date(2026, 1, 11)):
        path = users_file(source, day)
        path.with_name("again.csv").write_text(path.read_text())
        path.write_text(path.read_text() + path.read_text().splitlines()[2] + "\n")
    assert twice.run(source, DAY).held == ()
    assert_frame_equal(twice.lines(), once.lines())
    assert_frame_equal(twice.table("select * from seat_occupancy"), once.table("select * from seat_occupancy"))
    of_day = "select sum(rows)::int, sum(repeats)::int from inputs where table_name = 'users' and day = '2026-01-03'"
    assert twice.table(of_day).rows() == [(11, 6)]  # every row as delivered, and how many of them repeat one
    assert once.table(of_day).rows() == [(5, 0)]


def test_F14_the_same_user_twice_on_a_day_with_other_values_holds_the_workspace_and_names_both_rows(billed: Product, source: Path) -> None:
    path = users_file(source, DAY)
    path.with_name("more.csv").write_text(
        path.read_text().splitlines()[0] + "\noak,b,teammate,member,deactivated,true,Name b,b@example.com,\n"
    )
    assert billed.run(source, LAST).held == ("oak",)
    assert billed.table('select reason, file, "row" from holds order by file').rows() == [
        ("broken_row", "users/date=2026-01-15/more.csv", 1),
        ("broken_row", "users/date=2026-01-15/users.csv", 2),
    ]
    assert billed.table("select count(*) from invoices where workspace_id = 'elm'").item() == 1


def test_F13_F14_a_metric_twice_on_a_day_counts_once_if_alike_and_holds_the_workspace_if_not(product: Product, tmp_path: Path) -> None:
    source = Source("2026-01-01", "2026-01-03").workspace("oak", plan="solo").workspace("elm", plan="solo").workspace("fir")
    for workspace, value in (("oak", "9"), ("oak", "9"), ("elm", "9"), ("elm", "8")):
        source.uses("2026-01-02", workspace, "customers", value)
    assert product.run(source.write(tmp_path / "source"), date(2026, 1, 3)).held == ("elm",)
    assert product.table('select reason, "row" from holds order by "row"').rows() == [("broken_row", 3), ("broken_row", 4)]
    assert product.table("select workspace_id, day, metric, value from plan_usage").rows() == [("oak", date(2026, 1, 2), "customers", 9)]
    assert product.table("select workspace_id from exceptions where finding = 'beyond_plan'").rows() == [("oak",)]
    assert product.table("select sum(rows)::int, sum(repeats)::int from inputs where table_name = 'usage'").rows() == [(4, 1)]


@pytest.mark.parametrize(("broken", "is_refused"), [(2, False), (3, True)])
def test_F15_five_rows_of_a_hundred_may_be_broken_and_not_one_more(product: Product, tmp_path: Path, broken: int, is_refused: bool) -> None:
    source = Source("2026-01-01", "2026-01-01").workspace("oak").workspace("elm")
    source.users[source.first] += [user("elm", f"u{n}") for n in range(38)]  # forty rows
    for row in source.users[source.first][-broken:]:
        row["status"] = "gone"
    root = source.write(tmp_path / "source")
    if is_refused:
        with pytest.raises(UserError, match=r"users.csv: 3 of 40 rows are broken, more than a file may have. The first is row 38: status must be one of"):
            product.run(root, source.first)
        assert not product.home.finance.exists()
    else:
        assert product.run(root, source.first).held == ("elm",)
        assert product.table("select workspace_id from invoices").rows() == [("oak",)]
