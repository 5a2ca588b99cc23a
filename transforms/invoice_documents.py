"""An invoice as its customer reads it: words, dates and amounts as text, ready to be set on paper. Nothing is computed anew but what is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from transforms.calendar import ONE_DAY
from transforms.money import CURRENCY_DECIMALS
from transforms.money_text import readable_money
from transforms.plain_text import one_line

Row = Mapping[str, Any]
Document = dict[str, Any]

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PER = {"monthly": "month", "annual": "year"}


class Sender(NamedTuple):
    """What a sender adds to its invoices: lines under its name, lines at the foot, and days until payment (None: not said)."""

    head: tuple[str, ...] = ()
    foot: tuple[str, ...] = ()
    due_days: int | None = None


def document_of_invoice(invoice: Row, lines: Sequence[Row], sender: Sender = Sender()) -> Document:  # noqa: B008 - it cannot change
    """An invoice and its lines as texts.

    Grain:  invoice -> document. `invoice` has the columns of `invoices` with `workspace_name`, `catalog_name`, `rounding`; `lines` those of
            `invoice_lines` with `words`, and `formula` for lines that need more than their columns to be checked (else None).
    Units:  amounts in the currency's own unit, with its decimals.
    """
    money = _Money(CURRENCY_DECIMALS[invoice["currency"]])
    applied, granted, balance = (invoice[f"credit_{what}_minor"] for what in ("applied", "granted", "balance"))
    return {
        "number": invoice["invoice_number"],
        "seller": one_line(invoice["catalog_name"]),
        "head": [one_line(text) for text in sender.head],
        "foot": [one_line(text) for text in sender.foot],
        "customer": one_line(invoice["workspace_name"] or "") or one_line(invoice["workspace_id"]),
        "workspace": one_line(invoice["workspace_id"]),
        "subscription": one_line(invoice["subscription_id"]),
        "invoice_on": day_text(invoice["invoice_on"]),
        "due_on": None if sender.due_days is None or not invoice["amount_due_minor"] else day_text(invoice["invoice_on"] + sender.due_days * ONE_DAY),
        "term": _term(lines),
        "currency": invoice["currency"],
        "lines": [_line(place, line, money) for place, line in enumerate(lines, start=1)],
        "net": money.text(invoice["net_minor"]),
        "applied": money.text(-applied) if applied else None,
        "granted": money.text(granted) if granted else None,
        "due": money.text(invoice["amount_due_minor"]),
        "balance": money.text(balance) if balance or applied or granted else None,
        "smallest": money.text(1),
        "rounding": invoice["rounding"].replace("_", " "),
    }


def day_text(day: date) -> str:
    """`5 Mar 2026`, the same in every country."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def days_text(first: date, until: date) -> str:
    """The first and the last day, both included: `5 – 31 Mar 2026`. `until` is the day after the last."""
    last = until - ONE_DAY
    if first >= last:
        return day_text(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} – {day_text(last)}"
    if first.year == last.year:
        return f"{first.day} {_MONTHS[first.month - 1]} – {day_text(last)}"
    return f"{day_text(first)} – {day_text(last)}"


class _Money(NamedTuple):
    decimals: int

    def text(self, minor: int) -> str:
        return readable_money(minor, self.decimals)


def _term(lines: Sequence[Row]) -> Document | None:
    """The term that the invoice opens, or else the last one that it is about."""
    if not lines:
        return None
    line = max(lines, key=lambda line: (line["reason"] == "opening", line["term_from"]))
    return {"days": days_text(line["term_from"], line["term_until"]), "cadence": line["cadence"]}


def _line(place: int, line: Row, money: _Money) -> Document:
    return {
        "place": str(place),
        "words": one_line(line["words"]),
        "is_correction": line["is_correction"],
        "formula": line["formula"],
        "period": days_text(line["service_from"], line["service_until"]),
        "seats": f"{line['quantity']:,}".replace("-", "−"),
        "days": f"{line['days']}/{line['period_days']}",
        "price": money.text(line["unit_price_minor"]),
        "per": _PER[line["cadence"]],
        "amount": money.text(line["amount_minor"]),
    }
