"""The chain from rosters to invoices, as a table of contents. Every step is a pure function in a file of its name.

roster months -> seat months -> seat changes -> daily seats --.
                                                              +-> movements -> charges -> lines -> invoices
subscription rows, activity -> events -> schedules -> prices -'              (now - billed)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import NamedTuple

import polars as pl

from transforms.agreed_seats import agreed_at, agreed_seats_from_updates
from transforms.calendar import day_in_month
from transforms.catalog import Catalog
from transforms.charges import charges_from_movements, holds_from_charges
from transforms.contract_events import contract_events_from_activity, holds_from_events
from transforms.contracts.charges import CHARGE
from transforms.contracts.findings import Holds, holds
from transforms.contracts.occupancy import StandingDays
from transforms.contracts.seats import SeatChanges, SeatMonths
from transforms.daily_seats import daily_seats_from_seat_changes, holds_from_crowds, reactivations_from_seat_changes, seats_at
from transforms.disagreements import users_said_to_be_there
from transforms.invoices import invoices_from_lines
from transforms.lines import differences_from_charges, lines_from_differences
from transforms.movements import Seats, moments_of_holding, movements_from_seats
from transforms.occupancy import first_days_from_roster_month, standing_days_from_roster_month
from transforms.policy import holds_a_seat, is_broken_alias
from transforms.prices import plan_list_from_catalogs, price_list_from_catalogs, priced_spells_from_spells
from transforms.seat_months import seat_changes_from_seat_month, seat_month_from_roster_month
from transforms.subscriptions import holds_from_overlaps, subscriptions_from_rows
from transforms.terms import Schedules, schedules_from_subscriptions


@dataclass(frozen=True)
class Facts:
    """What is known of the world when a run computes: typed, validated, current versions only.

    Of all workspaces, or of some: then `other_rows` are the subscription rows of others that bear upon them.
    `roster_months` yields each month from the opening day's to the horizon's, in order, with its roster month; it is asked
    once, and so are `idle_users`, a frame for each month's last day. `holds` are workspaces already held because of broken
    rows; `repeated_days` were declared to repeat the day before.
    """

    subscription_rows: pl.DataFrame
    other_rows: pl.DataFrame
    activity: pl.DataFrame
    usage: pl.DataFrame
    roster_months: Iterable[tuple[date, pl.DataFrame]]
    holds: pl.DataFrame
    opening_on: date
    horizon: date
    repeated_days: tuple[date, ...] = ()
    idle_users: Iterable[pl.DataFrame] = ()


@dataclass(frozen=True)
class Billed:
    """What earlier runs decided: charges billed so far, invoice dates passed, credit balances."""

    charges: pl.DataFrame
    dates: pl.DataFrame
    balances: pl.DataFrame


@dataclass(frozen=True)
class Position:
    """What is owed, charge by charge, at the close of the horizon, and all that it rests on.

    `subscriptions` are those that can be resolved; `workspace_catalogs` tells by which catalogues seats are counted, also of others.
    """

    workspace_catalogs: pl.DataFrame
    subscriptions: pl.DataFrame
    schedules: Schedules
    events: pl.DataFrame
    rosters: RosterFacts
    seats: Seats
    spells: pl.DataFrame
    charges: pl.DataFrame
    holds: pl.DataFrame
    opening_on: date


@dataclass(frozen=True)
class Billing:
    """What a run issues: lines, invoices (not yet numbered), the dates it passes; what no invoice date is due for."""

    lines: pl.DataFrame
    invoices: pl.DataFrame
    dates: pl.DataFrame
    waiting: pl.DataFrame


class RosterFacts(NamedTuple):
    """What the rosters say: changes of seats and of broken aliases per user, standings per workspace and day, each workspace's first day; and, of users who were asked for, how they stand."""

    seat_changes: pl.DataFrame
    alias_changes: pl.DataFrame
    standing_days: pl.DataFrame
    first_days: pl.DataFrame
    standings: pl.DataFrame


def roster_facts_from_roster_months(
    roster_months: Iterable[tuple[date, pl.DataFrame]],
    workspace_catalogs: pl.DataFrame,
    catalogs: Mapping[str, Catalog],
    first: date,
    last: date,
    asked: pl.DataFrame,
) -> RosterFacts:
    """Walk the months in order, carrying who held a seat; everything from the day `first` to `last`.

    Grain:  workspace, user, standing, month -> catalogue, workspace, user, day of change; and workspace, day; and as it is, with
            the `month`, of the users `asked` for in it (workspace_id, user_id, month).
    Raises: ValueError where the months are not in order.
    """
    seats, aliases = holds_a_seat(catalogs.values()), is_broken_alias()
    changes, broken, standings, begins, named = [], [], [], [], []
    seat_month = alias_month = None
    walked = first - timedelta(days=31)
    for month, roster_month in roster_months:
        if month <= walked:
            raise ValueError(f"roster months out of order: {month} after {walked}; who held a seat before would be lost")
        walked = month
        since, until = max(first, month), min(last, day_in_month(month.year, month.month, 31))
        seat_month = seat_month_from_roster_month(roster_month, workspace_catalogs, seats, month, seat_month)
        alias_month = seat_month_from_roster_month(roster_month.filter(kind="alias"), workspace_catalogs, aliases, month, alias_month)
        changes.append(seat_changes_from_seat_month(seat_month, month, since, until))
        broken.append(seat_changes_from_seat_month(alias_month, month, since, until))
        standings.append(standing_days_from_roster_month(roster_month, month, since, until))
        begins.append(first_days_from_roster_month(roster_month, month, since, until))
        of_month = roster_month.join(asked.filter(month=month), on=["workspace_id", "user_id"], how="semi")
        named.append(of_month.with_columns(month=pl.lit(month)))
    SeatMonths.validate(seat_month)
    seat_changes, alias_changes, standing_days = (pl.concat(months, rechunk=True) for months in (changes, broken, standings))
    return RosterFacts(
        SeatChanges.validate(seat_changes),
        SeatChanges.validate(alias_changes),
        StandingDays.validate(standing_days),
        pl.concat(begins).group_by("workspace_id").min(),
        pl.concat(named),
    )


def position_from_facts(facts: Facts, catalogs: Mapping[str, Catalog]) -> Position:
    """Compute every charge of every subscription that can be billed, from all that is known.

    Grain:  facts -> charges, and each stage's frame on the way. Held workspaces have no charges here.
    """
    plans, prices = plan_list_from_catalogs(catalogs), price_list_from_catalogs(catalogs)
    every_row = pl.concat([facts.subscription_rows, facts.other_rows])
    everyone, subscription_holds = subscriptions_from_rows(every_row, catalogs, plans)
    ours = facts.subscription_rows.select("workspace_id").unique()
    subscriptions = everyone.join(ours, on="workspace_id", how="semi", maintain_order="left")
    subscription_holds = subscription_holds.join(ours, on="workspace_id", how="semi")
    holds_so_far = [facts.holds, subscription_holds, holds_from_events(facts.activity, every_row, catalogs)]

    # also of who is held for a row: their seats are known, whatever the rest of the row says
    workspace_catalogs = facts.subscription_rows.filter(pl.col("catalog").is_in(list(catalogs))).select("workspace_id", "catalog").unique()
    asked = users_said_to_be_there(facts.activity)
    rosters = roster_facts_from_roster_months(facts.roster_months, workspace_catalogs, catalogs, facts.opening_on, facts.horizon, asked)
    changes = rosters.seat_changes
    daily, reactivations = daily_seats_from_seat_changes(changes), reactivations_from_seat_changes(changes)
    holds_so_far.append(holds_from_crowds(daily))

    events = contract_events_from_activity(facts.activity, subscriptions, daily, catalogs, facts.opening_on, facts.horizon)
    schedules = schedules_from_subscriptions(subscriptions, events, catalogs, facts.opening_on, facts.horizon)
    holds_so_far.append(holds_from_overlaps(subscriptions, schedules.standings, schedules.terms, facts.horizon))
    agreed = agreed_seats_from_updates(subscriptions, schedules.seat_updates, daily, schedules.spells, plans, facts.opening_on)
    seats = Seats(daily, reactivations, agreed)

    spells, unpriced = priced_spells_from_spells(schedules.spells, schedules.terms, subscriptions, prices, plans, facts.opening_on)
    held_seats = seats_held(spells, seats, facts.opening_on)
    holds_so_far += [_holds_from_unpriced(unpriced, subscriptions), _holds_from_unagreed(spells, agreed, subscriptions, facts.opening_on)]
    all_holds = Holds.validate(pl.concat(holds_so_far).unique().sort(pl.all()))

    free_to_bill = spells.filter(~pl.col("workspace_id").is_in(all_holds["workspace_id"].implode()))
    charges = charges_from_movements(movements_from_seats(free_to_bill, seats, held_seats, facts.opening_on), free_to_bill)
    too_large = holds_from_charges(charges)
    return Position(
        workspace_catalogs=workspace_catalogs,
        subscriptions=subscriptions,
        schedules=schedules,
        events=events,
        rosters=rosters,
        seats=seats,
        spells=spells,
        charges=charges.join(too_large, on="workspace_id", how="anti"),
        holds=pl.concat([all_holds, too_large]).sort(pl.all()),
        opening_on=facts.opening_on,
    )


def seats_held(spells: pl.DataFrame, seats: Seats, opening_on: date) -> pl.DataFrame:
    """Seats held, by each plan's basis, on the days that an opening or a plan switch needs.

    Grain: subscription, on, basis -> `held`: the occupancy for active seats, the number agreed for committed ones.
    """
    moments = moments_of_holding(spells, opening_on)
    both = agreed_at(seats.agreed, seats_at(seats.daily, moments))
    return both.select("subscription_id", "on", "basis", held=pl.when(basis="active").then("occupied").otherwise("agreed"))


def held_as_well(position: Position, holds: pl.DataFrame) -> Position:
    """The same where more is held than was by its day: while a workspace is held nothing is issued for it, whatever the date (G2).

    Grain: `holds` as the position has them; a held workspace has no charges.
    """
    more = holds.join(position.holds, on="workspace_id", how="anti")
    if more.is_empty():
        return position
    charges = position.charges.join(more, on="workspace_id", how="anti")
    return replace(position, charges=charges, holds=pl.concat([position.holds, more]).sort(pl.all()))


def billing_from_position(
    position: Position, billed: Billed, catalogs: Mapping[str, Catalog], cadence: str | None = None, catalog: str | None = None
) -> Billing:
    """Bill every invoice date that is due and not yet passed, oldest first (I2-I5).

    Grain:  charge -> line -> invoice. `cadence` bills only the dates that belong to a term of that cadence, `catalog` only those of
            subscriptions of that catalogue; all others stay due, as if the run had not been.
    """
    policies = pl.DataFrame(
        [(c.id, c.currency, c.rounding) for c in catalogs.values()], schema=["catalog", "currency", "rounding"], orient="row"
    )
    free_to_bill = position.subscriptions.filter(~pl.col("workspace_id").is_in(position.holds["workspace_id"].implode()))
    due = position.schedules.invoice_dates.join(billed.dates, on=["subscription_id", "invoice_on"], how="anti")
    asked = free_to_bill if catalog is None else free_to_bill.filter(catalog=catalog)
    due = due.join(asked.select("subscription_id"), on="subscription_id")
    if cadence:
        due = due.filter(cadence=cadence)
    mine = billed.charges.drop("workspace_id").join(free_to_bill.select("subscription_id", "workspace_id"), on="subscription_id")  # where it is now (I3)
    differences = differences_from_charges(position.charges, mine)
    lines, waiting = lines_from_differences(differences, due, billed.dates, policies)
    return Billing(lines, invoices_from_lines(lines, billed.balances), due, waiting)


def billed_after(billed: Billed, billing: Billing) -> Billed:
    """What will have been billed once a run's lines are issued: the same as the ledger then says. Credit balances stay as they were."""
    issued = pl.concat([billed.charges, billing.lines.select(billed.charges.columns)])
    facts = [column for column in billed.charges.columns if column not in (*CHARGE, "quantity")]
    charges = issued.group_by(CHARGE).agg(pl.col(facts).first(), pl.col("quantity").sum())
    dates = pl.concat([billed.dates, billing.dates.select(billed.dates.columns)]).unique()
    return Billed(charges, dates, billed.balances)


def _holds_from_unpriced(unpriced: pl.DataFrame, subscriptions: pl.DataFrame) -> pl.DataFrame:
    found = unpriced.join(subscriptions.select("subscription_id", "workspace_id", "file", "row"), on="subscription_id")
    detail = pl.format("plan {} has no {} price in force on {}", "plan", "cadence", "spell_from")
    mend = "agree a price in subscriptions, or add one to the catalogue's price list"
    return holds(found, "no_price", mend, detail=detail, since_on="spell_from")


def _holds_from_unagreed(spells: pl.DataFrame, agreed: pl.DataFrame, subscriptions: pl.DataFrame, opening_on: date) -> pl.DataFrame:
    """A paid spell on committed seats for which none were ever agreed cannot be billed."""
    begins = spells.filter(basis="committed").select(
        "subscription_id", "workspace_id", on=pl.max_horizontal("spell_from", pl.lit(opening_on))
    )
    lacking = agreed_at(agreed, begins).filter(pl.col("agreed").is_null()).unique("subscription_id", keep="first", maintain_order=True)
    found = lacking.join(subscriptions.select("subscription_id", "file", "row"), on="subscription_id")
    detail = pl.format("committed seats are billed from {}, and none were ever agreed", "on")
    return holds(
        found, "seats_missing", "name the seats agreed in subscriptions, or by a seats_updated event", detail=detail, since_on="on"
    )
