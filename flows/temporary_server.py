"""A Prefect server for one command, where none is configured: it starts while Prefect itself is imported, and ends with the command.

Prefect would start one as well, but only once it is needed, after importing all of it in the command's own process: twice the wait.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

from flows.errors import UserError
from flows.prefect_settings import settle

_LONGEST_START = 120.0  # seconds: the very first start makes a database
_LONGEST_END = 5.0
_ONLY_FOR_THIS = {"PREFECT_SERVER_UI_ENABLED": "false", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}


class TemporaryServer:
    """A server in a process of its own, on a port of this machine that the system chose."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}/api"
            environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "flows.temporary_server", str(listening.fileno())],
                stdin=subprocess.PIPE,
                env=environment | _ONLY_FOR_THIS,
                pass_fds=[listening.fileno()],
                start_new_session=True,  # Ctrl-C is for the command, which ends it when all has been told
            )
        atexit.register(self.stop)  # before Prefect is imported: so that it is run after Prefect has told all

    def wait(self) -> None:
        """Until it answers.

        Raises: UserError where it ended by itself, or does not answer in time.
        """
        deadline = time.monotonic() + _LONGEST_START
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=_LONGEST_START):
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.05)
        raise UserError("Prefect's temporary server did not start. Set PREFECT_API_URL to one that runs, or run with --direct.")

    def stop(self) -> None:
        """End it, once."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_LONGEST_END)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()


def temporary_server() -> TemporaryServer | None:
    """One that is starting, unless the environment or the profile in use names a server."""
    settle()
    return None if os.environ.get("PREFECT_API_URL") or _profile_names_a_server() else TemporaryServer()


def _profile_names_a_server() -> bool:
    """Looked up without Prefect, which takes a second to import; what a project's own settings name is seen later."""
    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    path = Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml").expanduser()
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    profiles = told.get("profiles", {})
    used = profiles.get(os.environ.get("PREFECT_PROFILE") or told.get("active"), {}) if isinstance(profiles, dict) else {}
    return isinstance(used, dict) and bool(used.get("PREFECT_API_URL"))


def _end_with_the_command() -> None:
    """The other end of standard input is the command's alone: it closes when the command is gone, however it went."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def _serve(descriptor: int) -> None:
    import uvicorn

    threading.Thread(target=_end_with_the_command, daemon=True).start()
    config = uvicorn.Config("prefect.server.api.server:create_app", factory=True, log_level="error", lifespan="on")
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
