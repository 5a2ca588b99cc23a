"""A CSV file's cells, exactly as they are written: RFC 4180, UTF-8, nothing guessed and nothing repaired."""

from __future__ import annotations

import csv
import io

import polars as pl

from flows.errors import UserError
from transforms.contracts.sources import LARGEST_CELL, SOURCE_ROWS
from transforms.many import many

_SMALL = 100_000  # bytes: line by line in Python is quicker than a dozen questions to Polars
_NO_COMMAS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def rows_of_csv(name: str, table: str, content: bytes) -> pl.DataFrame:
    """The cells of a file, as text; an empty cell is null.

    Raises: UserError naming the line, for what is no CSV of that many cells a row. No value is ever shown.
    """
    text = _text(name, content)
    lines = _lines(text)
    names = _header(name, table, lines[0].removesuffix("\r"))
    if len(content) < _SMALL and '"' not in lines[0] and (small := _row_a_line(lines[1:], names)) is not None:
        return small
    rows = pl.Series("line", lines[1:], dtype=pl.String)
    is_special = rows.str.contains_any(['"', "\r"])
    if not is_special.any():
        return _plain_rows(name, rows, pl.int_range(2, len(rows) + 2, eager=True), names)
    special = None if '"' in lines[0] else _row_a_line(rows.filter(is_special).to_list(), names)
    return _quoted_rows(name, text, names) if special is None else _together(name, rows, is_special, special)


def _lines(text: str) -> list[str]:
    """The lines of a file, without their ends; where a quoted cell has line breaks, it is in several."""
    lines = text.removesuffix("\n").split("\n")
    return [line.removesuffix("\r") for line in lines] if "\r\n" in text else lines


def _header(name: str, table: str, line: str) -> list[str]:
    """The columns' names. A name that no contract knows may be a value of a file without a header: it is never shown."""
    if "\r" in line:
        raise UserError(f"{name}, line 1: lines end in CR alone. Write them with LF or CRLF.")
    try:
        names = next(csv.reader([line], strict=True), [])
    except csv.Error as reason:
        raise UserError(f"{name}, line 1: {reason}. Check the quotes in the header.") from None
    _require_commas(name, table, names)
    if not any(names):
        raise UserError(f"{name}, line 1: the header is missing.")
    repeated = {column for column in names if names.count(column) > 1}
    if repeated:
        known = [column for column in SOURCE_ROWS[table].names() if column in repeated]
        what = f"the column {', '.join(known)}" if known else "a column that no contract knows"
        raise UserError(f"{name}, line 1: {what} is there twice. Is the header missing?")
    return names


def _require_commas(name: str, table: str, names: list[str]) -> None:
    """What is between the cells of a header that is one cell of several known names is told."""
    for separator, word in _NO_COMMAS.items():
        parts = names[0].split(separator) if len(names) == 1 else []
        if len(parts) > 1 and not {*parts}.isdisjoint(SOURCE_ROWS[table].names()):
            raise UserError(f"{name}, line 1: has {word} between its cells; commas are expected. Write it with commas.")


def _text(name: str, content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UserError(f"{name}, line 1: is UTF-16. Write it as UTF-8.")
    nul = content.find(b"\0")
    if nul >= 0:
        line = content.count(b"\n", 0, nul) + 1
        raise UserError(f"{name}, line {line}: has a NUL byte. Deliver the file again.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        line = content.count(b"\n", 0, reason.start) + 1
        raise UserError(f"{name}, line {line}: is not UTF-8 (perhaps Latin-1). Write it as UTF-8.") from None


def _plain_rows(name: str, rows: pl.Series, numbers: pl.Series, names: list[str]) -> pl.DataFrame:
    """Lines without any quote: a line is a row and a comma ends a cell, so counting commas checks the shape. `numbers` are the lines'."""
    long = (rows.str.len_bytes() > LARGEST_CELL).arg_true()
    if len(long):
        raise UserError(f"{name}, line {numbers[long[0]]}: is longer than {LARGEST_CELL} characters. Deliver the file again.")
    commas = rows.str.count_matches(",", literal=True)
    wrong = (commas != len(names) - 1).arg_true() if len(names) > 1 else (rows == "").arg_true()
    if len(wrong):
        raise _ragged(name, numbers[wrong[0]], commas[wrong[0]] + 1 if rows[wrong[0]] else 0, len(names))
    if len(names) == 1:
        return rows.to_frame(names[0])
    cells = rows.str.split_exact(",", len(names) - 1).struct.rename_fields(names).struct.unnest()
    return cells.with_columns(pl.when(pl.all() != "").then(pl.all()))


def _row_a_line(lines: list[str], names: list[str]) -> pl.DataFrame | None:
    """The rows of some lines, if each of them is a row for itself; else, and where anything is wrong, none."""
    if any(line.count('"') % 2 or len(line.encode()) > LARGEST_CELL for line in lines):
        return None
    csv.field_size_limit(LARGEST_CELL)
    reader, rows = csv.reader(lines, strict=True), []
    try:
        for number, cells in enumerate(reader, 1):
            if reader.line_num != number or len(cells) != len(names):
                return None
            rows.append([cell or None for cell in cells])
    except csv.Error:
        return None
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def _together(name: str, rows: pl.Series, is_special: pl.Series, special: pl.DataFrame) -> pl.DataFrame:
    """The rows of lines without quotes, which cost little, and of `special` ones with, in their order."""
    numbers = pl.int_range(2, len(rows) + 2, eager=True)
    plain = _plain_rows(name, rows.filter(~is_special), numbers.filter(~is_special), special.columns)
    place = pl.select(pl.when(is_special).then(is_special.cum_sum() + plain.height).otherwise((~is_special).cum_sum()) - 1).to_series()
    return pl.concat([plain, special], rechunk=True)[place]


def _quoted_rows(name: str, text: str, names: list[str]) -> pl.DataFrame:
    """Rows of a file with quotes, by RFC 4180: a quoted cell may hold commas, quotes and line breaks."""
    csv.field_size_limit(LARGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline="\n"), strict=True)
    rows = []
    try:
        next(reader)
        begins = reader.line_num + 1
        for cells in reader:
            if len(cells) != len(names):
                raise _ragged(name, reader.line_num, len(cells), len(names))
            rows.append([cell or None for cell in cells])
            begins = reader.line_num + 1
    except csv.Error as reason:
        goes_on = f", in a row that goes on to line {reader.line_num}" if reader.line_num > begins else ""
        raise UserError(f"{name}, line {begins}: {reason}{goes_on}. Check the quotes there.") from None
    found = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    long = found.select(pl.any_horizontal(pl.all().str.len_bytes() > LARGEST_CELL).arg_true()).to_series()
    if len(long):
        raise UserError(f"{name}, row {long[0] + 1}: has a cell of over {LARGEST_CELL} bytes. Deliver the file again.")
    return found


def _ragged(name: str, line: int, found: int, expected: int) -> UserError:
    is_or_are = "is" if expected == 1 else "are"
    what = f"has {many(found, 'cell')}; {expected}" if found else f"is blank; {many(expected, 'cell')}"
    return UserError(f"{name}, line {line}: {what} {is_or_are} expected. Deliver the file again.")
