"""What operators type: `serve` and `notify`. Light to import, as all that names commands; Prefect is imported when one of them runs."""

from __future__ import annotations

from pathlib import Path

import click

from flows.command_words import CLUSTER, LAKE
from flows.options import catalogs, home


@click.command()
@click.argument("source", envvar="SEATLEDGER_SOURCE")
@home
@catalogs
@click.option(
    "--timezone", metavar="ZONE", envvar="SEATLEDGER_TIMEZONE", help="Of the schedules, such as Europe/Paris; else the catalogues'."
)
@click.option("--cron", "crons", multiple=True, metavar="NAME=CRON", help="Another schedule: --cron 'daily-ingest=30 4 * * *'.")
@LAKE
@CLUSTER
@click.option("--notify", metavar="URL", help="Tell a webhook of runs that fail, hold or are late: as `seatledger notify`.")
def serve(source: str, home: Path, catalogs: Path | None, timezone: str | None, crons: tuple[str, ...], notify: str | None) -> None:
    """Run the deployments on their schedules, for as long as this runs.

    daily-ingest, monthly-billing, annual-billing and month-end-reports, on the server that PREFECT_API_URL names.
    """
    from flows.deployments import require_source, site_of_command
    from flows.prefect_settings import settle

    asked = click.get_current_context().meta
    require_source(source)
    site = site_of_command(source, home, catalogs, timezone, crons, asked.get("lake"), asked.get("cluster"))
    settle(quiet=False)
    from flows.serving import serve as serve_deployments
    from flows.serving import served

    deployments = served(site)  # what is wrong with a schedule is told before anything is changed
    if notify:
        from flows.notifications import notify as notify_of_runs

        notify_of_runs(notify)
    from flows.terminal import print_served

    serve_deployments(deployments, lambda page: print_served(site, page))


@click.command()
@click.argument("url", required=False)
@click.option("--off", is_flag=True, help="Tell nobody any more.")
def notify(url: str | None, off: bool) -> None:
    """Tell a webhook (Slack, Teams, Mattermost, your own) of runs that fail, hold or are late.

    The server that PREFECT_API_URL names does so from now on. The address is kept there, as a secret.
    """
    if bool(url) == off:
        raise click.UsageError("Name the webhook's URL, or --off.")
    from flows.prefect_settings import settle

    settle()
    from flows.notifications import notify as notify_of_runs
    from flows.notifications import notify_no_more

    if url:
        notify_of_runs(url)
        click.echo("From now on the webhook is told of runs that fail, hold, or are late.")
    else:
        notify_no_more()
        click.echo("Nobody is told any more.")


COMMANDS = (serve, notify)
