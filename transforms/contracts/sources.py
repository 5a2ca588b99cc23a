"""Contracts of the source, one a table: names, types, values.

A source frame is typed from text first (transforms/source_rows.py); what does not parse is already a finding there, so
that these check values: what may be null, which words are known, what a count may be.
"""

from __future__ import annotations

from typing import Annotated

import pandera.polars as pa
import polars as pl

from transforms.catalog import CADENCES, KINDS, ROLES, STATUSES
from transforms.contracts.base import MAX_ID_CHARACTERS, Contract
from transforms.money import MAX_QUANTITY

BILLING_DAYS = ("first", "anniversary", *(str(day) for day in range(1, 32)))
CONTRACT_EVENTS = ("seats_updated", "plan_changed", "cadence_changed", "trial_extended", "canceled")
SEAT_IS_GONE = ["deactivated", "revoked", "deleted"]  # of the user events
USER_EVENTS = ("added", "invited", "accepted", "revoked", "deactivated", "reactivated", "deleted", "alias_granted")
LARGEST_CELL = 1_000_000  # bytes
# No blanks around an id, no control characters in it.
ID_PATTERN = r"^[^\s\x00-\x1f\x7f-\x9f](?:[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"


def _id(what: str, *, nullable: bool = False) -> str:
    says = f"{what}: 1 to {MAX_ID_CHARACTERS} characters, no blanks around it, no control characters"
    length = {"min_value": 1, "max_value": MAX_ID_CHARACTERS}
    return pa.Field(nullable=nullable, str_length=length, str_matches=ID_PATTERN, description=says)


def _one_of(words: tuple[str, ...], *, nullable: bool = False) -> str:
    return pa.Field(
        nullable=nullable,
        isin=words,
        description=f"one of {', '.join(words)}" if len(words) < 20 else "first, anniversary or a day 1 to 31",
    )


def _date(*, nullable: bool = False) -> str:
    return pa.Field(nullable=nullable, description="a date like 2026-01-31")


def _count(*, nullable: bool = False, most: int = MAX_QUANTITY) -> str:
    return pa.Field(nullable=nullable, ge=0, le=most, description=f"a whole number from 0 to {most}")


def _price() -> str:
    return pa.Field(nullable=True, str_matches=r"^\d{1,18}(\.\d{1,18})?$", description="a plain decimal like 39.00")


def _text() -> str:
    return pa.Field(nullable=True, description="text")


class SubscriptionRows(Contract):
    """One per subscription, as agreed at signup."""

    subscription_id: str = _id("a subscription's id")
    workspace_id: str = _id("a workspace's id")
    workspace_name: str = _text()
    catalog: str = _id("a catalogue's id")
    plan: str = _id("a plan's id")
    cadence: str = _one_of(CADENCES)
    billing_day: str = _one_of(BILLING_DAYS)
    starts_on: pl.Date = _date()
    trial_ends_on: pl.Date = _date(nullable=True)
    seats: int = _count(nullable=True)
    unit_price_month: str = _price()
    unit_price_year: str = _price()


class UserRows(Contract):
    """One per workspace and user on a day's roster. `name` and `email` go to the directory, nowhere else."""

    workspace_id: str = _id("a workspace's id")
    user_id: str = _id("a user's id")
    kind: str = _one_of(KINDS)
    role: str = _one_of(ROLES)
    status: str = _one_of(STATUSES)
    login_enabled: bool = pa.Field(description="true or false")
    name: str = _text()
    email: str = _text()
    last_active_on: pl.Date = _date(nullable=True)


PERSON = ["workspace_id", "user_id", "status", "name", "email", "day"]  # what the directory asks of a users row


class ActivityRows(Contract):
    """One per event. The contract events carry what they ask for."""

    event_id: str = _id("an event's id")
    occurred_at: Annotated[pl.Datetime, "us", "UTC"] = pa.Field(description="a time with its offset like 2026-01-31T09:30:00+01:00")
    workspace_id: str = _id("a workspace's id")
    subscription_id: str = _id("a subscription's id", nullable=True)
    event: str = pa.Field(isin=CONTRACT_EVENTS + USER_EVENTS, description=f"one of {', '.join(CONTRACT_EVENTS + USER_EVENTS)}")
    actor_id: str = _id("a user's id", nullable=True)
    actor_role: str = _text()
    user_id: str = _id("a user's id", nullable=True)
    quantity: int = _count(nullable=True)
    plan: str = _id("a plan's id", nullable=True)
    cadence: str = _one_of(CADENCES, nullable=True)
    until: pl.Date = _date(nullable=True)

    @pa.dataframe_check(name="is an event about a subscription and names none in subscription_id")
    def names_subscription(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(~pl.col("event").is_in(CONTRACT_EVENTS) | pl.col("subscription_id").is_not_null())

    @pa.dataframe_check(name="lacks what its event asks for: quantity, plan, cadence or until")
    def carries_its_ask(cls, data: pa.PolarsData) -> pl.LazyFrame:
        asks = {"seats_updated": "quantity", "plan_changed": "plan", "cadence_changed": "cadence", "trial_extended": "until"}
        lacking = pl.any_horizontal((pl.col("event") == event) & pl.col(column).is_null() for event, column in asks.items())
        return data.lazyframe.select(~lacking)


class UsageRows(Contract):
    """One per workspace and metric on a day: what is used of the plan. Two values of one are a contradiction (G2)."""

    workspace_id: str = _id("a workspace's id")
    metric: str = _id("a metric's name")
    value: int = _count(most=2**62)


SOURCE_ROWS: dict[str, type[Contract]] = {
    "subscriptions": SubscriptionRows,
    "users": UserRows,
    "activity": ActivityRows,
    "usage": UsageRows,
}

# A cell, or a whole row (column null), that breaks its contract.
BROKEN = {"workspace_id": pl.String, "file": pl.String, "row": pl.Int64, "column": pl.String, "fault": pl.String}
