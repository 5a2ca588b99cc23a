"""The walls of the house: who may import whom, and what the middle may not touch."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TRANSFORMS = sorted((ROOT / "transforms").rglob("*.py"))
FLOWS = sorted((ROOT / "flows").glob("*.py"))
STAGES_PUT_TOGETHER = {"transforms.billing", "transforms.shown", "transforms.explanation", "transforms.preview"}
SHARED = {
    "transforms.money",
    "transforms.money_text",
    "transforms.calendar",
    "transforms.catalog",
    "transforms.nearest",
    "transforms.many",
    "transforms.daily_seats",
    "transforms.agreed_seats",
    "transforms.policy",
    "transforms.roster_months",
    "transforms.found_again",
    "transforms.roster_stays",
    "transforms.sorted_rows",
    "transforms.plain_text",
}


def imported_by(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def roots(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("path", TRANSFORMS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_the_middle_is_pure(path: Path) -> None:
    """No file, clock, network, randomness, process, Prefect or DuckDB in transforms."""
    world = {
        "os",
        "io",
        "pathlib",
        "shutil",
        "socket",
        "urllib",
        "random",
        "secrets",
        "time",
        "subprocess",
        "prefect",
        "duckdb",
        "requests",
        "tempfile",
        "logging",
    }
    assert roots(imported_by(path)).isdisjoint(world | {"flows", "reports"})
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\b(read_csv|read_parquet|scan_\w+|write_\w+|sink_\w+|open|print|today|now)\(", text)


@pytest.mark.parametrize("path", [p for p in TRANSFORMS if p.parent.name != "contracts"], ids=lambda p: p.stem)
def test_a_stage_knows_contracts_and_shared_words_but_no_other_stage(path: Path) -> None:
    module = f"transforms.{path.stem}"
    if module in STAGES_PUT_TOGETHER:
        return
    others = {f"transforms.{p.stem}" for p in TRANSFORMS if p.parent.name != "contracts" and p.stem != "__init__"} - {module} - SHARED
    stories = {"transforms.schedule", "transforms.renewals", "transforms.unasked"}  # one file's, played by others, kept by the last
    allowed = stories if module in ("transforms.terms", "transforms.schedule", "transforms.unasked") else set()
    assert imported_by(path) & (others - allowed) == set()


@pytest.mark.parametrize("path", [p for p in TRANSFORMS if p.parent.name == "contracts"], ids=lambda p: p.stem)
def test_contracts_know_bounds_and_words_only(path: Path) -> None:
    ours = {name for name in imported_by(path) if name.startswith("transforms.") and not name.startswith("transforms.contracts")}
    assert all(name.startswith(("transforms.money", "transforms.catalog")) for name in ours)


def test_only_what_runs_shows_serves_and_notifies_knows_prefect() -> None:
    assert [p.name for p in FLOWS if "prefect" in roots(imported_by(p))] == [
        "artifacts.py",
        "cluster.py",
        "deploy.py",
        "notifications.py",
        "operated.py",
        "serving.py",
    ]


def test_one_file_reads_the_clock() -> None:
    reads = re.compile(r"\b(datetime|date)\.(now|today|utcnow)\(|\btime\.time(_ns)?\(|\bfrom time import")
    assert [p.name for p in FLOWS if reads.search(p.read_text(encoding="utf-8"))] == ["clock.py"]


def test_only_what_keeps_publishes_checks_and_shows_knows_duckdb() -> None:
    assert [p.name for p in FLOWS if "duckdb" in roots(imported_by(p))] == [
        "damage.py",
        "finance_tables.py",
        "ledger.py",
        "ledger_reader.py",
        "ledger_versions.py",
        "memory_of_duckdb.py",
        "month_reports.py",
        "months_changed.py",
        "overview.py",
        "page.py",
        "page_rendering.py",
        "publish.py",
        "questions.py",
        "receipts.py",
        "report_export.py",
        "unchanged.py",
        "verify.py",
    ]


def test_no_code_names_a_vendor() -> None:
    """Policy is data: a vendor's difference is a catalogue key (data/catalogs), never a branch."""
    vendors = [path.stem for path in (ROOT / "data" / "catalogs").glob("*.toml")]
    assert vendors
    for path in [*TRANSFORMS, *FLOWS, *(ROOT / "reports").rglob("*.sql")]:
        assert not any(vendor in path.read_text(encoding="utf-8").lower() for vendor in vendors), path


def test_no_float_touches_money() -> None:
    for path in TRANSFORMS:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), f"{path}: {ast.unparse(node)}"
            assert not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)), f"{path}: {ast.unparse(node)}"
            assert not (isinstance(node, ast.Attribute) and node.attr in ("Float64", "Float32", "truediv", "mean")), path


def test_the_code_keeps_the_rules_of_style() -> None:
    said = subprocess.run([sys.executable, "-m", "ruff", "check", "--quiet", ROOT], capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr


def test_a_function_fits_a_screen_and_a_file_holds_one_idea() -> None:
    for path in [*TRANSFORMS, *FLOWS]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert path.read_text(encoding="utf-8").count("\n") <= 350, path
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 70, f"{path}: {node.name}"


def test_every_public_function_of_the_middle_says_what_it_does() -> None:
    for path in TRANSFORMS:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path}: {node.name}"
