"""A command as a whole process tree: how long, how much processor time, how much memory at most."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
LOOK_EVERY = 0.03  # seconds
LOOK_FOR_CHILDREN_EVERY = 8  # looks


@dataclass(frozen=True)
class Measured:
    """`wall` and `cpu` in seconds; `peak` in bytes, resident, of all processes of the tree together."""

    wall: float
    cpu: float
    peak: int
    exit_code: int
    said: str


def measured(command: Sequence[str], folder: Path, limit: float) -> Measured:
    """Run a command in `folder`; stop it after `limit` seconds. Python may keep what it compiled, as it does where nobody forbids it."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    tree = _Tree(process.pid)
    watcher = threading.Thread(target=tree.watch, daemon=True)
    ender = threading.Timer(limit, _end, [process.pid])
    said: list[bytes] = []
    listener = threading.Thread(target=lambda: said.append(process.stderr.read()), daemon=True)
    for thread in (watcher, ender, listener):
        thread.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        _end(process.pid)
        raise
    wall = time.perf_counter() - started
    ender.cancel()
    tree.is_over.set()
    watcher.join()
    listener.join(timeout=5)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Measured(
        wall=wall,
        cpu=max(usage.ru_utime + usage.ru_stime, sum(tree.cpu.values())),
        peak=tree.peak,
        exit_code=process.returncode,
        said=b"".join(said).decode(errors="replace"),
    )


def _end(session: int) -> None:
    """Stop the processes of one session: the command's own."""
    os.killpg(session, 15)


class _Tree:
    """Looks at a process and its descendants until told that they are over.

    Between looks a single process cannot hide: the system keeps the most that it ever held. (The same figure of `wait4` would
    begin with what this process held when it made the other.)
    """

    def __init__(self, root: int) -> None:
        self.root, self.peak, self.cpu, self.is_over = root, 0, {}, threading.Event()

    def watch(self) -> None:
        looks, pids = 0, [self.root]
        while not self.is_over.is_set():
            if looks % LOOK_FOR_CHILDREN_EVERY == 0:
                pids = self._descendants(self.root)
            looks += 1
            seen = [self._look_at(pid) for pid in pids]
            self.peak = max(self.peak, sum(now for now, _ in seen), *(most for _, most in seen))
            self.is_over.wait(LOOK_EVERY)

    def _descendants(self, pid: int) -> list[int]:
        try:
            threads = list(Path(f"/proc/{pid}/task").iterdir())
            children = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
        except OSError:
            return [pid]
        return [pid, *(one for child in children for one in self._descendants(child))]

    def _look_at(self, pid: int) -> tuple[int, int]:
        """Bytes resident now, and the most ever."""
        try:
            status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            self.cpu[pid] = (int(fields[11]) + int(fields[12])) / TICK
            return _kib(status["VmRSS"]), _kib(status["VmHWM"])
        except (OSError, LookupError):
            return 0, 0  # it is over


def _kib(text: str) -> int:
    return int(text.split()[0]) * 1024
