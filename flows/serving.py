"""`seatledger serve`: the deployments with their schedules, from one process, for as long as it runs."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import EntrypointType, RunnerDeployment
from prefect.exceptions import TerminationSignal
from prefect.runner import Runner
from prefect.schedules import Cron, Schedule
from prefect.settings import get_current_settings

from flows import operated
from flows.deployments import AT_ONCE, DEPLOYMENTS, Site
from flows.errors import UserError, WrongUsage


class _Runner(Runner):
    """Prefect's, but for how it is told to end: its own way leaves a coroutine that nobody awaits, with a warning, and then does as this one does."""

    def handle_sigterm(self, signum: int, frame: object, **_: object) -> None:
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # Python 3.11 tells of a connection that is canceled as of an error
        sys.exit(0)


def served(site: Site) -> list[RunnerDeployment]:
    """Every deployment for one process, as prefect.yaml has them for a work pool. Raises: WrongUsage for a schedule that is none."""
    limit = ConcurrencyLimitConfig(limit=AT_ONCE["limit"], collision_strategy=ConcurrencyLimitStrategy(AT_ONCE["collision_strategy"]))
    return [
        getattr(operated, deployment.flow).to_deployment(
            name=deployment.name,
            schedule=_schedule(deployment.name, site),
            parameters=site.parameters(deployment),
            description=deployment.description,
            tags=deployment.tags,
            concurrency_limit=limit,
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        for deployment in DEPLOYMENTS
    ]


def _schedule(name: str, site: Site) -> Schedule:
    cron = site.crons[name]
    try:
        return Cron(cron, timezone=site.timezone, slug=name)
    except ValueError:  # of pydantic's, in its own words
        raise WrongUsage(
            f"--cron {name}={cron}: is no schedule. Write minute, hour, day of the month, month and day of the week, as in --cron '{name}=30 4 * * *'."
        ) from None


def serve(deployments: list[RunnerDeployment], ready: Callable[[str | None], None]) -> None:
    """Put what is `served` in place and run what is due, until the process is ended; then the schedules are paused.

    `ready` is told where Prefect's pages are, before the first run.
    Raises: UserError where no server is named, or it does not answer.
    """
    require_server()
    runner = _Runner(name="seatledger", pause_on_shutdown=False)  # its own pausing is canceled with it, when the machine is busy
    put = [runner.add_deployment(deployment) for deployment in deployments]
    ready(get_current_settings().ui_url)
    try:
        asyncio.run(runner.start())
    except (KeyboardInterrupt, TerminationSignal):
        return
    finally:
        with get_client(sync_client=True) as client:
            for deployment in put:
                client.pause_deployment(deployment)


def require_server() -> None:
    """Whether there is a server that will still be there tomorrow.

    Raises: UserError where none is named, or it does not answer.
    """
    url = get_current_settings().api.url
    if not url:
        raise UserError(
            "no Prefect server is named. Start one with `prefect server start`, and set PREFECT_API_URL to its address, such as http://127.0.0.1:4200/api."
        )
    with get_client(sync_client=True) as client:
        wrong = client.api_healthcheck()
    if wrong:
        raise UserError(f"{url}: the Prefect server does not answer. Start it, or correct PREFECT_API_URL.")
