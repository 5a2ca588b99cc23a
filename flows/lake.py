"""The only writer of Parquet: accepted rows by table and day, a version named by its content, written whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from hashlib import sha256
from pathlib import Path

import polars as pl

from flows.fault_points import reached
from transforms.buckets import WHOLE, Bucket
from transforms.contracts.sources import BROKEN


class Lake:
    """Parquet under HOME/lake. The ledger says which version of a day is current; the lake keeps them all."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def day_path(self, table: str, day: date | None, version: str) -> Path:
        return self.root / table / (f"date={day}" if day else "all") / f"{version[:24]}.parquet"

    def write_day(self, table: str, day: date | None, version: str, rows: pl.DataFrame) -> None:
        self.write(self.day_path(table, day, version), rows)

    def scan_day(self, table: str, day: date | None, version: str) -> pl.LazyFrame:
        return pl.scan_parquet(self.day_path(table, day, version), glob=False, hive_partitioning=False)

    def read(self, path: Path, columns: list[str] | None = None) -> pl.DataFrame:
        return pl.read_parquet(path, columns=columns, hive_partitioning=False)

    def write(self, path: Path, frame: pl.DataFrame) -> None:
        """Write beside, flush to disk, rename: a reader sees the whole file or none."""
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with beside.open("wb") as file:
                frame.write_parquet(file, compression="zstd", compression_level=1)
                file.flush()
                os.fsync(file.fileno())
            reached("lake: written beside")
            beside.replace(path)
            reached("lake: in place")
        finally:
            beside.unlink(missing_ok=True)

    @contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """A folder for what is needed for a while. What a killed run leaves of it the next one sweeps away."""
        folder = self.root / f".{name}.parquet.{os.getpid()}"
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    # --- rosters: a month's days in one file a bucket, named by the versions of all of them --------------------------------------

    def roster_month_path(self, month: date, versions: Mapping[date, str], bucket: Bucket = WHOLE) -> Path:
        made_from = sha256("\n".join(f"{day}={version}" for day, version in sorted(versions.items())).encode()).hexdigest()[:24]
        return _of_bucket(self.root / "roster_months" / f"month={month:%Y-%m}" / made_from, bucket)

    # --- the directory: the only place with names and addresses ----------------------------------------------------------

    def directory_path(self, bucket: Bucket = WHOLE) -> Path:
        return _of_bucket(self.root / "directory", bucket)


NO_FAULTS = pl.DataFrame(schema=BROKEN)


def _of_bucket(path: Path, bucket: Bucket) -> Path:
    """One file, or a file a bucket in a folder of that name."""
    return path.with_name(f"{path.name}.parquet") if bucket.of == 1 else path / f"bucket={bucket.number:03d}-of-{bucket.of:03d}.parquet"
