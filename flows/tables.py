"""Tables as wide as they may be: on a terminal within its width, into a pipe or a file as wide as they are.

Nothing is cut short. What does not fit is wrapped between words; then columns that can be spared go, and it is said which; then each row is
written as a list of its columns. A number, an id or a date is never broken.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.endings import tell_nothing_more
from flows.printable import printable

_GAP = 2
_ENDLESS = 1_000_000  # columns: a pipe has no width
# Controls that move a cursor, colour a screen or turn the direction of writing; a source may hold any of them.


class Stdout(Console):
    """Where tables go. Who no longer reads has read enough: what was asked is done all the same, and ends as if all had been read."""

    def on_broken_pipe(self) -> None:
        tell_nothing_more()


def print_table(
    out: Console,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: Sequence[str] = (),
    spare: Sequence[str] = (),
    headed: bool = True,
) -> None:
    """Print rows under their columns; `right` are aligned so, `spare` may be left out on a narrow terminal, the first of them first."""
    cells = [["" if cell is None else printable(str(cell)) for cell in row] for row in rows]
    room = out.width if out.is_terminal else _ENDLESS
    names, left_out = [printable(name) for name in columns], []
    widths = widths_that_fit(names, cells, room)
    for spared in spare:
        if widths is not None:
            break
        at = names.index(spared)
        left_out.append(names.pop(at))
        cells = [row[:at] + row[at + 1 :] for row in cells]
        widths = widths_that_fit(names, cells, room)
    if widths is None:
        _print_row_by_row(out, names, cells)
    else:
        wide = out if out.is_terminal else Stdout(file=out.file, width=_ENDLESS, color_system=None, highlight=False)
        wide.print(_table(names, cells, widths, right, headed))
    if left_out:
        out.print(Text(f"Left out for want of width: {', '.join(left_out)}.", "dim"), soft_wrap=True)


def print_wrapped(out: Console, line: str) -> None:
    """Print a line; on a terminal it is wrapped between words, and what follows its first row is set in as far and a little more."""
    seen = printable(line)
    within = len(seen) - len(seen.lstrip())
    rows = wrap(seen, out.width, subsequent_indent=" " * (within + 2), break_long_words=False, break_on_hyphens=False)
    for row in rows if out.is_terminal else [seen]:
        out.print(Text(row), soft_wrap=True)


def widths_that_fit(names: Sequence[str], cells: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """How wide each column is to be; None where not even the longest words fit beside each other."""
    whole = [max([cell_len(name), *(cell_len(row[n]) for row in cells)]) for n, name in enumerate(names)]
    words = [max([cell_len(name), *(_longest_word(row[n]) for row in cells)]) for n, name in enumerate(names)]
    left = room - _GAP * (len(names) - 1)
    if sum(whole) <= left:
        return whole
    if sum(words) > left:
        return None
    widths, left = list(words), left - sum(words)
    for n in sorted(range(len(names)), key=lambda n: whole[n] - words[n]):  # what needs least first: the rest share what is left
        wanting = [m for m in range(len(names)) if widths[m] < whole[m]]
        if n in wanting:
            given = min(whole[n] - words[n], left // len(wanting) if wanting else 0)
            widths[n], left = widths[n] + given, left - given
    return widths


def _longest_word(cell: str) -> int:
    return max((cell_len(word) for word in cell.split()), default=0)


def _table(names: Sequence[str], cells: Sequence[Sequence[str]], widths: list[int], right: Sequence[str], headed: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", show_header=headed, padding=(0, _GAP, 0, 0))
    for name, width in zip(names, widths, strict=True):
        table.add_column(Text(name), justify="right" if name in right else "left", width=width, overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _print_row_by_row(out: Console, names: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """Each row as a list of its columns; a long value runs on, and the terminal breaks the line where it likes."""
    widest = max(map(cell_len, names))
    for n, row in enumerate(cells, 1):
        out.print(Text(f"row {n}", "dim"))
        for name, cell in zip(names, row, strict=True):
            out.print(Text.assemble((f"  {name}{' ' * (widest - cell_len(name))}  ", "dim"), cell), soft_wrap=True)
