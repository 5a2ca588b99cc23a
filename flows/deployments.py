"""The deployments, once: names, schedules, limits, parameters. `prefect.yaml` and `seatledger serve` both take them from here.

Nothing of Prefect is in this file. Where things are comes from options or from the environment, as it does for the commands.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flows.catalogs import read_catalogs
from flows.errors import UserError, WrongUsage
from flows.s3_files import is_s3, require_s3

TAG = "seatledger"  # every deployment has it, and so has every run: what notifications listen for
AT_ONCE = {"limit": 1, "collision_strategy": "ENQUEUE"}  # runs of one deployment: the next one waits
ENTRYPOINTS = "flows.operated"  # a module that is installed: a worker needs no copy of the code


@dataclass(frozen=True)
class Deployment:
    """What is run when: a flow of `flows/operated.py`, its schedule, and what it is given beside where things are."""

    name: str
    flow: str
    cron: str
    description: str
    reads_source: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tags(self) -> list[str]:
        return [TAG, self.flow]

    @property
    def key(self) -> str:
        """What its schedule is called among the placeholders of prefect.yaml."""
        return f"{self.name.replace('-', '_')}_cron"

    @property
    def variable(self) -> str:
        """The environment variable that gives it another schedule."""
        return f"SEATLEDGER_{self.key.upper()}"


DEPLOYMENTS = (
    Deployment(
        "daily-ingest",
        "ingest",
        "0 5 * * *",
        "Brings in every day that is new, up to the day before the scheduled one, and checks every row.",
        reads_source=True,
    ),
    Deployment(
        "monthly-billing",
        "billing",
        "0 6 2 * *",
        "Bills the invoice dates of monthly terms, up to the first of the month: its rosters have come in by the second.",
        parameters={"cadence": "monthly"},
    ),
    Deployment(
        "annual-billing",
        "billing",
        "30 6 2 * *",
        "Bills the invoice dates of annual terms, with the changes inside them, up to the first of the month.",
        parameters={"cadence": "annual"},
    ),
    Deployment("month-end-reports", "reports", "0 7 2 * *", "Writes the reports of the month before, once it is billed."),
)


@dataclass(frozen=True)
class Site:
    """Where the deployments work: source, home, own catalogues, the time zone of their schedules, schedules of one's own by name.

    `lake` is for the rows of a new home, `cluster` the Dask scheduler whose workers help; None: the home, and this machine alone.
    """

    source: str | None
    home: str
    catalogs: str | None = None
    timezone: str | None = None
    crons: Mapping[str, str] = field(default_factory=dict)
    lake: str | None = None
    cluster: str | None = None

    def settled(self) -> Site:
        """With whole paths, for a worker runs in a folder of its own, and a time zone.

        Raises: UserError without a source, for catalogues that cannot be read, and where their time zones differ and none is named.
        """
        if not self.source:
            raise UserError("no SOURCE is named. Set SEATLEDGER_SOURCE to the folder or s3:// prefix that is to be ingested.")
        catalogs = _whole(self.catalogs) if self.catalogs else None
        zone = self.timezone or timezone_of(catalogs)
        require_timezone(zone)
        if self.lake:
            require_s3(self.lake)
        return replace(
            self,
            source=self.source if is_s3(self.source) else _whole(self.source),
            home=_whole(self.home),
            catalogs=catalogs,
            timezone=zone,
            crons={d.name: self.crons.get(d.name) or d.cron for d in DEPLOYMENTS},
        )

    def parameters(self, deployment: Deployment) -> dict[str, Any]:
        """What a deployment's runs are given, unless someone says otherwise on the page."""
        given = {"source": self.source, "lake": self.lake} if deployment.reads_source else {}
        where = {"home": self.home, "catalogs": self.catalogs, "timezone": self.timezone, "cluster": self.cluster}
        return {**given, **where, **deployment.parameters}


def site_from_environment(environment: Mapping[str, str]) -> Site:
    """What the environment says."""
    return Site(
        source=environment.get("SEATLEDGER_SOURCE"),
        home=environment.get("SEATLEDGER_HOME") or "warehouse",
        catalogs=environment.get("SEATLEDGER_CATALOGS"),
        timezone=environment.get("SEATLEDGER_TIMEZONE"),
        crons={d.name: cron for d in DEPLOYMENTS if (cron := environment.get(d.variable))},
        lake=environment.get("SEATLEDGER_LAKE"),
        cluster=environment.get("SEATLEDGER_CLUSTER"),
    )


def site_of_command(
    source: str,
    home: Path,
    catalogs: Path | None,
    timezone: str | None,
    crons: tuple[str, ...],
    lake: str | None = None,
    cluster: str | None = None,
) -> Site:
    """What a command line says; schedules that it does not name come from the environment.

    Raises: UserError for a schedule of no deployment, and as `Site.settled`.
    """
    own = dict(site_from_environment(os.environ).crons)
    for told in crons:
        name, is_said, cron = told.partition("=")
        names = ", ".join(d.name for d in DEPLOYMENTS)
        if not is_said:
            raise WrongUsage(f"--cron {told!r}: is no NAME=CRON. The names: {names}.")
        if name not in {d.name for d in DEPLOYMENTS}:
            raise WrongUsage(f"--cron {told!r}: there is no deployment {name!r}. The names: {names}.")
        own[name] = cron.strip()
    return Site(source, str(home), str(catalogs) if catalogs else None, timezone, own, lake, cluster).settled()


def timezone_of(catalogs: str | None) -> str:
    """The time zone that all catalogues share.

    Raises: UserError where they differ: which days a schedule means is never guessed.
    """
    zones = sorted({catalog.timezone for catalog in read_catalogs(Path(catalogs) if catalogs else None).values()})
    if len(zones) > 1:
        raise UserError(
            f"the catalogues are in {' and '.join(zones)}. Name the time zone of the schedules: SEATLEDGER_TIMEZONE or --timezone."
        )
    return zones[0]


def require_timezone(zone: str) -> None:
    """Raises: WrongUsage for the name of no time zone."""
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise WrongUsage(f"timezone: {zone!r} is no time zone; write one such as UTC or Europe/Paris.") from None


def require_source(source: str) -> None:
    """What is served from here is to be here. Raises: UserError for a folder that is not."""
    if not is_s3(source) and not Path(source).is_dir():
        names = ", ".join(deployment.name for deployment in DEPLOYMENTS)
        raise UserError(f"{source}: is no folder. SOURCE holds subscriptions.csv and users/date=YYYY-MM-DD/*.csv; of it all are served: {names}.")


def placeholders() -> dict[str, Any]:
    """What prefect.yaml calls `{{ seatledger.… }}`: its build step. Every value is text, empty where there is none."""
    site = site_from_environment(os.environ).settled()
    crons = {d.key: site.crons[d.name] for d in DEPLOYMENTS}
    where = {name: getattr(site, name) for name in ("source", "home", "catalogs", "timezone", "lake", "cluster")}
    return {**where, **crons}


def _whole(path: str) -> str:
    return str(Path(path).expanduser().absolute())
