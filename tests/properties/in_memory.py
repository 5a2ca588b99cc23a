"""The product's transforms on facts in memory: what flows do with files and a ledger, without either."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import polars as pl
from pandera.config import ValidationDepth, config_context

from tests.reference.slow_ledger import Facts as PlainFacts
from transforms.billing import Billed, Billing, Facts, Position, billing_from_position, held_as_well, position_from_facts
from transforms.catalog import Catalog, catalog_from_toml
from transforms.contracts.charges import CHARGE
from transforms.contracts.findings import NO_HOLDS
from transforms.contracts.sources import SOURCE_ROWS
from transforms.invoices import ACCOUNT
from transforms.roster_months import roster_month_from_rows


@dataclass
class MemoryLedger:
    """What earlier runs decided, as frames."""

    lines: list[pl.DataFrame] = field(default_factory=list)
    invoices: list[pl.DataFrame] = field(default_factory=list)
    dates: list[pl.DataFrame] = field(default_factory=list)
    opening_on: date | None = None
    position: Position | None = None
    billing: Billing | None = None

    def billed(self) -> Billed:
        lines = pl.concat(self.lines) if self.lines else None
        charges = EMPTY_CHARGES if lines is None else lines.group_by(CHARGE).agg(pl.col(FACTS).first(), pl.col("quantity").sum())
        dates = pl.concat(self.dates).select("subscription_id", "invoice_on").unique() if self.dates else EMPTY_DATES
        invoices = pl.concat(self.invoices) if self.invoices else None
        last = pl.col("credit_balance_minor").last().alias("balance_minor")
        balances = EMPTY_BALANCES if invoices is None else invoices.group_by(ACCOUNT, maintain_order=True).agg(last)
        return Billed(charges, dates, balances)


FACTS = ["workspace_id", "catalog", "cadence", "term_until", "days"]
EMPTY_CHARGES = pl.DataFrame(
    schema={
        **dict.fromkeys(["subscription_id", "reason", "plan", "workspace_id", "catalog", "cadence"], pl.String),
        **dict.fromkeys(["term_from", "moved_on", "service_from", "service_until", "term_until"], pl.Date),
        **dict.fromkeys(["unit_price_minor", "period_days", "days", "quantity"], pl.Int64),
    }
)
EMPTY_DATES = pl.DataFrame(schema={"subscription_id": pl.String, "invoice_on": pl.Date})
EMPTY_BALANCES = pl.DataFrame(schema={"workspace_id": pl.String, "currency": pl.String, "balance_minor": pl.Int64})


def bill_in_memory(
    plain: PlainFacts,
    through: date,
    ledger: MemoryLedger,
    *,
    known: date | None = None,
    cadence: str | None = None,
    catalog: str | None = None,
    checked: bool = True,
) -> MemoryLedger:
    """Bill through a day, knowing the rosters and deliveries up to `known`; the ledger is added to and given back.

    `checked` False leaves contracts at names and types, for tests that compare every value with something better.
    """
    catalogs = catalogs_of(plain)
    depth = ValidationDepth.SCHEMA_AND_DATA if checked else ValidationDepth.SCHEMA_ONLY
    with config_context(validation_depth=depth):
        facts = facts_of(plain, through, known or through, ledger.opening_on)
        position = position_from_facts(facts, catalogs)
        known_on = min(known or through, max(plain.rosters))
        if known_on > through:
            later = facts_of(plain, known_on, known, facts.opening_on)
            position = held_as_well(position, position_from_facts(later, catalogs).holds)
        billing = billing_from_position(position, ledger.billed(), catalogs, cadence, catalog)
    ledger.opening_on = facts.opening_on
    ledger.lines.append(billing.lines)
    ledger.invoices.append(billing.invoices)
    ledger.dates.append(billing.dates)
    ledger.position, ledger.billing = position, billing
    return ledger


def catalogs_of(plain: PlainFacts) -> dict[str, Catalog]:
    return {name: catalog_from_toml(document, name) for name, document in plain.catalogs.items()}


def facts_of(plain: PlainFacts, through: date, known: date, opening_on: date | None = None) -> Facts:
    """The frames that flows would read from the ledger and the lake."""
    days = sorted(day for day in plain.rosters if day <= through)
    opening_on = opening_on or days[0]
    users = _frame("users", [row | {"day": day} for day in days if day >= opening_on for row in plain.rosters[day]], extra={"day": pl.Date})
    dated = users.with_columns(month=pl.col("day").dt.truncate("1mo"), last_active_on=pl.lit(None, pl.Date))
    months = {month: roster_month_from_rows(rows) for (month,), rows in dated.partition_by("month", as_dict=True).items()}
    subscriptions = [
        row | {name: None if row[name] is None else str(row[name]) for name in ("unit_price_month", "unit_price_year")}
        for row in plain.subscriptions
    ]
    events = [event | {"day": event["delivered_on"]} for event in plain.events if event["delivered_on"] <= known]
    return Facts(
        subscription_rows=_frame("subscriptions", subscriptions),
        other_rows=_frame("subscriptions", []),
        activity=_frame("activity", events, extra={"day": pl.Date}).unique("event_id", keep="first", maintain_order=True),
        usage=_frame("usage", []).with_columns(on=pl.lit(None, pl.Date)),
        roster_months=sorted(months.items(), key=lambda month: month[0]),
        holds=NO_HOLDS,
        opening_on=opening_on,
        horizon=through,
    )


def _frame(table: str, rows: list[dict], extra: dict[str, type[pl.DataType]] | None = None) -> pl.DataFrame:
    contract = SOURCE_ROWS[table]
    schema = dict(contract.empty().schema) | (extra or {})
    frame = pl.DataFrame({name: [row.get(name) for row in rows] for name in schema}, schema=schema)
    contract.validate(frame.select(contract.names()))
    return frame.with_columns(file=pl.lit(f"{table}.csv"), row=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
