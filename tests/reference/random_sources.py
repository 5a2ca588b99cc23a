"""Seeded random sources that go through everything the rules talk about, and writers for the source layout.

    facts = random_facts(7)
    write_source(facts, folder / "source")           # CSV; kind="parquet", parts=3, days={…} as wanted
    write_catalogs(facts, folder / "catalogs", only_own=True)

Everything is valid data: what is wrong in it is wrong by the rules (refused, reported, held), never by its shape.
"""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from .slow_ledger import MINOR_DIGITS, ONE_DAY, Facts, Life, each_day, holders_by_day, is_sold

SINCE = date(2020, 1, 1)

PENSERO: dict = {
    "id": "pensero",
    "name": "Pensero",
    "currency": "USD",
    "timezone": "UTC",
    "invoice_prefix": "PEN",
    "seats": {
        "kinds": ["teammate"],
        "statuses": ["pending", "active"],
        "reactivation": "as_new",
        "release_committed_on_removal": True,
    },
    "rules": {"rounding": "half_up", "change_roles": ["owner", "admin"], "annual_adjustments": "monthly"},
    "plans": {
        "starter": {"free": True, "basis": "active", "seat_limit": 5, "entitlements": []},
        "growth": {
            "basis": "committed",
            "entitlements": [],
            "prices": [{"effective_from": SINCE, "year": "600.00", "reference": "$50/seat/month (annual plan)"}],
        },
        "enterprise": {
            "basis": "active",
            "entitlements": [],
            "prices": [{"effective_from": SINCE, "year": "agreed", "reference": "Contact us"}],
        },
    },
}

PIVOTAL: dict = {
    "id": "pivotal",
    "name": "Pivotal",
    "currency": "USD",
    "timezone": "UTC",
    "invoice_prefix": "PIV",
    "seats": {
        "kinds": ["teammate"],
        "statuses": ["active"],
        "reactivation": "back_bill",
        "release_committed_on_removal": False,
    },
    "rules": {
        "rounding": "half_up",
        "trial_days": 14,
        "change_roles": ["owner", "admin"],
        "annual_adjustments": "monthly",
    },
    "plans": {
        "solo": {"free": True, "basis": "active", "seat_limit": 1, "caps": {"customers": 5}, "entitlements": []},
        "team": {
            "basis": "active",
            "entitlements": ["integrations", "api", "webhooks"],
            "prices": [
                {"effective_from": SINCE, "month": "39.00", "year": "384.00", "reference": "$39/mo, $32/mo annual"}
            ],
        },
        "pro": {
            "basis": "active",
            "entitlements": [
                "integrations", "api", "webhooks", "sso", "audit_log", "custom_domain", "white_label", "priority_support",
            ],
            "prices": [
                {"effective_from": SINCE, "month": "79.00", "year": "780.00", "reference": "$79/mo, $65/mo annual"}
            ],
        },
    },
}  # fmt: skip

SHIPPED = {"pensero", "pivotal"}
ZONES = [
    "UTC", "America/New_York", "Asia/Kolkata", "Europe/Berlin", "Pacific/Auckland", "Australia/Lord_Howe",
    "Asia/Kathmandu", "America/St_Johns", "Asia/Tokyo",
]  # fmt: skip
OWN = ["orbit", "kumo", "falcon", "mizu"]


# ---------------------------------------------------------------------------------------------------------------------
# Catalogues of other vendors
# ---------------------------------------------------------------------------------------------------------------------


def random_catalog(rng: random.Random, name: str, first: date, last: date) -> dict:
    """A vendor of its own: any currency, zone and policy, plans of every sort, price lists that change in between."""
    currency = rng.choice(["JPY", "BHD", "EUR", "USD"])
    rules = {
        "rounding": rng.choice(["half_up", "half_even"]),
        "change_roles": rng.choice([["owner"], ["owner", "admin"], ["owner", "admin"], ["owner", "admin", "member"]]),
        "annual_adjustments": rng.choice(["monthly", "renewal"]),
    }
    if rng.random() < 0.5:
        rules["trial_days"] = rng.choice([7, 14, 30])
    return {
        "id": name,
        "name": name.title(),
        "currency": currency,
        "timezone": rng.choice(ZONES),
        "invoice_prefix": name[:3].upper(),
        "seats": {
            "kinds": ["teammate"],
            "statuses": rng.choice([["active"], ["pending", "active"]]),
            "reactivation": rng.choice(["as_new", "back_bill"]),
            "release_committed_on_removal": rng.random() < 0.5,
        },
        "rules": rules,
        "plans": {
            "gratis": {"free": True, "basis": "active", "seat_limit": rng.randint(1, 3), "entitlements": []},
            "basic": random_plan(rng, currency, first, last, "active", ["month", "year"]),
            "plus": random_plan(rng, currency, first, last, "active", ["month", "year"], limit=rng.random() < 0.3),
            "block": random_plan(rng, currency, first, last, "committed", rng.choice([["year"], ["month", "year"]])),
            "crate": random_plan(rng, currency, first, last, "committed", ["month", "year"]),
            "flex": random_plan(rng, currency, first, last, "active", ["month"]),
            "fixed": random_plan(rng, currency, first, last, "active", ["year"]),
            "custom": {
                "basis": "active",
                "entitlements": [],
                "prices": [{"effective_from": SINCE, "year": "agreed", "month": "agreed", "reference": "ask"}],
            },
        },
    }


def random_plan(rng, currency, first, last, basis, keys, limit=False) -> dict:
    """A plan with a price list of one to three dates, the later ones inside the range."""
    days = [SINCE, *sorted(rng.sample(list(each_day(first, last)), rng.choice([0, 0, 1, 2])))]
    prices = []
    for number, day in enumerate(days):
        entry = {"effective_from": day, "reference": f"list {number + 1}"}
        for key in keys:
            entry[key] = random_price(rng, currency, key)
        prices.append(entry)
    plan = {"basis": basis, "entitlements": [], "prices": prices}
    if limit:
        plan["seat_limit"] = rng.randint(2, 5)
    return plan


def random_price(rng: random.Random, currency: str, key: str) -> str:
    """A price as text; often one that gives half cents: 105 = 3 × 5 × 7 in months of 28 and 30 days, 183 in leap years."""
    digits = MINOR_DIGITS.get(currency, 2)
    halving = (105 if key == "month" else 183) * rng.randrange(1, 99, 2)
    minor = rng.choice([rng.randrange(1, 99, 2), halving, halving, rng.randrange(1001, 99999)])
    return str(Decimal(minor).scaleb(-digits))


# ---------------------------------------------------------------------------------------------------------------------
# Rosters
# ---------------------------------------------------------------------------------------------------------------------


@dataclass
class Person:
    """A user: what they are from each of some days on; None is not on the roster."""

    user_id: str
    role: str
    login: bool
    states: list[tuple[date, tuple[str, str] | None]]  # from day, (kind, status)

    def on(self, day: date) -> tuple[str, str] | None:
        known = [state for since, state in self.states if since <= day]
        return known[-1] if known else None


def random_people(rng: random.Random, first: date, last: date, count: int, busy: list[date]) -> list[Person]:
    """One to eight users who come, go, are invited, revoked, deactivated, deleted, and come back."""
    people = []
    for number in range(count):
        if people and rng.random() < 0.2:  # one who does all that another does
            twin = people[-1]
            people.append(Person(f"u{number:03d}", twin.role, twin.login, list(twin.states)))
            continue
        role = rng.choice(["owner", "admin", "member", "member"])
        kind = rng.choices(["teammate", "alias", "portal"], [85, 8, 7])[0]
        person = Person(f"u{number:03d}", role, rng.random() < 0.9, [(first, random_start(rng, kind))])
        day = first
        for _ in range(rng.choice([0, 1, 3, 5, 9])):
            day = random_day(rng, day + ONE_DAY, last, busy)
            if day is None:
                break
            state = next_state(rng, person.on(day), kind)
            if state == "over":
                break
            person.states.append((day, state))
        people.append(person)
    return people


def random_day(rng: random.Random, first: date, last: date, busy: list[date]) -> date | None:
    """A day from `first` on: one of the busy days, or soon, or any."""
    if first > last:
        return None
    later = [day for day in busy if day >= first]
    if later and rng.random() < 0.5:
        return rng.choice(later)
    return first + timedelta(days=rng.randint(0, min((last - first).days, rng.choice([2, 10, 40, 400]))))


def random_start(rng: random.Random, kind: str) -> tuple[str, str] | None:
    status = rng.choices(["active", "pending", "deactivated", None], [65, 12, 8, 15])[0]
    return (kind, status) if status else None


def next_state(rng: random.Random, state, kind: str):
    """What a user may become next; "over" where nothing follows."""
    if state is None:
        return kind, rng.choices(["active", "pending"], [7, 3])[0]
    status = state[1]
    if status == "pending":
        return rng.choices([(kind, "active"), (kind, "revoked"), None], [7, 2, 1])[0]
    if status == "active":
        return rng.choices([(kind, "deactivated"), None, (kind, "deleted"), ("alias", "active")], [60, 25, 10, 5])[0]
    if status == "deactivated":
        return rng.choices([(kind, "active"), (kind, "pending"), (kind, "deleted"), None], [75, 8, 7, 10])[0]
    if status == "revoked":
        return rng.choices([(kind, "pending"), (kind, "active"), None], [5, 3, 2])[0]
    return "over"


def roster_rows(workspace: str, people: list[Person], day: date) -> list[dict]:
    rows = []
    for person in people:
        state = person.on(day)
        if state is not None:
            rows.append(user_row(workspace, person, *state))
    return rows


def user_row(workspace: str, person: Person, kind: str, status: str) -> dict:
    gone = status == "deleted"
    return {
        "workspace_id": workspace,
        "user_id": person.user_id,
        "kind": kind,
        "role": person.role,
        "status": status,
        "login_enabled": person.login and status == "active",
        "name": None if gone else f"Person {workspace} {person.user_id}",
        "email": None if gone else f"{person.user_id}@{workspace}.example",
        "last_active_on": person.states[0][0] if status == "active" else None,
    }


# ---------------------------------------------------------------------------------------------------------------------
# Subscriptions
# ---------------------------------------------------------------------------------------------------------------------


def random_subscription(rng: random.Random, number: str, workspace: str, catalog: dict, starts_on: date) -> dict:
    """A row that could have been signed; a paid plan at a cadence at which it is sold."""
    plan = rng.choice(list(catalog["plans"]))
    cadences = [c for c in ("monthly", "annual") if is_sold(catalog, plan, c, starts_on)]
    cadence = rng.choice(cadences)
    trial = rng.random() < 0.3
    committed = any(p.get("basis") == "committed" for p in catalog["plans"].values())
    return {
        "subscription_id": number,
        "workspace_id": workspace,
        "workspace_name": rng.choice([None, f"Name of {workspace}"]),
        "catalog": catalog["id"],
        "plan": plan,
        "cadence": cadence,
        "billing_day": random_billing_day(rng),
        "starts_on": starts_on,
        "trial_ends_on": starts_on + timedelta(days=rng.choice([1, 7, 14, 14, 30, 45])) if trial else None,
        "seats": random_seats(rng, catalog, plan, committed),
        **random_agreement(rng, catalog, plan),
    }


def random_billing_day(rng: random.Random) -> str:
    named = rng.choices(["first", "anniversary", "day"], [3, 4, 4])[0]
    return rng.choice([str(rng.randint(1, 31)), "29", "30", "31", "1"]) if named == "day" else named


def random_seats(rng: random.Random, catalog: dict, plan: str, committed: bool) -> int | None:
    if catalog["plans"][plan].get("basis") == "committed":
        return rng.randint(1, 12)
    return rng.randint(1, 9) if rng.random() < (0.75 if committed else 0.1) else None


def random_agreement(rng: random.Random, catalog: dict, plan: str) -> dict:
    """Agreed prices: nearly always where the list says "agreed", now and then elsewhere, rarely nothing to pay."""
    agreed = {"unit_price_month": None, "unit_price_year": None}
    sold = [k for k in ("month", "year") if k in catalog["plans"][plan].get("prices", [{}])[0]]
    asked = any(p.get(k) == "agreed" for p in catalog["plans"][plan].get("prices", []) for k in sold)
    for key in sold:
        if rng.random() < (0.85 if asked else 0.15):
            price = random_price(rng, catalog["currency"], key)
            agreed[f"unit_price_{key}"] = Decimal(0) if rng.random() < 0.05 else Decimal(price)
    return agreed


def random_start_day(rng: random.Random, first: date, last: date) -> date:
    """Before the first day of rosters, on it, or after it; often at the end of a month."""
    where = rng.choices(["before", "on", "after"], [35, 10, 55])[0]
    if where == "on":
        return first
    if where == "before":
        day = first - timedelta(days=rng.choice([1, 20, 40, 200, 400, 700]) + rng.randint(0, 30))
    else:
        day = first + timedelta(days=rng.randint(1, max(1, (last - first).days * 2 // 3)))
    if rng.random() < 0.35:
        moved = (day.replace(day=28) + timedelta(days=rng.randint(1, 3)))
        if (moved < first) == (day < first) and moved <= last:
            day = moved
    return day


# ---------------------------------------------------------------------------------------------------------------------
# Events
# ---------------------------------------------------------------------------------------------------------------------


@dataclass
class Scene:
    """One subscription with all that its events need to know."""

    rng: random.Random
    catalog: dict
    subscription: dict
    first: date
    last: date
    holders: dict
    prompt: bool  # nothing of it is delivered late
    count: int = 0

    def life(self, events: list[dict]) -> Life:
        return Life(self.subscription, self.catalog, events, self.holders, self.first).live(self.last)

    def event(self, name: str, day: date, at: time | None = None, **columns) -> dict | None:
        """An event at some local time of the day, delivered that day or later; None where it would not arrive."""
        self.count += 1
        occurred_at = moment(self.rng, day, self.catalog["timezone"], at)
        delivered_on = self.delivery(day)
        if delivered_on is None:
            return None
        role = self.rng.choices(["owner", "admin", "member", None], [48, 36, 10, 6])[0]
        row = {
            "event_id": f"{self.subscription['subscription_id']}-{self.count:03d}",
            "occurred_at": occurred_at,
            "workspace_id": self.subscription["workspace_id"],
            "subscription_id": self.subscription["subscription_id"],
            "event": name,
            "actor_id": self.rng.choice(["boss", None]),
            "actor_role": role,
            "user_id": None,
            "quantity": None,
            "plan": None,
            "cadence": None,
            "until": None,
        }
        return {**row, **columns, "delivered_on": delivered_on}

    def delivery(self, day: date) -> date | None:
        late = 0 if self.prompt or self.rng.random() < 0.72 else self.rng.choice([1, 2, 5, 20, 40, 75])
        delivered_on = max(self.first, day) + timedelta(days=late)
        return delivered_on if delivered_on <= self.last else None


def moment(rng: random.Random, day: date, zone: str, at: time | None) -> datetime:
    """A moment of a local day; one in four within a breath of midnight."""
    odd = [time(0, 0), time(23, 59, 59, 999000), time(23, 59, 59), time(0, 0, 0, 1000)]
    at = at or (rng.choice(odd) if rng.random() < 0.25 else time(rng.randint(3, 23), rng.randint(0, 59), rng.randint(0, 59)))
    occurred_at = datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC)
    assert occurred_at.astimezone(ZoneInfo(zone)).date() == day
    return occurred_at


def days_of_interest(life: Life, first: date, last: date) -> list[date]:
    """The days on which rules meet: first and last days of terms, of the trial, of the range."""
    days = {life.starts_on, life.starts_on + ONE_DAY, first + ONE_DAY}
    if life.trial_end:
        days |= {life.trial_end - ONE_DAY, life.trial_end, life.trial_end - timedelta(days=2)}
    for user in frozenset().union(*life.holders.values()):
        days |= days_of_return(life.holders, user)
    for term in life.terms:
        days |= {term.first - ONE_DAY, term.first, term.first + ONE_DAY, term.until - ONE_DAY, term.until}
    return sorted(d for d in days if life.starts_on <= d <= last and d >= first - timedelta(days=60))


def days_of_return(holders: dict, user: str) -> set[date]:
    """The days on which a user holds a seat again, and those before: where a switch meets a back-billing."""
    held = [day for day in sorted(holders) if user in holders[day]]
    gaps = [(a, b) for a, b in pairwise(held) if b - a > ONE_DAY]
    return {day for a, b in gaps for day in (b, b - ONE_DAY, a + (b - a) // 2)}


def random_contract_events(scene: Scene, busy: list[date], wanted: int) -> list[dict]:
    """What is asked for during a subscription's life: some of it in vain."""
    rng, events = scene.rng, []
    for _ in range(wanted):
        interesting = days_of_interest(scene.life(events), scene.first, scene.last)
        day = random_event_day(rng, scene, interesting, busy)
        if day is None:
            continue
        name = rng.choices(
            ["seats_updated", "plan_changed", "cadence_changed", "trial_extended", "canceled"],
            [34, 34, 18, 12 if scene.subscription["trial_ends_on"] else 1, 4],
        )[0]
        at = time(rng.randint(3, 23), 30) if rng.random() < 0.2 else None
        for _ in range(rng.choices([1, 2, 3], [75, 18, 7])[0]):
            made = random_event(rng, scene, name, day, at)
            if made is not None:
                events.append(made)
    return events


def random_event_day(rng: random.Random, scene: Scene, interesting: list[date], busy: list[date]) -> date | None:
    starts_on, last = scene.subscription["starts_on"], scene.last
    begin = max(starts_on, scene.first - timedelta(days=90))
    if begin > last:
        return None
    chance = rng.random()
    if chance < 0.03:
        return begin - timedelta(days=rng.randint(1, 20))
    if chance < 0.40 and interesting:
        return rng.choice(interesting)
    if chance < 0.55 and [day for day in busy if day >= begin]:
        return rng.choice([day for day in busy if day >= begin])
    return begin + timedelta(days=rng.randint(0, (last - begin).days))


def random_event(rng: random.Random, scene: Scene, name: str, day: date, at: time | None) -> dict | None:
    columns: dict = {}
    occupied = len(scene.holders.get(day, ()))
    if name == "seats_updated":
        columns["quantity"] = max(0, occupied + rng.choice([-2, -1, 0, 0, 1, 2, 3, 6]))
    elif name == "plan_changed":
        columns = random_plan_change(rng, scene, occupied)
    elif name == "cadence_changed":
        columns["cadence"] = rng.choice(["monthly", "annual"])
    elif name == "trial_extended":
        end = scene.subscription["trial_ends_on"] or day
        columns["until"] = end + timedelta(days=rng.choice([-3, 0, 1, 7, 14, 20]))
        columns["actor_role"] = None
    return scene.event(name, day, at, **columns)


def random_plan_change(rng: random.Random, scene: Scene, occupied: int) -> dict:
    plan = rng.choice(list(scene.catalog["plans"]))
    if rng.random() < 0.5 and scene.catalog["plans"][plan].get("prices", [{}])[0].get("year") == "agreed":
        plan = rng.choice(list(scene.catalog["plans"]))
    committed = scene.catalog["plans"][plan].get("basis") == "committed"
    columns = {"plan": plan}
    if rng.random() < (0.7 if committed else 0.1):
        columns["quantity"] = max(0, occupied + rng.choice([-1, 0, 0, 1, 3, 5]))
    if rng.random() < 0.35:
        columns["cadence"] = rng.choice(["monthly", "annual"])
    return columns


def user_events(scene: Scene, people: list[Person]) -> list[dict]:
    """What the rosters' changes look like in the activity; some of it is never told."""
    events = []
    for person in people:
        for (_, old), (day, new) in pairwise(person.states):
            name = event_name(old, new)
            if name is not None and day <= scene.last and scene.rng.random() < 0.8:
                made = scene.event(name, day, user_id=person.user_id, subscription_id=None)
                events += [made] if made else []
    return events


def event_name(old, new) -> str | None:
    if new is None:
        return None
    if new[0] == "alias" and (old is None or old[0] != "alias"):
        return "alias_granted"
    if new[1] == "active":
        return {"pending": "accepted", "deactivated": "reactivated", "revoked": "reactivated"}.get(old[1] if old else "", "added")
    return {"pending": "invited"}.get(new[1], new[1])


# ---------------------------------------------------------------------------------------------------------------------
# All together
# ---------------------------------------------------------------------------------------------------------------------


def random_facts(seed: int) -> Facts:
    """Two to five workspaces over 60 to 420 days, by the seed alone."""
    rng = random.Random(seed)
    first = date(2023, 1, 1) + timedelta(days=rng.randint(0, 1400))
    last = first + timedelta(days=rng.choice([rng.randint(59, 150), rng.randint(150, 419), rng.randint(380, 419)]))
    catalogs = {"pensero": PENSERO, "pivotal": PIVOTAL}
    for name in rng.sample(OWN, rng.choice([0, 1, 1, 2])):
        catalogs[name] = random_catalog(rng, name, first, last)
    facts = Facts(catalogs, [], {day: [] for day in each_day(first, last)}, [])
    for number in range(rng.randint(2, 5)):
        add_workspace(rng, facts, f"ws-{number + 1}", first, last)
    rng.shuffle(facts.subscriptions)
    facts.events.sort(key=lambda e: (e["delivered_on"], e["event_id"]))
    return facts


def add_workspace(rng: random.Random, facts: Facts, workspace: str, first: date, last: date) -> None:
    """A workspace with its people, one subscription or two in sequence, and all that happens."""
    catalog = rng.choice(list(facts.catalogs.values()) + [c for i, c in facts.catalogs.items() if i not in SHIPPED])
    busy = sorted(rng.sample(list(each_day(first, last)), 3))
    people = random_people(rng, first, last, rng.randint(1, 8), busy)
    keeper = Person("keeper", "owner", True, [(first, ("teammate" if rng.random() < 0.5 else "portal", "active"))])
    people.append(keeper)  # so that no roster is ever empty
    for day in facts.rosters:
        facts.rosters[day] += roster_rows(workspace, people, day)
    sequence = rng.random() < 0.3
    scene = add_subscription(rng, facts, workspace, catalog, random_start_day(rng, first, last), busy, "a", sequence)
    facts.events += user_events(scene, people)
    if sequence:
        add_successor(rng, facts, scene, busy)


def add_subscription(rng, facts, workspace, catalog, starts_on, busy, letter, ends) -> Scene:
    first, last = min(facts.rosters), max(facts.rosters)
    row = random_subscription(rng, f"{workspace}-{letter}", workspace, catalog, starts_on)
    holders = holders_by_day(facts, catalog, workspace)
    scene = Scene(rng, catalog, row, first, last, holders, prompt=ends)
    events = random_contract_events(scene, busy, rng.choice([0, 2, 4, 6, 10]))
    if ends:
        events += ending(scene)
    facts.subscriptions.append(row)
    facts.events += events
    return scene


def ending(scene: Scene) -> list[dict]:
    """A cancellation that counts, early enough that something may follow."""
    begin = max(scene.subscription["starts_on"], scene.first)
    day = begin + timedelta(days=scene.rng.randint(0, max(0, (scene.last - begin).days // 3)))
    made = scene.event("canceled", day, actor_role="owner") if day <= scene.last else None
    return [made] if made else []


def add_successor(rng: random.Random, facts: Facts, before: Scene, busy: list[date]) -> None:
    """A second subscription of the same workspace, from the day the first has ended or later."""
    number = before.subscription["subscription_id"]
    ended_on = before.life([e for e in facts.events if e["subscription_id"] == number]).ended_on
    if ended_on is None:
        return
    by_term = any(term.until == ended_on for term in before.life([e for e in facts.events if e["subscription_id"] == number]).terms)
    starts_on = max(ended_on + timedelta(days=rng.choice([0 if by_term else 1, 1, 5, 20])), before.first + ONE_DAY)
    if starts_on <= before.last - timedelta(days=3):
        catalog = before.catalog if rng.random() < 0.7 else rng.choice(list(facts.catalogs.values()))
        add_subscription(rng, facts, before.subscription["workspace_id"], catalog, starts_on, busy, "b", False)


def superseded(facts: Facts, seed: int) -> Facts:
    """The same facts with two to six days' rosters replaced: some users' status is another.

    Workspaces with two subscriptions stay as they are: a refusal more or less could make the two overlap.
    """
    rng = random.Random(f"superseded {seed}")
    owners = [s["workspace_id"] for s in facts.subscriptions]
    open_to_change = {w for w in owners if owners.count(w) == 1}
    rosters = dict(facts.rosters)
    for day in rng.sample(sorted(rosters), rng.randint(2, 6)):
        rosters[day] = [
            {**row, "status": rng.choice(["active", "deactivated", "pending"])}
            if row["workspace_id"] in open_to_change
            and row["user_id"] != "keeper"
            and row["status"] != "deleted"
            and rng.random() < 0.6
            else row
            for row in rosters[day]
        ]
    return Facts(facts.catalogs, facts.subscriptions, rosters, facts.events)


def moved(facts: Facts, seed: int) -> Facts:
    """The same facts with some subscriptions, and what was asked of them, in each other's workspaces: two and two of a catalogue."""
    rng = random.Random(f"moved {seed}")
    owners = [s["workspace_id"] for s in facts.subscriptions]
    alone = [s for s in facts.subscriptions if owners.count(s["workspace_id"]) == 1]
    rng.shuffle(alone)
    now = {}
    for catalog in facts.catalogs:
        mine = [s for s in alone if s["catalog"] == catalog]
        for one, other in zip(mine[::2], mine[1::2], strict=False):
            now |= {one["subscription_id"]: other["workspace_id"], other["subscription_id"]: one["workspace_id"]}
    subscriptions, events = (
        [{**row, "workspace_id": now.get(row["subscription_id"], row["workspace_id"])} for row in rows]
        for rows in (facts.subscriptions, facts.events)
    )
    return Facts(facts.catalogs, subscriptions, facts.rosters, events)


# ---------------------------------------------------------------------------------------------------------------------
# Writers
# ---------------------------------------------------------------------------------------------------------------------

SUBSCRIPTIONS = {
    "subscription_id": "text", "workspace_id": "text", "workspace_name": "text", "catalog": "text", "plan": "text",
    "cadence": "text", "billing_day": "text", "starts_on": "date", "trial_ends_on": "date", "seats": "int",
    "unit_price_month": "decimal", "unit_price_year": "decimal",
}  # fmt: skip
USERS = {
    "workspace_id": "text", "user_id": "text", "kind": "text", "role": "text", "status": "text", "login_enabled": "bool",
    "name": "text", "email": "text", "last_active_on": "date",
}  # fmt: skip
ACTIVITY = {
    "event_id": "text", "occurred_at": "timestamp", "workspace_id": "text", "subscription_id": "text", "event": "text",
    "actor_id": "text", "actor_role": "text", "user_id": "text", "quantity": "int", "plan": "text", "cadence": "text",
    "until": "date",
}  # fmt: skip


def write_source(facts: Facts, folder, kind: str = "csv", *, parts: int = 1, days=None) -> Path:
    """The source layout: subscriptions, a folder of users for each day, one of activity where something was delivered.

    `days` limits the daily folders to some days (rosters by day, activity by the day it was delivered).
    """
    folder = Path(folder)
    wanted = sorted(facts.rosters) if days is None else sorted(set(days) & set(facts.rosters))
    write_table(facts.subscriptions, SUBSCRIPTIONS, folder / f"subscriptions.{kind}", kind)
    for day in wanted:
        write_parts(facts.rosters[day], USERS, folder / "users" / f"date={day}", kind, parts)
        delivered = [e for e in facts.events if e["delivered_on"] == day]
        if delivered:
            write_parts(delivered, ACTIVITY, folder / "activity" / f"date={day}", kind, parts)
    return folder


def write_parts(rows: list[dict], columns: dict[str, str], folder: Path, kind: str, parts: int) -> None:
    """The rows dealt out to as many part files; never one without a row."""
    for number in range(min(parts, len(rows))):
        write_table(rows[number::parts], columns, folder / f"part-{number}.{kind}", kind)


def write_table(rows: list[dict], columns: dict[str, str], path: Path, kind: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "parquet":
        write_parquet(rows, columns, path)
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([cell(row[name], row) for name in columns])


def cell(value, row: dict) -> str:
    """A value as CSV text: empty for null, an offset on every timestamp (by turns Z and some other one)."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        turn = sum(row["event_id"].encode()) % 3
        if turn == 0:
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return value.astimezone(ZoneInfo("UTC" if turn == 1 else "Asia/Kolkata")).isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)


def write_parquet(rows: list[dict], columns: dict[str, str], path: Path) -> None:
    import polars as pl

    scale = max([0] + [-row[n].as_tuple().exponent for row in rows for n, t in columns.items() if t == "decimal" and row[n] is not None])
    types = {
        "text": pl.String,
        "date": pl.Date,
        "bool": pl.Boolean,
        "int": pl.Int64,
        "decimal": pl.Decimal(18, max(scale, 2)),
        "timestamp": pl.Datetime("us", "UTC"),
    }
    series = [pl.Series(name, [row[name] for row in rows], dtype=types[kind]) for name, kind in columns.items()]
    pl.DataFrame(series).write_parquet(path)


def write_catalogs(facts: Facts, folder, only_own: bool = False) -> Path | None:
    """One <id>.toml for each catalogue; `only_own` leaves out those that the product ships, and gives none where there are no others."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, catalog in facts.catalogs.items():
        if not (only_own and name in SHIPPED):
            (folder / f"{name}.toml").write_text(toml_from_catalog(catalog), encoding="utf-8")
    return folder if any(folder.iterdir()) else None


def toml_from_catalog(catalog: dict) -> str:
    lines = [f"{key} = {toml(value)}" for key, value in catalog.items() if not isinstance(value, dict)]
    for table in ("seats", "rules"):
        lines += ["", f"[{table}]", *(f"{key} = {toml(value)}" for key, value in catalog[table].items())]
    for name, plan in catalog["plans"].items():
        lines += ["", f"[plans.{name}]", *(f"{key} = {toml(value)}" for key, value in plan.items() if key != "prices")]
        for price in plan.get("prices", []):
            lines += [f"[[plans.{name}.prices]]", *(f"{key} = {toml(value)}" for key, value in price.items())]
    return "\n".join(lines) + "\n"


def toml(value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list):
        return "[" + ", ".join(toml(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + " }"
    return str(value)
