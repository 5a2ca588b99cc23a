"""What the home keeps of rosters, events, names and terms is what was written, or nothing is billed from it and `verify` says which file it is."""

from __future__ import annotations

import io
import random
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from flows.errors import LostOrDamaged, UserError
from flows.lake import Lake
from flows.seals import is_as_written, seal
from flows.verify import verify
from tests.conftest import Product
from tests.flows.small_source import small_source

JAN, FEB = date(2026, 1, 31), date(2026, 2, 12)
KEPT = pl.DataFrame({"user_id": [f"u{n}" for n in range(200)], "bits": list(range(200))})


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("kept")
    product = Product(root / "home")
    product.ingest(small_source(root / "source", last=FEB))
    product.bill(JAN)
    return root


@pytest.fixture
def home(billed: Path, tmp_path: Path) -> Iterator[Product]:
    shutil.copytree(billed / "home", tmp_path / "home")
    yield Product(tmp_path / "home")


def turn_a_bit(path: Path) -> None:
    """In the middle of what the file says of its rows."""
    content = bytearray(path.read_bytes())
    content[len(content) // 4] ^= 0x10
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def one_of(product: Product, where: str) -> Path:
    """A file of the lake, the last in order."""
    return max(product.home.lake.glob(where))


def problems(product: Product) -> dict[str, list[tuple[str, str]]]:
    return {check.name: check.problems for check in verify(product.home, product.setting.catalogs) if check.problems}


def test_every_file_of_a_home_is_sealed(home: Product) -> None:
    files = list(Lake(home.home.lake).files())
    assert {path.relative_to(home.home.lake).parts[0] for path in files} == {
        "activity", "directory.parquet", "roster_months", "subscriptions",
    }  # fmt: skip
    assert all(is_as_written(io.BytesIO(path.read_bytes())) for path in files)


def test_whichever_bit_turns_no_other_rows_are_read_than_were_written(tmp_path: Path) -> None:
    lake, path = Lake(tmp_path), tmp_path / "kept.parquet"
    lake.write(path, KEPT)
    written = path.read_bytes()
    for at in range(len(written)):
        turned = bytearray(written)
        turned[at] ^= 1 << at % 8
        path.write_bytes(turned)
        if is_as_written(io.BytesIO(turned)) is None:  # the mark of the seal itself, or what says where it is
            assert _same_or_refused(lake, path)
        else:
            with pytest.raises(LostOrDamaged, match=r"kept\.parquet: is damaged: what it holds is not what was written\. Restore it"):
                lake.read(path)


def _same_or_refused(lake: Lake, path: Path) -> bool:
    try:
        return lake.read(path).equals(KEPT)
    except LostOrDamaged:
        return True


@pytest.mark.parametrize("length", [0, 3, 8, 40, 100, -8, -1])
def test_a_file_cut_anywhere_is_damaged(tmp_path: Path, length: int) -> None:
    lake, path = Lake(tmp_path), tmp_path / "kept.parquet"
    lake.write(path, KEPT)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(LostOrDamaged, match="is damaged"):
        lake.read(path)
    with pytest.raises(LostOrDamaged, match="is damaged"):
        lake.require_whole(path)


def test_a_sealed_file_is_a_parquet_file_to_every_reader(tmp_path: Path) -> None:
    path = tmp_path / "kept.parquet"
    Lake(tmp_path).write(path, KEPT)
    assert pl.scan_parquet(path).select("bits").collect().equals(KEPT.select("bits"))
    assert duckdb.sql(f"select count(*), sum(bits) from '{path}'").fetchall() == [(200, 19_900)]
    assert pl.from_arrow(pq.read_table(path)).equals(KEPT)


def test_a_seal_is_of_every_byte_but_its_own(tmp_path: Path) -> None:
    content = io.BytesIO()
    KEPT.write_parquet(content)
    assert is_as_written(content) is None
    before = content.getvalue()
    seal(content)
    assert len(content.getvalue()) == len(before) + 48
    assert is_as_written(content)
    assert content.getvalue().replace(content.getvalue()[-48 - (len(before) - _rows_end(before)) :][:48], b"") == before


def _rows_end(content: bytes) -> int:
    """Where the footer of a Parquet file begins: its length is told in four bytes before the last four."""
    return len(content) - 8 - int.from_bytes(content[-8:-4], "little")


def without_seals(product: Product) -> None:
    """As versions before 0.13.0 kept it."""
    for path in list(Lake(product.home.lake).files()):
        pl.read_parquet(path).write_parquet(path)


def test_a_home_of_a_version_without_seals_is_read_as_before(home: Product, billed: Path, tmp_path: Path) -> None:
    shutil.copytree(billed / "home", tmp_path / "sealed")
    sealed = Product(tmp_path / "sealed")
    without_seals(home)
    assert problems(home) == {}
    assert home.bill(FEB).invoices.equals(sealed.bill(FEB).invoices)


def test_without_seals_what_cannot_be_read_is_named(home: Product) -> None:
    without_seals(home)
    cut(path := one_of(home, "activity/*/*.parquet"))
    assert problems(home)["lake_whole"] == [(f"activity/date=2026-02-03/{path.name}", "is not as it was written; restore it from a back-up")]
    with pytest.raises(LostOrDamaged, match=r"activity/date=2026-02-03/\w+\.parquet: is damaged"):
        home.bill(FEB)


DAMAGES = [turn_a_bit, cut, empty, Path.unlink]


@pytest.mark.parametrize("damage", DAMAGES, ids=["a_bit_turned", "cut", "emptied", "lost"])
@pytest.mark.parametrize("where", ["activity/*/*.parquet", "subscriptions/*/*.parquet", "roster_months/*/" + "[0-9a-f]" * 24 + ".parquet"])
def test_nothing_is_billed_from_a_file_that_is_not_as_it_was_written(
    home: Product, where: str, damage: Callable[[Path], None]
) -> None:
    before = home.lines()
    damage(path := one_of(home, where))
    with pytest.raises(UserError, match=rf"{path.name}: is (damaged|gone)\S*.*\. Restore it from a back-up of the home") as said:
        home.bill(FEB)
    assert str(home.home.lake) in str(said.value)
    assert home.lines().equals(before)


@pytest.mark.parametrize("damage", DAMAGES, ids=["a_bit_turned", "cut", "emptied", "lost"])
def test_verify_names_every_file_that_is_not_as_it_was_written(home: Product, damage: Callable[[Path], None]) -> None:
    named = ["activity/*/*.parquet", "directory.parquet", "subscriptions/*/*.parquet"]
    roster = one_of(home, "roster_months/month=2026-01/" + "[0-9a-f]" * 24 + ".parquet")
    changed = [one_of(home, where) for where in named] + [roster]
    for path in changed:
        damage(path)
    found = problems(home)
    lost = damage is Path.unlink
    told = f"is {'gone' if lost else 'not as it was written'}; restore it from a back-up"
    places = sorted(str(path.relative_to(home.home.lake)) for path in changed)
    assert found["lake_whole"] == [(place, told) for place in places]
    assert found["occupancy_from_rosters"] == [("2026-01", "its stored rosters are gone or damaged")]


def test_verify_names_what_a_directory_in_parts_lacks(home: Product) -> None:
    lake = Lake(home.home.lake)
    names = lake.read(lake.directory_path())
    lake.directory_path().unlink()
    for n in range(4):
        lake.write(home.home.lake / "directory" / f"bucket={n:03d}-of-004.parquet", names.clear())
    assert problems(home) == {}
    (home.home.lake / "directory" / "bucket=002-of-004.parquet").unlink()
    assert problems(home) == {"lake_whole": [("directory/bucket=002-of-004.parquet", "is gone; restore it from a back-up")]}


def test_random_damage_to_any_file_is_found(home: Product) -> None:
    """Twenty bytes anywhere in the lake, one after the other."""
    chance, lake = random.Random(13), Lake(home.home.lake)
    files = list(lake.files())
    for _ in range(20):
        path = chance.choice(files)
        written = path.read_bytes()
        at = chance.randrange(len(written))
        path.write_bytes(written[:at] + bytes([written[at] ^ chance.randrange(1, 256)]) + written[at + 1 :])
        try:
            lake.require_whole(path)
            assert pl.read_parquet(path).equals(pl.read_parquet(io.BytesIO(written)))  # only the mark of the seal was hit
        except LostOrDamaged:
            pass
        path.write_bytes(written)
