"""One pass over a bucket: from what is known of its workspaces to what they owe and what is shown of them.

A pass reads the lake and nothing else. What the ledger knows is told to it, what it finds goes to whoever numbers and keeps it,
so that it can be made in this process, in another one, or on another machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

import polars as pl

from flows.facts import Told, facts_until
from flows.lake import Lake
from transforms.billing import Billed, Facts, Position, billed_after, billing_from_position, position_from_facts
from transforms.catalog import Catalog
from transforms.standing import Standing, standing_from_position


class Asked(NamedTuple):
    """Up to which day to bill (None: not at all), which invoice dates, and the day whose close is to be shown (None: nothing is)."""

    through: date | None = None
    cadence: str | None = None
    shown_on: date | None = None


class Issued(NamedTuple):
    """What is issued to a bucket's workspaces: lines, invoices without numbers, dates passed; and which workspaces are held."""

    lines: pl.DataFrame
    invoices: pl.DataFrame
    dates: pl.DataFrame
    held: list[str]


class Passed(NamedTuple):
    """What a pass found; None where it was not asked for."""

    issued: Issued | None
    standing: Standing | None


def pass_over(told: Told, lake: Lake, asked: Asked, catalogs: Mapping[str, Catalog]) -> Passed:
    """Bill a bucket's workspaces, and work out what is shown of them.

    Raises: UserError where rosters are missing.
    """
    positions: dict[date, tuple[Facts, Position]] = {}

    def at(horizon: date) -> tuple[Facts, Position]:
        if horizon not in positions:
            known = facts_until(horizon, told, lake)
            positions[horizon] = known, position_from_facts(known, catalogs)
        return positions[horizon]

    issued, billed = None, told.billed
    if asked.through:
        issued, billed = _bill(at(asked.through)[1], billed, catalogs, asked.cadence)
    if not asked.shown_on:
        return Passed(issued, None)
    known, position = at(asked.shown_on)
    return Passed(issued, standing_from_position(known, position, billing_from_position(position, billed, catalogs), catalogs))


def _bill(position: Position, billed: Billed, catalogs: Mapping[str, Catalog], cadence: str | None) -> tuple[Issued, Billed]:
    billing = billing_from_position(position, billed, catalogs, cadence)
    held = position.holds["workspace_id"].unique().sort().to_list()
    return Issued(billing.lines, billing.invoices, billing.dates, held), billed_after(billed, billing)
