"""What several commands ask for in the same words."""

from __future__ import annotations

from pathlib import Path

import click

DAY = click.DateTime(["%Y-%m-%d"])
MONTH = click.DateTime(["%Y-%m"])

home = click.option(
    "--home",
    type=click.Path(path_type=Path),
    default="warehouse",
    envvar="SEATLEDGER_HOME",
    show_default=True,
    help="Where everything is kept.",
)
catalogs = click.option(
    "--catalogs", type=click.Path(path_type=Path), envvar="SEATLEDGER_CATALOGS", help="A folder with catalogues of your own (.toml)."
)
