"""Frames put by between the passes over the buckets and what is made of all of them: in memory where they are few, else as files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl


class Shelf:
    """Any number of frames under a name. With a folder, each is a Parquet file there until the shelf is cleared."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder.with_name(f".{folder.name}.parquet.{os.getpid()}") if folder else None
        self._frames: dict[str, list[pl.DataFrame | Path]] = {}

    def put(self, name: str, frame: pl.DataFrame) -> None:
        """Put a frame beside those of its name."""
        frames = self._frames.setdefault(name, [])
        if not self._folder:
            frames.append(frame)
            return
        path = self._folder / f"{name}-{len(frames):04d}.parquet"
        self._folder.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path, compression="lz4")
        frames.append(path)

    def frames(self, name: str) -> Iterator[pl.DataFrame]:
        """The frames of a name, in the order in which they came."""
        for frame in self._frames.get(name, []):
            yield pl.read_parquet(frame, hive_partitioning=False) if isinstance(frame, Path) else frame

    def all(self) -> Iterator[tuple[str, pl.DataFrame]]:
        """Every frame with its name."""
        return ((name, frame) for name in self._frames for frame in self.frames(name))

    def clear(self) -> None:
        """Forget them all."""
        self._frames.clear()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
