"""docs/faults.md names a test for every row of the fault table, and each of them is there."""

from __future__ import annotations

import re

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(?:(\w+/\w+\.py))?(?:::)?(test_\w+)(…?)`")


def named_tests() -> list[tuple[str, str]]:
    """File and test as the page names them; without a file it is that of the test before; … stands for the rest of a name."""
    found, file = [], ""
    for other, name, rest in NAMED.findall(PAGE):
        file = other or file
        found.append((file, "def " + name + (r"\w*" if rest else "") + r"\("))
    return found


def test_every_test_that_the_page_names_is_there() -> None:
    assert len(named_tests()) > 60
    missing = [(file, name) for file, name in named_tests() if not re.search(name, (ROOT / "tests" / file).read_text(encoding="utf-8"))]
    assert missing == []


def test_every_row_of_the_table_is_there_and_names_a_test() -> None:
    rows = {int(number): line for line in PAGE.splitlines() for number in re.findall(r"^\| (\d+) \|", line)}
    assert list(rows) == list(range(1, 45))
    assert [number for number, line in rows.items() if not NAMED.search(line)] == []
    assert "not yet" not in PAGE.lower()
