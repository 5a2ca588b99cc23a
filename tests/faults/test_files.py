"""Faults 1-8: files that are missing, cut off, damaged, repeated, too big or somewhere else."""

from __future__ import annotations

import errno
import gzip
import os
import random
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow
import pyarrow.parquet
import pytest

from flows.errors import UserError, is_passing
from flows.source import Part, read_part
from tests.conftest import Product
from tests.faults.conftest import BILLED, LAST, what_is_kept
from tests.flows.small_source import ACTIVITY, USERS, add_event, users_file
from transforms.source_rows import typed_rows_from_source

DAY = date(2026, 1, 15)
ROW = "oak,a,teammate,owner,active,true,Name a,a@example.com,2026-01-01\n"
Refuses = Callable[..., str]


def no_file(path: Path) -> None:
    path.unlink()


def only_a_mark(path: Path) -> None:
    path.rename(path.with_name("_SUCCESS"))


def zero_bytes(path: Path) -> None:
    path.write_bytes(b"")


def header_only(path: Path) -> None:
    path.write_text(USERS)


def parquet_without_rows(path: Path) -> None:
    pl.read_csv(path, infer_schema=False).clear().write_parquet(path.with_suffix(".parquet"))
    path.unlink()


@pytest.mark.parametrize("damage", [no_file, only_a_mark, zero_bytes, header_only, parquet_without_rows])
def test_F01_a_day_without_users_is_refused_by_its_date(source: Path, refuses: Refuses, damage: Callable[[Path], None]) -> None:
    damage(users_file(source, DAY))
    refuses("2026-01-15")


def test_F01_every_day_that_is_missing_is_named(source: Path, refuses: Refuses) -> None:
    for day in (DAY, date(2026, 1, 18), LAST):
        shutil.rmtree(users_file(source, day).parent)
    refuses("users are missing for 2026-01-15, 2026-01-18, 2026-01-20")


def as_parquet(path: Path) -> Path:
    pl.read_csv(path, infer_schema=False).write_parquet(path.with_suffix(".parquet"))
    path.unlink()
    return path.with_suffix(".parquet")


def test_F02_a_parquet_cut_anywhere_is_refused(source: Path, refuses: Refuses) -> None:
    path = as_parquet(users_file(source, DAY))
    whole = path.read_bytes()
    for size in range(1, len(whole), 53):
        path.write_bytes(whole[:size])
        with pytest.raises(UserError, match=r"users\.parquet: is no readable Parquet"):
            read_part(Part("users", DAY, path, "users.parquet"))
    refuses("users/date=2026-01-15/users.parquet: is no readable Parquet")


def roster(users: int = 200) -> pl.DataFrame:
    rows = [("oak", f"u{n}", "teammate", "owner", "active", True, f"Name {n}", f"u{n}@example.com", DAY) for n in range(users)]
    return pl.DataFrame(rows, schema=USERS.strip().split(","), orient="row")


@pytest.mark.parametrize("compression", ["zstd", "snappy", "none"])
def test_F02_a_flipped_bit_is_refused_or_gives_other_values_and_never_ends_the_process(tmp_path: Path, compression: str) -> None:
    """Where the file is still a Parquet, nobody could tell: what it then says is checked like any other roster."""
    rng, path, outcomes = random.Random(compression), tmp_path / "users.parquet", {"refused": 0, "read": 0}
    pyarrow.parquet.write_table(roster().to_arrow(), path, compression=compression)
    whole = path.read_bytes()
    for _ in range(300):
        flipped = bytearray(whole)
        flipped[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        path.write_bytes(flipped)
        try:
            typed_rows_from_source("users", read_part(Part("users", DAY, path, "users.parquet")).frame)
            outcomes["read"] += 1
        except UserError as error:
            assert "users.parquet" in str(error) and "example.com" not in str(error)
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 20


def test_F02_with_checksums_of_its_pages_no_flipped_bit_of_a_value_goes_unnoticed(tmp_path: Path) -> None:
    path = tmp_path / "users.parquet"
    pyarrow.parquet.write_table(roster().to_arrow(), path, compression="none", use_dictionary=False, write_page_checksum=True)
    whole = path.read_bytes()
    for name in (b"u171@example.com", b"Name 171"):
        assert whole.count(name) == 1
        path.write_bytes(whole.replace(name, name[:-1] + bytes([name[-1] ^ 1]), 1))
        with pytest.raises(UserError, match=r"users\.parquet: is no readable Parquet"):
            read_part(Part("users", DAY, path, "users.parquet"))


def test_F02_a_file_that_is_not_what_its_ending_says_is_refused(source: Path, refuses: Refuses) -> None:
    path = users_file(source, DAY)
    path.rename(path.with_suffix(".parquet"))
    refuses("users/date=2026-01-15/users.parquet: is no readable Parquet")
    path.with_suffix(".parquet").rename(path)
    as_parquet(path).rename(path)
    refuses(r"users/date=2026-01-15/users.csv, line \d+")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (USERS + ROW + ROW.replace("oak,a,", "oak,b,")[:-30], "line 3: has 7 cells"),
        (USERS + ROW.replace("Name a", '"Name a"') + "\n" + ROW.replace("oak,a,", "oak,b,"), "line 3: is blank"),
        (USERS + ROW.replace("Name a", '"Name, a"') + "oak,b,teammate\n", "line 3: has 3 cells"),
        (USERS + ROW.replace("Name a", '"Name a') + ROW.replace("oak,a,", "oak,b,"), r"line \d: "),
        (USERS + ROW.replace("Name a", '"Name" a'), "line 2: "),
        ((USERS + ROW).encode("utf-16-le"), "line 1: has a NUL byte"),
        ((USERS + ROW).encode("utf-16-be"), "line 1: has a NUL byte"),
        ((USERS + ROW + ROW.replace("oak,a,", "oak,b,").replace("Name", "Né")).encode("cp1252"), "line 3: is not UTF-8"),
        ((USERS + ROW).encode() + b"\0\0\0\0", "line 3: has a NUL byte"),
        ((USERS + ROW + ROW.replace("oak,a,", "oak,b,")).replace("\n", "\r"), "line 1: lines end in CR alone"),
        (USERS + (ROW + ROW.replace("oak,a,", "oak,b,")).replace("\n", "\r"), "line 2: "),
        (USERS.replace("kind", '"kind') + ROW, "line 1: "),
    ],
)
def test_F03_a_csv_that_is_damaged_is_refused_by_its_line(source: Path, refuses: Refuses, content: str | bytes, said: str) -> None:
    users_file(source, DAY).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert "example.com" not in refuses(f"users/date=2026-01-15/users.csv, {said}")


def test_F03_damage_in_subscriptions_activity_and_usage_is_refused_by_its_line_too(source: Path, refuses: Refuses) -> None:
    subscriptions = (source / "subscriptions.csv").read_bytes()
    (source / "subscriptions.csv").write_bytes(subscriptions[:-4])
    refuses("subscriptions.csv, line 3: has 10 cells; 12 are expected")
    (source / "subscriptions.csv").write_bytes(subscriptions)
    for table, content, line in (("activity", ACTIVITY + "\n", 2), ("usage", "workspace_id,metric,value\noak,api,1\noak\n", 3)):
        path = source / table / f"date={DAY}" / "part.csv"
        path.parent.mkdir(parents=True)
        path.write_text(content)
        refuses(f"{table}/date=2026-01-15/part.csv, line {line}: ")
        shutil.rmtree(source / table)


def test_F04_the_same_files_under_other_names_and_the_same_event_again_change_nothing(billed: Product, source: Path) -> None:
    add_event(source, date(2026, 1, 13), "e7", "2026-01-11T10:00:00Z,elm,sub-elm,seats_updated,x,owner,,5,,,")
    billed.run(source, date(2026, 1, 13))
    before = what_is_kept(billed)
    users_file(source, date(2026, 1, 13)).rename(users_file(source, date(2026, 1, 13)).with_name("part-0.csv"))
    add_event(source, date(2026, 1, 12), "e7", "2026-01-11T10:00:00Z,elm,sub-elm,seats_updated,x,owner,,5,,,")  # a day that had none
    outcome = billed.run(source, date(2026, 1, 13))
    after = what_is_kept(billed)
    assert (outcome.ingested.files, outcome.invoices.height) == (1, 0)
    for table in ("invoices", "invoice_lines", "credit_ledger", "row_faults"):
        assert after[table] == before[table]


@pytest.mark.parametrize("table", ["users", "activity", "usage"])
def test_F05_a_day_of_any_table_with_other_content_is_refused_and_named(
    billed: Product, source: Path, refuses: Refuses, table: str
) -> None:
    rows = {"activity": ACTIVITY, "usage": "workspace_id,metric,value\noak,api,1\n"}
    path = source / table / f"date={BILLED}" / f"{table}.csv"
    if table in rows:
        path.parent.mkdir(parents=True)
        path.write_text(rows[table])
        billed.run(source, BILLED)
    path.write_text(
        path.read_text().replace("oak,b,teammate,member,active", "oak,b,teammate,member,deactivated") + "\n" * (table == "activity")
    )
    path.write_text(path.read_text().replace("api,1", "api,2"))
    refuses(f"{table} of 2026-01-12: came before with other content.*--supersede")


def test_F06_a_compressed_file_is_refused_and_never_unpacked(source: Path, refuses: Refuses) -> None:
    path = users_file(source, DAY)
    path.with_name("users.csv.gz").write_bytes(gzip.compress(b"\0" * 50_000_000, compresslevel=1))
    refuses("users.csv.gz: is compressed. Deliver it unpacked")


@pytest.mark.parametrize("name", ["b.csv.GZ", "b.csv.Zst", "b.csv.lz4", "b.tar", "b.csv.gzip"])
def test_F06_a_compressed_file_is_known_in_capitals_and_by_rarer_endings(source: Path, refuses: Refuses, name: str) -> None:
    users_file(source, DAY).with_name(name).write_bytes(b"x")
    refuses(f"{name}: is compressed. Deliver it unpacked")


def test_a_part_that_is_still_being_written_is_not_passed_over(source: Path, refuses: Refuses) -> None:
    users_file(source, DAY).with_name("b.csv.tmp").write_text(USERS)
    refuses("b.csv.tmp: is not whole yet, by its name. Run again once it is there, or remove it")


def test_files_that_are_passed_over_are_named(source: Path, billed: Product, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("notes.txt", "_SUCCESS", ".part.crc", "users.csv.md5"):
        users_file(source, DAY).with_name(name).write_text("x")
    for name in ("README.md", "usage.md"):
        (source / name).write_text("x")
    (source / "activity_old").mkdir()
    with caplog.at_level("INFO", "seatledger.ingest"):
        billed.run(source, LAST)
    assert [message for message in caplog.messages if "passed over" in message] == [
        "passed over, as neither .csv nor .parquet of a table: activity_old, users/date=2026-01-15/notes.txt, users/date=2026-01-15/users.csv.md5"
    ]


@pytest.mark.parametrize("name", ["activities", "Activity", "activty.csv"])
def test_a_table_under_another_name_is_not_passed_over(source: Path, refuses: Refuses, name: str) -> None:
    """Its cancellations and changes of plan would be lost without a word."""
    shutil.rmtree(source / "activity", ignore_errors=True)
    (source / name).mkdir()
    refuses(rf"{name}: would be passed over. Did you mean activity\?")


def test_beside_the_table_itself_something_like_it_is_named_and_passed_over(
    source: Path, billed: Product, caplog: pytest.LogCaptureFixture
) -> None:
    add_event(source, date(2026, 1, 14), "e1", "2026-01-14T10:00:00Z,elm,sub-elm,seats_updated,x,owner,,5,,,")
    (source / "activities").mkdir()
    with caplog.at_level("INFO", "seatledger.ingest"):
        billed.run(source, LAST)
    assert "passed over, as neither .csv nor .parquet of a table: activities" in caplog.messages


@pytest.mark.parametrize("name", ["more.CSV", "more.Parquet", "more.xlsx", "more.tsv", "more.pq", "more.jsonl", "more.ORC"])
def test_a_file_that_may_be_meant_to_be_read_is_not_passed_over(source: Path, refuses: Refuses, name: str) -> None:
    """Its users would hold no seat that day, without a word."""
    users_file(source, DAY).with_name("_more.xlsx").write_bytes(b"x")  # a mark: passed over
    users_file(source, DAY).with_name(name).write_bytes(b"x")
    refuses(rf"{name}: does not end in .csv or .parquet")


def test_F06_a_parquet_with_a_thousand_rows_a_byte_is_refused_before_it_is_loaded(source: Path, refuses: Refuses) -> None:
    path = users_file(source, DAY)
    rows = 30_000_000
    nulls = pyarrow.table({"workspace_id": pyarrow.nulls(rows)})
    one_page = {"row_group_size": rows, "max_rows_per_page": rows, "data_page_size": 1 << 30}
    pyarrow.parquet.write_table(nulls, path.with_suffix(".parquet"), **one_page)
    path.unlink()
    refuses(f"users.parquet: claims {rows} rows in .* It was not loaded")


@pytest.mark.parametrize("quote", ["", '"'])
def test_F06_an_enormous_field_is_refused_by_its_line(source: Path, refuses: Refuses, quote: str) -> None:
    path = users_file(source, DAY)
    path.write_text(path.read_text().replace("Name b", f"{quote}{'x' * 2_000_000}{quote}"))
    assert len(refuses(r"users/date=2026-01-15/users.csv, line 3: (is longer than 1000000|field larger than field limit)")) < 300


def test_F06_an_enormous_field_packed_in_a_small_parquet_is_refused_before_it_is_loaded(source: Path, refuses: Refuses) -> None:
    path = users_file(source, DAY)
    path.unlink()
    roster(1).with_columns(name=pl.lit("x" * 100_000_000)).write_parquet(path.with_suffix(".parquet"), compression="zstd")
    assert path.with_suffix(".parquet").stat().st_size < 100_000
    refuses(r"users.parquet: claims 100\d+ bytes of 1 rows in \d+ bytes. It was not loaded")


def test_F06_one_enormous_field_among_many_is_refused_by_its_column(source: Path, refuses: Refuses) -> None:
    path = users_file(source, DAY)
    path.unlink()
    for name in ("email", "role"):
        longest = pl.when(user_id="u7").then(pl.lit("x" * 1_000_001)).otherwise(name)
        roster().with_columns(longest.alias(name)).write_parquet(path.with_suffix(".parquet"))
        refuses(f"users.parquet: {name} has a cell of over 1000000 bytes")


def test_F07_a_link_that_leads_nowhere_or_to_itself_and_a_folder_called_as_a_file_are_refused(source: Path, refuses: Refuses) -> None:
    path = users_file(source, DAY).with_name("more.csv")
    path.symlink_to(path)
    refuses("users/date=2026-01-15/more.csv: is a link that leads nowhere")
    path.unlink()
    path.symlink_to(path.with_name("gone.csv"))
    refuses("users/date=2026-01-15/more.csv: is a link that leads nowhere")
    path.unlink()
    path.mkdir()
    refuses("users/date=2026-01-15/more.csv: is no file")


@pytest.mark.parametrize("folder", ["users", "activity", "usage", "activity/date=2026-01-20"])
def test_F07_a_folder_that_leads_nowhere_or_is_none_is_refused_and_not_read_as_nothing(
    billed: Product, source: Path, refuses: Refuses, tmp_path: Path, folder: str
) -> None:
    path, empty = source / folder, tmp_path / "empty"
    shutil.rmtree(path, ignore_errors=True)
    path.parent.mkdir(exist_ok=True)
    empty.mkdir()
    for leads_to, said in ((tmp_path / "not mounted", "is a link that leads nowhere"), (path, "is a link that leads nowhere"), (empty, "leads out")):
        path.symlink_to(leads_to)
        refuses(f"^{folder}: {said}")
        path.unlink()
    path.write_text("no folder", encoding="utf-8")
    refuses(f"^{folder}: is no folder. Put its files in a folder of that name, or remove it")


@pytest.mark.parametrize("folder", ["", "users", "activity", "activity/date=2026-02-03"])
def test_F07_a_folder_that_may_not_be_read_is_refused_and_not_read_as_nothing(
    source: Path, refuses: Refuses, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    """Who runs the tests may be root, who may read all."""
    listdir, closed = os.listdir, source / folder

    def refused(path: Path) -> list[str]:
        if path == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return listdir(path)

    monkeypatch.setattr("flows.source.os.listdir", refused)
    refuses(f"^{folder or source}: cannot be read: Permission denied. Let who runs this read it")


def test_F07_a_share_that_does_not_answer_is_not_said_to_be_a_link_so_that_a_scheduled_run_asks_again(
    billed: Product, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stale(path: Path) -> list[str]:
        raise OSError(errno.ESTALE, "Stale file handle", str(path))

    monkeypatch.setattr("flows.source.os.listdir", stale)
    with pytest.raises(OSError, match="Stale file handle") as reason:
        billed.run(source, LAST)
    assert is_passing(reason.value)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("activity/more.csv", "lies in no day's folder. Put it in activity/date=YYYY-MM-DD/"),
        ("activity/2026-02-03/more.csv", "activity/2026-02-03: names no day of the calendar"),
        ("activity/date=2026-02-03/part/more.csv", "activity/date=2026-02-03/part: is a folder, and would be passed over"),
    ],
)
def test_F07_rows_that_lie_where_no_day_is_are_refused_and_not_passed_over(source: Path, refuses: Refuses, place: str, said: str) -> None:
    path = source / place
    path.parent.mkdir(exist_ok=True)
    shutil.copyfile(source / "activity" / "date=2026-02-03" / "activity.csv", path)
    refuses(said)


def test_F07_marks_beside_the_files_are_passed_over(billed: Product, source: Path) -> None:
    for place in ("activity/_SUCCESS", "activity/date=2026-02-03/.part.csv.crc", "users/_temporary/more.csv", "activity/date=2026-02-03/_old/a.csv"):
        (source / place).parent.mkdir(exist_ok=True)
        (source / place).write_text("nothing", encoding="utf-8")
    assert billed.run(source, LAST).ingested.files


def test_F07_links_that_lead_out_of_the_source_are_refused_wherever_they_are(
    billed: Product, source: Path, refuses: Refuses, tmp_path: Path
) -> None:
    outside = shutil.copytree(source, tmp_path / "outside")
    for path in (source / "subscriptions.csv", users_file(source, DAY).parent, source / "users"):
        put_away = path.rename(tmp_path / "away")
        path.symlink_to(outside / path.relative_to(source))
        refuses("leads out of")
        path.unlink()
        put_away.rename(path)
    users_file(source, DAY).with_name("more.csv").symlink_to("/dev/zero")
    refuses("users/date=2026-01-15/more.csv: leads out of")


@pytest.mark.parametrize(
    "name", ["date=2026-02-30", "date=2026-1-5", "date=20260105", "date=", "date=2026-01-15 (copy)", "date=٢٠٢٦-٠١-٠٥"]
)
def test_F08_a_folder_that_names_no_day_is_refused_in_every_table(source: Path, refuses: Refuses, name: str) -> None:
    for table in ("users", "activity", "usage"):
        (source / table / name).mkdir(parents=True)
        assert f"{table}/{name}: names no day of the calendar" in refuses("names no day")
        (source / table / name).rmdir()


def test_F08_days_after_through_are_left_alone_whatever_is_in_them(billed: Product, source: Path) -> None:
    for table, day in (("users", "2026-01-16"), ("users", "9999-12-31"), ("activity", "2026-01-16"), ("usage", "2027-01-01")):
        folder = source / table / f"date={day}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "garbage.csv").write_bytes(b"\0\xff")
    assert billed.run(source, DAY).ingested.days == 3
    assert billed.table("select max(day)::varchar from inputs").item() == "2026-01-15"
