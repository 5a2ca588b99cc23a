"""What is measured: each scenario is some commands that take turns, and what has to be there before each."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from benchmarks.make_rosters import write_source
from benchmarks.population import Shape

HERE = Path(__file__).resolve().parent.parent
SOURCE_FROM = date(2026, 1, 1)
PEERS = {
    "duckdb_by_day": ("DuckDB, count by day", "duckdb"),
    "duckdb_islands": ("DuckDB, gaps and islands", "duckdb"),
    "chdb_": ("chDB (ClickHouse), arrays of days", "chdb"),
    "pandas_": ("pandas, day against day before", "pandas"),
    "spark_": ("PySpark, window functions", "pyspark"),
}
DONE = (0, 3)  # 3: done, but workspaces are held


class NotPreparedError(Exception):
    """The product failed at what has to be there before a scenario can be measured."""


def nothing() -> None:
    """What needs no preparation."""


@dataclass(frozen=True)
class Contender:
    """One command of a scenario. `out`: where a peer writes; `home`: where the product does; `before`: done untimed."""

    name: str
    label: str
    command: tuple[str, ...]
    before: Callable[[], None] = nothing
    out: Path | None = None
    home: Path | None = None


@dataclass(frozen=True)
class Scenario:
    """Contenders of one question, the source they read, and what is billed or counted."""

    name: str
    title: str
    about: str
    source: dict
    contenders: tuple[Contender, ...]


@dataclass(frozen=True)
class Bench:
    """Sizes, folders, and which Python has the product and which the peers."""

    seats: int
    workspaces: int
    days: int
    work: Path
    product: str
    peers: str
    wanted: tuple[str, ...]

    def source(self, factor: int = 1) -> Path:
        """The source of this size, made if it is not there whole."""
        return made(Shape(self.seats * factor, self.workspaces * factor, self.days, SOURCE_FROM), self.work)

    def home(self, name: str) -> Path:
        return self.work / "homes" / name

    def seatledger(self, *arguments: object) -> tuple[str, ...]:
        return (str(Path(self.product).parent / "seatledger"), *map(str, arguments))


def made(shape: Shape, work: Path) -> Path:
    """A source by its shape, kept between calls."""
    path = work / "sources" / f"{shape.mix}-{shape.seats}-{shape.workspaces}-{shape.days}"
    if not (path / "source.json").exists():
        print(f"making {path.name}", flush=True)
        write_source(shape, path)
    return path


def said_of(source: Path) -> dict:
    """What `source.json` says."""
    return json.loads((source / "source.json").read_text())


# --- the scenarios ----------------------------------------------------------------------------------------------------------


def whole(bench: Bench) -> Scenario:
    """From the files to invoices, reports and the finance database."""
    source, home = bench.source(), bench.home("whole")
    return Scenario(
        "whole",
        "The whole: a month of rosters to invoices",
        "`seatledger run --direct` in a fresh home: every row checked, kept, billed, published, reported. The peers only count seats.",
        said_of(source),
        (_product(bench, source, home), *_scans(bench, source), *_peers(bench, source)),
    )


def stage(bench: Bench) -> Scenario:
    """The seat months alone, which is what the peers' job is."""
    source = bench.source()
    return Scenario(
        "stage",
        "The same job: seats and moves from the rosters",
        "Seats of every workspace and day, and who came and went, from the same files: seatledger's seat months alone, and each peer.",
        said_of(source),
        (*_stages(bench, source), *_scans(bench, source), *_peers(bench, source)),
    )


def day(bench: Bench) -> Scenario:
    """One day more, where all before it is billed."""
    source = bench.source()
    template, home = bench.home("day-before"), bench.home("day")
    last = date.fromisoformat(said_of(source)["last"])
    _home_from(template, bench.seatledger("run", source, "--through", last - timedelta(1), "--home", template, "--direct"))
    more = Contender(
        "day",
        "one day more",
        bench.seatledger("run", source, "--through", last, "--home", home, "--direct"),
        lambda: _copied(template, home),
    )
    return Scenario(
        "day",
        "One day more",
        f"`run --direct` through {last}, where the {bench.days - 1} days before are ingested and billed.",
        said_of(source),
        (more,),
    )


def again(bench: Bench) -> Scenario:
    """Bill again when nothing changed."""
    source, home = bench.source(), bench.home("whole")
    last = said_of(source)["last"]
    if not (home / "finance.duckdb").exists():
        _home_from(home, bench.seatledger("run", source, "--through", last, "--home", home, "--direct"))
    bill = Contender("again", "bill again", bench.seatledger("bill", "--through", last, "--home", home, "--direct"))
    about = f"`bill --direct` of {bench.workspaces} subscriptions, all of them billed through that day before."
    return Scenario("again", "Again, when nothing changed", about, said_of(source), (bill,))


def billing(bench: Bench) -> Scenario:
    """Twelve monthly invoices for twice as many subscriptions, with small rosters that are ingested before."""
    count = bench.workspaces * 2
    source = made(Shape(count * 3 // 2, count, 365, SOURCE_FROM, churn=0.002, mix="monthly"), bench.work)
    template, home = bench.home("billing-before"), bench.home("billing")
    last = said_of(source)["last"]
    _home_from(template, bench.seatledger("ingest", source, "--home", template, "--direct"))
    command = bench.seatledger("bill", "--through", last, "--home", home, "--direct")
    bill = Contender("billing", "bill a year", command, lambda: _copied(template, home))
    decide = Contender(
        "decide", "decide on a year, keep and publish nothing (`--dry-run`)", (*command, "--dry-run"), lambda: _copied(template, home)
    )
    about = f"`bill --direct` of {count} monthly subscriptions through {last}: twelve invoices each. The rosters are in already."
    return Scenario("billing", "Billing alone: a year of monthly invoices", about, said_of(source), (bill, decide))


def start(bench: Bench) -> Scenario:
    """What every command costs before it does anything."""
    source, home = bench.source(), bench.home("whole")
    if not (home / "finance.duckdb").exists():
        _home_from(home, bench.seatledger("run", source, "--through", said_of(source)["last"], "--home", home, "--direct"))
    helps = Contender("help", "`--help`", bench.seatledger("--help"))
    status = Contender("status", "`status`", bench.seatledger("status", "--home", home))
    return Scenario("start", "Start", "`--help`, and `status` of the home that the whole left.", said_of(source), (helps, status))


def large(bench: Bench, factor: int) -> Scenario:
    """The whole of many times the seats."""
    source, home = bench.source(factor), bench.home(f"large-{factor}")
    return Scenario(
        f"large-{factor}",
        f"Large: {factor} times the seats",
        "The whole again, of a larger source; only the product and the scan limit.",
        said_of(source),
        (_product(bench, source, home), *_scans(bench, source)),
    )


SCENARIOS = {"whole": whole, "stage": stage, "day": day, "again": again, "billing": billing, "start": start}


# --- who takes part ---------------------------------------------------------------------------------------------------------


def _product(bench: Bench, source: Path, home: Path) -> Contender:
    last = said_of(source)["last"]
    command = bench.seatledger("run", source, "--through", last, "--home", home, "--direct")
    return Contender("seatledger", "seatledger, files to invoices", command, lambda: _removed(home), home=home)


def _stages(bench: Bench, source: Path) -> tuple[Contender, ...]:
    """The seat months from the columns that they ask for, which is what the peers read; and with who the users are, as a run reads them."""
    labels = {"seatledger_stage": "seatledger, seat months alone", "seatledger_stage_all": "seatledger, seat months, names and addresses"}
    return tuple(_peer(bench.product, name, label, source, bench.work) for name, label in labels.items())


def _scans(bench: Bench, source: Path) -> tuple[Contender, ...]:
    """What reading costs: the columns that decide who holds a seat, and all that a row has."""
    labels = {"scan_limit": "scan limit: DuckDB reads the columns", "scan_all": "DuckDB reads all nine columns, of which a run checks every one"}
    return tuple(_peer(bench.product, name, label, source, bench.work) for name, label in labels.items())


def _peers(bench: Bench, source: Path) -> tuple[Contender, ...]:
    return tuple(
        _peer(bench.peers, name, label, source, bench.work) for name, (label, _) in PEERS.items() if name.rstrip("_") in bench.wanted
    )


def _peer(python: str, name: str, label: str, source: Path, work: Path) -> Contender:
    out = work / "out" / name
    return Contender(name, label, (python, "-m", f"benchmarks.peers.{name}", str(source), str(out)), lambda: _removed(out), out=out)


# --- homes ------------------------------------------------------------------------------------------------------------------


def _home_from(home: Path, command: tuple[str, ...]) -> None:
    """A home as a command leaves it, made anew and untimed."""
    print(f"preparing {home.name}", flush=True)
    _removed(home)
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode not in DONE:
        raise NotPreparedError(f"could not prepare {home.name}: {ran.stderr.strip()[-500:]}")


def _copied(template: Path, home: Path) -> None:
    """A copy of a home. Parquet is never written in place, so links will do for it."""
    _removed(home)
    shutil.copytree(template, home, copy_function=lambda a, b: os.link(a, b) if str(a).endswith(".parquet") else shutil.copy2(a, b))


def _removed(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
