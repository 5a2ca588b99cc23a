"""One pass over a bucket: from what is known of its workspaces to what they owe and what is shown of them.

A pass reads the lake and nothing else. What the ledger knows is told to it, what it finds goes to whoever numbers and keeps it,
so that it can be made in this process, in another one, or on another machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from flows.facts import facts_until
from flows.lake import Lake
from flows.shelf import Shelf
from flows.told import Told
from transforms.billing import Facts, Position, billed_after, billing_from_position, held_as_well, position_from_facts
from transforms.catalog import Catalog
from transforms.shown import shown_from_position, still_owed_from_billing


class Asked(NamedTuple):
    """Up to which day to bill (None: not at all), which invoice dates (of one cadence, of one catalogue), and the day whose close is to be shown (None: nothing is).

    `known_on`: who is held at the close of that day is not billed, also up to a day before; `only_owed`: of what is shown, only
    what depends on what was billed.
    """

    through: date | None = None
    cadence: str | None = None
    catalog: str | None = None
    known_on: date | None = None
    shown_on: date | None = None
    only_owed: bool = False


class Found(NamedTuple):
    """What a pass found: which workspaces cannot be billed, and a shelf with the frames.

    `issued lines`, `issued invoices` (without numbers), `issued dates`; and `shown …`, a frame of each table of a Shown, or of a StillOwed.
    """

    held: list[str]
    shelf: Shelf


def pass_over(told: Told, lake: Lake, asked: Asked, catalogs: Mapping[str, Catalog]) -> Found:
    """Bill a bucket's workspaces, and work out what is shown of them.

    Raises: UserError where rosters are missing.
    """
    positions: dict[date, tuple[Facts, Position]] = {}

    def at(horizon: date) -> tuple[Facts, Position]:
        if horizon not in positions:
            known = facts_until(horizon, told, lake)
            positions[horizon] = known, position_from_facts(known, catalogs)
        return positions[horizon]

    billed, number, found = told.billed, told.bucket.number, Found([], told.shelf.of_its_kind())
    if asked.through:
        _, position = at(asked.through)
        if asked.known_on and asked.known_on > asked.through:
            position = held_as_well(position, at(asked.known_on)[1].holds)
        billing = billing_from_position(position, billed, catalogs, asked.cadence, asked.catalog)
        billed = billed_after(billed, billing)
        found.held.extend(position.holds["workspace_id"].unique())
        for name, frame in (("lines", billing.lines), ("invoices", billing.invoices), ("dates", billing.dates)):
            found.shelf.put(f"issued {name}", number, frame)
    if asked.shown_on:
        known, position = at(asked.shown_on)
        left = billing_from_position(position, billed, catalogs)
        if asked.only_owed:
            shown = still_owed_from_billing(position, left, known.horizon, catalogs)
        else:
            shown = shown_from_position(known, position, left, catalogs)
        for table, frame in shown._asdict().items():
            found.shelf.put(f"shown {table}", number, frame)
    return found
