"""A real Prefect server for tests: on a port of this machine, in a folder of its own, and able to be started again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

PREFECT = Path(sys.executable).with_name("prefect")
_LIKE_AN_OPERATOR = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",  # as docs/operations.md says
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "1",  # else 30
    "PREFECT_WORKER_QUERY_SECONDS": "1",  # else 10
    "PREFECT_RUNNER_POLL_FREQUENCY": "1",  # else 10
    "PYTHONPATH": str(ROOT),
}


class Operator:
    """Someone with a server, and what they start beside it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.api = f"http://127.0.0.1:{self.port}/api"
        self.environment = os.environ | _LIKE_AN_OPERATOR | {"PREFECT_HOME": str(home), "PREFECT_API_URL": self.api}
        self.started: list[subprocess.Popen] = []

    def start(self, *command: object, **environment: str) -> subprocess.Popen:
        """Start something that stays, in a process group of its own."""
        log = (self.home / f"{len(self.started)}.log").open("wb")
        process = subprocess.Popen(
            [str(part) for part in command],
            env=self.environment | environment,
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def serve(self) -> subprocess.Popen:
        """Start the server, and wait until it answers."""
        server = self.start(PREFECT, "server", "start", "--port", self.port, "--no-ui")
        self.until(lambda: urllib.request.urlopen(f"{self.api}/health", timeout=2), "the server to answer")
        return server

    def run(self, *command: object, **environment: str) -> str:
        """Run a command to its end; what it printed."""
        done = subprocess.run(
            [str(part) for part in command], env=self.environment | environment, cwd=ROOT, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ask(self, path: str, body: dict | None = None, *, method: str = "POST") -> Any:
        """Ask the server's API."""
        data = None if method == "GET" else json.dumps(body or {}).encode()
        request = urllib.request.Request(f"{self.api}/{path}", data=data, headers={"content-type": "application/json"}, method=method)
        for _ in range(20):
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as reason:
                if reason.code != 503:  # SQLite is busy: Prefect's own client asks again as well
                    raise
                time.sleep(0.3)
        raise AssertionError(f"the server stays busy: {path}")

    def until(self, ask: Callable[[], Any], what: str, seconds: float = 240) -> Any:
        """Ask again and again, until there is an answer that is true."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if found := ask():
                    return found
            except OSError:
                pass  # the server is not there, or not there yet
            time.sleep(0.1)
        raise AssertionError(f"waited in vain for {what}\n{self.logs()}")

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in sorted(self.home.glob("*.log")))

    def end(self, process: subprocess.Popen, with_signal: int = signal.SIGTERM) -> None:
        """End a process and all that it started."""
        if process.poll() is None:
            os.killpg(process.pid, with_signal)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextmanager
def operator(home: Path) -> Iterator[Operator]:
    """An operator whose processes all end with the test."""
    someone = Operator(home)
    try:
        yield someone
    finally:
        for process in reversed(someone.started):
            someone.end(process)
