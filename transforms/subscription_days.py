"""Which subscription each day of a workspace belongs to, on which plan, and how it is covered (rules D7, G6)."""

from __future__ import annotations

from datetime import date

import polars as pl


def subscription_days(
    subscriptions: pl.DataFrame, spells: pl.DataFrame, standings: pl.DataFrame, plans: pl.DataFrame, first: date, last: date
) -> pl.DataFrame:
    """Which subscription, plan and coverage each workspace's day has.

    Grain:  workspace, day from `first` to `last`, for workspaces with a subscription.
    Shapes: `standings` has subscription_id, ended_on: a subscription that had ended before `first` ended all the same (G6), and
            its catalogue is that of the days after it. A day's catalogue is that of its subscription, or of the nearest: the one
            before, else the one after, also if that begins after `last` or ended on the day on which it began.
    """
    owner = subscriptions.select("subscription_id", "workspace_id", "catalog")
    workspaces = owner.select(pl.col("workspace_id").unique().sort())
    workspaces = workspaces.join(_endings(owner, standings, first), on="workspace_id", how="left", maintain_order="left")
    workspaces = workspaces.join(_without_a_day(subscriptions, standings, last), on="workspace_id", how="left", maintain_order="left")
    shown = _spells_shown(owner, spells, standings, plans, first, last)
    shown = shown.with_columns(workspace=pl.col("workspace_id").cast(pl.Enum(workspaces["workspace_id"])).to_physical().cast(pl.UInt32))
    days = _numbered_days(shown, workspaces.height, first, last)
    of_workspace = workspaces.select(pl.all().gather(days["workspace"]))
    of_spell = shown.select(pl.exclude("workspace_id", "workspace", "catalog", "since", "until").gather(days["spell"]))
    full = pl.concat([days, of_workspace, of_spell], how="horizontal")
    has_ended = pl.col("spell").is_null() & (pl.col("on") >= pl.col("ended_on"))
    return full.select(
        "workspace_id",
        "on",
        "subscription_id",
        _nearest_catalog(days, shown, of_workspace["catalog_before"]).fill_null(of_workspace["catalog_after"]),
        "plan",
        "basis",
        "seat_limit",
        pl.when(has_ended).then(pl.lit("ended")).otherwise("coverage").alias("coverage"),
        "spell_from",
    )


def _spells_shown(
    owner: pl.DataFrame, spells: pl.DataFrame, standings: pl.DataFrame, plans: pl.DataFrame, first: date, last: date
) -> pl.DataFrame:
    """Days [since, until) on one plan, workspace by workspace. Grain: spell that has a day from `first` to `last`."""
    known = spells.filter((pl.col("spell_from") <= last) & (pl.col("spell_until").is_null() | (pl.col("spell_until") > first)))
    of_plan = plans.select("catalog", "plan", "basis", "seat_limit", "is_free")
    on_plan = known.join(owner, on="subscription_id", maintain_order="left").join(of_plan, on=["catalog", "plan"], maintain_order="left")
    on_plan = on_plan.join(standings.select("subscription_id", "ended_on"), on="subscription_id", maintain_order="left")
    after = pl.lit(last) + pl.duration(days=1)
    is_of_a_term = pl.col("term_from").is_not_null()
    shown = on_plan.select(
        "workspace_id",
        "subscription_id",
        "catalog",
        "plan",
        "basis",
        "seat_limit",
        coverage=pl.when("is_free").then(pl.lit("free plan")).when(is_of_a_term).then(pl.lit("billed")).otherwise(pl.lit("trial")),
        spell_from=pl.when(is_of_a_term).then("spell_from"),
        since=pl.max_horizontal("spell_from", pl.lit(first)),
        until=pl.min_horizontal(pl.coalesce("spell_until", "ended_on", after), after).cast(pl.Date),
    )
    return shown.filter(pl.col("since") < pl.col("until")).sort("workspace_id", maintain_order=True)


def _numbered_days(shown: pl.DataFrame, workspaces: int, first: date, last: date) -> pl.DataFrame:
    """Every day of every workspace, with the number of the spell that it is in; null: in none.

    Grain: `workspace`, a number, and `on`, in order. Days are many: only once all of them are there, what is known of their
    spells is put to them.
    """
    length = (last - first).days + 1
    begins, ends = (
        pl.col("workspace").cast(pl.Int64) * length + (pl.col(day) - pl.lit(first)).dt.total_days() for day in ("since", "until")
    )
    covered = shown.select(place=pl.int_ranges(begins, ends), spell=pl.int_range(pl.len(), dtype=pl.UInt32)).explode("place")
    if covered["place"].n_unique() < covered.height:  # subscriptions that overlap: their workspace is held
        covered = covered.unique("place", keep="first", maintain_order=True)
    spell = pl.repeat(None, workspaces * length, dtype=pl.UInt32, eager=True).scatter(covered["place"], covered["spell"])
    every = pl.int_range(workspaces, dtype=pl.UInt32, eager=True).to_frame("workspace")
    return _every_day(every, first, last).with_columns(spell.alias("spell"))


def _nearest_catalog(days: pl.DataFrame, shown: pl.DataFrame, before: pl.Series) -> pl.Series:
    """The catalogue of each day's spell, or of the last one before it: `before` for those that were over on the first day; else of the next."""
    sides = {"earlier": days["spell"].forward_fill(), "later": days["spell"].backward_fill()}
    whose = {f"whose_{side}": shown["workspace"].gather(nearest) for side, nearest in sides.items()}
    near = days.select("workspace", **sides, **whose, before=before)
    earlier, later = (pl.when(pl.col("workspace") == pl.col(f"whose_{side}")).then(side) for side in sides)
    nearest = near.select(pl.coalesce(earlier, pl.when(pl.col("before").is_null()).then(later))).to_series()
    return shown["catalog"].gather(nearest).zip_with(nearest.is_not_null(), before)


def _without_a_day(subscriptions: pl.DataFrame, standings: pl.DataFrame, last: date) -> pl.DataFrame:
    """The catalogue of a workspace's first subscription that begins after the last day, or ended on the day on which it began: of days
    that have no other, that is the nearest.

    Grain: workspace of such a one: `catalog_after`. So a month does not change once the subscription has begun.
    """
    over = standings.select("subscription_id", "ended_on").drop_nulls()
    known = subscriptions.select("subscription_id", "workspace_id", "catalog", "starts_on").join(over, on="subscription_id", how="left")
    later = known.filter((pl.col("starts_on") > last) | (pl.col("ended_on") <= pl.col("starts_on"))).sort("starts_on", "subscription_id")
    return later.group_by("workspace_id").agg(catalog_after=pl.col("catalog").first())


def _endings(owner: pl.DataFrame, standings: pl.DataFrame, first: date) -> pl.DataFrame:
    """From when a workspace has had a subscription that ended, and the catalogue of the last that ended by `first`.

    Grain: workspace of such a one: `ended_on`, `catalog_before`.
    """
    over = owner.join(standings.select("subscription_id", "ended_on").drop_nulls(), on="subscription_id").sort(
        "ended_on", "subscription_id"
    )
    before = pl.col("catalog").filter(pl.col("ended_on") <= first).last()
    return over.group_by("workspace_id").agg(pl.col("ended_on").first(), catalog_before=before)


def with_days_of_unresolved(days: pl.DataFrame, unresolved: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    """Add the days of workspaces of which no subscription can be resolved: they are held, on a roster or not.

    Grain:  workspace, day -> the same. `unresolved` has workspace_id and the one catalogue that its rows name, by which its
            seats are counted (null: none that there is, or two); none of them is in `days`.
    """
    if unresolved.is_empty():
        return days
    return pl.concat([days, _every_day(unresolved.sort("workspace_id"), first, last)], how="diagonal")


def _every_day(workspaces: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    days = pl.DataFrame({"on": pl.date_range(first, last, eager=True)})
    return workspaces.join(days, how="cross", maintain_order="left_right")
