"""The only reader of SOURCE: which files there are, and their cells as text. Nothing is guessed and nothing is repaired."""

from __future__ import annotations

import errno
import logging
import os
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from hashlib import file_digest, sha256
from itertools import filterfalse
from pathlib import Path
from typing import NamedTuple

import polars as pl

from flows.csv_rows import rows_of_csv
from flows.errors import UserError
from flows.file_kinds import is_data, is_mark
from flows.parquet_rows import rows_of_parquet
from flows.s3_files import S3File, is_s3, s3_files, shown
from transforms.contracts.sources import SOURCE_ROWS
from transforms.many import many
from transforms.nearest import nearest

log = logging.getLogger("seatledger.ingest")

DAILY_TABLES = ("users", "activity", "usage")
_NAMED = 5  # files of those that are passed over


@dataclass(frozen=True)
class Part:
    """One file of a table, with the name it is known by: its path inside SOURCE."""

    table: str
    day: date | None
    path: Path | S3File
    name: str

    @property
    def size(self) -> int:
        """In bytes."""
        return self.path.size if isinstance(self.path, S3File) else self.path.stat().st_size


@dataclass(frozen=True)
class FileRead:
    """What is known of a part once it was read."""

    part: Part
    sha256: str
    bytes: int
    rows: int
    unknown_columns: tuple[str, ...]


class PartContent(NamedTuple):
    """A part that was read: what is known of it, and its cells as text (or Parquet's own types), with `file` and `row`."""

    file: FileRead
    frame: pl.DataFrame


def survey(source: Path | str) -> list[Part]:
    """Every file of the source, by table and day. Raises UserError for what is no source, and for a folder that names no day."""
    parts, passed_over = _survey_s3(str(source)) if is_s3(source) else _survey_folder(Path(source))
    if passed_over:
        more = f" and {many(len(passed_over) - _NAMED, 'file')} more" if len(passed_over) > _NAMED else ""
        log.info("passed over, as neither .csv nor .parquet of a table: %s%s", ", ".join(passed_over[:_NAMED]), more)
    subscriptions = [part for part in parts if part.table == "subscriptions"]
    if len(subscriptions) != 1:
        found = "none was found" if not subscriptions else f"{len(subscriptions)} were found"
        above = " SOURCE is the folder above users/." if shown(source).rstrip("/").rpartition("/")[2] in DAILY_TABLES else ""
        raise UserError(f"{shown(source)}: exactly one subscriptions.csv or subscriptions.parquet is needed; {found}.{above}")
    return parts


def _survey_folder(source: Path) -> tuple[list[Part], list[str]]:
    if not source.is_dir():
        raise UserError(f"{source}: {'is no folder' if source.exists() else 'is not there'}. SOURCE holds subscriptions.csv and users/date=YYYY-MM-DD/*.csv (or .parquet).")
    there = _names_in(source, "")
    parts = [Part("subscriptions", None, source / name, name) for name in there if _is_of_subscriptions(name)]
    passed_over = _unknown_at_top(there, {"subscriptions" for _ in parts}.union(there))
    for table in filter(there.__contains__, DAILY_TABLES):
        for name in filterfalse(is_mark, _names_in(source, table)):
            if name.startswith("date=") or (source / table / name).is_dir():
                of_day, others = _parts_of_day(source, table, name)
                parts += of_day
                passed_over += others
            else:
                _require_no_data(f"{table}/{name}")
    for part in parts:
        _require_own_file(part, source)
    return parts, passed_over


def _unknown_at_top(names: Iterable[str], present: Collection[str]) -> list[str]:
    """What lies in a source beside its tables and is like one in name, as activities/ is. Raises: UserError where that table itself is not there: its rows would be lost."""
    known, unknown = ("subscriptions", *DAILY_TABLES), []
    for name in names:
        stem, _, kind = name.partition(".")
        may_be = kind in ("", "csv", "parquet") and not (is_mark(name) or name in DAILY_TABLES or _is_of_subscriptions(name))
        meant = nearest(stem, known) if may_be else []
        if meant and meant[0] not in present:
            raise UserError(f"{name}: would be passed over. Did you mean {meant[0]}? SOURCE holds subscriptions.csv (or .parquet), users/, activity/ and usage/.")
        unknown += [name] if meant else []
    return unknown


def _is_of_subscriptions(name: str) -> bool:
    """Whether a file at the top of a source is the table of subscriptions, or a part that claims to be."""
    return name.startswith("subscriptions.") and is_data(name)


def _parts_of_day(source: Path, table: str, folder: str) -> tuple[list[Part], list[str]]:
    day, names = _day_of(table, folder), [f"{table}/{folder}/{name}" for name in _names_in(source, f"{table}/{folder}")]
    parts = [Part(table, day, source / name, name) for name in names if is_data(name)]
    others = sorted(filterfalse(is_mark, set(names) - {part.name for part in parts}))
    for name in others:
        if (source / name).is_dir():
            raise UserError(f"{name}: is a folder, and would be passed over. Deliver its files in {table}/{folder} itself.")
    return parts, others


def _names_in(source: Path, folder: str) -> list[str]:
    """What lies in a folder of the source, in order. Raises: UserError where it is none, lies elsewhere or may not be read: what it has would be lost."""
    path, name = source / folder, folder or source
    try:
        leads_to = path.resolve(strict=True)
        if not leads_to.is_relative_to(source.resolve()):
            raise UserError(f"{name}: leads out of {source}. Put the folder itself there, not a link.")
        return sorted(os.listdir(path))
    except NotADirectoryError:
        raise UserError(f"{name}: is no folder. Put its files in a folder of that name, or remove it.") from None
    except PermissionError as reason:
        raise UserError(f"{name}: cannot be read: {reason.strerror}. Let who runs this read it.") from None
    except (OSError, RuntimeError) as reason:  # a loop is the latter, before Python 3.13
        if isinstance(reason, OSError) and reason.errno not in (errno.ENOENT, errno.ELOOP):
            raise  # a disk or a share that does not answer may do so in a moment
        raise UserError(f"{name}: is a link that leads nowhere. Put the folder itself there, or remove the link.") from None


def _survey_s3(source: str) -> tuple[list[Part], list[str]]:
    parts, there = [], s3_files(source)
    at_top = {name.partition("/")[0] for name in there}
    passed_over = _unknown_at_top(sorted(at_top), at_top | {"subscriptions" for name in there if _is_of_subscriptions(name)})
    for name, file in there.items():
        table, *folders = name.split("/")
        if any(map(is_mark, folders[:-1])):
            continue
        if not folders and _is_of_subscriptions(name):
            parts.append(Part("subscriptions", None, file, name))
        elif table in DAILY_TABLES and len(folders) == 2:
            day = _day_of(table, folders[0])
            if is_data(name):
                parts.append(Part(table, day, file, name))
            elif not is_mark(name):
                passed_over.append(name)
        elif table in DAILY_TABLES:
            _require_no_data(name)
    return parts, passed_over


def _require_no_data(name: str) -> None:
    """What lies beside the days' folders, or in folders of theirs, would be passed over."""
    if is_data(name):
        raise UserError(f"{name}: lies in no day's folder. Put it in {name.partition('/')[0]}/date=YYYY-MM-DD/.")


def _require_own_file(part: Part, source: Path) -> None:
    """A part is a file inside the source, under a name that can be written down."""
    try:
        part.name.encode()
    except UnicodeEncodeError:
        raise UserError(f"{os.fsencode(part.name).decode('utf-8', 'backslashreplace')}: the file's name is not UTF-8. Rename it.") from None
    try:
        leads_to = part.path.resolve(strict=True)
    except (OSError, RuntimeError):
        raise UserError(f"{part.name}: is a link that leads nowhere. Put the file itself there.") from None
    if not leads_to.is_relative_to(source.resolve()):
        raise UserError(f"{part.name}: leads out of {source}. Put the file itself there, not a link.")
    if not leads_to.is_file():
        raise UserError(f"{part.name}: is no file. Deliver it as a file, or remove it.")


def _day_of(table: str, folder: str) -> date:
    try:
        if named := re.fullmatch(r"date=(\d{4}-\d{2}-\d{2})", folder, flags=re.ASCII):
            return date.fromisoformat(named[1])
    except ValueError:
        pass
    raise UserError(f"{table}/{folder}: names no day of the calendar. Rename it to date=YYYY-MM-DD.")


def digest(part: Part) -> str:
    """The sha256 of a part's bytes, of which a local file's are never in memory all at once."""
    if isinstance(part.path, S3File):
        return sha256(_content(part)).hexdigest()
    with _there(part), part.path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _content(part: Part) -> bytes:
    with _there(part):
        return part.path.read_bytes()


@contextmanager
def _there(part: Part) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{part.name}: disappeared while it was read. Run again once the source is complete.") from None


def version_of(digests: Iterable[str]) -> str:
    """What identifies a table's day: the contents of its parts, in any order and under any names."""
    return sha256("\n".join(sorted(digests)).encode()).hexdigest()


def read_part(part: Part) -> PartContent:
    """Read one file whole. Raises UserError, with the line where there is one, for what is no such file."""
    content = _content(part)
    wanted = SOURCE_ROWS[part.table].names()
    if not content:
        frame = _nothing(part, wanted)
    elif part.path.suffix == ".csv":
        frame = rows_of_csv(part.name, part.table, content)
    else:
        frame = rows_of_parquet(part.name, part.table, content)
    lacking = [c for c in wanted if c not in frame.columns]
    if lacking:
        alike = [c for c in frame.columns if c not in wanted and c.strip().casefold() in lacking]
        has = f" It has {', '.join(alike)}; names are compared letter by letter." if alike else ""
        raise UserError(f"{part.name}: lacks the column {', '.join(lacking)}.{has} Expected: {', '.join(wanted)}.")
    unknown = tuple(c for c in frame.columns if c not in wanted)
    frame = frame.select(*wanted, file=pl.lit(part.name), row=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
    return PartContent(FileRead(part, sha256(content).hexdigest(), len(content), frame.height, unknown), frame)


def _nothing(part: Part, columns: list[str]) -> pl.DataFrame:
    """A day may have had no activity and no usage; rosters and subscriptions are never empty."""
    if part.table in ("users", "subscriptions"):
        raise UserError(f"{part.name}: is empty (0 bytes). Deliver the file again.")
    return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
