"""The only writer of Parquet: accepted rows by table and day, a version named by its content, written whole or not at all."""

from __future__ import annotations

import io
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, BinaryIO

import polars as pl

from flows.errors import LostOrDamaged, StoreRefuses, Unanswered, UserError, is_for_want_of_memory
from flows.fault_points import reached
from flows.s3_files import S3Path, require_s3
from flows.seals import is_as_written, seal
from flows.whole_files import put_in_place, where_one_may_write, whole
from transforms.buckets import WHOLE, Bucket
from transforms.contracts.sources import BROKEN

if TYPE_CHECKING:
    from flows.home import Home


_KEPT = {"compression": "zstd", "compression_level": 1, "statistics": False}  # it is read whole: nobody asks for statistics
_LONGEST_BETWEEN = 1.0  # seconds, from the moment that a run sees no mark until its own is there
_OWNER = "home.id"  # beside the rows of a prefix: whose they are


def lake_of(home: Home, url: str | None = None) -> Lake:
    """Where a home keeps its rows: in its own folder, or under the `s3://` prefix that was named for its first run.

    Raises: UserError for a prefix other than that.
    """
    settled, _ = _noted(home)
    if url:
        require_s3(url)
        asked = str(S3Path.of(url))
        if asked != settled and home.receipts.exists():
            raise UserError(
                f"{home.root}: its rows lie in {settled or home.lake}, since its first run. Leave --lake out, or choose a new --home."
            )
        settled = asked
    return Lake(S3Path.of(settled), home.lake) if settled else Lake(home.lake)


def require_own(home: Home, lake: Lake) -> None:
    """Refuse a prefix of another home: each would let go of, and sweep away, what the other needs. Raises: UserError."""
    owner = _owner(lake)
    if owner and owner != _noted(home)[1]:
        raise UserError(
            f"{lake.root}: holds the rows of another home, {owner}. Choose another --lake. If they are this home's own, "
            f"put back from a back-up, write {owner} in the second line of {home.lake_url}."
        )


@dataclass
class Claim:
    """A home's on a prefix: for good once a run is about to be saved, whatever becomes of that: its rows are there then."""

    is_for_good: bool = False


@contextmanager
def claimed(home: Home, lake: Lake) -> Iterator[Claim]:
    """Mark a prefix as this home's before anything is put by or removed there. A first run that is not saved takes its mark away again.

    Raises: UserError where it is another home's, or another one marked it at the same moment.
    """
    claim = Claim()
    if not isinstance(lake.root, S3Path):
        yield claim
        return
    require_own(home, lake)
    is_new = not home.lake_url.exists()
    try:
        if not _owner(lake):
            _mark(home, lake)
            time.sleep(_LONGEST_BETWEEN)  # a store puts what is written last in place of what was: whoever saw none before has written by then
            require_own(home, lake)
        yield claim
    finally:
        if is_new and not claim.is_for_good:
            with suppress(StoreRefuses, Unanswered):
                _unmark(home, lake)


def _mark(home: Home, lake: Lake) -> None:
    """Note where the rows are, and there whose they are."""
    mine = _noted(home)[1] or token_hex(8)
    with whole(home.lake_url) as beside:
        beside.write_text(f"{lake.root}\n{mine}\n", encoding="utf-8")
    (lake.root / _OWNER).write_bytes(mine.encode())


def _unmark(home: Home, lake: Lake) -> None:
    if isinstance(lake.root, S3Path) and _owner(lake) == _noted(home)[1]:
        (lake.root / _OWNER).unlink(missing_ok=True)
    home.lake_url.unlink(missing_ok=True)


def _noted(home: Home) -> tuple[str | None, str | None]:
    """The prefix that a home has settled, and what its rows are marked with there."""
    lines = home.lake_url.read_text(encoding="utf-8").splitlines() if home.lake_url.exists() else []
    prefix, mine, *_ = *(line.strip() or None for line in lines), None, None
    return prefix, mine


def _owner(lake: Lake) -> str | None:
    mark = lake.root / _OWNER
    return mark.read_bytes().decode().strip() if isinstance(mark, S3Path) and mark.exists() else None


class Lake:
    """Parquet under HOME/lake, or under an `s3://` prefix. The ledger says which version of a day is current; the lake keeps them all."""

    def __init__(self, root: Path | S3Path, local: Path | None = None) -> None:
        self.root = root
        self._local = local or root  # where there is a disk, for what is needed for a while
        self._mine = f"{os.getpid()}-{token_hex(4)}"  # in a container every run is the same process

    def day_path(self, table: str, day: date | None, version: str) -> Path | S3Path:
        return self.root / table / (f"date={day}" if day else "all") / f"{version[:24]}.parquet"

    def write_day(self, table: str, day: date | None, version: str, rows: pl.DataFrame) -> None:
        self.write(self.day_path(table, day, version), rows)

    def read(self, path: Path | S3Path, columns: list[str] | None = None) -> pl.DataFrame:
        """Rows as they were written. Raises: LostOrDamaged where they are not: what such a file says is not to be billed."""
        try:
            with _opened(path) as file:
                if is_as_written(file) is False:
                    raise _damaged(path)
                file.seek(0)
                return read_frame(path if isinstance(path, Path) else file, columns)
        except FileNotFoundError:
            raise LostOrDamaged(f"{path}: is gone. Restore it from a back-up of the home.") from None
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as reason:  # of a file without a seal
            if is_for_want_of_memory(reason):
                raise
            raise _damaged(path) from None

    def require_whole(self, path: Path | S3Path) -> None:
        """Raises: LostOrDamaged where `read` would. A file without a seal is read for that."""
        with _opened(path) as file:
            sealed = is_as_written(file)
        if sealed is False:
            raise _damaged(path)
        if sealed is None:
            self.read(path)

    def files(self) -> Iterator[Path | S3Path]:
        """Every file of rows that is kept, in order; not what is needed for a while."""
        files = self.root.files() if isinstance(self.root, S3Path) else sorted(self.root.rglob("*.parquet"))
        beyond = len(str(self.root))
        return (path for path in files if path.name.endswith(".parquet") and "/." not in str(path)[beyond:])

    def write(self, path: Path | S3Path, frame: pl.DataFrame) -> None:
        """Write beside, seal, flush to disk, rename: a reader sees the whole file or none."""
        if isinstance(path, S3Path):
            content = io.BytesIO()
            frame.write_parquet(content, **_KEPT)
            seal(content)
            path.write_bytes(content.getvalue())
            reached("lake: in place")
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with beside.open("w+b") as file:
                frame.write_parquet(file, **_KEPT)
                seal(file)
                file.flush()
                os.fsync(file.fileno())
            reached("lake: written beside")
            put_in_place(beside, path)
            reached("lake: in place")
        finally:
            beside.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what a process that was killed, a run or a worker, left half written: files and folders named with a dot and its number."""
        for path in self._local.rglob(".*.parquet.*"):
            with suppress(OSError):  # the next run that sweeps will
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)

    def sweep_store(self) -> None:
        """The same on a store, before anything is put by there: whatever became of the run before, nobody else writes there."""
        if isinstance(self.root, S3Path):
            for path in self.root.beginning_with("."):
                if ".parquet." in path.name:  # as `set_aside` names it; whatever else lies there is not ours
                    path.remove()

    def set_aside(self, name: str) -> Path | S3Path:
        """A folder where the lake lies, of this run alone, for what is needed for a while."""
        return self.root / f".{name}.parquet.{self._mine}"

    def move(self, path: Path | S3Path, to: Path | S3Path) -> None:
        """Put a file that was written beside in its place."""
        if isinstance(to, Path):
            to.parent.mkdir(parents=True, exist_ok=True)
            put_in_place(path, to)
        else:
            path.replace(to)

    def near(self, path: Path | S3Path, folder: Path) -> Path:
        """The file itself, or a copy in a folder where it lies elsewhere: for readers that know files only. Whether it is as written, ask `read`."""
        if isinstance(path, Path):
            return path
        copy = folder / path.key.replace("/", "_")
        copy.write_bytes(path.read_bytes())
        return copy

    @contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """A folder for what is needed for a while. What a killed run leaves of it the next one sweeps away."""
        folder = where_one_may_write(self._local) / f".{name}.parquet.{self._mine}"
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def shared_scratch(self, name: str) -> Iterator[Path | S3Path]:
        """The same where the lake lies, so that workers of a cluster reach it."""
        folder = self.set_aside(name)
        try:
            yield folder
        finally:
            remove_folder(folder)

    # --- rosters: a month's days in one file a bucket, named by the versions of all of them --------------------------------------

    def roster_month_path(self, month: date, versions: Mapping[date, str], bucket: Bucket = WHOLE) -> Path | S3Path:
        made_from = sha256("\n".join(f"{day}={version}" for day, version in sorted(versions.items())).encode()).hexdigest()[:24]
        return _of_bucket(self.root / "roster_months" / f"month={month:%Y-%m}" / made_from, bucket)

    # --- the directory: the only place with names and addresses ----------------------------------------------------------

    def directory_path(self, bucket: Bucket = WHOLE) -> Path | S3Path:
        return _of_bucket(self.root / "directory", bucket)


NO_FAULTS = pl.DataFrame(schema=BROKEN)


def read_frame(path: Path | S3Path | BinaryIO, columns: list[str] | None = None) -> pl.DataFrame:
    """A Parquet file of ours, wherever it lies."""
    source = io.BytesIO(path.read_bytes()) if isinstance(path, S3Path) else path
    return pl.read_parquet(source, columns=columns, hive_partitioning=False, glob=False)


def write_frame(path: Path | S3Path, frame: pl.DataFrame, compression: str = "zstd", rows_a_group: int | None = None) -> None:
    """Write a frame as it is, without more ado."""
    how = {"compression_level": 1} if compression == "zstd" else {}
    if not isinstance(path, S3Path):
        frame.write_parquet(path, compression=compression, row_group_size=rows_a_group, statistics=False, **how)
        return
    content = io.BytesIO()
    frame.write_parquet(content, compression=compression, row_group_size=rows_a_group, statistics=False, **how)
    path.write_bytes(content.getvalue())


def remove_folder(path: Path | S3Path) -> None:
    """Remove a folder with all that is in it, if it is there."""
    path.remove() if isinstance(path, S3Path) else shutil.rmtree(path, ignore_errors=True)


def parquet_files_in(path: Path | S3Path) -> list[Path | S3Path]:
    """The Parquet files that lie in a folder itself; none where there is no folder."""
    return [file for file in path.files() if file.parent == path] if isinstance(path, S3Path) else sorted(path.glob("*.parquet"))


def _damaged(path: Path | S3Path) -> LostOrDamaged:
    return LostOrDamaged(f"{path}: is damaged: what it holds is not what was written. Restore it from a back-up of the home.")


def _opened(path: Path | S3Path) -> AbstractContextManager[BinaryIO]:
    return io.BytesIO(path.read_bytes()) if isinstance(path, S3Path) else path.open("rb")


def _of_bucket(path: Path | S3Path, bucket: Bucket) -> Path | S3Path:
    """One file, or a file a bucket in a folder of that name."""
    return path.with_name(f"{path.name}.parquet") if bucket.of == 1 else path / f"bucket={bucket.number:03d}-of-{bucket.of:03d}.parquet"
