"""Runs: again, in steps, late, after a correction. The ledger ends the same, and an issued invoice never changes."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows import kept_rosters, ledger, pipeline, roster_intake
from flows.errors import UserError
from flows.ingest import IngestRequest
from flows.lake import claimed, lake_of
from flows.requests import BillRequest, ReportRequest
from flows.s3_files import S3Path
from flows.verify import verify
from tests.flows.small_source import LAST, add_event, small_source, users_file, users_of, write_users
from tests.seldom import seldom_but
from transforms.catalog import Price

JAN, FEB, MAR = date(2026, 1, 31), date(2026, 2, 28), LAST


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return small_source(tmp_path / "source")


def amounts(product) -> list[tuple]:
    frame = product.table("select invoice_on::varchar, reason, quantity, amount from invoice_lines_v order by line_id")
    return [(on, reason, quantity, str(amount)) for on, reason, quantity, amount in frame.iter_rows()]


def test_a_source_becomes_invoices(product, source: Path) -> None:
    outcome = product.run(source, MAR)
    assert (outcome.ingested.days, outcome.held) == (64, ())
    assert sorted(amounts(product)) == sorted(
        [
            ("2026-01-01", "opening", 2, "78.00"),
            ("2026-01-10", "opening", 3, "1800.00"),
            ("2026-02-01", "seats_added", 1, "20.13"),  # 16/31 of 39.00
            ("2026-02-01", "opening", 3, "117.00"),
            ("2026-02-10", "seats_added", 2, "1121.10"),  # 2 x 600.00 x 341/365
            ("2026-02-10", "seats_removed", -1, "-549.04"),  # 334/365 of 600.00
            ("2026-03-01", "opening", 3, "117.00"),
        ]
    )


FAILS = ["drop_guard.DropGuard.look_at", "kept_rosters.KeptRosters.write", "pipeline.declare_repeated_days"]
TRIED_AGAIN = [(fails, is_large) for is_large in (True, False) for fails in FAILS]


@pytest.mark.parametrize("is_large", seldom_but([True], [False, True]))
def test_a_run_that_ends_before_it_is_saved_leaves_no_roster_and_no_name(
    product, source: Path, is_large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names above all: a source that was the wrong one must leave none behind."""

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    if is_large:
        monkeypatch.setattr(roster_intake, "_SMALL_MONTH", 0)
        monkeypatch.setattr(kept_rosters, "buckets_for_users", lambda _: 2)
    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "_decide", stopped)
        with pytest.raises(KeyboardInterrupt):
            product.run(source, MAR)
    assert [path for table in ("roster_months", "directory", ".*") for path in product.home.lake.glob(f"{table}/**/*.parquet")] == []
    assert not (product.home.lake / "directory.parquet").exists()
    product.run(source, MAR)
    assert verify(product.home, product.setting.catalogs)[0].problems == []


@pytest.mark.slow
@pytest.mark.parametrize(("fails", "is_large"), [pytest.param(*each, marks=() if n == 0 else pytest.mark.long) for n, each in enumerate(TRIED_AGAIN)])
def test_bringing_in_that_is_tried_again_ends_as_if_it_had_gone_well_at_once(
    product, another_product, source: Path, fails: str, is_large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an attempt told the ledger of files that it took away again would be believed by the next one."""
    if is_large:
        monkeypatch.setattr(roster_intake, "_SMALL_MONTH", 0)
        monkeypatch.setattr(kept_rosters, "buckets_for_users", lambda _: 2)
    product.run(source, date(2026, 1, 5))

    def tried_again(stage: Callable, *arguments: object) -> object:
        if stage is pipeline.bring_in:
            with monkeypatch.context() as patched, pytest.raises(OSError, match="in passing"):
                patched.setattr(f"flows.{fails}", failing)
                stage(*arguments)
        return stage(*arguments)

    def failing(*_: object) -> None:
        raise OSError(errno.EIO, "in passing")

    outcome = pipeline.run_all(IngestRequest(source, last=MAR), BillRequest(MAR), product.setting, tried_again)
    assert outcome.ingested.days == 59
    assert all(check.problems == [] for check in verify(product.home, product.setting.catalogs))
    undisturbed = another_product("undisturbed")
    undisturbed.run(source, date(2026, 1, 5))
    undisturbed.run(source, MAR)
    for table in ("inputs", "invoice_lines", "seat_occupancy"):
        assert_frame_equal(*(each.table(f"from {table} order by all") for each in (product, undisturbed)))


def test_billed_twice_nothing_is_new(product, source: Path) -> None:
    product.run(source, MAR)
    before = product.lines()
    outcome = product.run(source, MAR)
    assert (outcome.ingested.files, outcome.invoices.height) == (0, 0)
    assert product.bill(MAR).invoices.height == 0
    assert_frame_equal(product.lines(), before)


@pytest.mark.slow
def test_billed_in_steps_or_months_late_the_invoices_are_the_same(another_product, source: Path) -> None:
    late, steps = another_product("late"), another_product("steps")
    late.run(source, MAR)
    for through in (JAN, date(2026, 2, 9), FEB, MAR):
        steps.run(source, through)
    assert_frame_equal(steps.lines(), late.lines())
    assert_frame_equal(steps.invoices(), late.invoices())


def test_days_ingested_out_of_order_give_the_same_invoices(another_product, source: Path) -> None:
    in_order, backwards = another_product("in order"), another_product("backwards")
    in_order.run(source, MAR)
    for first, last in ((date(2026, 2, 11), MAR), (date(2026, 1, 20), date(2026, 2, 10)), (date(2026, 1, 1), date(2026, 1, 19))):
        backwards.ingest(source, first, last)
    backwards.bill(MAR)
    assert_frame_equal(backwards.lines(), in_order.lines())


def test_the_order_and_number_of_part_files_is_irrelevant(another_product, source: Path, tmp_path: Path) -> None:
    whole, parts = another_product("whole"), another_product("parts")
    whole.run(source, MAR)
    split = shutil.copytree(source, tmp_path / "split")
    for path in split.glob("users/*/users.csv"):
        header, *rows = path.read_text().splitlines(keepends=True)
        path.with_name("b.csv").write_text(header + "".join(reversed(rows[:2])))
        path.write_text(header + "".join(reversed(rows[2:])))
    parts.run(split, MAR)
    assert_frame_equal(parts.lines(), whole.lines())
    assert_frame_equal(parts.table("select * from seat_occupancy"), whole.table("select * from seat_occupancy"))


def test_parquet_and_csv_give_the_same_invoices(another_product, source: Path, tmp_path: Path) -> None:
    as_text, typed = another_product("text"), another_product("typed")
    as_text.run(source, MAR)
    copy = shutil.copytree(source, tmp_path / "parquet")
    for path in copy.glob("users/*/users.csv"):
        frame = pl.read_csv(path, infer_schema=False).with_columns(
            login_enabled=pl.col("login_enabled") == "true", last_active_on=pl.col("last_active_on").str.to_date()
        )
        frame.write_parquet(path.with_suffix(".parquet"))
        path.unlink()
    typed.run(copy, MAR)
    assert_frame_equal(typed.lines(), as_text.lines())


def test_a_dry_run_shows_the_invoices_and_changes_nothing(product, source: Path) -> None:
    product.ingest(source)
    files = {p: p.read_bytes() for p in product.home.root.rglob("*") if p.is_file() and p.suffix in (".duckdb", ".csv")}
    outcome = product.bill(MAR, dry_run=True)
    assert outcome.invoices.height == 5
    assert all(path.read_bytes() == content for path, content in files.items())


def test_billing_one_cadence_leaves_the_other_to_the_next_run(product, source: Path) -> None:
    product.ingest(source)
    product.bill(MAR, "annual")
    assert product.table("select distinct subscription_id from invoices").rows() == [("sub-elm",)]
    product.bill(MAR, "monthly")
    assert product.table("select distinct subscription_id from invoices order by 1").rows() == [("sub-elm",), ("sub-oak",)]


@pytest.mark.slow
def test_billing_one_catalogue_leaves_the_others_untouched_and_the_next_run_bills_them_the_same(another_product, source: Path) -> None:
    whole, apart = another_product("whole"), another_product("apart")
    whole.run(source, MAR)
    apart.ingest(source)
    assert apart.bill(MAR, catalog="pivotal", dry_run=True).invoices["catalog"].unique().to_list() == ["pivotal"]
    apart.bill(MAR, catalog="pivotal")
    assert apart.table("select distinct catalog from invoices").rows() == [("pivotal",)]
    assert apart.table("select distinct subscription_id from unbilled_charges").rows() == [("sub-elm",)]
    apart.bill(MAR, catalog="pensero")
    assert apart.bill(MAR).invoices.is_empty()
    assert_frame_equal(apart.lines(), whole.lines())
    assert_frame_equal(apart.invoices(), whole.invoices())
    assert apart.table("select command, catalog from runs order by run_id").rows() == [
        ("ingest", None), ("bill", "pivotal"), ("bill", "pensero"), ("bill", None),
    ]  # fmt: skip
    assert not [check for check in verify(apart.home, apart.setting.catalogs) if check.problems]


def test_a_catalogue_that_is_not_there_is_named_with_those_that_are(product, source: Path) -> None:
    product.ingest(source)
    with pytest.raises(UserError, match=r"'pivotol' is no catalogue\. Did you mean pivotal\? There are: pensero, pivotal"):
        product.bill(MAR, catalog="pivotol")


def test_a_superseded_day_becomes_correction_lines_and_both_versions_stay(product, source: Path) -> None:
    product.run(source, FEB)
    issued = product.lines()
    for day in (date(2026, 1, 16), date(2026, 1, 17)):  # c came two days later than first told
        write_users(source, day, [row for row in users_of(day) if not row.startswith("oak,c")])
    product.run(source, MAR, supersede=True)
    assert_frame_equal(product.table("select * from invoice_lines where invoice_on <= '2026-02-28' order by line_id"), issued)
    corrections = product.table(
        "select reason, moved_on::varchar, quantity, quantity_billed_before, amount_minor from invoice_lines where is_correction order by 2"
    )
    assert corrections.rows() == [
        ("seats_added", "2026-01-16", -1, 1, -2013),  # 16/31 of 39.00 taken back
        ("seats_added", "2026-01-18", 1, 0, 1761),  # 14/31 of 39.00
    ]
    versions = product.table(
        "select count(*), count(superseded_by) from inputs where table_name = 'users' and day in ('2026-01-16', '2026-01-17')"
    )
    assert versions.rows() == [(4, 2)]


@pytest.mark.slow
def test_a_day_superseded_back_to_its_first_content_is_as_it_was(product, source: Path) -> None:
    product.run(source, JAN)
    first = users_file(source, date(2026, 1, 16)).read_bytes()
    write_users(source, date(2026, 1, 16), users_of(date(2026, 1, 15)))
    product.ingest(source, last=JAN, supersede=True)
    users_file(source, date(2026, 1, 16)).write_bytes(first)
    product.ingest(source, last=JAN, supersede=True)
    current = product.table("select count(*) from inputs where table_name = 'users' and superseded_by is null")
    assert current.item() == 31
    assert product.bill(date(2026, 1, 31)).invoices.height == 0


def test_G3_a_day_that_arrives_again_with_other_content_is_refused(product, source: Path) -> None:
    product.run(source, JAN)
    before = product.lines()
    write_users(source, date(2026, 1, 16), users_of(date(2026, 1, 15)))
    with pytest.raises(UserError, match=r"users of 2026-01-16: came before with other content.*--supersede"):
        product.run(source, FEB)
    assert_frame_equal(product.lines(), before)
    assert product.table("select max(day)::varchar from inputs").item() == "2026-01-31"


@pytest.mark.slow
def test_activity_that_comes_for_a_day_that_had_none_needs_no_supersede(product, source: Path) -> None:
    product.run(source, JAN)
    add_event(source, date(2026, 1, 20), "e9", "2026-01-20T09:00:00Z,oak,sub-oak,plan_changed,a,owner,,,pro,,")
    product.run(source, FEB)
    assert product.table("select count(*) from invoice_lines where reason = 'plan_switch'").item() == 2


def test_G1_a_missing_day_stops_the_run_and_is_never_read_as_seats_removed(product, source: Path) -> None:
    shutil.rmtree(users_file(source, date(2026, 1, 20)).parent)
    with pytest.raises(UserError, match=r"users are missing for 2026-01-20"):
        product.run(source, JAN)
    assert not product.home.finance.exists()


def test_G1_an_empty_roster_stops_the_run(product, source: Path) -> None:
    write_users(source, date(2026, 1, 20), [])
    with pytest.raises(UserError, match=r"users of 2026-01-20: no row at all"):
        product.run(source, JAN)


def test_billing_needs_the_rosters_of_every_day_up_to_its_last(product, source: Path) -> None:
    product.ingest(source, last=JAN)
    with pytest.raises(UserError, match=r"users are missing for 2026-02-01, 2026-02-02.*and 23 more days"):
        product.bill(FEB)


def test_G2_a_broken_row_holds_its_workspace_and_once_mended_it_is_billed_as_if_nothing_had_happened(
    another_product, source: Path, tmp_path: Path
) -> None:
    undisturbed, mended = another_product("undisturbed"), another_product("mended")
    undisturbed.run(source, MAR)
    damaged = shutil.copytree(source, tmp_path / "damaged")
    path = users_file(damaged, date(2026, 1, 20))
    path.write_text(path.read_text().replace("oak,b,teammate,member,active", "oak,b,teammate,member,activ"))
    outcome = mended.run(damaged, FEB)
    assert outcome.held == ("oak",)
    assert mended.table("select distinct workspace_id from invoices").rows() == [("elm",)]
    hold = mended.table('select workspace_id, reason, detail, file, "row" from holds').row(0)
    assert hold == (
        "oak",
        "broken_row",
        "status must be one of pending, active, deactivated, revoked, deleted",
        "users/date=2026-01-20/users.csv",
        2,
    )
    mended.run(source, MAR, supersede=True)
    assert mended.table("select * from holds").is_empty()
    ours, theirs = (p.table("select * exclude (line_id, invoice_number) from invoice_lines order by all") for p in (mended, undisturbed))
    assert_frame_equal(ours, theirs)


def test_personal_values_are_in_the_directory_alone(product, source: Path, with_reports: None) -> None:
    product.run(source, MAR)
    for path in product.home.root.rglob("*"):
        if path.is_file() and path.name != "directory.parquet":
            assert b"a@example.com" not in path.read_bytes(), path
    directory = pl.read_parquet(product.home.lake / "directory.parquet")
    assert directory.filter(user_id="a").select("name", "email").row(0) == ("Name a", "a@example.com")


def test_I8_a_deleted_users_name_and_address_vanish_and_their_seat_days_stay(product, source: Path) -> None:
    product.run(source, JAN)
    seat_days = product.table("select sum(occupied) from seat_occupancy where day <= '2026-01-31'").item()
    for day in (date(2026, 2, d) for d in range(1, 29)):
        rows = ["oak,b,teammate,member,deleted,false,,," if row.startswith("oak,b") else row for row in users_of(day)]
        write_users(source, day, rows)
    product.run(source, FEB)
    directory = pl.read_parquet(product.home.lake / "directory.parquet")
    assert directory.filter(user_id="b").select("name", "email", "is_erased").row(0) == ("Deactivated user", None, True)
    assert product.table("select sum(occupied) from seat_occupancy where day <= '2026-01-31'").item() == seat_days


def many(day: date, seats: int) -> list[str]:
    return [f"oak,u{n:03d},teammate,owner,active,true,,," for n in range(seats)] + users_of(day)


def test_G4_a_roster_that_falls_by_more_than_30_percent_in_a_day_is_refused_until_confirmed(product, source: Path) -> None:
    for day in range(1, 32):
        write_users(source, date(2026, 1, day), many(date(2026, 1, day), 100 if day < 20 else 68))
    product.run(source, date(2026, 1, 19))
    with pytest.raises(UserError, match=r"users of 2026-01-20: .* fell from 10\d to 7\d seats in one day.*--accept-drop"):
        product.run(source, JAN)
    assert product.table("select max(day)::varchar from inputs").item() == "2026-01-19"
    assert product.run(source, JAN, accept_drop=True).ingested.days == 12


def test_G4_a_fall_of_up_to_30_percent_or_of_a_small_roster_is_believed(product, source: Path) -> None:
    for day in range(1, 32):
        write_users(source, date(2026, 1, day), many(date(2026, 1, day), 100 if day < 20 else 74))
    assert product.run(source, JAN).ingested.days == 31


def test_G1_a_lost_day_declared_to_repeat_the_one_before_is_recorded_and_shown(another_product, source: Path) -> None:
    whole, lost = another_product("whole"), another_product("lost")
    whole.run(source, MAR)
    delivered = users_file(source, date(2026, 1, 20)).read_bytes()
    shutil.rmtree(users_file(source, date(2026, 1, 20)).parent)
    lost.ingest(source, last=MAR, repeated_days=(date(2026, 1, 20),))
    lost.bill(MAR)
    assert_frame_equal(lost.lines(), whole.lines())
    assert lost.table("select day::varchar, file from inputs where bytes = 0").rows() == [
        ("2026-01-20", "declared: repeats the day before")
    ]
    assert lost.table("select day::varchar from exceptions where finding = 'repeated_day'").rows() == [("2026-01-20",)]
    users_file(source, date(2026, 1, 20)).parent.mkdir()
    users_file(source, date(2026, 1, 20)).write_bytes(delivered.replace(b"oak,c,teammate,member,active", b"oak,c,teammate,member,pending"))
    with pytest.raises(UserError, match="--supersede"):
        lost.run(source, MAR)


@pytest.mark.slow
def test_G1_a_declared_day_follows_the_one_before_when_that_is_superseded_and_a_hold_copied_with_it_is_mended(
    product, source: Path
) -> None:
    lost, before = date(2026, 1, 20), date(2026, 1, 19)
    shutil.rmtree(users_file(source, lost).parent)
    write_users(source, before, [row.replace("a,teammate,owner,active", "a,teammate,owner,actve") for row in users_of(before)])
    product.ingest(source, last=JAN, repeated_days=(lost,))
    assert product.bill(JAN).held == ("oak",)
    write_users(source, before, [*users_of(before), "oak,d,teammate,member,active,true,,,"])
    assert product.ingest(source, last=JAN, supersede=True).ingested.days == 2  # the day, and the one that repeats it
    assert product.bill(JAN).held == ()
    days = product.table(
        "select day::varchar, occupied from seat_occupancy where workspace_id = 'oak' and day between '2026-01-18' and '2026-01-21'"
    )
    assert sorted(days.rows()) == [("2026-01-18", 3), ("2026-01-19", 4), ("2026-01-20", 4), ("2026-01-21", 3)]
    assert all(check.problems == [] for check in verify(product.home, product.setting.catalogs))
    assert product.ingest(source, last=JAN).ingested.days == 0
    assert product.ingest(source, last=JAN, repeated_days=(lost,)).ingested.days == 0


def test_G1_a_declared_day_that_is_delivered_as_the_one_before_is_no_longer_declared(product, source: Path) -> None:
    lost = date(2026, 1, 20)
    delivered = users_file(source, lost).read_bytes()
    shutil.rmtree(users_file(source, lost).parent)
    product.ingest(source, last=JAN, repeated_days=(lost,))
    users_file(source, lost).parent.mkdir()
    users_file(source, lost).write_bytes(delivered)
    assert delivered == users_file(source, date(2026, 1, 19)).read_bytes()
    product.ingest(source, last=JAN, supersede=True)
    (file,) = product.table("select file from inputs where day = '2026-01-20' and superseded_by is null")["file"]
    assert file == "users/date=2026-01-20/users.csv"
    assert product.table("from exceptions where finding = 'repeated_day'").is_empty()


def test_a_run_without_a_catalogue_that_billed_is_refused(product, source: Path) -> None:
    product.run(source, JAN)
    before = product.home.finance.read_bytes()
    fewer = replace(product.setting, catalogs={"pensero": product.setting.catalogs["pensero"]})
    for refused in (lambda: pipeline.run_report(ReportRequest(), fewer), lambda: verify(product.home, fewer.catalogs)):
        with pytest.raises(UserError, match="issued by the catalogue pivotal, which is not among those given"):
            refused()
    assert product.home.finance.read_bytes() == before


def test_a_catalogue_that_has_billed_keeps_its_currency(product, source: Path) -> None:
    """Else what was billed in one would be taken off what is owed in the other."""
    product.run(source, JAN)
    pivotal = replace(product.setting.catalogs["pivotal"], currency="EUR")
    product.setting = replace(product.setting, catalogs=dict(product.setting.catalogs) | {"pivotal": pivotal})
    with pytest.raises(UserError, match=r"^catalogue pivotal: has the currency EUR, and its invoices are in USD\. Put it back"):
        product.bill(JAN)


def test_a_catalogue_that_has_billed_keeps_its_rounding_and_its_prefix_is_no_others(product, source: Path) -> None:
    """Else a correction would take off another amount than was billed, and two invoices would have one number."""
    product.run(source, JAN)
    given = dict(product.setting.catalogs)
    changed = {
        r"pivotal: rounds half_even, and its invoices were rounded half_up\. Put rules\.rounding back": given | {"pivotal": replace(given["pivotal"], rounding="half_even")},
        r"other: has the invoice_prefix PIV, under which pivotal issued invoices\. Give it one of its own": given
        | {"pivotal": replace(given["pivotal"], invoice_prefix="NEW"), "other": replace(given["pivotal"], id="other")},
    }
    for said, catalogs in changed.items():
        product.setting = replace(product.setting, catalogs=catalogs)
        for asked in (lambda: product.bill(JAN), lambda: verify(product.home, product.setting.catalogs)):
            with pytest.raises(UserError, match=f"^catalogue {said}"):
                asked()
    product.setting = replace(product.setting, catalogs=given | {"pivotal": replace(given["pivotal"], invoice_prefix="NEW")})
    assert product.bill(JAN).invoices.is_empty()


def test_who_is_held_on_a_day_that_is_known_is_not_billed_up_to_a_day_before_it(product, source: Path) -> None:
    """Its run said "Held: 1 workspace, without an invoice" under an invoice of that workspace."""
    with (source / "subscriptions.csv").open("a") as file:
        file.write("sub-oak-2,oak,Oak & Sons,pivotal,team,monthly,first,2026-03-01,,,,\n")
    product.ingest(source, last=MAR)
    for dry_run in (True, False):
        outcome = product.bill(FEB, dry_run=dry_run)
        assert (outcome.held, outcome.invoices["workspace_id"].unique().to_list()) == (("oak",), ["elm"])
    assert product.table("select distinct workspace_id from holds")["workspace_id"].to_list() == ["oak"]
    assert all(not check.problems for check in verify(product.home, product.setting.catalogs))


def test_a_list_price_that_was_billed_is_neither_edited_nor_removed(product, source: Path) -> None:
    """Else the next run would take back all that was ever billed at it, and bill it anew."""

    def with_team(*prices: Price) -> None:
        team = replace(given["pivotal"].plans["team"], prices=prices)
        pivotal = replace(given["pivotal"], plans=given["pivotal"].plans | {"team": team})
        product.setting = replace(product.setting, catalogs=given | {"pivotal": pivotal})

    given = dict(product.setting.catalogs)
    (listed,) = given["pivotal"].plans["team"].prices
    later = Price(date(2026, 2, 1), 4500, 42000, None)
    with_team(listed, later)
    product.run(source, JAN)
    with_team(listed, replace(later, month_minor=4100))  # not in force on any day that was billed
    assert product.bill(JAN).invoices.is_empty()
    for prices, said in (
        ((replace(listed, month_minor=4000), later), "monthly price of plan team from 2020-01-01 is another"),
        ((later,), "annual price of plan team from 2020-01-01 is gone"),
        ((replace(listed, year_minor="agreed"), later), "annual price of plan team from 2020-01-01 is gone"),
    ):
        with_team(*prices)
        for asked in (lambda: product.bill(JAN), lambda: verify(product.home, product.setting.catalogs)):
            with pytest.raises(UserError, match=f"^catalogue pivotal: the {said}, and invoices were issued by it"):
                asked()
    with_team(replace(listed, reference="printed anew"), later, Price(date(2026, 1, 15), 3700, None, None))
    assert product.bill(JAN).lines == 0  # no term or switch began on that day or after


def test_no_day_is_before_the_first_of_the_calendar(product, source: Path) -> None:
    with pytest.raises(UserError, match=r"0001-01-01 cannot repeat the day before"):
        product.ingest(source, first=date(2026, 1, 5), last=JAN, repeated_days=(date(1, 1, 1),))


@pytest.mark.slow
def test_where_the_rows_lie_is_settled_by_a_run_that_is_saved_and_by_no_other(product, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(S3Path, "exists", lambda path: False)
    monkeypatch.setattr(S3Path, "write_bytes", lambda path, content: None)
    with pytest.raises(UserError, match="is no s3:// prefix"):
        lake_of(product.home, "/somewhere")
    for url in ("s3://typo/lake", "s3://right/lake/"):  # the first one's run failed
        lake = lake_of(product.home, url)
    assert not product.home.lake_url.exists()
    product.home.make()
    with claimed(product.home, lake):
        assert product.home.lake_url.exists()
    assert not product.home.lake_url.exists()
    product.run(source, JAN)
    with claimed(product.home, lake) as claim:
        claim.is_for_good = True
    assert lake_of(product.home).root == lake_of(product.home, "S3://right/lake").root == S3Path.of("s3://right/lake")
    with pytest.raises(UserError, match="its rows lie in s3://right/lake, since its first run"):
        lake_of(product.home, "s3://typo/lake")


def test_a_run_that_is_saved_is_shown_though_its_receipt_cannot_be_written(product, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "receipts.jsonl")

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "write_receipt", full)
        issued = product.run(source, JAN).invoices.height
    assert issued == product.invoices().height > 0
    assert product.run(source, MAR).ingested.days == 33
    assert [json.loads(line)["run_id"] for line in product.home.receipts.read_text().splitlines()] == ["run-000001", "run-000002"]


def test_G1_a_day_that_was_delivered_cannot_be_declared_lost(product, source: Path) -> None:
    with pytest.raises(UserError, match="users of 2026-01-20 were delivered: nothing is lost"):
        product.ingest(source, last=JAN, repeated_days=(date(2026, 1, 20),))
    with pytest.raises(UserError, match="there are no rosters of 2025-12-30"):
        product.ingest(source, last=JAN, repeated_days=(date(2025, 12, 31),))
