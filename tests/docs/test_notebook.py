"""docs/notebooks/finance.py: it runs on the sample from top to bottom, and shows what the database says. Only where marimo is installed."""

from __future__ import annotations

import importlib.util
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT

pytest.importorskip("marimo")
pytest.importorskip("altair")

NOTEBOOK = ROOT / "docs" / "notebooks" / "finance.py"


@pytest.fixture(scope="module")
def notebook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("finance_notebook", NOTEBOOK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_shows_the_months_bridge_and_the_first_customers_invoices(
    notebook: ModuleType, documented_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEATLEDGER_HOME", str(documented_home))
    outputs, names = notebook.app.run()
    bridge = dict(names["bridge"].iter_rows())
    assert bridge["closing"] == Decimal("2952.00")
    assert sum(amount for step, amount in bridge.items() if step != "closing") == bridge["closing"]
    assert names["month"].value == "2026-05"
    assert names["workspace"].value == "acme-robotics"
    assert names["days"].height == 151
    assert names["lines"]["amount"].to_list() == ["407.67"]
    assert dict(names["causes"].iter_rows()) == {"seats": "1380.82", "credits": "-1380.82"}
    assert len([one for one in outputs if one is not None]) >= 8
    with pytest.raises(Exception, match="read-only"):
        names["ask"]("delete from invoices")


def test_without_a_home_it_says_where_to_start(notebook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATLEDGER_HOME", str(tmp_path / "nowhere"))
    outputs, names = notebook.app.run()
    (said,) = [one for one in outputs if one is not None]
    assert "is not there" in said.text
    assert "seatledger demo" in said.text
    assert "ask" not in names
