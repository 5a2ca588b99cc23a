"""What a table looks like on terminals of several widths, into a pipe, and with hostile text in it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from rich.console import Console

from flows.printable import printable
from flows.tables import print_table, print_wrapped, widths_that_fit
from tests.conftest import Product
from tests.flows.small_source import small_source
from tests.flows.test_cli import SEATLEDGER, seatledger

COLUMNS = ("line", "what", "amount")
ROWS = [("PIV-2026-000001-001", "two words and then some more of them", "1234567.89"), ("PIV-2026-000001-002", "short", "-0.01")]


def shown(width: int, rows=ROWS, columns=COLUMNS, *, terminal: bool = True, **options) -> list[str]:
    out = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None, highlight=False)
    print_table(out, columns, rows, right=("amount",), **options)
    return [line.rstrip() for line in out.file.getvalue().splitlines()]


def test_a_table_that_fits_has_a_line_a_row() -> None:
    assert shown(80) == [
        "line                 what                                      amount",
        "PIV-2026-000001-001  two words and then some more of them  1234567.89",
        "PIV-2026-000001-002  short                                      -0.01",
    ]


def test_on_a_narrow_terminal_words_are_wrapped_and_neither_ids_nor_amounts_are_broken() -> None:
    assert shown(46) == [
        "line                 what               amount",
        "PIV-2026-000001-001  two words and  1234567.89",
        "                     then some",
        "                     more of them",
        "PIV-2026-000001-002  short               -0.01",
    ]


def test_where_nothing_fits_each_row_is_a_list_of_its_columns() -> None:
    assert shown(30, ROWS[1:]) == ["row 1", "  line    PIV-2026-000001-002", "  what    short", "  amount  -0.01"]


def test_what_can_be_spared_goes_before_that_and_is_named() -> None:
    said = shown(30, ROWS[1:], spare=("what",))
    assert said == ["line                 amount", "PIV-2026-000001-002   -0.01", "Left out for want of width: what."]


@pytest.mark.parametrize("room", range(1, 90))
def test_no_width_is_wider_than_its_terminal_or_narrower_than_a_word(room: int) -> None:
    cells = [list(row) for row in ROWS]
    widths = widths_that_fit(COLUMNS, cells, room)
    assert (widths is None) == (room < 19 + 2 + 5 + 2 + 10)  # the longest words, "words", and the gaps
    if widths:
        assert sum(widths) + 4 <= room
        assert all(width >= len(word) for row in cells for cell, width in zip(row, widths, strict=True) for word in cell.split())


def test_into_a_pipe_nothing_is_wrapped_however_long() -> None:
    rows = [("x" * 300, "y y" * 300, "1")]
    assert shown(80, rows, terminal=False)[1] == f"{'x' * 300}  {'y y' * 300}       1"


def test_what_would_move_a_cursor_or_turn_the_writing_is_shown_by_its_number() -> None:
    assert printable("\x1b[31mred\a\nZoë \u202elive") == "\\x1b[31mred\\x07\\nZoë \\u202elive"
    assert shown(80, [("\x1b]0;title\x07", "[bold]not markup[/bold]", 1)])[1] == "\\x1b]0;title\\x07  [bold]not markup[/bold]       1"


def test_a_sentence_is_wrapped_between_words_and_set_in() -> None:
    for terminal, rows in ((True, ["  To mend: correct", "    the row."]), (False, ["  To mend: correct the row."])):
        out = Console(file=io.StringIO(), width=20, force_terminal=terminal, color_system=None, highlight=False)
        print_wrapped(out, "  To mend: correct the row.")
        assert out.file.getvalue().splitlines() == rows


def test_words_in_scripts_twice_as_wide_still_fit() -> None:
    assert shown(60, [("請求書", "座席", "1")])[1] == "請求書  座席       1"


# --- the command itself ---------------------------------------------------------------------------------------------------

_ON_A_TERMINAL = """
import fcntl, os, pty, struct, sys, termios
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[2], sys.argv[2:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, int(sys.argv[1]), 0, 0))
said = b""
try:
    while chunk := os.read(terminal, 65536):
        said += chunk
except OSError:
    pass
sys.stdout.buffer.write(said)
"""


def on_a_terminal(width: int, *arguments: object, **environment: str) -> str:
    """What the command writes on a terminal so wide."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")}
    environment = inherited | {"TERM": "xterm-256color", "LANG": "C.UTF-8"} | environment
    command = [sys.executable, "-c", _ON_A_TERMINAL, str(width), str(SEATLEDGER), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120).stdout.replace("\r\n", "\n")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("terminal")
    product = Product(root / "home")
    product.run(small_source(root / "source"), date(2026, 3, 5))
    return product.home.root


def test_on_a_terminal_of_80_columns_no_line_is_longer_and_every_amount_is_whole(home: Path) -> None:
    query = "select line_id, workspace_id, amount, description from invoice_lines_v"
    for arguments in (["status"], ["verify"], ["sql", query], ["sql", "from invoices_v"]):
        said = on_a_terminal(80, *arguments, "--home", home, NO_COLOR="1")
        assert max(map(len, said.splitlines())) <= 80, arguments
        assert "…" not in said
    (first,) = Product(home).table("select net_minor from invoices order by invoice_number limit 1").row(0)
    assert f"net_minor             {first}\n" in said


def test_no_color_leaves_no_escape_on_a_terminal_and_a_pipe_never_has_any(home: Path) -> None:
    assert "\x1b[" in on_a_terminal(80, "status", "--home", home)
    assert "\x1b" not in on_a_terminal(80, "status", "--home", home, NO_COLOR="1")
    said = seatledger("status", "--home", home, COLUMNS="20", FORCE_COLOR="").stdout
    assert said.isascii()
    assert "\x1b" not in said
    assert "finished (UTC)" in said  # as wide as it is, whatever COLUMNS says
