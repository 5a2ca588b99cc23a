"""What a file may look like, and what is said of one that does not: the file, the line, what to do. Never a personal value."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow
import pyarrow.parquet
import pytest

from flows.errors import UserError, is_for_want_of_memory
from flows.parquet_rows import rows_of_parquet
from flows.source import Part, read_part, survey
from tests.flows.small_source import ACTIVITY, USERS, small_source, users_file
from tests.flows.test_cli import seatledger
from tests.seldom import seldom_but
from transforms.source_rows import typed_rows_from_source

ROW = "oak,a,teammate,owner,active,true,Name a,a@example.com,2026-01-01\n"


def users_part(tmp_path: Path, content: bytes | str, name: str = "users.csv") -> Part:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Part("users", date(2026, 1, 1), path, f"users/date=2026-01-01/{name}")


def test_bom_crlf_another_order_and_unknown_columns_are_fine(tmp_path: Path) -> None:
    header = "email,workspace_id,user_id,kind,role,status,login_enabled,name,last_active_on,colour\r\n"
    content = read_part(users_part(tmp_path, "\ufeff" + header + "a@example.com,oak,007,teammate,owner,active,true,,2026-01-01,red\r\n"))
    assert content.file.unknown_columns == ("colour",)
    assert content.frame.select("workspace_id", "user_id", "name", "row").row(0) == ("oak", "007", None, 1)


def test_quoted_cells_may_hold_commas_quotes_and_line_breaks(tmp_path: Path) -> None:
    row = 'oak,a,teammate,owner,active,true,"Doe, ""Jo""\nJr.",,\n'
    frame = read_part(users_part(tmp_path, USERS + row + ROW)).frame
    assert frame["name"].to_list() == ['Doe, "Jo"\nJr.', "Name a"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (USERS + ROW + "oak,b,teammate\n", r"line 3: has 3 cells; 9 are expected"),
        (USERS + ROW + "\n" + ROW, "line 3: is blank"),
        (USERS + ROW + ROW.strip() + ",x\n", "line 3: has 10 cells"),
        (USERS + ROW + "oak,b,teammate,member,act", "line 3: has 5 cells"),
        (USERS + 'oak,a,teammate,owner,active,true,"Name,,\n' + ROW, "line 2: unexpected end of data, in a row that goes on to line 3"),
        (USERS + ROW + 'oak,b,teammate,owner,active,true,"Name,,\n' + ROW + ROW.replace("Name a", '"Name a"'), r"line 3: ',' expected after '\"', in a row"),
        ((USERS + ROW).replace("Name a", "Na\0me").encode(), "line 2: has a NUL byte"),
        ((USERS + ROW).encode("utf-16"), "is UTF-16"),
        ((USERS + ROW).replace("Name a", "Zoë").encode("latin-1"), "line 2: is not UTF-8"),
        ((USERS + ROW).replace(",", ";"), "line 1: has semicolons between its cells; commas are expected"),
        ((USERS + ROW).replace(",", "\t"), "line 1: has tabs between its cells; commas are expected"),
        ("not;of;a;contract\n" + "a;b;c;d\n", "lacks the column workspace_id, user_id"),
        (USERS.replace("status", "state") + ROW, r"lacks the column status. Expected: workspace_id, user_id"),
        (USERS.replace("role,status", "role,role") + ROW, "line 1: the column role is there twice"),
    ],
)
def test_a_file_that_is_no_such_csv_is_named_with_its_line(tmp_path: Path, content: bytes | str, said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        read_part(users_part(tmp_path, content))
    assert str(error.value).startswith("users/date=2026-01-01/users.csv")
    assert "example.com" not in str(error.value)


def test_an_unreadable_parquet_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no readable Parquet"):
        read_part(users_part(tmp_path, b"PAR1 and then nothing", "users.parquet"))


@pytest.mark.parametrize("name", ["occurred_at", "unit_price_month"])
def test_a_number_that_no_library_can_hold_is_no_fault_of_the_program(product, tmp_path: Path, name: str) -> None:
    """A time in milliseconds beyond the calendar, and a price with more digits than there are: both ended the process."""
    source = small_source(tmp_path / "source")
    if name == "occurred_at":
        path = sorted(source.glob("activity/*/*.csv"))[0]
        rows = pl.read_csv(path, infer_schema=False).with_columns(pl.Series("occurred_at", [2**62], dtype=pl.Int64).cast(pl.Datetime("ms", "UTC")))
        rows.head(1).write_parquet(path.with_suffix(".parquet"))
    else:
        path = source / "subscriptions.csv"
        rows = pl.read_csv(path, infer_schema=False).to_arrow()
        prices = pyarrow.array([Decimal("39.00")] * rows.num_rows, pyarrow.decimal256(60, 2))
        pyarrow.parquet.write_table(rows.set_column(rows.column_names.index(name), name, prices), path.with_suffix(".parquet"))
    path.unlink()
    if name == "occurred_at":
        assert product.run(source, date(2026, 2, 10)).held
        assert "occurred_at must be" in product.table("select detail from holds").item()
    else:
        with pytest.raises(UserError, match=r"subscriptions\.parquet: (is no readable Parquet|column unit_price_month has the type)"):
            product.run(source, date(2026, 1, 31))


def test_a_file_that_arrow_had_no_thread_for_is_not_the_file_that_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def starved(*_: object, **__: object) -> None:
        raise pyarrow.ArrowException("Unknown error: Failed to launch worker thread: Resource temporarily unavailable")

    monkeypatch.setattr(pyarrow.parquet.ParquetFile, "read", starved)
    content = io.BytesIO()
    pl.DataFrame({"workspace_id": ["w"]}).write_parquet(content)
    with pytest.raises(pyarrow.ArrowException) as told:
        rows_of_parquet("users.parquet", "users", content.getvalue())
    assert is_for_want_of_memory(told.value)


def test_an_id_that_parquet_holds_as_a_number_is_refused_because_007_is_not_7(tmp_path: Path) -> None:
    path = tmp_path / "users.parquet"
    pl.DataFrame({"workspace_id": ["oak"], "user_id": [7]}).write_parquet(path)
    with pytest.raises(UserError, match="column user_id has the type Int64; String or text is expected"):
        read_part(Part("users", date(2026, 1, 1), path, "users.parquet"))


def test_a_folder_that_names_no_day_of_the_calendar_is_refused(tmp_path: Path) -> None:
    source = small_source(tmp_path / "source", last=date(2026, 1, 2))
    (source / "users" / "date=2026-02-30").mkdir()
    with pytest.raises(UserError, match="users/date=2026-02-30: names no day of the calendar"):
        survey(source)


def test_a_link_that_leads_out_of_the_source_is_refused(tmp_path: Path) -> None:
    source = small_source(tmp_path / "source", last=date(2026, 1, 2))
    path = users_file(source, date(2026, 1, 2))
    outside = path.rename(tmp_path / "outside.csv")
    path.symlink_to(outside)
    with pytest.raises(UserError, match=r"users/date=2026-01-02/users\.csv: leads out of"):
        survey(source)


def test_a_source_without_subscriptions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"exactly one subscriptions\.csv"):
        survey(tmp_path)


def test_a_day_in_the_future_of_through_is_left_alone(product, tmp_path: Path) -> None:
    source = small_source(tmp_path / "source", last=date(2026, 1, 20))
    product.run(source, date(2026, 1, 12))
    assert product.table("select max(day)::varchar from inputs").item() == "2026-01-12"


@pytest.mark.parametrize(
    ("cell", "value"),
    seldom_but(
        [("quantity", "10.50"), ("quantity", "NaN"), ("occurred_at", "2026-01-31T10:00:00"), ("until", "2026-02-30"), ("cadence", "weekly")],
        [
            ("quantity", "10.50"), ("quantity", "1,000"), ("quantity", "0x10"), ("quantity", "NaN"), ("quantity", "inf"), ("quantity", "-1"),
            ("occurred_at", "2026-01-31T10:00:00"), ("occurred_at", "yesterday"), ("until", "2026-02-30"), ("cadence", "weekly"), ("event_id", " e1"),
        ],
    ),
)  # fmt: skip
def test_a_cell_that_breaks_its_contract_holds_the_workspace(product, tmp_path: Path, cell: str, value: str) -> None:
    source = small_source(tmp_path / "source", last=date(2026, 2, 1))
    names = ACTIVITY.strip().split(",")
    good = dict(
        zip(names, ["e5", "2026-01-15T10:00:00Z", "oak", "sub-oak", "seats_updated", "a", "owner", "", "9", "", "", ""], strict=True)
    ) | {cell: value}
    path = source / "activity" / "date=2026-01-15" / "activity.csv"
    path.parent.mkdir(parents=True)
    quoted = ",".join(f'"{good[name]}"' if "," in good[name] else good[name] for name in names)
    path.write_text(ACTIVITY + quoted + "\n", encoding="utf-8")
    outcome = product.run(source, date(2026, 2, 1))
    assert outcome.held == ("oak",)
    assert product.table("select distinct workspace_id from invoices").rows() == [("elm",)]
    assert cell in product.table("select detail from holds")["detail"][0]
    assert value.strip() not in " ".join(product.table("select detail from holds")["detail"]) or value == " e1"


def test_the_same_user_twice_on_a_day_counts_once_and_with_other_values_holds(product, tmp_path: Path) -> None:
    source = small_source(tmp_path / "source", last=date(2026, 2, 1))
    path = users_file(source, date(2026, 1, 5))
    text = path.read_text()
    path.write_text(text + text.splitlines()[1] + "\n" + text.splitlines()[3].replace("owner", "member") + "\n")
    outcome = product.run(source, date(2026, 2, 1))
    assert outcome.held == ("elm",)
    assert product.table("select count(*) from holds where workspace_id = 'oak'").item() == 0


def test_a_file_of_which_more_than_a_twentieth_is_broken_is_itself_refused(product, tmp_path: Path) -> None:
    source = small_source(tmp_path / "source", last=date(2026, 2, 1))
    path = users_file(source, date(2026, 1, 5))
    path.write_text(path.read_text().replace("teammate", "colleague"))
    with pytest.raises(
        UserError, match=r"users/date=2026-01-05/users.csv: 5 of 5 rows are broken, more than a file may have. The first is row 1: kind must be one of teammate"
    ):
        product.run(source, date(2026, 2, 1))


def test_activity_may_be_absent_empty_or_a_header_alone(product, tmp_path: Path) -> None:
    source = small_source(tmp_path / "source", last=date(2026, 1, 12))
    for day, content in (("2026-01-03", ""), ("2026-01-04", ACTIVITY)):
        path = source / "activity" / f"date={day}" / "activity.csv"
        path.parent.mkdir(parents=True)
        path.write_text(content)
    assert product.run(source, date(2026, 1, 12)).invoices.height == 2


def test_true_and_false_may_be_written_in_any_case(tmp_path: Path) -> None:
    frame = read_part(users_part(tmp_path, USERS + ROW.replace("true", "True") + ROW.replace("true", "FALSE"))).frame
    assert typed_rows_from_source("users", frame).rows["login_enabled"].to_list() == [True, False]


def test_a_subscription_that_was_billed_and_is_gone_from_its_file_holds_its_workspace(product, tmp_path: Path) -> None:
    source = small_source(tmp_path / "source", last=date(2026, 2, 12))
    product.run(source, date(2026, 1, 12))
    path = source / "subscriptions.csv"
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if "sub-oak" not in line))
    assert product.run(source, date(2026, 2, 12)).held == ("oak",)
    assert product.table("select reason from holds").item() == "subscription_lost"


def test_a_subscription_that_cannot_be_billed_is_still_listed_as_held(product, tmp_path: Path) -> None:
    source = small_source(tmp_path / "source", last=date(2026, 1, 12))
    path = source / "subscriptions.csv"
    path.write_text(path.read_text().replace("pivotal,team", "pivotal,tema"))
    assert product.run(source, date(2026, 1, 12)).held == ("oak",)
    assert product.table("select subscription_id, state from subscriptions order by 1").rows() == [
        ("sub-elm", "active"),
        ("sub-oak", "held"),
    ]
    assert product.table("select detail from holds").item() == "plan tema is not in catalogue pivotal. Did you mean team?"


# --- Parquet as others write it ------------------------------------------------------------------------------------------

SUBSCRIPTION = {
    "subscription_id": "s",
    "workspace_id": "oak",
    "workspace_name": None,
    "catalog": "pensero",
    "plan": "growth",
    "cadence": "annual",
    "billing_day": "first",
    "starts_on": "2026-01-01",
    "trial_ends_on": None,
    "seats": "12",
    "unit_price_month": None,
    "unit_price_year": "600.00",
}


def typed(tmp_path: Path, table: str, arrow: pyarrow.Table, **how: object) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of a Parquet file as they are understood, and its broken cells."""
    path = tmp_path / "table.parquet"
    pyarrow.parquet.write_table(arrow, path, **how)
    return typed_rows_from_source(table, read_part(Part(table, date(2026, 1, 1), path, path.name)).frame)


def test_text_that_is_coded_is_read_as_the_text_that_it_is_whatever_the_column(tmp_path: Path) -> None:
    texts = pyarrow.table({name: pyarrow.array([cell], pyarrow.string()) for name, cell in SUBSCRIPTION.items()})
    coded = pyarrow.table({name: texts[name].dictionary_encode() for name in texts.column_names})
    plain, told = typed(tmp_path, "subscriptions", texts), typed(tmp_path, "subscriptions", coded)
    assert told[1].is_empty()
    assert told[0].drop("file").equals(plain[0].drop("file"))
    assert told[0]["seats"].to_list() == [12] and told[0]["starts_on"].to_list() == [date(2026, 1, 1)]


def test_texts_packed_as_newer_writers_do_are_read(tmp_path: Path) -> None:
    texts = pyarrow.table({name: pyarrow.array([cell] * 3, pyarrow.string()) for name, cell in SUBSCRIPTION.items()})
    newer = dict.fromkeys(texts.column_names, "DELTA_BYTE_ARRAY")
    rows, broken = typed(tmp_path, "subscriptions", texts, use_dictionary=False, column_encoding=newer, version="2.6")
    assert (rows.height, broken.height) == (3, 0)
    assert rows["plan"].to_list() == ["growth"] * 3


@pytest.mark.parametrize("zone", ["+05:30", "-03:00", "UTC", "Asia/Kolkata", "Z"])
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_times_of_any_zone_are_the_moments_that_they_are(tmp_path: Path, zone: str, unit: str) -> None:
    moment = datetime(2026, 1, 5, 20, 30, tzinfo=UTC)
    event = {"event_id": "e", "workspace_id": "oak", "subscription_id": "s", "event": "canceled"}
    names = [name for name in ACTIVITY.strip().split(",") if name != "occurred_at"]
    columns = {name: pyarrow.array([event.get(name)], pyarrow.string()) for name in names}
    at = pyarrow.array([moment], pyarrow.timestamp(unit, "UTC")).cast(pyarrow.timestamp(unit, zone))
    rows, broken = typed(tmp_path, "activity", pyarrow.table(columns | {"occurred_at": at}))
    assert (rows["occurred_at"].to_list(), broken.height) == ([moment], 0)


def test_a_number_too_wide_for_the_reader_is_refused_by_its_column_and_nothing_else_is_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    columns = {name: pyarrow.array([cell], pyarrow.string()) for name, cell in SUBSCRIPTION.items()}
    wide = pyarrow.array([Decimal("600.00")], pyarrow.decimal256(50, 2))
    with pytest.raises(UserError, match=r"column unit_price_year has the type decimal256\(50, 2\)"):
        typed(tmp_path, "subscriptions", pyarrow.table(columns | {"unit_price_year": wide}))
    assert capfd.readouterr().err == ""


def test_a_time_may_have_its_offset_in_hours_alone_as_databases_write_it(tmp_path: Path) -> None:
    rows = [f"e{n},2026-01-06 10:10:00{offset},oak,s,canceled,,,,,,,\n" for n, offset in enumerate(("+01", "-03", "+05:30", "+0000", "Z"))]
    path = tmp_path / "activity.csv"
    path.write_text(ACTIVITY + "".join(rows))
    found, broken = typed_rows_from_source("activity", read_part(Part("activity", date(2026, 1, 6), path, path.name)).frame)
    assert broken.is_empty()
    assert [at.strftime("%H:%M") for at in found["occurred_at"]] == ["09:10", "13:10", "04:40", "10:10", "10:10"]


def test_a_home_that_begins_with_a_tilde_is_where_shells_would_have_it(tmp_path: Path) -> None:
    """They leave it as it is in --home=~/books; a library of ours would follow it, another would not."""
    source = small_source(tmp_path / "source", last=date(2026, 1, 2))
    (tmp_path / "me").mkdir()
    done = seatledger("ingest", source, "--home", "~/books", "--direct", HOME=str(tmp_path / "me"))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "me" / "books").iterdir()} >= {"ledger.duckdb", "lake", "finance.duckdb"}
    assert not Path("~").exists()


def test_a_source_of_no_letters_is_not_the_folder_that_one_is_in(tmp_path: Path) -> None:
    for command in (("ingest", ""), ("run", "", "--through", "2026-01-02")):
        done = seatledger(*command, "--home", str(tmp_path / "home"), "--direct")
        assert done.returncode == 2
        assert "is empty. Name a folder or an s3:// prefix" in done.stderr
    assert not (tmp_path / "home").exists()
