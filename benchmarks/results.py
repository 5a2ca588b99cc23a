"""From `results.json` to RESULTS.md: goals, then a table for each scenario. Every figure is computed from what was kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

GIB = 2**30
HEAD = """\
# Results

Written by `python -m benchmarks.run` from [results.json](results.json); how it measures is in [README.md](README.md).
Times are of whole processes, start to end, files in the page cache, the commands of a table taking turns. Memory is the most that a
process and its children held at once, resident.
"""


@dataclass(frozen=True)
class Goal:
    """What is aimed at: at most so much, or at least. `reached` gives the figure, or None where nothing of that size was measured."""

    says: str
    unit: str
    bound: float
    reached: Callable[[Mapping], float | None]
    is_least: bool = False


def _wall(results: Mapping, scenario: str, contender: str, **at_least: int) -> float | None:
    """The median seconds of a contender, if its source is as large as asked."""
    found = results.get(scenario)
    if not found or any(found["source"][key] < value for key, value in at_least.items()):
        return None
    runs = found["contenders"].get(contender, {}).get("wall")
    return median(runs) if runs else None


def _times_larger(results: Mapping, factor: int) -> float | None:
    """How many times as long so many times the seats take, where both were measured on one kind of machine."""
    small, many = _wall(results, "whole", "seatledger"), _wall(results, f"large-{factor}", "seatledger", workspaces=factor * 50_000)
    if (
        not small
        or not many
        or results["large-" + str(factor)]["source"]["workspaces"] != factor * results["whole"]["source"]["workspaces"]
        or results["large-" + str(factor)]["machine"]["processor"] != results["whole"]["machine"]["processor"]
    ):
        return None
    return many / small


def _peak(results: Mapping, scenario: str, **at_least: int) -> float | None:
    if _wall(results, scenario, "seatledger", **at_least) is None:
        return None
    return max(results[scenario]["contenders"]["seatledger"]["peak"]) / GIB


def _ratio(results: Mapping, scenario: str, one: str, other: str, to: str | None = None) -> float | None:
    """How many times as long one takes as the other, of a million seats; the other of scenario `to`, else of the same."""
    mine, its = _wall(results, scenario, one, workspaces=50_000), _wall(results, to or scenario, other, workspaces=50_000)
    return mine / its if mine and its else None


def _more_at_twenty(results: Mapping) -> float | None:
    ten, twenty = _peak(results, "large-10", workspaces=500_000), _peak(results, "large-20", workspaces=1_000_000)
    return twenty / ten if ten and twenty else None


def _fastest_peer(results: Mapping) -> float | None:
    peers = results.get("stage", {}).get("contenders", {}).keys() - {"seatledger_stage", "seatledger_stage_all", "scan_limit", "scan_all"}
    return min((r for peer in peers if (r := _ratio(results, "stage", peer, "seatledger_stage"))), default=None)


WHY = """\
**Not reached, and why.** The scan limit reads five short columns and does nothing with them. A run reads nine, of which names and addresses alone are two thirds of the bytes: DuckDB takes three times the limit for that alone, as the
tables show, and Polars 4 CPU-seconds a million seats, most of them unpacking; digests of all files take 0.9. Every row is then checked and compared with the day before (2.5), what is kept is put together, written and flushed (2), and
50,000 workspaces are billed (4), published (3) and reported (3), all on two cores. Three times the limit would leave two or three CPU-seconds for all of that. The stage alone reads six columns (1.5), compares every row with the day before (2),
sorts and counts what comes of it (2.5), and a second of it is Python and its libraries being imported, on both cores. DuckDB's count asks neither who came and went nor whether a row is sound. One more day works out every subscription, publishes every table and writes every report
anew, where a thirtieth of them has changed: no step of it is the long one, so that each would have to know what it found the day before. A year of 1,200,000 invoices is decided in 13 to 22 s, by the machine and what else it is at;
to decide is a quarter of the whole then, a third is wording, keeping and digesting its lines, and the rest the tables that are made of them, of which the journal alone has six million rows.
The files of ten million seats had been read before, so that most of them were in memory; with none of them there a run took 235 s, not 202. Those of twenty million (28 GB) are more than the machine has, and are read from its disk.
Twenty million seats hold more than ten do, because the run numbers all invoices at once, beside the ledger, whose DuckDB comes to fill its bound as it sorts what was decided; workers hold no more. That bound was 1.6 GB then; since 0.15.1 it is 1 GB.
"""

GOALS = (
    Goal("`run --direct`, a million seats, against the scan limit", "times", 3, lambda r: _ratio(r, "whole", "seatledger", "scan_limit")),
    Goal("the same, against DuckDB reading all nine columns", "times", 3, lambda r: _ratio(r, "whole", "seatledger", "scan_all")),
    Goal("the seat months alone, against the scan limit", "times", 1.2, lambda r: _ratio(r, "stage", "seatledger_stage", "scan_limit")),
    Goal("the same with names and addresses, against DuckDB reading all nine columns", "times", 1.2, lambda r: _ratio(r, "stage", "seatledger_stage_all", "scan_all")),
    Goal("the fastest peer, against the seat months", "times", 1, _fastest_peer, is_least=True),
    Goal("pandas, against the seat months", "times", 5, lambda r: _ratio(r, "stage", "pandas_", "seatledger_stage"), is_least=True),
    Goal("gaps and islands in SQL, the same", "times", 3, lambda r: _ratio(r, "stage", "duckdb_islands", "seatledger_stage"), is_least=True),
    Goal("Spark, the same", "times", 5, lambda r: _ratio(r, "stage", "spark_", "seatledger_stage"), is_least=True),
    Goal("one more day after 30, against the whole", "times", 0.0667, lambda r: _ratio(r, "day", "day", "seatledger", "whole")),
    Goal("billing again when nothing changed, 50,000 subscriptions", "s", 2, lambda r: _wall(r, "again", "again", workspaces=50_000)),
    Goal("billing alone, 100,000 subscriptions × 12 invoices: decided", "s", 20, lambda r: _wall(r, "billing", "decide", workspaces=100_000)),
    Goal("the same, kept and published as well", "s", 20, lambda r: _wall(r, "billing", "billing", workspaces=100_000)),
    Goal("`--help`", "s", 0.3, lambda r: _wall(r, "start", "help")),
    Goal("`status`", "s", 0.3, lambda r: _wall(r, "start", "status", workspaces=50_000)),
    Goal("ten million seats, against one million", "times", 11, lambda r: _times_larger(r, 10)),
    Goal("peak memory, one million seats", "GiB", 4, lambda r: _peak(r, "whole", workspaces=50_000)),
    Goal("peak memory, ten million seats", "GiB", 4, lambda r: _peak(r, "large-10", workspaces=500_000)),
    Goal("peak memory, twenty million seats", "GiB", 4, lambda r: _peak(r, "large-20", workspaces=1_000_000)),
    Goal("the same, against that of ten million", "times", 1, _more_at_twenty),
)


def page(results: Mapping) -> str:
    """The whole page."""
    return "\n".join(
        [HEAD, *_goals(results), WHY, "![Times and memory](results.svg)\n", *(_section(results, name) for name in sorted(results, key=_order))]
    )


def _order(name: str) -> tuple[int, str]:
    known = ["whole", "stage", "day", "again", "billing", "start", "large-10", "large-20"]
    return (known.index(name) if name in known else len(known), name)


def _goals(results: Mapping) -> list[str]:
    rows = ["## Goals\n", "| Goal | | measured | |", "|---|---:|---:|---|"]
    for goal in GOALS:
        figure = goal.reached(results)
        shown = "–" if figure is None else f"{figure:.2f} {goal.unit}"
        is_reached = figure is not None and (figure >= goal.bound if goal.is_least else figure <= goal.bound)
        verdict = "not measured" if figure is None else "reached" if is_reached else "**not reached**"
        bound = f"{'at least' if goal.is_least else 'at most'} {goal.bound:g} {goal.unit}"
        rows.append(f"| {goal.says} | {bound} | {shown} | {verdict} |")
    return [*rows, ""]


def _section(results: Mapping, name: str) -> str:
    found = results[name]
    source, contenders = found["source"], found["contenders"]
    scan = contenders.get("scan_limit", {}).get("wall")
    rows = [
        f"## {found['title']}\n",
        f"{found['about']}\n",
        f"{source['workspaces']:,} workspaces, {source['days']} days, {source['seats_last_day']:,} seats on the last day, "
        f"{source['roster_rows']:,} roster rows, {source['bytes'] / GIB:.2f} GiB of Parquet.\n",
        "| | seconds | min – max | × scan limit | CPU s | peak GiB | same counts |"
        if scan
        else "| | seconds | min – max | CPU s | peak GiB |",
        "|---|---:|---:|---:|---:|---:|---|" if scan else "|---|---:|---:|---:|---:|",
    ]
    rows += [_row(one, scan) for one in contenders.values()]
    notes = [f"{one['label']}: {one['note']}" for one in contenders.values() if one.get("note")] + found["notes"]
    notes += [f"{one['label']}: some workspaces were held" for one in contenders.values() if one.get("held")]
    return "\n".join([*rows, "", *(f"- {note}" for note in notes), *([""] if notes else []), _measured_on(found), ""])


def _row(one: Mapping, scan: list[float] | None) -> str:
    wall = one["wall"]
    if not wall:
        return f"| {one['label']} | – | | | | | |" if scan else f"| {one['label']} | – | | | |"
    times = [f"{median(wall):.2f}", f"{min(wall):.2f} – {max(wall):.2f}"]
    if scan:
        times.append(f"{median(mine / floor for mine, floor in zip(wall, scan, strict=False)):.1f}")
    rest = [f"{median(one['cpu']):.2f}", f"{max(one['peak']) / GIB:.2f}"]
    if scan:
        rest.append({True: "yes", False: "**no**", None: ""}[one.get("same")])
    return f"| {one['label']} | " + " | ".join(times + rest) + " |"


def _measured_on(found: Mapping) -> str:
    machine = found["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return (
        f"Measured {found['on']}, {'once' if found['times'] == 1 else str(found['times']) + ' times'} each: `{found['command']}`. {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory']}, {machine['system']}, Python {machine['python']}; {packages}. Load before: {machine['load']}."
    )
