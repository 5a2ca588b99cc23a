"""docs/operations.md, typed as it stands: its `sh` blocks in order, in one shell, in an empty folder that has a source."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click import Command

from flows.cli import seatledger
from tests.conftest import ROOT, SAMPLE

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_every_block_does_what_it_is_there_for(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE, tmp_path / "source")
    script = "set -eu\n" + "\n".join(block for kind, block in BLOCKS if kind == "sh")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SEATLEDGER_", "PREFECT_"))}
    environment |= {"PATH": f"{Path(sys.executable).parent}:{environment['PATH']}", "PYTHONPATH": str(ROOT), "COLUMNS": "160"}
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Would bill through 2026-03-31:" in done.stdout
    assert done.stdout.count("all well.") == 3
    assert "WRONG" not in done.stdout
    assert "Billed through 2026-05-31:" in done.stdout
    assert (tmp_path / "ours.csv").read_text().startswith("workspace_id,invoice_on,net,currency\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["books", "catalogs", "our-lines.csv", "ours.csv", "source"]


def test_every_command_and_option_that_it_names_is_there() -> None:
    told = [line for _, block in BLOCKS for line in block.splitlines() if re.search(r"(^|\$ )seatledger ", line)]
    assert len(told) > 15
    for line in told:
        name, *rest = re.split(r"\s+", line.partition("seatledger ")[2])
        command = seatledger.commands[name]
        assert isinstance(command, Command)
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= known, line
