"""Frames put by, by name and bucket, between what is made of all workspaces and the passes over the buckets, and back again.

In memory where there is one bucket; else as Parquet files in the lake, where another process or machine finds them too.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from flows.lake import Lake, read_frame, remove_folder, write_frame
from flows.s3_files import S3Path


class Shelf:
    """Any number of frames under a name and a bucket's number. In a lake, each is a file there until the shelf is cleared."""

    def __init__(self, lake: Lake | None = None) -> None:
        self._folder = lake.set_aside("shelf") if lake else None
        self._frames: dict[tuple[str, int], list[pl.DataFrame | Path | S3Path]] = {}

    def put(self, name: str, bucket: int, frame: pl.DataFrame) -> None:
        """Put a frame beside those of its name and bucket."""
        frames = self._frames.setdefault((name, bucket), [])
        if not self._folder:
            frames.append(frame)
            return
        path = self._folder / f"{name.replace(' ', '-')}-{bucket:04d}-{len(frames):04d}.parquet"
        if isinstance(path, Path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_frame(path, frame, "lz4")
        frames.append(path)

    def frames(self, name: str, bucket: int | None = None) -> Iterator[pl.DataFrame]:
        """The frames of a name, of one bucket or of all, in order of buckets and as they came."""
        for key in sorted(self._frames):
            if key[0] == name and bucket in (None, key[1]):
                yield from map(_read, self._frames[key])

    def files(self, name: str) -> list[Path]:
        """Where the frames of a name lie, in the same order, if they are files of this machine; else nothing."""
        frames = [frame for key in sorted(self._frames) if key[0] == name for frame in self._frames[key]]
        return [frame for frame in frames if isinstance(frame, Path)]

    def of(self, bucket: int) -> Shelf:
        """The same shelf with one bucket's frames only: what is handed to whoever passes over that bucket."""
        mine = self.of_its_kind()
        mine._frames = {key: frames for key, frames in self._frames.items() if key[1] == bucket}
        return mine

    def of_its_kind(self) -> Shelf:
        """An empty one that puts its frames in the same place."""
        empty = Shelf()
        empty._folder = self._folder
        return empty

    def take_over(self, other: Shelf) -> None:
        """Have what another shelf has too."""
        for key, frames in other._frames.items():
            self._frames.setdefault(key, []).extend(frames)

    def clear(self) -> None:
        """Forget them all."""
        self._frames.clear()
        if self._folder:
            remove_folder(self._folder)


def _read(frame: pl.DataFrame | Path | S3Path) -> pl.DataFrame:
    return frame if isinstance(frame, pl.DataFrame) else read_frame(frame)
