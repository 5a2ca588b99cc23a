"""A customer's story as a test tells it, and what it is billed as rows of text to read.

    story = Story("pivotal", "2026-04-01", "2026-05-01").subscription("team").user("a").user("b", "2026-04-16")
    assert story.bill().lines() == told(\"""
        2026-04-01  opening      1 × 39.00 × 30/30 = 39.00
        2026-05-01  seats_added  1 × 39.00 × 15/30 = 19.50   # 15 of the 30 days of April
        2026-05-01  opening      2 × 39.00 × 31/31 = 78.00
    \""")
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from tests.properties.in_memory import MemoryLedger, bill_in_memory, catalogs_of, facts_of
from tests.reference.slow_ledger import Facts as PlainFacts
from transforms.shown import Shown, shown_from_position

CATALOGS = Path(__file__).resolve().parent.parent / "data" / "catalogs"
DECIMALS = {"USD": 2, "EUR": 2, "JPY": 0, "BHD": 3}
PLACES = {
    "seats": {"kinds", "statuses", "reactivation", "release_committed_on_removal"},
    "rules": {"rounding", "trial_days", "change_roles", "annual_adjustments"},
}
CONTRACT_EVENTS = {"seats_updated", "plan_changed", "cadence_changed", "trial_extended", "canceled"}


def told(text: str) -> list[str]:
    """The rows of a text, without blanks that only align and without what stands after a #."""
    rows = (" ".join(row.split("#")[0].split()) for row in text.splitlines())
    return [row for row in rows if row]


def shipped(catalog: str, **changes) -> dict:
    """A shipped catalogue with some of its keys changed, wherever they stand (None: without it); `plans` merges plan by plan."""
    document = tomllib.loads((CATALOGS / f"{catalog}.toml").read_text(encoding="utf-8"))
    for plan, keys in changes.pop("plans", {}).items():
        document["plans"][plan] = document["plans"].get(plan, {}) | keys
    for key, value in changes.items():
        table = next((document[place] for place, keys in PLACES.items() if key in keys), document)
        table.pop(key, None)
        table |= {} if value is None else {key: value}
    return document


def priced(effective_from: str = "2020-01-01", **amounts: str) -> dict:
    """One row of a plan's price list: `month`, `year` or both."""
    return {"effective_from": date.fromisoformat(effective_from), **amounts}


class Story:
    """Subscriptions, rosters from the first to the last day, and events; `changes` make the catalogue another vendor's."""

    def __init__(self, catalog: str, first: str, last: str, **changes) -> None:
        self.catalog, self.first, self.last = catalog, date.fromisoformat(first), date.fromisoformat(last)
        self.catalogs = {name: shipped(name) for name in ("pensero", "pivotal")} | {catalog: shipped(catalog, **changes)}
        self.subscriptions: dict[str, dict] = {}
        self.users: dict[tuple[str, str], dict[date, dict | None]] = {}
        self.events: list[dict] = []

    def subscription(self, plan: str, *, id="sub", workspace="ws", starts: str | None = None, trial: str | None = None, **columns) -> Story:
        """Monthly (Pensero: annual), billed on the first, from the first day; told again under its id, it replaces the row before."""
        row = {"subscription_id": id, "workspace_id": workspace, "catalog": self.catalog, "plan": plan, "billing_day": "first"}
        row |= {"workspace_name": None, "seats": None, "unit_price_month": None, "unit_price_year": None}
        row |= {"cadence": "annual" if self.catalog == "pensero" else "monthly"}
        row |= {"starts_on": date.fromisoformat(starts) if starts else self.first, "trial_ends_on": date.fromisoformat(trial) if trial else None}
        self.subscriptions[id] = row | columns
        return self

    def user(
        self, user_id: str, since: str | None = None, until: str | None = None, back: str | None = None, *, stands=None, workspace="ws", **columns
    ) -> Story:
        """A teammate, active from `since` (else the first day), deactivated from `until` on, active again from `back` on.

        `stands` tells it as {day: status, other columns, or None for not on the roster}. Told again, a user's days are superseded.
        """
        days = stands or {since or str(self.first): "active", until: "deactivated", back: "active"}
        row = {"workspace_id": workspace, "user_id": user_id, "kind": "teammate", "role": "member", "login_enabled": True, **columns}
        self.users[workspace, user_id] = {
            date.fromisoformat(day): now and row | (now if isinstance(now, dict) else {"status": now}) for day, now in days.items() if day
        }
        return self

    def event(
        self, day: str, event: str, *, role: str | None = "owner", at="10:00", zone="UTC", delivered_on="", until: str | None = None, **asks
    ) -> Story:
        """An event at a local time of `zone`; `asks` are its columns (`plan`, `quantity`, `user_id`, …) and its `workspace`."""
        workspace = asks.pop("workspace", "ws")
        subscription = next(i for i, row in self.subscriptions.items() if row["workspace_id"] == workspace) if event in CONTRACT_EVENTS else None
        row = {"event_id": f"e{len(self.events):03}", "workspace_id": workspace, "subscription_id": subscription, "event": event, "actor_role": role}
        row |= {"occurred_at": datetime.fromisoformat(f"{day}T{at}").replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)}
        row |= {"delivered_on": date.fromisoformat(delivered_on or day), "until": date.fromisoformat(until) if until else None}
        self.events.append(row | asks)
        return self

    def facts(self) -> PlainFacts:
        days = [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]
        rosters = {day: [row for row in (_stands(of_user, day) for of_user in self.users.values()) if row] for day in days}
        assert all(rosters.values()), "a source has no empty roster: tell of one more user"
        return PlainFacts(self.catalogs, [*self.subscriptions.values()], rosters, [*self.events])

    def bill(self, through: str | None = None, *, after: Bills | None = None, known: str | None = None) -> Bills:
        """Bill through a day (else the last), after earlier bills, from rosters up to that day and events delivered by then, or by `known`."""
        day = date.fromisoformat(through) if through else self.last
        by = date.fromisoformat(known) if known else day
        earlier = after.ledger if after else MemoryLedger()
        ledger = replace(earlier, lines=[*earlier.lines], invoices=[*earlier.invoices], dates=[*earlier.dates])
        plain = self.facts()
        bill_in_memory(plain, day, ledger, known=by)
        return Bills(ledger, plain, day, by)


@dataclass(frozen=True)
class Bills:
    """What one run issued, as text, and what it found."""

    ledger: MemoryLedger
    plain: PlainFacts
    through: date
    known: date

    def lines(self, *columns: str) -> list[str]:
        """This run's lines: invoice date, reason, quantity × unit price × days/period days = amount, and more columns as asked."""
        return [_line(row, columns) for row in self.ledger.billing.lines.iter_rows(named=True)]

    def every_line(self, *columns: str) -> list[str]:
        """The lines of this run and of all before it, in the order of their invoices."""
        rows = [row for frame in self.ledger.lines for row in frame.iter_rows(named=True)]
        return [_line(row, columns) for row in sorted(rows, key=lambda row: row["invoice_on"])]

    def invoices(self, *columns: str) -> list[str]:
        """This run's invoices: date, net, due, and the account's credit after it."""
        rows = self.ledger.billing.invoices.iter_rows(named=True)
        settled = "{invoice_on} net {net} due {amount_due} credit {credit_balance}".format
        amounts = ("net", "amount_due", "credit_balance")
        return [_row(settled(**row, **{name: _money(row, name) for name in amounts}), *_of(row, columns)) for row in rows]

    def dates(self) -> list[str]:
        """The invoice dates that this run passed."""
        return [str(day) for day in sorted(self.ledger.billing.dates["invoice_on"])]

    def terms(self, *columns: str) -> list[str]:
        """Every term: first day, day after the last, cadence, days/period days."""
        rows = self.ledger.position.schedules.terms.sort("subscription_id", "term_from").iter_rows(named=True)
        planned = "{term_from} {term_until} {cadence} {days.days}/{period_days}".format
        return [_row(planned(**row, days=row["term_until"] - row["term_from"]), *_of(row, columns)) for row in rows]

    def holds(self) -> list[str]:
        return [f"{h['workspace_id']} {h['reason']}" for h in self.ledger.position.holds.iter_rows(named=True)]

    def findings(self, *columns: str) -> list[str]:
        """What is reported: day, rule, finding."""
        rows = self.shown().exceptions.iter_rows(named=True)
        return [_row(f"{f['day']} {f['rule']} {f['finding']}", *_of(f, columns)) for f in rows]

    def occupancy(self, day: str, workspace: str = "ws") -> dict:
        on = date.fromisoformat(day)
        return self.shown().seat_occupancy.row(by_predicate=(pl.col("workspace_id") == workspace) & (pl.col("day") == on), named=True)

    def coverage(self, workspace: str = "ws") -> str:
        """How many days, one after the other, the workspace is what: `14 trial, 16 billed`."""
        of_days = self.shown().seat_occupancy.filter(workspace_id=workspace).sort("day")["coverage"]
        return ", ".join(f"{len(list(same))} {what}" for what, same in groupby(of_days))

    def shown(self) -> Shown:
        facts = facts_of(self.plain, self.through, self.known, self.ledger.opening_on)
        return shown_from_position(facts, self.ledger.position, self.ledger.billing, catalogs_of(self.plain))


def _stands(of_user: dict[date, dict | None], day: date) -> dict | None:
    known = [since for since in of_user if since <= day]
    return of_user[max(known)] if known else None


def _row(*cells: object) -> str:
    return " ".join(map(str, cells))


def _of(row: dict, columns: tuple[str, ...]) -> list:
    return [row[column] for column in columns]


def _money(row: dict, column: str) -> Decimal:
    return Decimal(row[f"{column}_minor"]).scaleb(-DECIMALS[row["currency"]])


def _line(row: dict, columns: tuple[str, ...]) -> str:
    working = f"{row['quantity']} × {_money(row, 'unit_price')} × {row['days']}/{row['period_days']} = {_money(row, 'amount')}"
    return _row(row["invoice_on"], row["reason"], working, *_of(row, columns))
