"""What is reported and not billed: limits reached, aliases that cannot work, users who vanish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from transforms.catalog import Catalog
from transforms.contracts.findings import NO_EXCEPTIONS, exceptions
from transforms.contracts.sources import SEAT_IS_GONE
from transforms.many import many
from transforms.policy import local_day

_NAMED = 5  # users, where one finding is of many


def seat_limit_findings(occupancy: pl.DataFrame) -> pl.DataFrame:
    """More seats occupied than committed, or than the plan's limit: reported, not billed (section 4).

    Grain: workspace, day -> one finding for each unbroken stretch of days of a month over the same limit: so each month tells
           its own, and one that is over is told no otherwise for what comes after it.
    """
    over = occupancy.filter(pl.col("occupied") > pl.col("seat_limit")).sort("workspace_id", "on")
    over = over.with_columns(month=pl.col("on").dt.month_start())
    stretch = ["workspace_id", "subscription_id", "plan", "seat_limit", "month"]
    over = over.with_columns(
        begins=(pl.col("on").diff().over(stretch).fill_null(pl.duration(days=2)) > pl.duration(days=1)).cum_sum().over(stretch)
    )
    found = over.group_by(*stretch, "begins").agg(on=pl.col("on").min(), last=pl.col("on").max(), most=pl.col("occupied").max())
    detail = pl.format(
        "You've reached your seat limit: up to {} {} occupied of {} on plan {}, until {}",
        "most",
        _noun("most", "seat"),
        "seat_limit",
        "plan",
        "last",
    )
    return exceptions(found.sort(pl.all()), "§4", "seat_limit", detail)


def broken_alias_findings(changes: pl.DataFrame) -> pl.DataFrame:
    """An alias works only while login is enabled and the user is not deactivated (D5). Grain: alias, day it broke -> finding."""
    broke = changes.filter(pl.col("change") == 1).rename({"moved_on": "on"}).sort("workspace_id", "on", "user_id")
    broke = broke.unique(["workspace_id", "on", "user_id"], keep="first", maintain_order=True)  # a workspace may be of two catalogues
    return exceptions(
        broke,
        "D5",
        "broken_alias",
        pl.format("alias access of user {} cannot work: login is disabled or the user is deactivated", "user_id"),
    )


def vanished_findings(
    changes: pl.DataFrame, activity: pl.DataFrame, counted_by: pl.DataFrame, catalogs: Mapping[str, Catalog]
) -> pl.DataFrame:
    """Users absent from a roster hold no seat that day; where no activity explains it, that is reported (G5).

    Grain:  user, day of departure -> workspace, day: how many, and who the first of them are. Each user once, by however many catalogues of
            the workspace they held a seat; so it is in `disagreements.py`.
    Shapes: `counted_by` has workspace_id, catalog: those by which a seat was ever counted, among the changes.
    """
    gone = changes.filter((pl.col("change") == -1) & ~pl.col("is_on_roster"))
    reasons = activity.filter(pl.col("event").is_in(SEAT_IS_GONE)).join(counted_by, on="workspace_id")
    explained = reasons.select("workspace_id", "user_id", moved_on=local_day(catalogs)).unique()
    vanished = gone.join(explained, on=["workspace_id", "user_id", "moved_on"], how="anti").sort("workspace_id", "moved_on", "user_id")
    vanished = vanished.unique(["workspace_id", "moved_on", "user_id"], keep="first", maintain_order=True)
    named = vanished.group_by("workspace_id", "moved_on", maintain_order=True).agg(users=pl.len(), first=pl.col("user_id").head(_NAMED))
    users = pl.Series([many(number, "user") for number in named["users"]], dtype=pl.String)
    others = pl.when(pl.col("users") > _NAMED).then(pl.format(" and {} more", pl.col("users") - _NAMED)).otherwise(pl.lit(""))
    detail = pl.format("no longer on the roster, and no activity says why: {}, {}{}", users, pl.col("first").list.join(", "), others)
    return exceptions(named, "G5", "vanished", detail, on="moved_on")


def unmatched_findings(
    subscriptions: pl.DataFrame, rostered: pl.DataFrame, ended: pl.DataFrame, opening_on: date, horizon: date
) -> pl.DataFrame:
    """A workspace on rosters without any subscription, and a started subscription whose workspace is on no roster.

    `ended` has the subscription_id of those that had ended before the opening day: nobody asks for rosters of theirs.
    """
    lone = rostered.join(subscriptions, on="workspace_id", how="anti").sort("workspace_id")
    started = subscriptions.filter(pl.col("starts_on") <= horizon).join(ended, on="subscription_id", how="anti")
    absent = started.join(rostered, on="workspace_id", how="anti").sort("subscription_id").with_columns(on=_seen_on(opening_on))
    no_subscription = exceptions(
        lone, "G6", "no_subscription", pl.format("{} is on rosters since {} and has no subscription", "workspace_id", "on")
    )
    no_roster = exceptions(
        absent, "G6", "no_roster", pl.format("the workspace of {} is on no roster: no seat is occupied", "subscription_id")
    )
    return pl.concat([no_subscription, no_roster])


def trial_findings(subscriptions: pl.DataFrame, trial_days: pl.DataFrame, ended: pl.DataFrame, opening_on: date) -> pl.DataFrame:
    """A trial agreed for longer than the catalogue's usual length holds, and is reported (T9); not of those `ended` before the opening day."""
    usual = subscriptions.join(ended, on="subscription_id", how="anti").join(trial_days.drop_nulls(), on="catalog")
    agreed = (pl.col("trial_ends_on") - pl.col("starts_on")).dt.total_days()
    longer = usual.with_columns(agreed_days=agreed, on=_seen_on(opening_on)).filter(pl.col("agreed_days") > pl.col("trial_days"))
    return exceptions(
        longer.sort("subscription_id"),
        "T9",
        "long_trial",
        pl.format("the trial lasts {} {}; {} are usual", "agreed_days", _noun("agreed_days", "day"), "trial_days"),
        severity="notice",
    )


def other_cadence_findings(terms: pl.DataFrame, spells: pl.DataFrame, subscriptions: pl.DataFrame, opening_on: date) -> pl.DataFrame:
    """A term at another cadence than was asked for, as its plan is sold at the other alone (T6): else the invoice would be the first to say so.

    Grain:  subscription, unbroken run of such terms -> finding, on the first day of the first; of terms that had not ended by the opening day.
    Shapes: `terms` and `spells` are those of the schedules, in order.
    """
    others = terms.filter((pl.col("cadence") != pl.col("wished")) & (pl.col("ended_on") > opening_on))
    if others.is_empty():
        return NO_EXCEPTIONS
    goes_on = pl.col("term_from") == pl.col("ended_on").shift().over("subscription_id")
    first = others.filter(~goes_on.fill_null(False)).join(subscriptions.select("subscription_id", "workspace_id"), on="subscription_id")
    on_plan = first.join(spells.select("subscription_id", "plan", term_from="spell_from"), on=["subscription_id", "term_from"])
    seen = on_plan.with_columns(on=_seen_on(opening_on, "term_from")).sort("subscription_id", "on")
    detail = pl.format("the term from {} is {}, not {}: plan {} is not sold {} on that day", "term_from", "cadence", "wished", "plan", "wished")
    return exceptions(seen, "T6", "other_cadence", detail)


def _seen_on(opening_on: date, since: str = "starts_on") -> pl.Expr:
    """The day of what is so since a subscription starts, or a term does: of one taken over the opening day, as no report has a day before it."""
    return pl.max_horizontal(since, pl.lit(opening_on))


UNBILLED_AFTER_CLOSING = "unbilled_after_closing"


def unbilled_findings(waiting: pl.DataFrame, terms: pl.DataFrame, horizon: date) -> pl.DataFrame:
    """What still differs after a closing date has no next invoice: it is reported (I4).

    Grain: charge that waits -> finding, for subscriptions with no term running past the horizon.
    """
    running = terms.filter(pl.col("ended_on") > horizon).select("subscription_id").unique()
    left = waiting.join(running, on="subscription_id", how="anti").sort(pl.all()).with_columns(seats=pl.col("quantity").abs())
    what = pl.format("{} of {} on {} for {} {}", "reason", "plan", "moved_on", "seats", _noun("seats", "seat"))
    lies = pl.when(pl.col("quantity") < 0).then(pl.lit("was billed and is not given back")).otherwise(pl.lit("is not billed"))
    detail = pl.format("{} {}: the subscription has no next invoice", what, lies)
    return exceptions(left, "I4", UNBILLED_AFTER_CLOSING, detail, on="moved_on")


def usage_findings(plan_usage: pl.DataFrame) -> pl.DataFrame:
    """Use beyond a plan's caps, or of what only other plans of the catalogue include: reported, not billed (section 2).

    Grain: workspace, day, metric -> finding.
    """
    beyond = plan_usage.filter("is_beyond").sort("workspace_id", "on", "metric")
    capped = pl.format("{} of {}; plan {} allows {}", "value", "metric", "plan", "allowed")
    excluded = pl.format("{} is used; plan {} does not include it", "metric", "plan")
    return exceptions(beyond, "§2", "beyond_plan", pl.when(pl.col("allowed") > 0).then(capped).otherwise(excluded))


def repeated_day_findings(days: Sequence[date]) -> pl.DataFrame:
    """A lost day that was declared to repeat the one before is shown (G1). Grain: day -> finding."""
    declared = pl.DataFrame({"on": sorted(days)}, schema={"on": pl.Date})
    return exceptions(declared, "G1", "repeated_day", pl.format("the rosters of {} were lost and declared to repeat the day before", "on"))


def _noun(number: str, noun: str) -> pl.Expr:
    """The noun alone, as the column of numbers before it asks for."""
    return pl.when(pl.col(number) == 1).then(pl.lit(noun)).otherwise(pl.lit(f"{noun}s"))
