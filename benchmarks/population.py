"""The invented vendors' customers as numbers: workspaces, their users, and what a day changes. Text is made when a day is written.

A user is some 20 bytes here, so that twenty million fit; a day is made from the day before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

import polars as pl

from benchmarks.luck import hex_text, luck, numbers, scattered

KIND = pl.Enum(["teammate", "alias", "portal"])
ROLE = pl.Enum(["owner", "admin", "member"])
STATUS = pl.Enum(["pending", "active", "deactivated", "revoked", "deleted"])
USER = {"ws": pl.UInt32, "id": pl.UInt64, "kind": KIND, "role": ROLE, "status": STATUS, "login": pl.Boolean, "last_active_on": pl.Date}

USERS_A_SEAT = 1.13  # aliases, portal users, and those who no longer hold one
LARGEST = 1_500  # the longest tail, in units of which the mean is some 5
PARETO = 1.2
USUAL_CHURN = 0.01
NEW_WORKSPACES = 0.02


@dataclass(frozen=True)
class Shape:
    """How large and how lively the source is to be. `mix`: both vendors, or `monthly`: one vendor, paid monthly plans alone."""

    seats: int
    workspaces: int
    days: int
    first: date
    churn: float = USUAL_CHURN
    mix: str = "both"
    seed: int = 1

    @property
    def last(self) -> date:
        return self.first + timedelta(self.days - 1)


@dataclass
class Population:
    """Everybody at the close of a day. `waiting` are the users of workspaces that start later."""

    shape: Shape
    workspaces: pl.DataFrame
    users: pl.DataFrame
    waiting: pl.DataFrame
    made: int


# --- the opening day --------------------------------------------------------------------------------------------------------


def opening_population(shape: Shape) -> Population:
    """The first day: workspaces with what they agreed, and their users."""
    workspaces = _agreements(shape, _sizes(shape))
    users = _first_users(shape, workspaces)
    owners = users.filter(pl.col("role") == "owner").select("ws", owner="id")
    held = users.join(workspaces.select("ws", "catalog"), on="ws").group_by("ws").agg(occupied=holds_seat().sum().cast(pl.Int64))
    workspaces = workspaces.join(owners, on="ws").join(held, on="ws").sort("ws")
    spare = luck(workspaces["ws"], shape.seed + 11) * 0.15 * pl.col("occupied")
    workspaces = workspaces.with_columns(
        seats=pl.when(plan="growth").then(pl.col("occupied") + spare.ceil().cast(pl.Int64)), canceled=pl.lit(False)
    ).with_columns(committed="seats", plan_now="plan")
    starts_later = pl.col("ws").is_in(workspaces.filter(pl.col("starts_on") > shape.first)["ws"].implode())
    users = users.with_columns(later=starts_later)
    return Population(
        shape, workspaces, users.filter(~pl.col("later")).drop("later").sort("id"), users.filter("later").drop("later"), made=users.height
    )


def holds_seat() -> pl.Expr:
    """Whether a user holds a seat by the shipped catalogues' policies; the row has its `catalog`."""
    return (pl.col("kind") == "teammate") & (
        (pl.col("status") == "active") | ((pl.col("status") == "pending") & (pl.col("catalog") == "pensero"))
    )


def _sizes(shape: Shape) -> pl.DataFrame:
    """Users a workspace: heavy-tailed, at least one each, as many as asked for in all."""
    spare = max(round(shape.seats * USERS_A_SEAT) - shape.workspaces, 0)
    ws = numbers(0, shape.workspaces)
    weight = (1 - luck(ws, shape.seed + 1)).pow(-1 / PARETO).clip(1, LARGEST) - 1
    upto = (weight.cum_sum() / weight.sum() * spare).round().cast(pl.Int64)
    sizes = pl.DataFrame({"ws": ws.cast(pl.UInt32), "code": scattered(ws, shape.seed).sort(), "size": upto.diff().fill_null(upto[0]) + 1})
    return sizes.select("ws", "size", workspace_id=pl.concat_str(pl.lit("w-"), hex_text(pl.col("code"), 12)))


def _agreements(shape: Shape, sizes: pl.DataFrame) -> pl.DataFrame:
    """What each workspace signed up for: most years ago, a few within the days made here."""
    lucks = {f"l{n}": luck(sizes["ws"], shape.seed + 20 + n) for n in range(6)}
    is_monthly = shape.mix == "monthly"
    vendor = pl.when(pl.lit(is_monthly) | (pl.col("l0") < 0.6)).then(pl.lit("pivotal")).otherwise(pl.lit("pensero"))
    paid = pl.when(pl.col("l1") < 0.65).then(pl.lit("team")).otherwise(pl.lit("pro"))
    pivotal = pl.when((pl.col("size") == 1) & ~pl.lit(is_monthly)).then(pl.lit("solo")).otherwise(paid)
    pensero = (
        pl.when((pl.col("size") <= 5) & (pl.col("l1") < 0.5))
        .then(pl.lit("starter"))
        .when((pl.col("size") > 50) & (pl.col("l1") < 0.4))
        .then(pl.lit("enterprise"))
        .otherwise(pl.lit("growth"))
    )
    is_new = (pl.col("l3") < NEW_WORKSPACES) & ~pl.lit(is_monthly)
    days = pl.when(is_new).then(pl.col("l4") * shape.days).otherwise(-1 - pl.col("l4") * 1_000).floor().cast(pl.Int64)
    plans = sizes.with_columns(**lucks).with_columns(catalog=vendor, starts_on=pl.lit(shape.first) + pl.duration(days=days))
    plans = plans.with_columns(pl.col("starts_on").cast(pl.Date), plan=pl.when(catalog="pivotal").then(pivotal).otherwise(pensero))
    at_anniversary = (
        pl.when(pl.col("l5") < 0.85)
        .then(pl.lit("anniversary"))
        .otherwise((pl.col("l5") * 1e6 % 31 + 1).floor().cast(pl.Int64).cast(pl.String))
    )
    return plans.select(
        *sizes.columns,
        "catalog",
        "plan",
        "starts_on",
        cadence=pl.when((pl.col("catalog") == "pivotal") & (pl.lit(is_monthly) | (pl.col("l2") < 0.7)))
        .then(pl.lit("monthly"))
        .otherwise(pl.lit("annual")),
        billing_day=pl.when(pl.col("l5") < 0.3).then(pl.lit("first")).otherwise(at_anniversary),
        trial_ends_on=pl.when((pl.col("plan") == "team") & (pl.col("l1") < 0.4))
        .then(pl.col("starts_on") + pl.duration(days=14))
        .cast(pl.Date),
        unit_price_year=pl.when(plan="enterprise").then(pl.lit("480.00")),
    )


def _first_users(shape: Shape, workspaces: pl.DataFrame) -> pl.DataFrame:
    """The users of the opening day; the first of a workspace owns it and never leaves."""
    ws = workspaces.select(pl.col("ws").repeat_by("size").explode(empty_as_null=False))["ws"]
    ids = user_ids(shape, 0, len(ws))
    users = pl.DataFrame({"ws": ws, "id": ids, "l0": luck(ids, 1), "l1": luck(ids, 2), "l2": luck(ids, 3)})
    users = users.with_columns(is_owner=pl.col("ws").is_first_distinct())
    status = _by_luck("l1", {"active": 0.925, "pending": 0.02, "deactivated": 0.04, "revoked": 0.005}, "deleted")
    away = pl.duration(days=(pl.col("l2").pow(4) * 200).cast(pl.Int64) + 1)
    people = users.with_columns(
        kind=pl.when("is_owner").then(pl.lit("teammate")).otherwise(_by_luck("l0", {"teammate": 0.94, "alias": 0.025}, "portal")),
        role=pl.when("is_owner").then(pl.lit("owner")).otherwise(_by_luck("l2", {"admin": 0.05}, "member")),
        status=pl.when("is_owner").then(pl.lit("active")).otherwise(status),
        last_active_on=(pl.lit(shape.first) - away).cast(pl.Date),
    ).with_columns(
        status=pl.when((pl.col("kind") != "teammate") & (pl.col("status") == "pending")).then(pl.lit("active")).otherwise("status")
    )
    seen = pl.when(pl.col("status").is_in(["active", "deactivated", "deleted"])).then("last_active_on")
    return people.with_columns(login=pl.col("status").is_in(["active", "pending"]), last_active_on=seen).select(
        pl.col(name).cast(dtype) for name, dtype in USER.items()
    )


def _by_luck(column: str, shares: dict[str, float], rest: str) -> pl.Expr:
    """A word for each share of the luck, in turn."""
    ends = accumulate(shares.values())
    return pl.coalesce(*(pl.when(pl.col(column) < end).then(pl.lit(word)) for word, end in zip(shares, ends, strict=True)), pl.lit(rest))


def user_ids(shape: Shape, start: int, end: int) -> pl.Series:
    """Ids of the users number `start` to `end`: unique, and in no order."""
    return scattered(numbers(start, end), 1_000_003 * shape.seed)


# --- a day ------------------------------------------------------------------------------------------------------------------


def next_day(before: Population, day: date) -> tuple[Population, pl.DataFrame, pl.DataFrame]:
    """What a day changes. Returns the day's close, who moved (ws, id, event) and what workspaces asked for (ws, event, …)."""
    shape, pace = before.shape, before.shape.churn / USUAL_CHURN
    users = (
        before.users.with_columns(chance=luck(before.users["id"], day.toordinal())).with_columns(event=_what_happens(pace)).drop("chance")
    )
    moved = users.filter(pl.col("event").is_not_null())
    stayed = users.filter(pl.col("event").is_null() | (pl.col("event").is_in(["purged", "vanished"]).not_())).with_columns(
        status=_status_after(), login=_login_after()
    )
    arrived, made = _arrivals(before, day, pace)
    opened = before.workspaces.filter(pl.col("starts_on") == day)["ws"]
    is_opened = pl.col("ws").is_in(opened.implode())
    come = pl.concat([arrived, before.waiting.filter(is_opened).with_columns(event=pl.lit("added"))])
    come = come.with_columns(event=pl.when(kind="alias").then(pl.lit("alias_granted")).otherwise("event"))
    everybody = _seen_on(day, pl.concat([stayed.drop("event"), come.drop("event")])).sort("id")
    workspaces, asked = _what_workspaces_ask(before.workspaces, moved, come.filter(~is_opened), day, shape)
    moves = pl.concat([moved.select("ws", "id", "event"), come.select("ws", "id", "event")])
    moves = moves.filter(~pl.col("event").is_in(["purged", "vanished", "login_off"]))
    return Population(shape, workspaces, everybody, before.waiting.filter(~is_opened), made), moves, asked


def _what_happens(pace: float) -> pl.Expr:
    """By the day's `chance`, an event; null for the many to whom nothing happens."""
    teammate, alias, is_active = pl.col("kind") == "teammate", pl.col("kind") == "alias", pl.col("status") == "active"
    chances = [
        (teammate & is_active, {"deactivated": 0.0025 * pace, "deleted": 0.0003 * pace, "vanished": 0.000002 * pace}),
        (teammate & (pl.col("status") == "pending"), {"accepted": 0.15, "revoked": 0.01}),
        (teammate & (pl.col("status") == "deactivated"), {"reactivated": 0.01 * pace, "deleted": 0.003 * pace}),
        (alias & is_active & pl.col("login"), {"login_off": 0.0005 * pace}),
        (~teammate & is_active & (pl.col("chance") > 0.5), {"deleted": 0.5 + 0.001 * pace}),
        (pl.col("status").is_in(["deleted", "revoked"]), {"purged": 0.05}),
    ]
    happens = [
        pl.when(who & (pl.col("chance") < end)).then(pl.lit(event))
        for who, events in chances
        for event, end in zip(events, accumulate(events.values()), strict=True)
    ]
    return pl.when((pl.col("role") != "owner") & (pl.col("chance") < 0.6)).then(pl.coalesce(happens))


def _status_after() -> pl.Expr:
    now = pl.col("event").replace_strict(
        {"accepted": "active", "reactivated": "active", "deactivated": "deactivated", "deleted": "deleted", "revoked": "revoked"},
        default=None,
        return_dtype=STATUS,
    )
    return pl.coalesce(now, "status")


def _login_after() -> pl.Expr:
    on, off = pl.col("event").is_in(["accepted", "reactivated"]), pl.col("event").is_in(["deactivated", "deleted", "revoked", "login_off"])
    return pl.when(on.fill_null(False)).then(True).when(off.fill_null(False)).then(False).otherwise("login")


def _seen_on(day: date, users: pl.DataFrame) -> pl.DataFrame:
    """Most people come on working days, few at weekends."""
    comes = luck(users["id"], -day.toordinal()) < (0.75 if day.weekday() < 5 else 0.06)
    is_seen = (pl.col("status") == "active") & pl.col("login") & comes
    return users.with_columns(last_active_on=pl.when(is_seen).then(pl.lit(day)).otherwise("last_active_on"))


def _arrivals(before: Population, day: date, pace: float) -> tuple[pl.DataFrame, int]:
    """Users who come, to workspaces in proportion to their size; not to plans with a limit. With their event."""
    count, salt = round(before.users.height * 0.0035 * pace), day.toordinal()
    ids = user_ids(before.shape, before.made, before.made + count)
    beside = (luck(ids, salt) * before.users.height).cast(pl.UInt32)
    draws = pl.DataFrame({"ws": before.users["ws"].gather(beside), "id": ids, "l2": luck(ids, salt + 1)})
    closed = before.workspaces.filter(pl.col("plan_now").is_in(["solo", "starter"]) | pl.col("canceled"))["ws"]
    draws = draws.filter(~pl.col("ws").is_in(closed.implode()))
    kind = _by_luck("l2", {"teammate": 0.9, "alias": 0.04}, "portal")
    is_invited = (kind == "teammate") & (pl.col("l2") < 0.5)
    come = draws.with_columns(
        kind=kind,
        role=pl.lit("member"),
        status=pl.when(is_invited).then(pl.lit("pending")).otherwise(pl.lit("active")),
        login=pl.lit(True),
        last_active_on=pl.lit(None),
        event=pl.when(is_invited).then(pl.lit("invited")).otherwise(pl.lit("added")),
    )
    return come.select(*(pl.col(name).cast(dtype) for name, dtype in USER.items()), "event"), before.made + count


def _what_workspaces_ask(
    workspaces: pl.DataFrame, moved: pl.DataFrame, come: pl.DataFrame, day: date, shape: Shape
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Contract events of the day, and the workspaces after it: committed seats follow those who come; some change plan or leave."""
    changed = _seats_gained_and_lost(workspaces, moved, come)
    now = workspaces.join(changed, on="ws", how="left", maintain_order="left").with_columns(pl.col("gained", "lost").fill_null(0))
    chance = luck(now["ws"], shape.seed + day.toordinal())
    is_paid = ~pl.col("plan_now").is_in(["solo", "starter"])
    runs = (pl.col("starts_on") < day) & ~pl.col("canceled") & pl.lit(shape.mix == "both")
    occupied = pl.col("occupied") + pl.col("gained") - pl.col("lost")
    left = (pl.col("committed") - pl.col("lost")).clip(0)
    wish = (
        pl.when(runs & is_paid & (chance < 0.0001))
        .then(pl.lit("canceled"))
        .when(runs & (pl.col("plan_now") == "team") & (chance < 0.0005))
        .then(pl.lit("pro"))
        .when(runs & (pl.col("plan_now") == "solo") & (chance < 0.0005))
        .then(pl.lit("team"))
        .when(runs & (pl.col("cadence") == "monthly") & is_paid & (chance < 0.0007))
        .then(pl.lit("cadence_changed"))
        .when(~pl.col("canceled") & (pl.col("plan_now") == "growth") & (occupied > left))
        .then(pl.lit("seats_updated"))
    )
    now = now.with_columns(occupied=occupied, committed=left, wish=wish)
    total = pl.col("occupied") + (pl.col("occupied") * 0.1).ceil().cast(pl.Int64)
    now = now.with_columns(committed=pl.when(wish="seats_updated").then(total).otherwise("committed"))
    asked = now.filter(pl.col("wish").is_not_null()).select(
        "ws",
        event=pl.when(pl.col("wish").is_in(["pro", "team"])).then(pl.lit("plan_changed")).otherwise("wish"),
        plan=pl.when(pl.col("wish").is_in(["pro", "team"])).then("wish"),
        quantity=pl.when(wish="seats_updated").then("committed"),
        cadence=pl.when(wish="cadence_changed").then(pl.lit("annual")),
    )
    is_plan = pl.col("wish").is_in(["pro", "team"]).fill_null(False)
    now = now.with_columns(
        plan_now=pl.when(is_plan).then("wish").otherwise("plan_now"),
        canceled=pl.col("canceled") | (pl.col("wish") == "canceled").fill_null(False),
    )
    return now.select(workspaces.columns), asked


def _seats_gained_and_lost(workspaces: pl.DataFrame, moved: pl.DataFrame, come: pl.DataFrame) -> pl.DataFrame:
    """Grain: user who moved -> workspace: seats `gained` and `lost` that day."""
    both = pl.concat([moved.with_columns(was=pl.lit(True)), come.with_columns(was=pl.lit(False))])
    both = both.join(workspaces.select("ws", "catalog"), on="ws")
    after = both.with_columns(held=holds_seat() & pl.col("was"), status=pl.when("was").then(_status_after()).otherwise("status"))
    after = after.with_columns(holds=holds_seat() & (pl.col("event") != "vanished"))
    return after.group_by("ws").agg(
        gained=(pl.col("holds") & ~pl.col("held")).sum().cast(pl.Int64), lost=(pl.col("held") & ~pl.col("holds")).sum().cast(pl.Int64)
    )
