"""Whatever happens to a source: the right invoices for everyone who is not named, or a user's error and nothing changed.

`pytest` damages 20 sources; `SEATLEDGER_FUZZ=5000 pytest -m long tests/faults` as many as one likes.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import duckdb
import polars as pl
import pytest

from flows import kept_rosters, roster_intake
from flows.errors import UserError
from flows.ingest import IngestRequest
from flows.pipeline import bill as decide
from flows.pipeline import bring_in, save
from flows.requests import BillRequest
from flows.run import open_run
from tests.conftest import Product
from tests.faults.conftest import what_is_kept
from tests.faults.fuzz import BILLED, LAST, WORKSPACES, Case, damaged, valid_source

FEW, MANY = 10, int(os.environ.get("SEATLEDGER_FUZZ", "2000"))
SOURCES = 3
# A finding of one of these explains why a workspace is billed otherwise. (A seat limit or a disagreement never does.)
EXPLAINS = ("vanished", "event_refused", "event_without_effect", "unknown_subscription", "no_subscription", "no_roster")
LINES = """select workspace_id, subscription_id, invoice_on::varchar, reason, moved_on::varchar, service_from::varchar, service_until::varchar, plan,
                  quantity, quantity_billed_before, days, period_days, unit_price_minor, amount_minor, is_correction from invoice_lines order by all"""
HOLDS = 'select workspace_id, reason, since_on::varchar, detail, mend, file, "row" from holds order by all'
FINDINGS = "select finding, workspace_id, subscription_id, day::varchar, detail from exceptions order by all"


class Undamaged(NamedTuple):
    """A valid source's invoices: billed half way, and to the end."""

    home_half_way: Path
    half_way: list[tuple]
    whole: list[tuple]
    findings: Counter


@pytest.fixture(scope="session")
def undamaged(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Undamaged]:
    found = {}
    for seed in range(SOURCES):
        root = tmp_path_factory.mktemp("undamaged")
        source, product = valid_source(seed).write(root / "source"), Product(root / "home", writes_reports=True)
        assert product.run(source, BILLED).held == ()
        half_way = product.table(LINES).rows()
        shutil.copytree(root / "home", root / "half way")
        product.run(source, LAST)
        found[seed] = Undamaged(root / "half way", half_way, product.table(LINES).rows(), Counter(product.table(FINDINGS).rows()))
        assert len(half_way) > 2
        assert {line[0] for line in found[seed].whole} == set(WORKSPACES)
    return found


class Seen(NamedTuple):
    """What a run left to be seen: every line issued, the holds, the findings."""

    lines: list[tuple]
    holds: list[tuple]
    findings: Counter

    @property
    def held(self) -> set[str]:
        return {workspace for workspace, *_ in self.holds}


def bill(product: Product, source: Path, *, supersede: bool, publishes: bool) -> Seen:
    """Ingest and bill everything. Most cases look at what would be published, and leave it at that: publishing takes as long again."""
    if publishes:
        product.run(source, LAST, supersede=supersede)
        return Seen(product.table(LINES).rows(), product.table(HOLDS).rows(), Counter(product.table(FINDINGS).rows()))
    with open_run("run", product.setting) as run, duckdb.connect() as look:
        bring_in(run, IngestRequest(source, last=LAST, supersede=supersede))
        decide(run, BillRequest(LAST))
        save(run)
        for name in ("holds", "exceptions"):
            look.register(name, pl.concat(run.shelf.frames(f"shown {name}")).to_arrow())
        holds, findings = (look.execute(query).fetchall() for query in (HOLDS, FINDINGS))
        return Seen(run.ledger.connection.execute(LINES).fetchall(), holds, Counter(findings))


def of(workspace: str, lines: list[tuple]) -> list[tuple]:
    return [line for line in lines if line[0] == workspace]


def check(seed: int, undamaged: dict[int, Undamaged], tmp_path: Path) -> str:
    """Damage a source and bill it, on a new home or on one that has billed half of it. Returns how it ended."""
    expected = undamaged[seed % SOURCES]
    case = damaged(valid_source(seed % SOURCES), seed)
    way = case.rng.choice(["new", "new", "half way", "superseding"])
    product = Product(tmp_path / "home", writes_reports=True)
    if way != "new":
        shutil.copytree(expected.home_half_way, tmp_path / "home")
    before = what_is_kept(product)
    source = case.write(tmp_path / "source")
    is_missing = any(way == "new" or day > BILLED for day in case.gone)
    is_other = way == "half way" and any(file.day and file.day <= BILLED for file in case.touched)
    try:
        seen = bill(product, source, supersede=way == "superseding", publishes=seed % 10 == 0)
    except UserError as error:
        said = str(error)
        assert what_is_kept(product) == before
        assert "\n" not in said.strip()
        reasons = [*case.refuses, *["users are missing"] * is_missing, *["came before with other content"] * is_other]
        assert any(reason in said for reason in reasons), f"refused without need: {said}"
        return "refused"
    assert not case.refuses, f"not refused for {case.refuses}"
    assert not is_missing, "a day is missing, and nobody said so"
    assert not is_other or case.gone, "other content was taken without --supersede"
    end = judge(case, seen, expected, [] if way == "new" else expected.half_way)
    if end == "held":
        sound = valid_source(seed % SOURCES).write(tmp_path / "sound")
        judge_repair(case, seen, bill(product, sound, supersede=True, publishes=seed % 10 == 0), expected)
    return end


def judge_repair(case: Case, before: Seen, after: Seen, expected: Undamaged) -> None:
    """G2: once the cause is mended the next run bills what was held, exactly as if it had never happened."""
    assert after.holds == []
    for workspace in (before.held - case.moved) | (set(WORKSPACES) - case.names):
        ours, theirs = of(workspace, after.lines), of(workspace, expected.whole)
        assert ours == theirs, f"{workspace} is billed otherwise than if it had never been held"


def judge(case: Case, seen: Seen, expected: Undamaged, issued: list[tuple]) -> str:
    lines, held = seen.lines, seen.held
    new = seen.findings - expected.findings
    named = {workspace for finding, workspace, *_ in new if finding in EXPLAINS}
    assert Counter(issued) - Counter(lines) == Counter(), "an issued invoice changed"
    assert case.holds <= held, f"held are only {held}"
    assert case.names <= held | named, f"named are only {held | named}"
    for workspace in WORKSPACES:
        if workspace in held:
            assert workspace in case.holds | case.names, f"{workspace} is held without need"
            assert of(workspace, lines) == of(workspace, issued), f"{workspace} is held and was billed"
        elif workspace not in case.names:
            assert of(workspace, lines) == of(workspace, expected.whole), f"{workspace} is billed otherwise, and nothing says why"
    assert {line[0] for line in lines} <= set(WORKSPACES) | named
    assert all(reason and since and detail and mend for _, reason, since, detail, mend, *_ in seen.holds)
    assert all(file and row for _, reason, _, _, _, file, row in seen.holds if reason in ("broken_row", "event_contradicts"))
    return "held" if held else "reported" if named else "unharmed"


def run(seed: int, undamaged: dict[int, Undamaged], tmp_path: Path) -> str:
    """Every eighth case reads its rosters as those of large months are read, share by share, from their files; half of these keep them in two buckets."""
    told = damaged(valid_source(seed % SOURCES), seed).told
    try:
        is_large, in_buckets = seed % 8 == 3, seed % 16 == 3
        with (
            mock.patch.object(roster_intake, "_SMALL_MONTH", 0 if is_large else roster_intake._SMALL_MONTH),
            mock.patch.object(kept_rosters, "buckets_for_users", lambda _: 2 if in_buckets else 1),
        ):
            return check(seed, undamaged, tmp_path)
    except BaseException as error:
        error.add_note(f"seed {seed}: {'; '.join(told)}")
        raise
    finally:
        shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.mark.parametrize("seed", range(FEW))
def test_a_damaged_source_is_billed_right_or_named_or_refused(seed: int, undamaged: dict[int, Undamaged], tmp_path: Path) -> None:
    run(seed, undamaged, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10_000, 10_000 + MANY))
def test_thousands_of_damaged_sources(seed: int, undamaged: dict[int, Undamaged], tmp_path: Path) -> None:
    run(seed, undamaged, tmp_path)
