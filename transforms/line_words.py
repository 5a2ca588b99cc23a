"""A line in plain words: why it is there and by which rules, its price, and its formula with the numbers in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import polars as pl

from transforms.catalog import Catalog
from transforms.contracts.terms import AGREED_PRICE
from transforms.money import CURRENCY_DECIMALS, prorated_minor
from transforms.money_text import money_text

Line = Mapping[str, Any]

RULES = {
    "T1": "a subscription is activated on its first day on a paid plan",
    "T2": "terms tile the paid days",
    "T3": "a monthly term from one billing day to the next; a stub is charged by its days",
    "T4": "an annual term is charged up front",
    "T7": "moving to a free plan credits what is unused",
    "D1": "a day is judged at its close",
    "D6": "who comes back is back-billed",
    "§2": "plans and prices",
    "§4": "charges",
    "I3": "a line is the difference from what was billed",
}
_WORDS = {
    ("opening", "active"): "A term begins on {moved_on}: {seats} held at the close of that day, charged to the term's end",
    ("opening", "committed"): "A term begins on {moved_on}: {seats} agreed at the close of that day, charged to the term's end",
    ("seats_added", "active"): "{seats} newly held at the close of {moved_on}, charged from that day to the term's end",
    ("seats_added", "committed"): "{more} agreed on {moved_on}, charged from that day to the term's end",
    ("seats_removed", "active"): "{seats} no longer held at the close of {moved_on}, taken off from that day to the term's end",
    ("seats_removed", "committed"): "{seats} released on {moved_on} by users who left, taken off from that day to the term's end",
    ("seats_reduced", "committed"): "{fewer} agreed on {moved_on}, taken off from that day to the term's end",
    "reactivated": "{seats} held again on {moved_on} after a gap, back-billed from {service_from} to {service_until}",
    "left": "The plan was left on {moved_on}: {seats} {held} at the close of the day before, taken off at the old price to the term's end",
    "entered": "The plan was entered on {moved_on}: {seats} {held} at its close, charged at the new price to the term's end",
}


class Rounds(Protocol):
    """What says how amounts are rounded: a catalogue."""

    @property
    def rounding(self) -> str: ...


class Formula(NamedTuple):
    """The line's arithmetic: A(now) - A(before), each rounded once; `exact` the amounts before rounding, as written."""

    text: str
    rounding: str
    now_minor: int
    before_minor: int
    amount_minor: int


def words_of_line(line: Line, basis: str, cuts_term: bool = False) -> str:
    """Why the line is there, as one sentence. `cuts_term`: a move to a free plan ended the term that day (T7)."""
    quantity = line["quantity_billed_before"] + line["quantity"]
    counted = quantity or line["quantity_billed_before"]
    if line["reason"] == "plan_switch":
        text = _WORDS["left" if counted < 0 else "entered"]
    elif line["reason"] == "reactivated":
        text = _WORDS["reactivated"]
    else:
        text = _WORDS.get((line["reason"], basis)) or _WORDS[line["reason"], "committed" if basis == "active" else "active"]
    seats = f"{abs(counted)} seat{'' if abs(counted) == 1 else 's'}"
    more, fewer = (seats.replace(" ", f" {word} ", 1) for word in ("more", "fewer"))
    words = text.format(**line, seats=seats, more=more, fewer=fewer, held="held" if basis == "active" else "agreed")
    if cuts_term:
        words = words.replace("The plan was left", "The subscription moved to a free plan")
    if line["is_correction"]:
        before = abs(line["quantity_billed_before"])
        gone = "" if quantity else ". Known now: no such seats"
        words = f"Correction: {words}{gone}. Billed before: {f'{before} seat' + ('' if before == 1 else 's') if before else 'nothing'}"
    return f"{words}."


def rules_of_line(
    line: Line, basis: str, *, billing_day: int | None = None, is_activation: bool = False, cuts_term: bool = False
) -> list[str]:
    """The rules that the line follows, the one for its reason first. `billing_day` None: the activation's anniversary."""
    of_term = "T4" if line["cadence"] == "annual" else "T2" if billing_day is None else "T3"
    rules = ["§4"]
    rules += {"opening": ["T1", of_term] if is_activation else [of_term], "reactivated": ["D6"]}.get(line["reason"], [])
    rules += ["T7"] if cuts_term else []
    rules += ["D1"] if basis == "active" else []
    return [*rules, "I3"] if line["is_correction"] else rules


def formula_of_line(line: Line, catalog: Rounds) -> Formula:
    """The one formula with the line's own numbers: `1 × 39.00 × 23/31 = 28.94`. Grain: line -> its arithmetic.

    Units: `…_minor` int, in the currency's minor unit; the text in the currency's own.
    """
    before, now = line["quantity_billed_before"], line["quantity_billed_before"] + line["quantity"]
    decimals = CURRENCY_DECIMALS[line["currency"]]
    factors = f"{money_text(line['unit_price_minor'], decimals)} × {line['days']}/{line['period_days']}"
    now_minor, before_minor = (_prorated(q, line, catalog.rounding) for q in (now, before))
    text = f"{_signed(now)} × {factors}"
    if before:
        text = f"({_signed(before)} {'+' if line['quantity'] > 0 else '−'} {abs(line['quantity'])}) × {factors} − {_bracketed(before)} × {factors}"
    steps = [_rounded(q, line, decimals, minor) for q, minor in ((now, now_minor), (before, before_minor)) if q]
    how = f"rounded {catalog.rounding.replace('_', ' ')} to {money_text(1, decimals)}"
    inexact = [step for step in steps if step]
    rounding = f"{' and '.join(inexact)}, {how}" if inexact else "exact, nothing to round"
    if before and inexact:
        rounding = f"each product {how}: {', '.join(inexact)}"
    text = f"{text} = {_signed_money(now_minor - before_minor, decimals)}"
    return Formula(text, rounding, now_minor, before_minor, now_minor - before_minor)


def _prorated(quantity: int, line: Line, rounding: str) -> int:
    factors = [pl.lit(line[name], pl.Int64) for name in ("unit_price_minor", "days", "period_days")]
    return pl.select(prorated_minor(pl.lit(quantity, pl.Int64), *factors, pl.lit(rounding))).item()


def _rounded(quantity: int, line: Line, decimals: int, minor: int) -> str:
    """`28.9354… → 28.94` where there is something to round."""
    whole, rest = divmod(abs(quantity) * line["unit_price_minor"] * line["days"] * 10_000, line["period_days"])
    if not rest and whole % 10_000 == 0:
        return ""
    exact = money_text(whole if quantity > 0 else -whole, decimals + 4).replace("-", "−")
    return f"{exact}{'…' if rest else ''} → {_signed_money(minor, decimals)}"


def _signed(number: int) -> str:
    return str(number).replace("-", "−")


def _bracketed(number: int) -> str:
    return _signed(number) if number >= 0 else f"({_signed(number)})"


def _signed_money(minor: int, decimals: int) -> str:
    return money_text(minor, decimals).replace("-", "−")


class PriceOfLine(NamedTuple):
    """What a seat costs for a whole period, and where that is said."""

    amount: str
    per: str
    source: str
    reference: str | None
    effective_from: Any


def price_of_line(line: Line, catalog: Catalog, spell: Mapping[str, Any] | None) -> PriceOfLine:
    """The price that the line's spell took on its first day: agreed with the subscription, or a dated row of the list (§2)."""
    amount = money_text(line["unit_price_minor"], CURRENCY_DECIMALS[line["currency"]])
    per = "month" if line["cadence"] == "monthly" else "year"
    plan, spell_from = catalog.plans.get(line["plan"]), spell["spell_from"] if spell else line["term_from"]
    if spell and spell["price_reference"] == AGREED_PRICE:
        return PriceOfLine(amount, per, "agreed with the subscription", None, None)
    listed = plan.price_on(spell_from) if plan else None
    if listed is None or listed.at(line["cadence"]) != line["unit_price_minor"]:
        return PriceOfLine(amount, per, "as it was when billed; the catalogue says otherwise now", None, None)
    return PriceOfLine(amount, per, f"list price of plan {line['plan']} in catalogue {catalog.id}", listed.reference, listed.effective_from)
