"""What a run shows beside its invoices: each workspace's days, each subscription as it stands, everything found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

import polars as pl

from transforms import findings
from transforms.agreed_seats import with_agreed_seats
from transforms.billing import Billing, Facts, Position
from transforms.broken_aliases import broken_aliases_from_alias_changes
from transforms.catalog import Catalog
from transforms.contract_events import exceptions_from_refusals, unknown_subscription_events
from transforms.contracts.findings import Exceptions
from transforms.disagreements import disagreement_findings
from transforms.idle_seats import idle_seats_from_idle_users
from transforms.occupancy import occupancy_from_days
from transforms.plan_usage import plan_usage_from_usage
from transforms.prices import plan_list_from_catalogs
from transforms.sorted_rows import in_order
from transforms.subscription_days import subscription_days, with_days_of_unresolved
from transforms.unbilled import unbilled_from_differences


class Shown(NamedTuple):
    """Published as they are: one frame a table of the finance database."""

    seat_occupancy: pl.DataFrame
    subscriptions: pl.DataFrame
    terms: pl.DataFrame
    holds: pl.DataFrame
    exceptions: pl.DataFrame
    spells: pl.DataFrame
    reactivations: pl.DataFrame
    unbilled_charges: pl.DataFrame
    plan_usage: pl.DataFrame
    broken_aliases: pl.DataFrame
    idle_seats: pl.DataFrame


class StillOwed(NamedTuple):
    """What of it depends on what was billed, too: all charges that are on no invoice, and the findings of those that never will be."""

    unbilled_charges: pl.DataFrame
    exceptions: pl.DataFrame


def still_owed_from_billing(position: Position, billing: Billing, horizon: date, catalogs: Mapping[str, Catalog]) -> StillOwed:
    """What is left to be billed after all that was. Grain: as each table's contract says."""
    running = position.schedules.terms.filter(pl.col("ended_on") > horizon)
    found = findings.unbilled_findings(billing.waiting, position.schedules.terms, horizon)
    return StillOwed(
        unbilled_charges=unbilled_from_differences(billing.lines, billing.waiting, running, catalogs),
        exceptions=Exceptions.validate(found).rename({"on": "day"}),
    )


def shown_from_position(facts: Facts, position: Position, billing: Billing, catalogs: Mapping[str, Catalog]) -> Shown:
    """Everything a reader may ask of the horizon's close. Grain: as each table's contract says."""
    occupancy = _occupancy(facts, position, catalogs)
    plan_usage = plan_usage_from_usage(facts.usage, occupancy, catalogs)
    owed = still_owed_from_billing(position, billing, facts.horizon, catalogs)
    currency = pl.col("catalog").replace_strict({c.id: c.currency for c in catalogs.values()}, return_dtype=pl.String)
    return Shown(
        seat_occupancy=occupancy.rename({"on": "day"}),
        subscriptions=_subscriptions(facts, position, occupancy),
        terms=_terms(position, catalogs),
        holds=position.holds,
        exceptions=pl.concat([_exceptions(facts, position, occupancy, plan_usage, catalogs).rename({"on": "day"}), owed.exceptions]),
        spells=position.spells.with_columns(currency=currency).pipe(in_order, "subscription_id", "spell_from"),
        reactivations=position.seats.reactivations.rename({"on": "day"}),
        unbilled_charges=owed.unbilled_charges,
        plan_usage=plan_usage.rename({"on": "day"}),
        broken_aliases=broken_aliases_from_alias_changes(position.rosters.alias_changes),
        idle_seats=idle_seats_from_idle_users(facts.idle_users, occupancy, catalogs).rename({"on": "day"}),
    )


def _occupancy(facts: Facts, position: Position, catalogs: Mapping[str, Catalog]) -> pl.DataFrame:
    plans = plan_list_from_catalogs(catalogs)
    days = subscription_days(
        position.subscriptions, position.schedules.spells, position.schedules.standings, plans, facts.opening_on, facts.horizon
    )
    days = with_days_of_unresolved(days, _unresolved_workspaces(facts, position), facts.opening_on, facts.horizon)
    days = with_agreed_seats(days, position.seats.agreed)
    return occupancy_from_days(position.rosters.standing_days, days, position.seats.daily, position.holds["workspace_id"])


def _unresolved_workspaces(facts: Facts, position: Position) -> pl.DataFrame:
    """Workspaces of which no subscription row can be resolved, with the catalogue that their rows name.

    Grain: workspace. Null where no catalogue that there is was named: and where two were, none is a day's.
    """
    unresolved = facts.subscription_rows.select("workspace_id").unique().join(position.subscriptions, on="workspace_id", how="anti")
    sole = position.workspace_catalogs.filter(~pl.col("workspace_id").is_duplicated())
    return unresolved.join(sole, on="workspace_id", how="left")


def _subscriptions(facts: Facts, position: Position, occupancy: pl.DataFrame) -> pl.DataFrame:
    """One per subscription as it stands at the horizon's close."""
    today = occupancy.filter(pl.col("on") == facts.horizon).select(
        "subscription_id", "occupied", "committed", "seat_limit", plan_now="plan"
    )
    running = position.schedules.terms.filter((pl.col("term_from") <= facts.horizon) & (pl.col("ended_on") > facts.horizon))
    running = running.select("subscription_id", "term_from", "term_until")
    last_plan = position.schedules.spells.sort("spell_from").group_by("subscription_id").agg(last_plan=pl.col("plan").last())
    owned = position.subscriptions.join(position.schedules.standings, on="subscription_id").join(running, on="subscription_id", how="left")
    owned = owned.join(today, on="subscription_id", how="left").join(last_plan, on="subscription_id", how="left")
    has_ended = pl.col("ended_on").is_not_null() & (pl.col("ended_on") <= facts.horizon)
    state = (
        pl.when(pl.col("workspace_id").is_in(position.holds["workspace_id"].implode())).then(pl.lit("held"))
        .when(has_ended).then(pl.lit("ended"))
        .when(pl.col("starts_on") > facts.horizon).then(pl.lit("not started"))
        .when(pl.col("term_from").is_null() & (pl.col("trial_until") > facts.horizon)).then(pl.lit("trial"))
        .when(pl.col("term_from").is_null()).then(pl.lit("free plan"))
        .when(pl.col("canceled_on").is_not_null()).then(pl.lit("canceled, term running"))
        .otherwise(pl.lit("active"))
    )  # fmt: skip
    standing = owned.select(
        "subscription_id",
        "workspace_id",
        "workspace_name",
        "catalog",
        pl.coalesce("plan_now", "last_plan", "plan").alias("plan"),
        cadence="cadence_now",
        billing_day="billing_day",
        state=state,
        starts_on="starts_on",
        trial_until="trial_until",
        activated_on="activated_on",
        canceled_on="canceled_on",
        ended_on="ended_on",
        term_from="term_from",
        term_until="term_until",
        seats_occupied="occupied",
        seats_committed="committed",
        seat_limit="seat_limit",
    )
    return pl.concat([standing, _unresolved(facts, position, occupancy)], how="diagonal").sort("subscription_id")


def _unresolved(facts: Facts, position: Position, occupancy: pl.DataFrame) -> pl.DataFrame:
    """Subscriptions that could not be resolved, as their rows tell them: their workspaces are held. The seats of one alone are its workspace's."""
    rows = facts.subscription_rows.join(position.subscriptions, on="subscription_id", how="anti").unique("subscription_id", keep="first")
    seats = occupancy.filter((pl.col("on") == facts.horizon) & pl.col("catalog").is_not_null()).select("workspace_id", "occupied")
    is_alone = ~pl.col("workspace_id").is_duplicated()
    told = ["subscription_id", "workspace_id", "workspace_name", "catalog", "plan", "cadence", "starts_on"]
    held = rows.join(seats, on="workspace_id", how="left")
    return held.select(*told, state=pl.lit("held"), seats_occupied=pl.when(is_alone).then("occupied"))


def _terms(position: Position, catalogs: Mapping[str, Catalog]) -> pl.DataFrame:
    currency = pl.col("catalog").replace_strict({c.id: c.currency for c in catalogs.values()}, return_dtype=pl.String)
    owner = position.subscriptions.select("subscription_id", "workspace_id", "catalog", currency=currency)
    first = position.schedules.spells.select("subscription_id", "plan", "spell_from", term_from="term_from")
    first = first.filter(pl.col("spell_from") == pl.col("term_from")).drop("spell_from")
    terms = position.schedules.terms.join(owner, on="subscription_id").join(first, on=["subscription_id", "term_from"], how="left")
    price = position.spells.filter(pl.col("spell_from") == pl.col("term_from")).select(
        "subscription_id", "term_from", "unit_price_minor", "price_reference"
    )
    terms = terms.join(price, on=["subscription_id", "term_from"], how="left")
    columns = [
        "subscription_id",
        "workspace_id",
        "catalog",
        "currency",
        "cadence",
        "plan",
        "term_from",
        "term_until",
        "ended_on",
        "period_days",
        "unit_price_minor",
        "price_reference",
    ]
    return terms.select(columns).pipe(in_order, "subscription_id", "term_from")


def _exceptions(
    facts: Facts,
    position: Position,
    occupancy: pl.DataFrame,
    plan_usage: pl.DataFrame,
    catalogs: Mapping[str, Catalog],
) -> pl.DataFrame:
    rostered = position.rosters.first_days
    trial_days = pl.DataFrame(
        [(c.id, c.trial_days) for c in catalogs.values()], schema={"catalog": pl.String, "trial_days": pl.Int64}, orient="row"
    )
    over = position.schedules.standings.filter(pl.col("ended_on") <= facts.opening_on).select("subscription_id")
    # Where a row is broken, what its user did is not known: the hold says so.
    is_whole = ~pl.col("workspace_id").is_in(facts.holds["workspace_id"].implode())
    whole, counted_by = position.rosters.seat_changes.filter(is_whole), position.seats.daily.filter(is_whole)
    counted_by = counted_by.select("workspace_id", "catalog").unique()
    # Nor, where a row of subscriptions is broken or gone, which subscriptions there are.
    untold = facts.holds.filter((pl.col("reason") == "subscription_lost") | pl.col("file").str.starts_with("subscriptions.").fill_null(False))
    is_told = ~pl.col("workspace_id").is_in(untold["workspace_id"].implode())
    found = [
        exceptions_from_refusals(position.schedules.refusals, position.events),
        unknown_subscription_events(facts.activity.filter(is_told), pl.concat([facts.subscription_rows, facts.other_rows])["subscription_id"]),
        findings.seat_limit_findings(occupancy),
        findings.broken_alias_findings(position.rosters.alias_changes),
        findings.vanished_findings(whole, facts.activity, counted_by, catalogs),
        disagreement_findings(whole, position.rosters.standings, facts.activity, counted_by, catalogs, facts.opening_on, facts.horizon),
        findings.unmatched_findings(facts.subscription_rows, rostered.filter(is_told), over, facts.opening_on, facts.horizon),
        findings.trial_findings(position.subscriptions, trial_days, over, facts.opening_on),
        findings.other_cadence_findings(position.schedules.terms, position.schedules.spells, position.subscriptions, facts.opening_on),
        findings.usage_findings(plan_usage),
        findings.repeated_day_findings(facts.repeated_days),
    ]
    return Exceptions.validate(pl.concat(found).sort("workspace_id", "on", "rule", "detail", nulls_last=True))
