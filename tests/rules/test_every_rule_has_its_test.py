"""No rule without a test that bears its name."""

import ast
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SECTIONS = {
    "1 days and occupancy": "D1 D2 D3 D4 D5 D6 D7",
    "2 plans": "S2",
    "3 terms": "T1 T2 T3 T4 T5 T6 T7 T8 T9 T10",
    "4 charges": "S4_opening S4_seats_added S4_seats_removed S4_reactivated S4_seats_reduced S4_plan_switch "
    "S4_committed_seats S4_charges_alike S4_formula",
    "5 invoices": "I1 I2 I3 I4 I5 I6 I7 I8 I9",
    "7 never guessed": "G2 G5 G6",
    "8 settled": "D6_settled S2_settled T3_settled T5_settled T6_settled T7_settled T8_settled T9_settled T10_settled S4_settled "
    "I3_settled I4_settled I7_settled G2_settled catalogues_settled",
}
WHERE_FILES_COME_IN = ["G1", "G3", "G4"]


@cache
def names_of_tests(folder: Path) -> set[str]:
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in folder.rglob("test_*.py"))
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize("rule", [rule for rules in SECTIONS.values() for rule in rules.split()])
def test_every_rule_has_a_test_named_after_it(rule: str) -> None:
    assert any(name.startswith(f"test_{rule}_") for name in names_of_tests(HERE))


@pytest.mark.parametrize("rule", WHERE_FILES_COME_IN)
def test_every_rule_about_files_has_a_test_named_after_it_anywhere(rule: str) -> None:
    assert any(name.startswith(f"test_{rule}_") for name in names_of_tests(HERE.parent))


def test_no_two_tests_of_the_rules_have_the_same_name() -> None:
    nodes = [node for path in HERE.glob("test_*.py") for node in ast.parse(path.read_text(encoding="utf-8")).body]
    names = [node.name for node in nodes if isinstance(node, ast.FunctionDef)]
    assert len(names) == len(set(names))
