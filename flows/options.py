"""What several commands ask for in the same words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click


class _Calendar(click.DateTime):
    """A day or a month; of text that is none, what one looks like."""

    def __init__(self, form: str, what: str, like: str) -> None:
        super().__init__([form])
        self._what, self._like = what, like

    def convert(self, value: Any, option: click.Parameter | None, context: click.Context | None) -> Any:
        try:
            return super().convert(value, option, context)
        except click.BadParameter:
            self.fail(f"{value!r} is no {self._what}. Write one like {self._like}.", option, context)


class _Place(click.Path):
    """A path; of no letters at all it would be the folder that one happens to be in."""

    def convert(self, value: Any, option: click.Parameter | None, context: click.Context | None) -> Any:
        if str(value) == "" and not isinstance(value, Path):
            self.fail("is empty. Name a folder; the one that you are in is a dot.", option, context)
        return super().convert(_of_someone(str(value)) if isinstance(value, str) else value, option, context)


class _Source(click.ParamType):
    """A folder or an s3:// prefix, as text; of no letters at all it would be the folder that one happens to be in."""

    name = "text"

    def convert(self, value: Any, option: click.Parameter | None, context: click.Context | None) -> str:
        if not str(value).strip():
            self.fail("is empty. Name a folder or an s3:// prefix; the folder that you are in is a dot.", option, context)
        return _of_someone(str(value))


def _of_someone(path: str) -> str:
    """A path that begins with ~ as shells understand it: they do not in --home=~/books, and libraries would, each by itself."""
    return os.path.expanduser(path)


SOURCE = _Source()
PLACE = _Place(path_type=Path)
PAPERS = ("a4", "us-letter")  # as reports/invoice.typ knows them
DAY = _Calendar("%Y-%m-%d", "day of the calendar", "2026-01-31")
MONTH = _Calendar("%Y-%m", "month", "2026-01")

home = click.option(
    "--home",
    type=PLACE,
    default="warehouse",
    envvar="SEATLEDGER_HOME",
    show_default=True,
    help="Where everything is kept.",
)
catalogs = click.option(
    "--catalogs", type=PLACE, envvar="SEATLEDGER_CATALOGS", help="A folder with catalogues of your own (.toml)."
)
