"""Draw `results.json`: time and peak memory of the product and its peers, on one month of rosters.

    python -m benchmarks.draw results.json results.svg

Colours are such that the picture reads on white and on black.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

INK, OURS, THEIRS, FLOOR = "#7d8794", "#12a594", "#8b9bb4", "#e2a336"
GIB = 2**30


def draw(results: dict, to: Path) -> None:
    """From the fastest to the slowest: a dot is the median, its line goes from the fastest run to the slowest one."""
    plt.rcParams |= {"font.family": "DejaVu Sans", "font.size": 11, "svg.hashsalt": "seatledger", "text.color": INK}
    plt.rcParams |= {"axes.edgecolor": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK}
    shown = {
        name: one for scenario in ("stage", "whole") for name, one in results.get(scenario, {}).get("contenders", {}).items() if one["wall"]
    }
    if not shown:
        return
    order = sorted(shown, key=lambda name: median(shown[name]["wall"]), reverse=True)
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 0.52 * len(order) + 1.6), sharey=True, width_ratios=[3, 2])
    left.set_yticks(range(len(order)), [shown[name]["label"] for name in order])
    _dots(left, [shown[name]["wall"] for name in order], order, "seconds", "{:.3g} s")
    _dots(right, [[peak / GIB for peak in shown[name]["peak"]] for name in order], order, "peak memory, GiB", "{:.2g}")
    source = next(iter(results[s] for s in ("stage", "whole") if s in results))["source"]
    title = f"{_round(source['seats_last_day'])} seats, {source['days']} days, {_round(source['roster_rows'])} roster rows"
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=INK)
    figure.tight_layout()
    figure.savefig(to, transparent=True, metadata={"Date": None} if to.suffix == ".svg" else None)


def _round(count: int) -> str:
    return f"{count / 1e6:.3g} million" if count >= 1e6 else f"{count:,}"


def _dots(axes: Axes, runs: list[list[float]], names: list[str], title: str, form: str) -> None:
    middles = [median(of_one) for of_one in runs]
    colours = [OURS if "seatledger" in name else FLOOR if name.startswith("scan_") else THEIRS for name in names]
    axes.set_xscale("log")
    axes.set_xlim(min(middles) / 1.6, max(max(of_one) for of_one in runs) * 3)
    axes.set_ylim(-0.6, len(runs) - 0.4)
    axes.hlines(range(len(runs)), [min(of_one) for of_one in runs], [max(of_one) for of_one in runs], color=colours, linewidth=3)
    axes.scatter(middles, range(len(runs)), color=colours, s=95, zorder=3)
    if "scan_limit" in names:
        axes.axvline(middles[names.index("scan_limit")], color=FLOOR, linewidth=1, linestyle=(0, (3, 3)), zorder=0)
    for n, of_one in enumerate(runs):
        beside = {"xytext": (11, 0), "textcoords": "offset points", "va": "center"}
        axes.annotate(form.format(middles[n]), (max(of_one), n), **beside, fontweight="bold" if colours[n] == OURS else "normal")
    axes.set_title(f"{title}, log scale", loc="left", fontsize=11, color=INK)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(lambda value, _: "")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.hlines(range(len(runs)), 0, middles, color=INK, alpha=0.25, linewidth=0.6, zorder=0)
    axes.grid(axis="x", color=INK, alpha=0.22, linewidth=0.6)
    axes.set_axisbelow(True)


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
