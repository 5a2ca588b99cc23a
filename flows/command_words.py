"""Words that commands share: `--json`; and a command or an option's value that is not known is answered with the nearest that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

_MEANT_CADENCES = {"monthly": "monthly", "annual": "annual", "month": "monthly", "year": "annual", "yearly": "annual", "annually": "annual"}


class Commands(click.Group):
    """A group of commands that names the nearest one to a name that is none of them."""

    def resolve_command(self, context: click.Context, words: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if words and not words[0].startswith("-") and self.get_command(context, words[0]) is None:
            from transforms.nearest import did_you_mean

            near = did_you_mean(words[0], self.list_commands(context)) or " All of them: seatledger --help"
            context.fail(f"No such command {words[0]!r}.{near}")
        return super().resolve_command(context, words)


class OneOf(click.Choice):
    """A choice between words that names the nearest to one that is none of them."""

    def __init__(self, choices: Sequence[str], meant: dict[str, str] | None = None) -> None:
        super().__init__(choices)
        self._meant = meant or {name: name for name in choices}

    def convert(self, value: Any, option: click.Parameter | None, context: click.Context | None) -> Any:
        if str(value).lower() in self.choices:
            return str(value).lower()
        from transforms.nearest import nearest

        near = [self._meant[name] for name in nearest(str(value), self._meant, most=1)]
        hint = f" Did you mean {near[0]}?" if near else ""
        self.fail(f"{value!r} is not known: {' or '.join(map(str, self.choices))}.{hint}", option, context)


CADENCE = OneOf(["monthly", "annual"], _MEANT_CADENCES)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="All of it as JSON.")


def _keep(context: click.Context, _option: click.Parameter, value: bool) -> None:
    context.meta["as_json"] = value


SUMMARY_AS_JSON = click.option(
    "--json", is_flag=True, expose_value=False, callback=_keep, help="What was done as JSON, instead of in words."
)


def _keep_at(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    context.meta[parameter.name] = value


def _keep_lake(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value:
        from flows.s3_files import require_s3

        require_s3(value)
    _keep_at(context, parameter, value)


LAKE = click.option(
    "--lake",
    metavar="URL",
    envvar="SEATLEDGER_LAKE",
    expose_value=False,
    callback=_keep_lake,
    help="An s3:// prefix for the rows of a new home.",
)
CLUSTER = click.option(
    "--cluster",
    metavar="ADDRESS",
    envvar="SEATLEDGER_CLUSTER",
    expose_value=False,
    callback=_keep_at,
    help="A Dask scheduler whose workers read and bill, a bucket each.",
)
