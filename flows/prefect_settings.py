"""What Prefect is told before it is imported, here and in its server: nothing is sent, nothing of a run is kept."""

from __future__ import annotations

import os

_ALWAYS = {  # whatever the environment says
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "PREFECT_TASKS_DISABLE_CACHING": "true",
}
_UNLESS_SET = {
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",  # no server configured: a temporary one is started
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # its first start migrates a database
    "PREFECT_LOGGING_EXTRA_LOGGERS": "seatledger",  # our lines, in the run's log
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the terminal is ours
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",  # we log outside flows too
}


def settle(*, quiet: bool = True) -> None:
    """Put it into the environment, which `import prefect` reads; `quiet` keeps Prefect's own lines off the terminal."""
    if not quiet:
        os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "INFO")
    os.environ.update({**_UNLESS_SET, **os.environ, **_ALWAYS})
    if not os.environ.get("PREFECT_API_URL"):
        os.environ.pop("PREFECT_API_URL", None)  # set but empty it loses the task runs
