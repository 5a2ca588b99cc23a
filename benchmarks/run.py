"""Measure seatledger and its peers side by side, and write RESULTS.md.

    python -m benchmarks.run --seats 1000000 --workspaces 50000 --days 31 --times 3

Run it with the Python that has seatledger; `--peers` names the one that has the peers' packages (the extra `bench`).
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path

from benchmarks.machine import commit, java_version, machine, versions
from benchmarks.measure import Measured, measured
from benchmarks.results import page
from benchmarks.same import differences, rows_of_peer, rows_of_product
from benchmarks.scenarios import DONE, HERE, PEERS, SCENARIOS, Bench, Contender, NotPreparedError, Scenario, large

MEASURED_TOGETHER = {"whole", "stage"}
REFERENCE = ("duckdb_islands", "seatledger_stage")


def main() -> None:
    """Measure what is asked for; each scenario's figures replace its former ones in results.json."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what is being measured ends too
    a = _arguments()
    bench = Bench(a.seats, a.workspaces, a.days, a.work.resolve(), sys.executable, a.peers, _peers_there(a.peers, a.without))
    _compile()
    a.results.mkdir(parents=True, exist_ok=True)
    kept = a.results / "results.json"
    results = json.loads(kept.read_text()) if kept.exists() else {}
    for group in _groups(a):
        try:
            scenarios = [prepare(bench) for prepare in group]
        except NotPreparedError as reason:
            print(reason, file=sys.stderr)
            continue
        is_large = scenarios[0].name.startswith("large")
        results |= _results_of(scenarios, bench, 1 if is_large else a.times, a.limit)
        kept.write_text(json.dumps(results, indent=1) + "\n")
        (a.results / "RESULTS.md").write_text(page(results))
    drawn = subprocess.run(
        [a.peers, "-m", "benchmarks.draw", str(kept), str(a.results / "results.svg")], cwd=HERE, capture_output=True, text=True
    )
    if drawn.returncode:
        print(f"no picture: {drawn.stderr.strip().splitlines()[-1]}", file=sys.stderr)


def _compile() -> None:
    """Have the product and the peers compiled, as pip leaves what it installs."""
    subprocess.run([sys.executable, "-m", "compileall", "-q", "flows", "transforms", "reports", "data", "benchmarks"], cwd=HERE, check=True)


def _groups(a: argparse.Namespace) -> Iterator[list[Callable[[Bench], Scenario]]]:
    """Scenarios whose commands take turns with each other."""
    together = [SCENARIOS[name] for name in a.only if name in MEASURED_TOGETHER]
    if together:
        yield together
    for name in a.only:
        if name == "large":
            yield from ([partial(large, factor=factor)] for factor in a.factors)
        elif name not in MEASURED_TOGETHER:
            yield [SCENARIOS[name]]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__.split("\n")[0])
    parser.add_argument("--seats", type=int, default=1_000_000)
    parser.add_argument("--workspaces", type=int, default=50_000)
    parser.add_argument("--days", type=int, default=31)
    parser.add_argument("--times", type=int, default=3, help="how often each command runs")
    parser.add_argument("--only", default=",".join(SCENARIOS), help=f"of {', '.join(SCENARIOS)}, large; default: all but large")
    parser.add_argument("--factors", default="10,20", help="for large: how many times the seats; each runs once")
    parser.add_argument("--without", default="", help=f"peers to leave out, of {', '.join(name.rstrip('_') for name in PEERS)}")
    parser.add_argument("--peers", default=sys.executable, help="the Python that has the peers' packages")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "seatledger-benchmarks", help="for sources and homes")
    parser.add_argument("--results", type=Path, default=HERE / "benchmarks", help="where RESULTS.md, results.json, results.svg go")
    parser.add_argument("--limit", type=float, default=3600, help="seconds after which a command is stopped")
    a = parser.parse_args()
    a.only, a.without = a.only.split(","), a.without.split(",")
    a.factors = [int(factor) for factor in a.factors.split(",")]
    a.results = a.results.resolve()
    unknown = set(a.only) - {*SCENARIOS, "large"}
    if unknown:
        parser.error(f"no scenario is called {', '.join(sorted(unknown))}")
    return a


def _peers_there(python: str, without: list[str]) -> tuple[str, ...]:
    """The peers whose package that Python has."""
    there = versions(python)
    if not java_version():
        there.pop("pyspark", None)
    names = {name.rstrip("_"): package for name, (_, package) in PEERS.items()}
    return tuple(name for name, package in names.items() if package in there and name not in without)


# --- taking turns -----------------------------------------------------------------------------------------------------------


def _results_of(scenarios: list[Scenario], bench: Bench, times: int, limit: float) -> dict:
    """Run the contenders of all the scenarios in turn, as often as asked, and sort the figures by scenario."""
    contenders = {one.name: one for scenario in scenarios for one in scenario.contenders}
    about = {"on": str(date.today()), "machine": machine(), "versions": _versions(bench), "times": times, "command": _command()}
    figures = {name: {"label": one.label, "wall": [], "cpu": [], "peak": []} for name, one in contenders.items()}
    for turn in range(times):
        for name, one in contenders.items():
            if "note" not in figures[name]:
                _add(figures[name], _run(one, turn, limit))
    for name, same in _compared(contenders).items():
        figures[name]["same"] = same
    return {
        s.name: about
        | {"title": s.title, "about": s.about, "source": s.source, "notes": _absent(bench, s)}
        | {"contenders": {one.name: figures[one.name] for one in s.contenders}}
        for s in scenarios
    }


def _run(one: Contender, turn: int, limit: float) -> Measured:
    one.before()
    found = measured(one.command, HERE, limit)
    print(f"{turn + 1}  {one.label:40} {found.wall:8.2f} s  {found.peak / 2**30:6.2f} GiB  exit {found.exit_code}", flush=True)
    return found


def _add(figures: dict, found: Measured) -> None:
    if found.exit_code not in DONE:
        figures["note"] = f"ended with exit code {found.exit_code} after {found.wall:.0f} s, at {found.peak / 2**30:.1f} GiB"
        print(found.said.strip()[-2000:], file=sys.stderr)
        return
    if found.exit_code == 3:
        figures["held"] = True
    for key in ("wall", "cpu", "peak"):
        figures[key].append(round(getattr(found, key), 3))


def _compared(contenders: dict[str, Contender]) -> dict[str, bool]:
    """Whether each counted the seats and the moves of the reference, where it counts them at all."""
    reference = next((contenders[name].out for name in REFERENCE if name in contenders), None)
    if reference is None:
        return {}
    apart: dict[str, list[int]] = {}
    for table in ("seats", "moves"):
        theirs = rows_of_peer(reference, table)
        for name, one in contenders.items():
            mine = rows_of_product(one.home, table) if one.home else rows_of_peer(one.out, table) if one.out else None
            if mine and theirs:
                apart.setdefault(name, []).append(differences(mine, theirs, one.home))
    return {name: not any(of_one) for name, of_one in apart.items()}


def _absent(bench: Bench, scenario: Scenario) -> list[str]:
    if scenario.name not in MEASURED_TOGETHER:
        return []
    return [f"{label}: left out, or its package is not there" for name, (label, _) in PEERS.items() if name.rstrip("_") not in bench.wanted]


def _versions(bench: Bench) -> dict[str, str]:
    found = versions(bench.peers) | versions(bench.product)
    extra = {"commit": commit(HERE), "Java": java_version()}
    return found | {name: version for name, version in extra.items() if version}


def _command() -> str:
    """The command without the folders of this machine."""
    folders, kept, skip = ("--work", "--results", "--peers"), [], False
    for argument in sys.argv[1:]:
        if not skip and not argument.startswith(tuple(f"{f}=" for f in folders)) and argument not in folders:
            kept.append(argument)
        skip = argument in folders
    return " ".join(["python -m benchmarks.run", *kept])


if __name__ == "__main__":
    main()
