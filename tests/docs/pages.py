"""Pages whose examples are run: each ```sql block is followed by its result as a table, each ```console block holds commands and what they print.

`written_anew` gives a page with the results that there are now. A test compares; `python -m tests.docs.refresh` writes.
In a console block a line that is only `…` stands for any lines left out.
"""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[2]
WIDTH = 110
_RESULT = r"\n(?:\|[^\n]*\n)+|\n\*No row\.\*\n"  # of a query; a table under a command is the page's own
_BLOCK = re.compile(rf"^```(sql|console)\n((?:(?!```).*\n)*)```\n((?:{_RESULT})?)", re.MULTILINE)
_LOG = re.compile(r"^\d\d:\d\d:\d\d  .*\n", re.MULTILINE)


def written_anew(page: str, folder: Path) -> str:
    """The page with every example run in a folder, where `warehouse` is the sample's home."""
    if not (folder / "data").exists():
        (folder / "data").symlink_to(ROOT / "data")  # commands are typed in the clone
    with duckdb.connect(str(folder / "warehouse" / "finance.duckdb"), read_only=True) as finance:
        finance.execute("set TimeZone = 'UTC'")
        run = {"sql": lambda body: _answered(finance, body), "console": lambda body: _typed(body, folder)}
        return _BLOCK.sub(lambda found: run[found[1]](found[2]) + (found[3] if found[1] == "console" else ""), page)


def queries(page: str) -> Iterator[tuple[str, str]]:
    """Every query of a page with the result printed under it."""
    for found in _BLOCK.finditer(page):
        if found[1] == "sql":
            yield found[2], (found[3] or "").strip("\n")


# --- SQL ------------------------------------------------------------------------------------------------------------------


def _answered(finance: duckdb.DuckDBPyConnection, sql: str) -> str:
    relation = finance.sql(sql)
    rows = relation.fetchall()
    return f"```sql\n{sql}```\n\n" + (_pipe_table(relation.columns, rows) if rows else "*No row.*\n")


def _pipe_table(names: list[str], rows: list[tuple]) -> str:
    is_number = [
        any(_is_number(row[n]) for row in rows) and all(row[n] is None or _is_number(row[n]) for row in rows) for n in range(len(names))
    ]
    lines = [names, *([_cell(value) for value in row] for row in rows)]
    rules = ["---:" if number else "---" for number in is_number]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (lines[0], rules, *lines[1:]))


def _is_number(value: object) -> bool:
    return not isinstance(value, bool | str) and value is not None and re.fullmatch(r"-?[\d.]+", str(value)) is not None


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")


# --- commands -------------------------------------------------------------------------------------------------------------


def _typed(body: str, folder: Path) -> str:
    parts = re.split(r"^\$ ", body, flags=re.MULTILINE)
    told = []
    for part in parts[1:]:
        command, shown = _command_and_output(part)
        now = run_command(command, folder)
        told.append(f"$ {command}\n{shown if _agrees(shown, now) else now}")
    return f"```console\n{''.join(told)}```\n"


def _command_and_output(part: str) -> tuple[str, str]:
    """A command goes on while its lines end in a backslash or a quote is open."""
    lines = part.splitlines(keepends=True)
    taken = 1
    while taken < len(lines) and (lines[taken - 1].endswith("\\\n") or "".join(lines[:taken]).count('"') % 2):
        taken += 1
    return "".join(lines[:taken]).rstrip("\n"), "".join(lines[taken:])


def _agrees(shown: str, now: str) -> bool:
    """Whether what is printed is what is shown, `…` standing for lines that are left out."""
    pattern = "".join("(?:.*\n)*" if line == "…" else re.escape(f"{line}\n") for line in shown.splitlines())
    return re.fullmatch(pattern, now) is not None


def run_command(command: str, folder: Path) -> str:
    """What a person sees who types a command on a terminal: without colours, log lines and blanks at line ends."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0), os.fdopen(theirs, "wb", buffering=0) as terminal:
        size = f"stty cols {WIDTH} rows 50; "
        process = subprocess.Popen(
            ["bash", "-c", size + command], cwd=folder, env=_environment(), stdin=theirs, stdout=theirs, stderr=theirs
        )
        said = _read_until_ended(ours, process)
        terminal.flush()
    text = re.sub(r"[ \t]+$", "", said.decode().replace("\r\n", "\n"), flags=re.MULTILINE)
    return _LOG.sub("", text)


def _read_until_ended(terminal: int, process: subprocess.Popen) -> bytes:
    said = b""
    while True:
        ready, _, _ = select.select([terminal], [], [], 0.05)
        if ready:
            said += os.read(terminal, 65536)
        elif process.poll() is not None:
            return said


def _environment() -> dict[str, str]:
    ours = ("COLUMNS", "FORCE_COLOR", "SEATLEDGER_HOME", "SEATLEDGER_CATALOGS")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    path = f"{Path(sys.executable).parent}:{kept['PATH']}"
    return kept | {"PATH": path, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "TERM": "xterm", "TZ": "UTC", "SEATLEDGER_PROGRESS": "off"}
