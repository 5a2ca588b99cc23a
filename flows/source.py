"""The only reader of SOURCE: which files there are, and their cells as text. Nothing is guessed and nothing is repaired."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path

import polars as pl
import pyarrow
import pyarrow.parquet

from flows.errors import UserError
from transforms.contracts.sources import SOURCE_ROWS

DAILY_TABLES = ("users", "activity", "usage")
_LARGEST_FIELD = 1_000_000  # characters
_MOST_ROWS_A_BYTE = 1_000


@dataclass(frozen=True)
class Part:
    """One file of a table, with the name it is known by: its path inside SOURCE."""

    table: str
    day: date | None
    path: Path
    name: str


@dataclass(frozen=True)
class PartContent:
    """A part that was read: its identity, and its cells as text (or Parquet's own types), with `file` and `row`."""

    part: Part
    sha256: str
    bytes: int
    frame: pl.DataFrame
    unknown_columns: tuple[str, ...]


def survey(source: Path) -> list[Part]:
    """Every file of the source, by table and day. Raises UserError for a folder that is no source or names no day."""
    if not source.is_dir():
        raise UserError(f"{source}: is no folder. SOURCE holds subscriptions.csv and users/date=YYYY-MM-DD/*.csv (or .parquet).")
    parts = [Part("subscriptions", None, path, path.name) for path in sorted(source.glob("subscriptions.*")) if _is_data(path)]
    if len(parts) != 1:
        found = "none was found" if not parts else f"{len(parts)} were found"
        raise UserError(f"{source}: exactly one subscriptions.csv or subscriptions.parquet is needed; {found}.")
    for table in DAILY_TABLES:
        for folder in sorted((source / table).glob("date=*")):
            day = _day_of(folder)
            parts += [Part(table, day, path, f"{table}/{folder.name}/{path.name}") for path in sorted(folder.iterdir()) if _is_data(path)]
    root = source.resolve()
    for part in parts:
        if not part.path.resolve().is_relative_to(root):
            raise UserError(f"{part.name}: leads out of {source}. Put the file itself there, not a link.")
    return parts


def _is_data(path: Path) -> bool:
    """Whether a file is a part; marks such as _SUCCESS are not. A compressed part is refused: to pass it over would lose its rows."""
    if path.suffix in (".gz", ".zip", ".zst", ".bz2", ".xz"):
        raise UserError(f"{path.parent.name}/{path.name}: is compressed. Deliver it unpacked, as .csv or .parquet.")
    return path.suffix in (".csv", ".parquet") and not path.name.startswith((".", "_"))


def _day_of(folder: Path) -> date:
    text = folder.name.removeprefix("date=")
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, flags=re.ASCII):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise UserError(f"{folder.parent.name}/{folder.name}: names no day of the calendar. Rename it to date=YYYY-MM-DD.")


def digest(part: Part) -> str:
    """The sha256 of a part's bytes."""
    try:
        with part.path.open("rb") as file:
            hasher = sha256()
            while block := file.read(1 << 20):
                hasher.update(block)
            return hasher.hexdigest()
    except FileNotFoundError:
        raise UserError(f"{part.name}: disappeared while it was read. Run again once the source is complete.") from None


def version_of(digests: Iterable[str]) -> str:
    """What identifies a table's day: the contents of its parts, in any order and under any names."""
    return sha256("\n".join(sorted(digests)).encode()).hexdigest()


def read_part(part: Part) -> PartContent:
    """Read one file whole. Raises UserError, with the line where there is one, for what is no such file."""
    content = part.path.read_bytes()
    wanted = SOURCE_ROWS[part.table].names()
    if not content:
        frame = _nothing(part, wanted)
    else:
        frame = _read_csv(part, content) if part.path.suffix == ".csv" else _read_parquet(part, content)
    lacking = [c for c in wanted if c not in frame.columns]
    if lacking:
        raise UserError(f"{part.name}: lacks the column {', '.join(lacking)}. Expected: {', '.join(wanted)}.")
    unknown = tuple(c for c in frame.columns if c not in wanted)
    frame = frame.select(wanted).with_columns(file=pl.lit(part.name), row=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
    return PartContent(part, sha256(content).hexdigest(), len(content), frame, unknown)


def _nothing(part: Part, columns: list[str]) -> pl.DataFrame:
    """A day may have had no activity and no usage; rosters and subscriptions are never empty."""
    if part.table in ("users", "subscriptions"):
        raise UserError(f"{part.name}: is empty (0 bytes). Deliver the file again.")
    return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))


# --- Parquet -----------------------------------------------------------------------------------------------------------


def _read_parquet(part: Part, content: bytes) -> pl.DataFrame:
    try:
        rows = parquet_metadata(content).num_rows
        if rows > len(content) * _MOST_ROWS_A_BYTE:
            raise UserError(f"{part.name}: claims {rows} rows in {len(content)} bytes. It was not loaded; deliver the file again.")
        frame = pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, pyarrow.ArrowException, OSError) as reason:
        raise UserError(f"{part.name}: is no readable Parquet ({type(reason).__name__}). Deliver the file again.") from None
    columns = SOURCE_ROWS[part.table].to_schema().columns
    for name, given in frame.schema.items():
        if name not in columns:
            continue
        wanted = columns[name].dtype.type
        if not _fits(given, wanted, name):
            raise UserError(f"{part.name}: column {name} has the type {given}; {wanted} or text is expected.")
    texts = [
        pl.col(name).cast(pl.String)
        for name, given in frame.schema.items()
        if name in columns and (given == pl.Null or isinstance(given, pl.Categorical | pl.Enum))
    ]
    return frame.with_columns(texts)


def parquet_metadata(content: bytes) -> pyarrow.parquet.FileMetaData:
    """What a Parquet file says of itself, without its rows."""
    return pyarrow.parquet.read_metadata(pyarrow.BufferReader(content))


def _fits(given: pl.DataType, wanted: pl.DataType, name: str) -> bool:
    if given == pl.String or given == pl.Null or isinstance(given, pl.Categorical | pl.Enum) or given == wanted:
        return True
    if name.startswith("unit_price_"):
        return isinstance(given, pl.Decimal) or given.is_integer()
    if wanted.is_integer():
        return given.is_integer()
    return wanted == pl.Datetime and isinstance(given, pl.Datetime)


# --- CSV ---------------------------------------------------------------------------------------------------------------


def _read_csv(part: Part, content: bytes) -> pl.DataFrame:
    text = _text(part, content)
    header, *_ = text.split("\n", 1)
    names = next(csv.reader([header.rstrip("\r")]), [])
    repeated = sorted({n for n in names if names.count(n) > 1})
    if repeated:
        raise UserError(f"{part.name}, line 1: the column {', '.join(repeated)} is there twice.")
    if not names or not any(names):
        raise UserError(f"{part.name}, line 1: the header is missing.")
    has_quotes = '"' in text or "\r" in text.replace("\r\n", "\n")
    return _quoted_rows(part, text, names) if has_quotes else _plain_rows(part, text, names)


def _text(part: Part, content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UserError(f"{part.name}, line 1: is UTF-16. Write it as UTF-8.")
    nul = content.find(b"\0")
    if nul >= 0:
        line = content.count(b"\n", 0, nul) + 1
        raise UserError(f"{part.name}, line {line}: has a NUL byte. Deliver the file again.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        line = content.count(b"\n", 0, reason.start) + 1
        raise UserError(f"{part.name}, line {line}: is not UTF-8 (perhaps Latin-1). Write it as UTF-8.") from None


def _plain_rows(part: Part, text: str, names: list[str]) -> pl.DataFrame:
    """Rows of a file without any quote: a line is a row and a comma ends a cell, so counting commas checks the shape."""
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")[1:]
    rows = pl.Series("line", lines, dtype=pl.String)
    long = (rows.str.len_bytes() > _LARGEST_FIELD).arg_true()
    if len(long):
        raise UserError(f"{part.name}, line {long[0] + 2}: is longer than {_LARGEST_FIELD} characters. Deliver the file again.")
    commas = rows.str.count_matches(",", literal=True)
    wrong = (commas != len(names) - 1).arg_true() if len(names) > 1 else (rows == "").arg_true()
    if len(wrong):
        raise _ragged(part, wrong[0] + 2, commas[wrong[0]] + 1 if lines[wrong[0]] else 0, len(names))
    if len(names) == 1:
        return rows.to_frame(names[0])
    cells = rows.str.split_exact(",", len(names) - 1).struct.rename_fields(names).struct.unnest()
    return cells.with_columns(pl.when(pl.all() != "").then(pl.all()))


def _quoted_rows(part: Part, text: str, names: list[str]) -> pl.DataFrame:
    """Rows of a file with quotes, by RFC 4180: a quoted cell may hold commas, quotes and line breaks."""
    csv.field_size_limit(_LARGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows = []
    try:
        next(reader)
        for cells in reader:
            if len(cells) != len(names):
                raise _ragged(part, reader.line_num, len(cells), len(names))
            rows.append([cell or None for cell in cells])
    except csv.Error as reason:
        raise UserError(f"{part.name}, line {reader.line_num}: {reason}. Check the quotes around there.") from None
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def _ragged(part: Part, line: int, found: int, expected: int) -> UserError:
    what = "is blank" if found == 0 else f"has {found} cells"
    return UserError(f"{part.name}, line {line}: {what}; {expected} are expected. Deliver the file again.")
