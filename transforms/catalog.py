"""A vendor's policy and prices as frozen values: all that differs between vendors is here, as data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from transforms.money import CURRENCY_DECIMALS, ROUNDINGS, minor_from_text
from transforms.nearest import did_you_mean

Cadence = Literal["monthly", "annual"]
CADENCES: tuple[Cadence, Cadence] = ("monthly", "annual")
KINDS = ("teammate", "alias", "portal")
SEAT_KINDS = ("teammate",)  # aliases and portal users never hold a seat (rule D4)
ROLES = ("owner", "admin", "member")
STATUSES = ("pending", "active", "deactivated", "revoked", "deleted")
BASES = ("active", "committed")


class CatalogError(ValueError):
    """A catalogue that cannot be used: the file, the key and the reason."""

    def __init__(self, where: str, key: str, reason: str) -> None:
        super().__init__(f"{where}: {key}: {reason}")


@dataclass(frozen=True, slots=True)
class Price:
    """One row of a plan's dated price list, in minor units; None: not sold at that cadence; "agreed": no list price."""

    effective_from: date
    month_minor: int | Literal["agreed"] | None
    year_minor: int | Literal["agreed"] | None
    reference: str | None

    def at(self, cadence: Cadence) -> int | Literal["agreed"] | None:
        return self.month_minor if cadence == "monthly" else self.year_minor


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan of a catalogue: free or priced, billing active or committed seats."""

    id: str
    free: bool
    basis: Literal["active", "committed"]
    seat_limit: int | None = None
    entitlements: tuple[str, ...] = ()
    caps: Mapping[str, int] = field(default_factory=dict)
    prices: tuple[Price, ...] = ()

    def price_on(self, on: date) -> Price | None:
        """The price row in force on a day: the latest that is effective by then."""
        for price in reversed(self.prices):
            if price.effective_from <= on:
                return price
        return None

    def is_sold(self, cadence: Cadence, on: date) -> bool:
        """Whether the plan can be had at a cadence on a day. A free plan can be had at either."""
        if self.free:
            return True
        price = self.price_on(on)
        return price is not None and price.at(cadence) is not None

    def cadence_sold(self, wished: Cadence, on: date) -> Cadence | None:
        """The cadence wished for, or else the one at which the plan is sold (rule T6); None: at neither."""
        if self.is_sold(wished, on):
            return wished
        other: Cadence = "annual" if wished == "monthly" else "monthly"
        return other if self.is_sold(other, on) else None


@dataclass(frozen=True, slots=True)
class Catalog:
    """A vendor: currency, time zone, who holds a seat, how it rounds, and its plans."""

    id: str
    name: str
    currency: str
    timezone: str
    invoice_prefix: str
    kinds: tuple[str, ...]
    statuses: tuple[str, ...]
    back_bills: bool
    releases_committed: bool
    rounding: str
    trial_days: int | None
    change_roles: tuple[str, ...]
    adjusts_annual_monthly: bool
    plans: Mapping[str, Plan]


def catalog_from_toml(document: Mapping[str, Any], where: str) -> Catalog:
    """A catalogue from its parsed TOML.

    Raises: CatalogError naming file, key and reason for a key that is missing, unknown or wrong.
    """
    top = _Table(document, where, "")
    top.only("id", "name", "currency", "timezone", "invoice_prefix", "seats", "rules", "plans")
    seats, rules = top.table("seats"), top.table("rules")
    seats.only("kinds", "statuses", "reactivation", "release_committed_on_removal")
    rules.only("rounding", "trial_days", "change_roles", "annual_adjustments")
    currency = top.one_of("currency", CURRENCY_DECIMALS)
    plans = top.table("plans")
    if not plans.values:
        raise CatalogError(where, "plans", "at least one plan is needed")
    return Catalog(
        id=top.text("id"),
        name=top.text("name"),
        currency=currency,
        timezone=_timezone(top),
        invoice_prefix=_prefix(top),
        kinds=seats.some_of("kinds", SEAT_KINDS, "nobody would ever hold a seat"),
        statuses=seats.some_of("statuses", STATUSES, "nobody would ever hold a seat"),
        back_bills=seats.one_of("reactivation", ("back_bill", "as_new")) == "back_bill",
        releases_committed=seats.boolean("release_committed_on_removal", default=False),
        rounding=rules.one_of("rounding", ROUNDINGS, default="half_up"),
        trial_days=rules.count("trial_days"),
        change_roles=rules.some_of("change_roles", ROLES),
        adjusts_annual_monthly=rules.one_of("annual_adjustments", ("monthly", "renewal"), default="monthly") == "monthly",
        plans={name: _plan(name, plans.table(name), currency) for name in plans.values},
    )


def _plan(name: str, table: _Table, currency: str) -> Plan:
    table.only("free", "basis", "seat_limit", "caps", "entitlements", "prices")
    free = table.boolean("free", default=False)
    rows = table.values.get("prices", [])
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise table.wrong("prices", "must be a list of tables, [[plans.NAME.prices]]")
    prices = sorted((_price(table.row("prices", n, row), currency) for n, row in enumerate(rows, 1)), key=lambda p: p.effective_from)
    if free and prices:
        raise table.wrong("prices", "a free plan has none")
    if not free and not prices:
        raise table.wrong("prices", "a plan that is not free needs at least one dated price")
    if len({p.effective_from for p in prices}) < len(prices):
        raise table.wrong("prices", "two prices are effective from the same day")
    caps = table.table("caps", default={})
    return Plan(
        id=name,
        free=free,
        basis=table.one_of("basis", BASES),
        seat_limit=table.count("seat_limit"),
        entitlements=table.texts("entitlements", default=()),
        caps={metric: caps.count(metric) or 0 for metric in caps.values},
        prices=tuple(prices),
    )


def _price(row: _Table, currency: str) -> Price:
    row.only("effective_from", "month", "year", "reference")
    effective_from = row.get("effective_from", _REQUIRED)
    if type(effective_from) is not date:
        raise row.wrong("effective_from", "must be a date such as 2026-01-31, without quotes")
    month, year = _amount(row, "month", currency), _amount(row, "year", currency)
    if month is None and year is None:
        raise row.wrong("month", "give month, year or both: a price for neither sells nothing")
    return Price(effective_from, month, year, row.text("reference", default=None))


def _amount(row: _Table, key: str, currency: str) -> int | Literal["agreed"] | None:
    value = row.text(key, default=None)
    if value is None or value == "agreed":
        return value
    try:
        return minor_from_text(value, currency)
    except ValueError as reason:
        raise row.wrong(key, f'{reason} (or "agreed")') from None


def _prefix(top: _Table) -> str:
    prefix = top.text("invoice_prefix")
    if not re.fullmatch(r"[A-Za-z0-9]+", prefix, flags=re.ASCII):
        raise top.wrong("invoice_prefix", "must be letters and digits, as in PIV")
    return prefix


def _timezone(top: _Table) -> str:
    name = top.text("timezone")
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise top.wrong("timezone", f"{name!r} is no time zone; write one such as UTC or Europe/Paris") from None
    return name


_REQUIRED: Any = object()
_MOST = 10**15  # of what a plan counts


class _Table:
    """A TOML table that knows where it stands, so that every complaint names file and key."""

    def __init__(self, values: Mapping[str, Any], where: str, path: str) -> None:
        self.values, self.where, self.path = values, where, path

    def wrong(self, key: str, reason: str) -> CatalogError:
        return CatalogError(self.where, f"{self.path}{key}", reason)

    def only(self, *known: str) -> None:
        for key in self.values:
            if key not in known:
                raise self.wrong(key, f"is not a key here.{did_you_mean(key, known)} Known: {', '.join(known)}.")

    def get(self, key: str, default: Any) -> Any:
        if key not in self.values and default is _REQUIRED:
            raise self.wrong(key, "is missing")
        return self.values.get(key, default)

    def table(self, key: str, default: Any = _REQUIRED) -> _Table:
        value = self.get(key, default)
        if not isinstance(value, Mapping):
            raise self.wrong(key, "must be a table")
        return _Table(value, self.where, f"{self.path}{key}.")

    def row(self, key: str, number: int, values: Mapping[str, Any]) -> _Table:
        return _Table(values, self.where, f"{self.path}{key}[{number}].")

    def text(self, key: str, default: Any = _REQUIRED) -> Any:
        value = self.get(key, default)
        if value is default and default is not _REQUIRED:
            return value
        if not isinstance(value, str) or not value.strip() or value != value.strip():
            raise self.wrong(key, "must be a text in quotes, without blanks around it")
        return value

    def texts(self, key: str, default: Any = _REQUIRED) -> tuple[str, ...]:
        value = self.get(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) and v for v in value):
            raise self.wrong(key, "must be a list of texts")
        return tuple(value)

    def one_of(self, key: str, known: Iterable[str], default: Any = _REQUIRED) -> Any:
        value = self.text(key, default)
        if value not in known:
            hint = did_you_mean(value, known) or f" Known: {', '.join(list(known)[:6])}{', …' if len(list(known)) > 6 else ''}."
            raise self.wrong(key, f"{value!r} is not known.{hint}")
        return value

    def some_of(self, key: str, known: tuple[str, ...], if_none: str | None = None) -> tuple[str, ...]:
        """Some of the known words; none of them only where nothing speaks against it."""
        values = self.texts(key)
        if not values and if_none:
            raise self.wrong(key, f"names none: {if_none}. Known: {', '.join(known)}.")
        for value in values:
            if value not in known:
                raise self.wrong(key, f"{value!r} is not known.{did_you_mean(value, known)} Known: {', '.join(known)}.")
        return values

    def boolean(self, key: str, default: Any = _REQUIRED) -> bool:
        value = self.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "must be true or false")
        return value

    def count(self, key: str) -> int | None:
        value = self.values.get(key)
        if value is not None and (type(value) is not int or not 0 <= value <= _MOST):
            raise self.wrong(key, f"must be a whole number from 0 to {_MOST}")
        return value
