"""What the figures were measured on."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from pathlib import Path

PACKAGES = ("seatledger", "polars", "duckdb", "pyarrow", "pandas", "numpy", "chdb", "pyspark")
_ASK = """
import json, importlib.metadata as m
def version(name):
    try: return m.version(name)
    except m.PackageNotFoundError: return None
print(json.dumps({{name: version(name) for name in {names!r}}}))
"""


def machine() -> dict[str, str]:
    """Processor, cores, memory, system, and how busy the machine was just before."""
    processor = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text()).group(1))
    return {
        "processor": processor.group(1) if processor else platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory / 2**20:.0f} GiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def versions(python: str) -> dict[str, str]:
    """The packages that a Python has, those that matter here; and its Java."""
    asked = subprocess.run([python, "-c", _ASK.format(names=PACKAGES)], capture_output=True, text=True, check=True).stdout
    return {name: version for name, version in json.loads(asked).items() if version}


def commit(folder: Path) -> str | None:
    """The commit that a checkout stands at, and whether it is changed; None where there is no checkout."""
    git = ["git", "-C", str(folder)]
    head = subprocess.run([*git, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True)
    if head.returncode:
        return None
    changed = subprocess.run(
        [*git, "status", "--porcelain", "--untracked-files=no", "--", "flows", "transforms", "reports", "data"], capture_output=True
    )
    return head.stdout.strip() + (", with changes" if changed.stdout.strip() else "")


def java_version() -> str | None:
    """The Java that Spark runs on; None without one."""
    try:
        said = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr
    except OSError:
        return None
    found = re.search(r'version "([^"]+)"', said)
    return found.group(1) if found else None
