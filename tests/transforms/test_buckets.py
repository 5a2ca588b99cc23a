"""Buckets: every workspace in one of them, the same one in every engine and for ever."""

import duckdb
import polars as pl
import pytest

from transforms.buckets import WHOLE, Bucket, bucket_numbers, buckets, buckets_for_days, buckets_for_users

IDS = pl.Series("workspace_id", [f"ws-{n}" for n in range(1000)] + ["Zürich-工", ""])


def test_the_bucket_of_a_workspace_never_changes():
    assert bucket_numbers(pl.Series(["acme", "globex", "a"]), 4096).to_list() == [3155, 732, 268]  # "a": md5 0c c1 …; 0xc10c mod 4096 = 268


def test_every_workspace_is_in_exactly_one_bucket():
    found = [bucket.has(IDS) for bucket in buckets(16)]
    assert all(sum(each) == 1 for each in zip(*found, strict=True))
    assert WHOLE.has(IDS).all()


def test_a_bucket_is_part_of_the_coarser_one():
    for bucket in buckets(16):
        coarser = bucket.within(4).has(IDS)
        assert coarser.filter(bucket.has(IDS)).all()


def test_duckdb_finds_the_same_buckets():
    frame = IDS.to_frame()
    with duckdb.connect() as con:
        con.register("ids", frame.to_arrow())
        theirs = con.sql("select (md5_number_upper(workspace_id) % 64)::uinteger from ids").fetchall()
    assert [number for (number,) in theirs] == bucket_numbers(IDS, 64).to_list()


def test_rows_without_a_workspace_are_in_the_first_bucket():
    rows = pl.DataFrame({"workspace_id": [None, "acme"]}, schema={"workspace_id": pl.String})
    assert Bucket(0, 4096).rows(rows).height == 1
    assert Bucket(0, 2).rows(rows.filter(pl.col("workspace_id").is_null())).height == 1


@pytest.mark.parametrize("number", [0, 3, 12, 8192])
def test_buckets_are_powers_of_two(number):
    with pytest.raises(ValueError, match="power of two"):
        buckets(number)


def test_a_bucket_has_some_400_000_users_and_three_million_days_of_workspaces():
    assert [buckets_for_users(users) for users in (0, 400_000, 400_001, 1_000_000, 10_000_000)] == [1, 1, 2, 4, 32]
    assert [buckets_for_days(days) for days in (0, 3_000_000, 3_000_001, 100_000 * 365)] == [1, 1, 2, 16]


def test_numbers_are_the_same_when_more_are_asked_for_than_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = pl.Series("workspace_id", [f"w-{n}" for n in range(40)] + [None, "w-3"])
    at_once = bucket_numbers(ids, 16)
    monkeypatch.setattr("transforms.buckets._MOST_KNOWN", 3)
    monkeypatch.setattr("transforms.buckets._KNOWN", [pl.DataFrame(schema={"workspace_id": pl.String, "finest": pl.UInt32})])
    one_by_one = [bucket_numbers(ids[n : n + 2], 16).to_list() for n in range(0, len(ids), 2)]
    assert [number for two in one_by_one for number in two] == at_once.to_list()


def test_what_was_answered_before_is_not_taken_for_other_ids() -> None:
    ids = pl.Series("workspace_id", [f"w-{n}" for n in range(40)])
    numbers = dict(zip(ids, bucket_numbers(ids, 16), strict=True))
    for asked in (ids.reverse(), ids.shuffle(7), pl.concat([ids[:39], pl.Series(["w-0"])]), ids[1:], ids):
        assert bucket_numbers(asked, 16).to_list() == [numbers[each] for each in asked]
