"""Large months are read share by share, from their files, and put together bucket by bucket; small ones in memory. What comes of it is the same."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet
import pytest
from polars.testing import assert_frame_equal

from flows import roster_intake, roster_shares, share_reading
from flows.checked_rows import TableDay, checked, read_day
from flows.errors import Unanswered, UserError, is_for_want_of_memory
from flows.kept_directory import KeptDirectory
from flows.kept_rosters import KeptRosters
from flows.lake import Lake
from flows.parquet_rows import rows_by_polars
from flows.roster_files import DayFile, HashesCollide, roster_file, rows_of_groups
from flows.roster_intake import months_of_rosters
from flows.roster_reading import RosterReading
from flows.roster_shares import RowGroups, shares_of
from flows.source import Part
from flows.workers import WorkerLost, Workers, dismiss, in_processes, in_turn
from transforms import found_again, roster_stays
from transforms.buckets import WHOLE, Bucket, buckets
from transforms.catalog import STATUSES
from transforms.contracts.sources import PERSON, UserRows
from transforms.roster_months import SCHEMA, STANDING

FIRST = date(2026, 1, 1)
ROWS_A_GROUP = 13
BROKEN = {
    "status": "asleep", "kind": "robot", "role": None, "user_id": " z", "last_active_on": date(1900, 1, 1), "login_enabled": None
}  # fmt: skip


def random_roster(rng: random.Random, day: date) -> pl.DataFrame:
    """Some sixty users of nine workspaces, a few of whom come, go, change or are an alias on any day."""
    rows = []
    for n in range(70):
        if rng.random() < 0.9:
            kind = "alias" if n % 7 == 0 else "portal" if n % 11 == 0 else "teammate"
            status = rng.choice(STATUSES) if rng.random() < 0.2 else "active"
            active = rng.choice([None, day, day - timedelta(3)])
            rows.append((f"w{n % 9}", f"u{n}", kind, "member", status, rng.random() < 0.7, f"Ünal {n} of {day.day}", None, active))
    return pl.DataFrame(rows, schema=UserRows.types(), orient="row")


def damaged(rng: random.Random, rows: pl.DataFrame) -> pl.DataFrame:
    """Nothing wrong, a row twice, a user twice, or a broken cell."""
    n = rng.randrange(rows.height)
    match rng.choice(["nothing"] * 6 + ["row twice", "user twice", "cell"]):
        case "row twice":
            return pl.concat([rows, rows[n : n + 1]])
        case "user twice":
            return pl.concat([rows, rows[n : n + 1].with_columns(status=pl.lit("revoked"))])
        case "cell":
            column = rng.choice(list(BROKEN))
            value = pl.lit(BROKEN[column], UserRows.types()[column])
            return rows.with_columns(pl.when(pl.int_range(pl.len()) == n).then(value).otherwise(column).alias(column))
    return rows


def written(rng: random.Random, rows: pl.DataFrame, path: Path) -> None:
    """A file of any kind that is taken: plain, with page checksums, with more columns, with coded words, with dates as text, or CSV."""
    match rng.choice(["plain"] * 5 + ["checksums", "more columns", "coded", "text", "csv"]):
        case "checksums":
            pyarrow.parquet.write_table(rows.to_arrow(), path, write_page_checksum=True)
        case "more columns":
            rows.select(pl.lit([1]).alias("Extra"), pl.all().shuffle(0) if rows.height == 1 else pl.all()).write_parquet(path)
        case "coded":
            rows.with_columns(pl.col("kind", "status").cast(pl.Categorical)).write_parquet(path)
        case "text":
            rows.cast({"last_active_on": pl.String}).write_parquet(path)
        case "csv":
            rows.write_csv(path.with_suffix(".csv"))
        case _:
            rows.write_parquet(path, row_group_size=ROWS_A_GROUP)


def random_days(seed: int, root: Path) -> list[TableDay]:
    """Some days of January, in one to three parts each."""
    rng, table_days = random.Random(seed), []
    for n in sorted(rng.sample(range(31), rng.randint(2, 9))):
        day = FIRST + timedelta(n)
        rows = damaged(rng, random_roster(rng, day))
        if rng.random() < 0.3:
            rows = rows.sample(fraction=1, shuffle=True, seed=seed)
        folder = root / "users" / f"date={day}"
        folder.mkdir(parents=True)
        cut = rng.choice([0, rows.height // 2])
        for k, part in enumerate([rows[:cut], rows[cut:]] if cut else [rows]):
            written(rng, part, folder / f"part [{k}].parquet")
        paths = sorted(folder.iterdir())
        table_days.append(TableDay("users", day, tuple(Part("users", day, p, f"users/{folder.name}/{p.name}") for p in paths)))
    return table_days


def taken(table_days: list[TableDay], root: Path, of: int, workers: Workers = in_turn) -> dict[str, object]:
    """Everything that comes of a month's days, with its rows in order."""
    lake = Lake(root)
    root.mkdir()
    found: dict[str, object] = {}
    try:
        for month in months_of_rosters(table_days, lambda *_: of, lake, workers):
            parts = [part.put_together() for part in month.parts]
            assert [part.bucket for part in parts] == buckets(of)
            for part in parts:
                assert part.rosters.schema == SCHEMA
                assert list(part.people.schema.items()) == [(c, pl.Date if c == "day" else pl.String) for c in PERSON]
                assert part.rosters.equals(part.bucket.rows(part.rosters).sort(STANDING))
                assert part.people.equals(part.bucket.rows(part.people).sort("workspace_id", "user_id"))
            found["rosters"] = pl.concat([part.rosters for part in parts]).sort(STANDING).rows()
            found["people"] = pl.concat([part.people for part in parts]).sort("workspace_id", "user_id").rows()
            for a in month.accepted:
                found[a.table_day.name] = a.version, a.told(), a.faults.sort(pl.all()).rows(), [a.repeats.get(f[0]) for f in a.told()]
    except UserError as error:
        found["refused"] = str(error)
    assert list(root.iterdir()) == []  # nothing stays that was needed for a while
    return found


@pytest.mark.parametrize("seed", [*range(8), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(8, 100))])
def test_in_memory_out_of_core_and_in_buckets_a_month_is_the_same(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table_days = random_days(seed, tmp_path / "source")
    at_once = taken(table_days, tmp_path / "at once", 1)
    monkeypatch.setattr(roster_intake, "_SMALL_MONTH", 0)
    monkeypatch.setattr(roster_shares, "_ROWS_A_SHARE", seed % 3 * 30 + 20)  # the files in one share, or in some
    assert taken(table_days, tmp_path / "out of core", 1) == at_once
    monkeypatch.setattr(share_reading, "_MOST_WAITING", seed % 40)  # added to what waits once, some times, or every day
    monkeypatch.setattr(roster_stays, "_STAYS_AT_ONCE", 10 + seed)
    assert taken(table_days, tmp_path / "in buckets", 4) == at_once


@pytest.mark.parametrize("by_polars", [False, True])
def test_columns_without_any_value_may_have_no_type(by_polars: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a writer leaves them that is given nothing but nulls: the users of such days are known by their ids alone."""
    found = {}
    for typed in (False, True):
        table_days = []
        for n in range(3):
            day = FIRST + timedelta(n)
            nothing = {name: pl.lit(None, UserRows.types()[name] if typed else pl.Null) for name in ("name", "email", "last_active_on")}
            path = tmp_path / f"{typed}" / f"{day}.parquet"
            path.parent.mkdir(exist_ok=True)
            random_roster(random.Random(n), day).with_columns(**nothing).write_parquet(path)
            table_days.append(TableDay("users", day, (Part("users", day, path, path.name),)))
        monkeypatch.setattr(roster_intake, "_SMALL_MONTH", 0)
        if by_polars:
            monkeypatch.setattr(share_reading, "rows_by_arrow", lambda file, _: rows_by_polars(file, 0, 10_000))
        monkeypatch.setattr(roster_intake, "look_at_each_row", lambda *_: pytest.fail("the files can be read where they lie"))
        found[typed] = taken(table_days, tmp_path / f"home {typed}", 1)
    assert found[True]["people"]
    assert (found[False]["rosters"], found[False]["people"]) == (found[True]["rosters"], found[True]["people"])


def test_read_by_other_processes_a_month_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that may be lost read with Polars, but for files with checksums; this one with Arrow."""
    monkeypatch.setattr(roster_intake, "_SMALL_MONTH", 0)
    monkeypatch.setattr(roster_shares, "_ROWS_A_SHARE", 40)
    asked = []

    def in_others(call: Callable, jobs: list[tuple]) -> Iterator[object]:
        asked.append(len(jobs))
        return in_processes(call, jobs)

    for seed in range(4):
        table_days = random_days(seed, tmp_path / f"source {seed}")
        in_this = taken(table_days, tmp_path / f"in this {seed}", 2)
        assert taken(table_days, tmp_path / f"in others {seed}", 2, in_others) == in_this
    assert max(asked) > 1
    dismiss()


def as_files(days: dict[date, pl.DataFrame], root: Path) -> list[DayFile]:
    files = []
    for day, rows in days.items():
        rows.write_parquet(root / f"{day}.parquet", row_group_size=ROWS_A_GROUP)
        files.append(DayFile(root / f"{day}.parquet", day, rows_of_groups(pyarrow.parquet.read_metadata(root / f"{day}.parquet"))))
    return files


def as_table_days(files: list[DayFile]) -> list[TableDay]:
    return [TableDay("users", f.day, (Part("users", f.day, f.path, f.path.name),)) for f in files]


@pytest.fixture
def three_days(tmp_path: Path) -> list[DayFile]:
    rng = random.Random(5)
    return as_files({day: random_roster(rng, day) for day in (FIRST + timedelta(n) for n in range(3))}, tmp_path)


def with_a_broken_cell(of: list[DayFile], days: Iterable[date], column: str, value: object, rows: slice, root: Path) -> list[DayFile]:
    """The same days, of some of them a column of some rows broken; a row more on each, that is always the last."""
    rosters = {}
    for file in of:
        roster = pl.read_parquet(file.path)
        one_more = roster.tail(1).with_columns(workspace_id=pl.lit("w-z"), user_id=pl.lit("u-z"))
        roster = pl.concat([roster, one_more])
        if file.day in days:
            broken = pl.repeat(value, len(range(roster.height)[rows]), dtype=UserRows.types()[column], eager=True)
            at = pl.int_range(roster.height, eager=True)[rows]
            roster = roster.with_columns(roster[column].scatter(at, broken))
        rosters[file.day] = roster
    return as_files(rosters, root)


def told_of(reading: RosterReading) -> list[tuple]:
    return sorted(reading.faults.select("file", "row", "column").rows())


LAST_ROW = slice(-1, None)


@pytest.mark.parametrize("which", [[1], [0, 1, 2], [1, 2]])
@pytest.mark.parametrize("column", BROKEN)
def test_each_broken_cell_is_told_of_and_its_day_need_not_be_looked_at_again(
    three_days: list[DayFile], column: str, which: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it is broken on one day or stays so: what is said of it is what is said where each row is looked at."""
    monkeypatch.setattr(roster_shares, "_ROWS_A_SHARE", 40)  # two shares
    broken_on = [three_days[n].day for n in which]
    files = with_a_broken_cell(three_days, broken_on, column, BROKEN[column], LAST_ROW, tmp_path)
    reading = RosterReading(files, tmp_path)
    assert reading.broken_days(1) == set()
    assert told_of(reading) == [(str(f.path), f.rows, column) for f in files if f.day in broken_on]
    looked_at = checked("users", dict(map(read_day, as_table_days([f for f in files if f.day in broken_on]))))
    without_place = ["workspace_id", "row", "column", "fault"]
    assert_frame_equal(reading.faults.select(without_place), looked_at.broken.select(without_place), check_row_order=False)
    counted = sum(row.bit_count() for part in reading.parts(1) for row in part.put_together().rosters["bits"])
    assert counted == sum(file.rows for file in files) - len(broken_on)
    reading.close()


@pytest.mark.parametrize(
    "column, value, rows",
    [
        pytest.param("status", "asleep", slice(0, None, 9), id="too many rows are broken for it to be the rows' fault"),
        pytest.param("workspace_id", None, LAST_ROW, id="no workspace"),
        pytest.param("workspace_id", "", LAST_ROW, id="an empty workspace"),
        pytest.param("workspace_id", " ", LAST_ROW, id="a blank workspace"),
    ],
)
def test_a_day_whose_rows_cannot_be_told_of_one_by_one_is_looked_at(
    three_days: list[DayFile], column: str, value: str | None, rows: slice, tmp_path: Path
) -> None:
    middle = three_days[1].day
    reading = RosterReading(with_a_broken_cell(three_days, [middle], column, value, rows, tmp_path), tmp_path)
    assert reading.broken_days(1) == {middle}
    reading.close()


def test_days_without_any_sound_row_hold_their_workspaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a day's export lies in its folder twice, with other names."""
    rows = pl.read_parquet(as_files({FIRST: random_roster(random.Random(1), FIRST)}, tmp_path)[0].path).unique(["workspace_id", "user_id"])
    twice = pl.concat([rows, rows.with_columns(name=pl.lit("Somebody"))])
    table_days = as_table_days(as_files({FIRST: twice}, tmp_path))
    at_once = taken(table_days, tmp_path / "at once", 1)
    assert at_once["rosters"] == [] and len(at_once[f"users of {FIRST}"][2]) == twice.height
    monkeypatch.setattr(roster_intake, "_SMALL_MONTH", 0)
    assert taken(table_days, tmp_path / "out of core", 1) == at_once


def test_what_gzip_packed_is_read_by_arrow_which_looks_at_its_checksum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def by_polars(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(share_reading, "rows_by_polars", by_polars)
    path, rows = tmp_path / "gzip.parquet", random_roster(random.Random(1), FIRST)
    rows.write_parquet(path, compression="gzip")
    file = DayFile(path, FIRST, (rows.height,))
    assert share_reading.read_share({FIRST: [RowGroups(file, (0,))]}, 1, tmp_path / "stays", may_be_lost=True).broken == set()
    rows.write_parquet(path, compression="zstd")
    with pytest.raises(AssertionError):
        share_reading.read_share({FIRST: [RowGroups(file, (0,))]}, 1, tmp_path / "stays", may_be_lost=True)


def test_a_bucket_of_which_nobody_is_in_a_share_takes_no_room_in_what_waits(tmp_path: Path) -> None:
    path, rows = tmp_path / "one.parquet", random_roster(random.Random(1), FIRST).with_columns(workspace_id=pl.lit("the only one"))
    rows.write_parquet(path)
    file, sizes = DayFile(path, FIRST, (rows.height,)), {}
    for into in (1, 64):
        share_reading.read_share({FIRST: [RowGroups(file, (0,))]}, into, tmp_path / f"stays-{into}")
        sizes[into] = (tmp_path / f"stays-{into}").stat().st_size
    a_batch = 1_300  # bytes that say what is in one, twice in a file
    assert sizes[64] < sizes[1] + 2 * 63 * a_batch


def test_a_month_that_is_in_order_has_no_broken_day(three_days: list[DayFile], tmp_path: Path) -> None:
    fold = RosterReading(three_days, tmp_path)
    assert fold.broken_days(1) == set()
    assert sum(row.bit_count() for part in fold.parts(1) for row in part.put_together().rosters["bits"]) == sum(
        file.rows for file in three_days
    )
    fold.close()


def test_a_file_of_other_rows_than_it_says_is_not_taken_as_it_lies(three_days: list[DayFile], tmp_path: Path) -> None:
    fold = RosterReading([three_days[0]._replace(groups=(7,)), *three_days[1:]], tmp_path)
    assert fold.broken_days(1) == {FIRST}
    fold.close()


def test_two_users_of_one_hash_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their days overlap as a repeated user's would, on days of which each row was looked at: then users are known by their text."""
    table_days = random_days(3, tmp_path / "source")
    at_once = taken(table_days, tmp_path / "at once", 2)
    monkeypatch.setattr(roster_intake, "_SMALL_MONTH", 0)
    monkeypatch.setattr(found_again, "_user", lambda _: pl.col("workspace_id").hash(1))
    assert taken(table_days, tmp_path / "colliding", 2) == at_once


def test_where_hashes_collide_a_month_is_folded_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table_days = random_days(1, tmp_path / "source")
    at_once = taken(table_days, tmp_path / "at once", 2)
    monkeypatch.setattr(roster_intake, "_SMALL_MONTH", 0)

    def broken_days(*_: object) -> None:
        raise HashesCollide

    monkeypatch.setattr(RosterReading, "broken_days", broken_days)
    assert taken(table_days, tmp_path / "out of core", 2) == at_once


def test_a_file_that_takes_its_reader_with_it_is_read_by_this_process(
    three_days: list[DayFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table_days = as_table_days(three_days)
    at_once = taken(table_days, tmp_path / "at once", 2)
    monkeypatch.setattr(roster_intake, "_SMALL_MONTH", 0)
    monkeypatch.setattr(roster_shares, "_ROWS_A_SHARE", 20)
    asked = []

    def lose(call: Callable, jobs: list[tuple]) -> Iterator[object]:
        asked.append(len(jobs))
        yield call(*jobs[0])
        raise WorkerLost("a worker process was ended by the system")

    assert taken(table_days, tmp_path / "lost", 2, lose) == at_once
    assert asked == [4, 2], "asked once for the shares, and once for who is there twice"


def test_where_polars_gives_up_the_day_is_looked_at_row_by_row(
    three_days: list[DayFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    table_days = as_table_days(three_days)
    at_once = taken(table_days, tmp_path / "at once", 2)
    monkeypatch.setattr(roster_intake, "_SMALL_MONTH", 0)
    monkeypatch.setattr(roster_shares, "_ROWS_A_SHARE", 20)
    sound = pl.scan_parquet

    def gives_up(path: Path, **options: object) -> pl.LazyFrame:
        if path.name == three_days[1].path.name:
            os.write(2, b"thread panicked at its_own_code.rs:1\n")
            raise pl.exceptions.PanicException("an index is out of bounds")
        return sound(path, **options)

    monkeypatch.setattr("flows.parquet_rows.pl.scan_parquet", gives_up)
    given_up = taken(table_days, tmp_path / "given up", 2, lambda call, jobs: in_turn(call, jobs))
    assert given_up == at_once
    assert capfd.readouterr().err == "", "nobody is told of the library's own code"


def test_what_duckdb_cannot_commit_for_want_of_memory_is_no_fault_of_the_disk() -> None:
    said = "TransactionContext Error: Failed to commit: Failed to allocate block of 262144 bytes (bad allocation)"
    assert is_for_want_of_memory(duckdb.TransactionException(said))
    assert not is_for_want_of_memory(duckdb.TransactionException("TransactionContext Error: Failed to commit: could not write"))


def test_a_worker_in_which_a_library_gives_up_says_so_and_whether_it_is_for_want_of_memory() -> None:
    for why, error in (("memory allocation of 8 bytes failed", MemoryError), ("an index is out of bounds", RuntimeError)):
        with pytest.raises(error, match=why) as told:
            list(in_processes(give_up, [(why,)]))
        assert is_for_want_of_memory(told.value) == (error is MemoryError)  # any other is a fault of the program
        dismiss()


def test_a_store_that_does_not_answer_is_no_broken_day(three_days: list[DayFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_silent(*_: object) -> pl.DataFrame:
        raise Unanswered("the store does not answer")

    monkeypatch.setattr(share_reading, "rows_by_arrow", is_silent)
    with pytest.raises(Unanswered):
        RosterReading(three_days, tmp_path).broken_days(1)


def give_up(why: str) -> None:
    raise pl.exceptions.PanicException(why)


def test_rosters_in_another_order_every_day_make_the_same_month(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In files of other sizes, too: then nearly every row is a stay of its own, and waits on disk."""
    rng = random.Random(7)
    days = {FIRST + timedelta(n): random_roster(rng, FIRST + timedelta(n)) for n in range(4)}
    monkeypatch.setattr(roster_shares, "_ROWS_A_SHARE", 10)
    monkeypatch.setattr(share_reading, "_MOST_WAITING", 5)
    found = []
    for shuffled in (False, True):
        root = tmp_path / str(shuffled)
        root.mkdir()
        files = []
        for n, (day, rows) in enumerate(days.items()):
            rows.sample(fraction=1, shuffle=shuffled, seed=n).write_parquet(
                root / f"{day}.parquet", row_group_size=7 + n if shuffled else 10
            )
            files.append(DayFile(root / f"{day}.parquet", day, rows_of_groups(pyarrow.parquet.read_metadata(root / f"{day}.parquet"))))
        assert len(shares_of(files)) > 3
        reading = RosterReading(files, root)
        assert reading.broken_days(2) == set()
        found.append([(part.rosters.rows(), part.people.rows()) for part in (each.put_together() for each in reading.parts(2))])
        reading.close()
        assert sorted(path.name for path in root.iterdir()) == [f"{day}.parquet" for day in days]
    assert found[0] == found[1]


# --- which files are read where they lie ----------------------------------------------------------------------------------------


def part_of(path: Path) -> Part:
    return Part("users", FIRST, path, path.name)


def test_a_file_is_read_where_it_lies_only_in_the_contracts_own_types(tmp_path: Path) -> None:
    rows = random_roster(random.Random(1), FIRST)
    ways = {
        "plain": (rows, {}), "zstd": (rows, {"compression": "zstd"}), "no dictionary": (rows, {"use_dictionary": False}),
        "v2 pages": (rows, {"data_page_version": "2.0"}), "more": (rows.with_columns(more=pl.lit([1])), {}),
        "checksums": (rows, {"write_page_checksum": True}), "lacks a column": (rows.drop("email"), {}),
        "case": (rows.with_columns(Email=pl.lit("x")), {}), "a time": (rows.cast({"last_active_on": pl.Datetime("us")}), {}),
        "a number": (rows.with_columns(login_enabled=pl.lit(1)), {}), "bytes": (rows.cast({"name": pl.Binary}), {}),
        "nested": (rows.with_columns(name=pl.struct("name")), {}), "no names": (rows.with_columns(name=None, email=None, last_active_on=None), {}),
        "no status": (rows.with_columns(status=None), {}),
    }  # fmt: skip
    lies = {}
    for name, (frame, options) in ways.items():
        pyarrow.parquet.write_table(frame.to_arrow(), tmp_path / f"{name}.parquet", **options)
        lies[name] = roster_file(part_of(tmp_path / f"{name}.parquet"))
    assert {name for name, file in lies.items() if file} == {"plain", "zstd", "no dictionary", "v2 pages", "more", "checksums", "no names"}
    assert {name for name, file in lies.items() if file and file.has_checksums} == {"checksums"}
    (tmp_path / "none.parquet").write_bytes(b"PAR1 is what it begins with, and nothing more")
    assert roster_file(part_of(tmp_path / "none.parquet")) is None
    assert roster_file(part_of(tmp_path / "gone.parquet")) is None


def test_a_file_that_changes_while_it_is_folded_is_read_again_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is accepted is what the digest is of: never half of one and half of another."""
    day = FIRST
    path = tmp_path / "source" / f"{day}.parquet"
    path.parent.mkdir()
    rng = random.Random(1)
    random_roster(rng, day).write_parquet(path)
    other = random_roster(rng, day)
    monkeypatch.setattr(roster_intake, "_SMALL_MONTH", 0)
    sound = RosterReading.broken_days

    def changes_meanwhile(self: RosterReading, into: int) -> set[date]:
        broken = sound(self, into)
        if pl.read_parquet(path).height != other.height or not pl.read_parquet(path).equals(other):
            other.write_parquet(path)
        return broken

    monkeypatch.setattr(RosterReading, "broken_days", changes_meanwhile)
    table_days = [TableDay("users", day, (part_of(path),))]
    found = taken(table_days, tmp_path / "changing", 1)
    monkeypatch.setattr(RosterReading, "broken_days", sound)
    assert found == taken(table_days, tmp_path / "still", 1)


# --- what is kept ------------------------------------------------------------------------------------------------------------------


def some_rosters(seed: int) -> pl.DataFrame:
    return pl.DataFrame(
        [(f"w{n}", f"u{n}", "teammate", "active", None, 1 + seed, None) for n in range(50)],
        schema=["workspace_id", "user_id", "kind", "status", "login_enabled", "bits", "last_active_on"],
        orient="row",
    ).cast({"bits": pl.UInt32, "login_enabled": pl.Boolean, "last_active_on": pl.Date}).sort(STANDING)  # fmt: skip


def replaced(kept: KeptRosters, rosters: pl.DataFrame, of: int, versions: dict[date, str]) -> None:
    kept.expect(FIRST, versions)
    for bucket in buckets(of):
        kept.replace(FIRST, bucket, bucket.rows(rosters), versions)
    kept.accept(versions)


def test_a_month_in_many_buckets_is_read_by_any_number_of_them(tmp_path: Path) -> None:
    lake, january, whole = Lake(tmp_path), FIRST, some_rosters(0)
    kept = KeptRosters(lake, {})
    assert kept.buckets == 1
    assert kept.settle(january, 3_200_000) == 8  # at most 400,000 each
    replaced(kept, whole, 8, {FIRST: "v1"})
    kept.write()
    again = KeptRosters(lake, {FIRST: "v1"}, kept.buckets_of_months())
    assert again.buckets == 8 and again.settle(january, 5) == 8  # settled once
    assert again.month(january).equals(whole)
    for of in (1, 2, 8, 16):
        for bucket in buckets(of):
            assert again.month(january, bucket).equals(bucket.rows(whole))
    assert again.rows_on(FIRST) == 50
    names = {path.name for path in tmp_path.rglob("*.parquet")}
    (note,) = names - {f"bucket={n:03d}-of-008.parquet" for n in range(8)}
    assert note.endswith(".days.parquet")


def test_a_lost_first_day_repeats_a_month_of_another_number_of_buckets(tmp_path: Path) -> None:
    kept, last = KeptRosters(Lake(tmp_path), {}), date(2026, 1, 31)
    kept.settle(FIRST, 1_500_000)
    rosters = some_rosters(0).with_columns(bits=pl.lit(1 << 30, pl.UInt32))
    replaced(kept, rosters, 4, {last: "v1"})
    kept.repeat(date(2026, 2, 1), "v2")
    assert kept.buckets_of_months() == {FIRST: 4}  # fifty users are one bucket
    assert kept.month(date(2026, 2, 1)).select(STANDING).equals(rosters.select(STANDING))
    assert set(kept.month(date(2026, 2, 1))["bits"]) == {1}


def test_a_refused_run_takes_its_files_away_and_no_others(tmp_path: Path) -> None:
    lake, whole = Lake(tmp_path), some_rosters(0)
    for n in range(2):
        kept = KeptRosters(lake, {}, {})
        kept.settle(FIRST, 800_000)
        replaced(kept, whole, 2, {FIRST: "v1"})
        kept.write()
        if n:
            kept.withdraw()  # what it wrote was there before
    assert len(list(tmp_path.rglob("*.parquet"))) == 3  # two buckets and the note of their days
    other = KeptRosters(lake, {FIRST: "v1"}, {FIRST: 2})
    replaced(other, whole, 2, {FIRST + timedelta(1): "v2"})
    other.withdraw()
    assert len(list(tmp_path.rglob("*.parquet"))) == 3


def people(names: dict[str, str], day: date = FIRST) -> pl.DataFrame:
    rows = [(workspace, "u", "active", name, None, day) for workspace, name in sorted(names.items())]
    return pl.DataFrame(rows, schema=["workspace_id", "user_id", "status", "name", "email", "day"], orient="row").cast({"email": pl.String})


def test_the_directory_is_divided_once_a_month_has_more_buckets(tmp_path: Path) -> None:
    lake, names = Lake(tmp_path), {f"w{n}": f"Name {n}" for n in range(20)}
    directory = KeptDirectory(lake)
    directory.learn(WHOLE, people(names), [])
    assert list(tmp_path.iterdir()) == []  # until it is written
    directory.write()
    assert [path.name for path in tmp_path.iterdir()] == ["directory.parquet"]
    directory = KeptDirectory(lake)
    directory.expect(4)
    for bucket in buckets(4):
        directory.learn(bucket, bucket.rows(people({"w3": "Renamed"}, FIRST + timedelta(1))), [])
    assert KeptDirectory(lake).of_workspace("w3")["name"].to_list() == ["Name 3"]
    directory.write()
    assert sorted(path.name for path in (tmp_path / "directory").iterdir()) == [f"bucket={n:03d}-of-004.parquet" for n in range(4)]
    assert [path.name for path in tmp_path.iterdir()] == ["directory"]
    for workspace, name in (names | {"w3": "Renamed"}).items():
        assert KeptDirectory(lake).of_workspace(workspace)["name"].to_list() == [name]
    directory = KeptDirectory(lake)
    directory.learn(WHOLE, people({"w4": "Small month"}, FIRST + timedelta(2)), [])
    directory.write()
    assert KeptDirectory(lake).of_workspace("w4")["name"].to_list() == ["Small month"]
    assert KeptDirectory(lake).of_workspace("w5")["name"].to_list() == ["Name 5"]


def test_people_of_a_superseded_day_alone_are_forgotten_in_every_part(tmp_path: Path) -> None:
    lake, names = Lake(tmp_path), {f"w{n}": f"Name {n}" for n in range(20)}
    for bucket, named in ((WHOLE, names), *((bucket, {"w3": "Name 3"}) for bucket in buckets(4))):
        directory = KeptDirectory(lake)
        directory.expect(bucket.of)
        directory.learn(bucket, bucket.rows(people(named)), [FIRST])
        directory.write()
    found = {workspace: KeptDirectory(lake).of_workspace(workspace)["name"].item() for workspace in names}
    assert found == dict.fromkeys(names) | {"w3": "Name 3"}


def test_a_division_that_was_cut_off_is_not_read(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    directory = KeptDirectory(lake)
    directory.learn(WHOLE, people({"w1": "Name"}), [])
    directory.write()
    part = Bucket(0, 4)
    lake.write(lake.directory_path(part), pl.read_parquet(lake.directory_path()).clear())
    assert KeptDirectory(lake).of_workspace("w1")["name"].to_list() == ["Name"]
    directory = KeptDirectory(lake)
    directory.expect(4)
    for bucket in buckets(4):
        directory.learn(bucket, bucket.rows(people({"w2": "Other"})), [])
    directory.write()
    assert KeptDirectory(lake).of_workspace("w1")["name"].to_list() == ["Name"]
    assert not lake.directory_path().exists()
