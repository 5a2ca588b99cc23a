"""An analyst's SQL on the finance database: read only, without files, network or settings. A convenience, not a wall.

Who can run this can also open the file itself; it keeps from accidents, and from pasted queries that reach for other files.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from flows.damage import MADE_ANEW
from flows.endings import write_out
from flows.errors import UserError, WrongUsage, is_for_want_of_memory, why_not_opened
from flows.home import Home

if TYPE_CHECKING:
    import polars as pl

Finance = duckdb.DuckDBPyConnection
_ONLY_DUCKDBS = {"INTERVAL", "UNION", "BIT", "BLOB", "BIGNUM", "VARINT", "TIME WITH TIME ZONE", "VARIANT"}
_CANNOT_BE_SHOWN = "the query was answered, but has values that no date, time or number is as wide as. Ask for them as text: (column)::varchar"
_LOCKED_DOWN = {
    "enable_external_access": "false",  # no other file, no network, no attach
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",  # no variable of this program either
}


def open_finance(home: Home, threads: int | None = None) -> Finance:
    """The finance database, for reading alone; by so many threads, or as many as there are cores.

    Raises: UserError where there is none yet, or it is damaged.
    """
    home.require(home.finance)
    try:
        connection = duckdb.connect(str(home.finance), read_only=True, config=_LOCKED_DOWN | ({"threads": str(threads)} if threads else {}))
        connection.execute("set TimeZone = 'UTC'")  # the tables' times are, wherever this is read
        connection.execute("set lock_configuration = true")
    except duckdb.Error as reason:
        raise UserError(f"{home.finance}: cannot be opened: {why_not_opened(reason, MADE_ANEW)}") from None
    return connection


@contextmanager
def asked_of_finance(home: Home) -> Iterator[Finance]:
    """The same, for questions of our own, which ask for what this version publishes. Raises: UserError where it is not there."""
    with open_finance(home, threads=1) as finance:  # that are small: others would take longer to start than they save
        try:
            yield finance
        except duckdb.Error as reason:
            raise UserError(f"{home.finance}: cannot be read: {why_not_opened(reason, MADE_ANEW)}") from None


def rows_as_dicts(finance: Finance, sql: str) -> list[dict[str, object]]:
    """The rows of a question of our own, each by the names of its columns."""
    found = finance.execute(sql)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def answer(home: Home, sql: str) -> pl.DataFrame:
    """What one SELECT answers.

    Raises: UserError with what DuckDB says of a query that it cannot or may not run.
    """
    from polars.exceptions import PanicException, PolarsError

    with open_finance(home) as finance:
        try:
            if len(finance.extract_statements(sql)) > 1:
                raise UserError("the query was not answered: it is several queries. Ask one at a time.")
            relation = finance.sql(sql)
            if relation is None:
                raise UserError("that is no query: it returns no rows. Ask with SELECT, FROM, DESCRIBE, SHOW or SUMMARIZE.")
            found = _told_as_text(relation).pl()
            if all(map(_is_known_to_python, found)):
                return found
            raise UserError(_CANNOT_BE_SHOWN)
        except (PolarsError, PanicException, ValueError, OverflowError) as error:
            if is_for_want_of_memory(error):
                raise
            raise UserError(_CANNOT_BE_SHOWN) from None
        except duckdb.Error as reason:
            said = _only_read(str(reason)) or _with_the_nearest(str(reason).strip(), sql, finance)
            raise UserError(f"the query was not answered: {said}") from None


def _told_as_text(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """The same, columns of kinds that frames do not have as DuckDB writes them."""
    kinds = [str(kind).partition("(")[0] for kind in relation.types]
    if _ONLY_DUCKDBS.isdisjoint(kinds):
        return relation
    named = zip(relation.columns, kinds, strict=True)
    quoted = [(name.replace('"', '""'), "::varchar" if kind in _ONLY_DUCKDBS else "") for name, kind in named]
    return relation.project(", ".join(f'#{n}{cast} as "{name}"' for n, (name, cast) in enumerate(quoted, 1)))


def _is_known_to_python(column: pl.Series) -> bool:
    """Whether a column's days are those of the years 1 to 9999: DuckDB has others, and an end of time."""
    kind = str(column.dtype)
    if kind != "Date" and not kind.startswith("Datetime"):
        return True
    a_day = 1 if kind == "Date" else 86_400 * {"ms": 10**3, "us": 10**6, "ns": 10**9}[column.dtype.time_unit]
    first, last = (date.min - date(1970, 1, 1)).days * a_day, ((date.max - date(1970, 1, 1)).days + 1) * a_day - 1
    return column.to_physical().is_between(max(first, -(2**63)), min(last, 2**63 - 1)).all()


def _only_read(reason: str) -> str | None:
    """Of what DuckDB says of a query that would write: that none may, and what to do instead."""
    if "attached in read-only mode" in reason:
        return "it would change something. seatledger sql only reads: ask with SELECT, FROM, DESCRIBE, SHOW or SUMMARIZE."
    if "disabled by configuration" in reason:
        return "it reaches for other files. seatledger sql reads finance.duckdb alone, and writes CSV with: seatledger sql --format csv"
    return None


def _with_the_nearest(reason: str, sql: str, finance: Finance) -> str:
    """What DuckDB says; of a table or column that there is not, the nearest of ours and where to find them all."""
    from transforms.nearest import did_you_mean, nearest

    if table := re.match(r"Catalog Error: Table with name (.+) does not exist!", reason):
        ours = finance.execute("select distinct table_name from duckdb_columns() where not internal order by 1").fetchall()
        near = did_you_mean(table[1], (name for (name,) in ours))
        return f'a table with the name {table[1]} does not exist.{near} All of them: seatledger sql "show tables"'
    if column := re.search(r'(?:Referenced column|have a column named) "(.+?)"', reason):
        ours = finance.execute("select distinct table_name, column_name from duckdb_columns() where not internal order by all").fetchall()
        asked = {of for of, _ in ours if re.search(rf"\b{of}\b", sql, re.IGNORECASE)}
        near = did_you_mean(column[1], (name for of, name in ours if of in asked))
        best = nearest(column[1], (name for of, name in ours if of in asked), most=1)
        has_it = {of for of, name in ours if of in asked and name in best}
        return f'there is no column {column[1]}.{near} All of them: seatledger sql "describe {min(has_it or asked, default="invoices_v")}"'
    return reason


def write_answer(frame: pl.DataFrame, form: str) -> None:
    """Write an answer to stdout for other programs: CSV as the reports have it, or JSON with one object a row."""
    if form == "csv":
        from flows.spreadsheet_cells import without_formulas

        nested = [name for name, kind in frame.schema.items() if kind.is_nested()]
        if nested:
            raise UserError(f"the answer was not written: {nested[0]} holds lists or structs, which CSV has no cells for. Ask with --format json.")
        write_out(without_formulas(frame).write_csv(datetime_format="%Y-%m-%dT%H:%M:%SZ"))
    else:
        rows = [{name: _as_json(value) for name, value in row.items()} for row in frame.to_dicts()]
        write_out(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")


def _as_json(value: object) -> object:
    """A cell as JSON has it: whole numbers as they are, DECIMALs as text, days and times ISO; what is no number is null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list):
        return [_as_json(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _as_json(one) for name, one in value.items()}
    return str(value)


def form_of_answer(form: str | None, as_json: bool, is_read_by_a_person: bool) -> str:
    """How an answer is written: as asked, else as a table for a person and as CSV for a program. Raises: WrongUsage."""
    if as_json and form not in (None, "json"):
        raise WrongUsage(f"--json is --format json, and --format {form} was asked for, too. Leave one of them out.")
    return "json" if as_json else form or ("table" if is_read_by_a_person else "csv")


def query_from(argument: str | None, file: Path | None) -> str:
    """The query as typed, from a file, or from stdin (`-`). Raises: WrongUsage where there is none, or are two; UserError where it cannot be read."""
    if file and argument:
        raise WrongUsage(f"there are two queries, one typed and one in {file}. Leave one of them out.")
    if file:
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as reason:
            raise UserError(f"{file}: cannot be read: {reason.strerror if isinstance(reason, OSError) else 'it is not UTF-8'}.") from None
    if argument == "-":
        try:
            return sys.stdin.buffer.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise UserError("the query on stdin cannot be read: it is not UTF-8.") from None
    if not argument:
        raise WrongUsage(
            'name a query, as in: seatledger sql "select * from invoices_v limit 5". What there is: seatledger sql "show tables".'
        )
    if not argument.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in argument):
        raise UserError("the query has letters that this terminal's encoding does not say. Set LC_ALL=C.UTF-8, or put it in a file for --file.")
    return argument
