"""Gather what a subscription's next invoice rests on, and compute it as a run would; nothing in the home changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from flows.catalogs import require_given
from flows.errors import UserError
from flows.facts import facts_of_workspace, facts_until, last_whole_day
from flows.home import Home
from flows.lake import Lake, lake_of
from flows.ledger import Ledger
from flows.ledger_reader import ledger_of_workspace
from flows.shelf import Shelf
from flows.told import Division, opening_day, roster_days, told_by_ledger
from transforms.billing import Facts, billing_from_position, position_from_facts
from transforms.calendar import ONE_DAY
from transforms.catalog import Catalog
from transforms.descriptions import line_description
from transforms.money import CURRENCY_DECIMALS
from transforms.money_text import money_text
from transforms.nearest import did_you_mean
from transforms.preview import Ask, Preview, Scenario, preview_from_facts
from transforms.shown import shown_from_position

Document = dict[str, Any]
_FARTHEST = timedelta(days=5 * 366)
_SUMS = ("net", "credit_applied", "credit_granted", "amount_due")
_UNASKED = ("invoice_on", "assumed_from", "now", "asked", "changed", "difference")  # of a held workspace
_STANDING = ["plan", "cadence", "state", "starts_on", "trial_until", "term_from", "term_until", "canceled_on", "ended_on"]
_STANDING += ["seats_occupied", "seats_committed", "seat_limit"]


class PreviewRequest(NamedTuple):
    """Which subscription; what would be asked of it, and on which day (None: the day after the last known one)."""

    subscription_id: str
    on: date | None = None
    seats: int | None = None
    plan: str | None = None
    cadence: str | None = None

    @property
    def asks(self) -> bool:
        return (self.seats, self.plan, self.cadence) != (None, None, None)


def preview(request: PreviewRequest, home: Home, catalogs: Mapping[str, Catalog]) -> Document:
    """The next invoice as it stands and with the change, as plain values; of a held workspace only why it is held.

    Raises: UserError for a subscription or plan that there is not, naming the nearest, and for a day out of range.
    """
    lake = lake_of(home)
    ledger = ledger_of_workspace(home, lambda ledger: _workspace_of(request.subscription_id, ledger, lake))
    days = roster_days(ledger)
    opening_on = opening_day(ledger, days)
    last = last_whole_day(days, opening_on)
    workspace_id, _ = _workspace_of(request.subscription_id, ledger, lake)
    (told,) = told_by_ledger(ledger, lake, Division.alone(workspace_id), Shelf())
    require_given(told.billed.charges["catalog"], catalogs)  # else it would seem held
    known = facts_of_workspace(facts_until(last, told, lake), workspace_id)
    row = known.subscription_rows.filter(subscription_id=request.subscription_id).row(0, named=True)
    catalog = catalogs.get(row["catalog"])  # None: not known, which holds the workspace
    _require_possible(request, catalog, opening_on, last)

    billed = told.billed
    holds, standing = _standing(request.subscription_id, known, billed, catalogs)
    document = {
        "subscription_id": request.subscription_id,
        "workspace_id": row["workspace_id"],
        "workspace_name": row["workspace_name"],
        "catalog": row["catalog"],
        "currency": catalog.currency if catalog else None,
        "standing": standing,
        "known_through": last,
        "holds": holds,
    }
    if holds:
        return document | {"since": request.on, **dict.fromkeys(_UNASKED), "notes": []}
    ask = Ask(request.on or last + ONE_DAY, request.seats, request.plan, request.cadence) if request.asks else None
    found = preview_from_facts(known, billed, request.subscription_id, catalogs, ask=ask, since=request.on)
    return document | _found(found, ask, request.on, last, catalog, standing)


def _found(found: Preview, ask: Ask | None, since: date | None, last: date, catalog: Catalog, standing: Document) -> Document:
    now = _scenario(found.now, catalog)
    changed = _scenario(found.changed, catalog) if found.changed else None
    difference = None
    if changed and not changed["holds"] and len(changed["refused"]) < ask.events:
        difference = {f"{name}_minor": changed[f"{name}_minor"] - now[f"{name}_minor"] for name in _SUMS}
        difference |= {name: money_text(difference[f"{name}_minor"], CURRENCY_DECIMALS[catalog.currency]) for name in _SUMS}
    return {
        "since": since,
        "invoice_on": found.through,
        "assumed_from": last + ONE_DAY if found.through and found.through > last else None,
        "now": now,
        "asked": ask._asdict() | {"by": "owner"} if ask else None,
        "changed": changed,
        "difference": difference,
        "notes": _notes(ask, changed, catalog, standing),
    }


def _scenario(scenario: Scenario, catalog: Catalog) -> Document:
    """One way in plain values: its invoices with their lines, dates that bill nothing, sums, refusals and holds."""
    decimals = CURRENCY_DECIMALS[catalog.currency]
    lines = scenario.lines.with_columns(description=line_description()).to_dicts()
    lines = [line | {name: money_text(line[f"{name}_minor"], decimals) for name in ("unit_price", "amount")} for line in lines]
    invoices = []
    for row in scenario.invoices.to_dicts():
        amounts = {name: money_text(row[f"{name}_minor"], decimals) for name in (*_SUMS, "credit_balance")}
        invoices.append(row | amounts | {"lines": [line for line in lines if line["invoice_on"] == row["invoice_on"]]})
    sums = {f"{name}_minor": sum(row[f"{name}_minor"] for row in invoices) for name in _SUMS}
    return {
        "dates": scenario.dates.select("invoice_on", "occasion", "cadence").to_dicts(),
        "invoices": invoices,
        **sums,
        **{name: money_text(sums[f"{name}_minor"], decimals) for name in _SUMS},
        "refused": scenario.refusals.to_dicts(),
        "holds": scenario.holds.to_dicts(),
    }


def _standing(subscription_id: str, known: Facts, billed: Any, catalogs: Mapping[str, Catalog]) -> tuple[list[Document], Document]:
    """Why the workspace is held, if it is; the subscription as it stands at the last known day's close."""
    position = position_from_facts(known, catalogs)
    shown = shown_from_position(known, position, billing_from_position(position, billed, catalogs), catalogs)
    mine = shown.subscriptions.filter(subscription_id=subscription_id).select(_STANDING)
    owner = known.subscription_rows.filter(subscription_id=subscription_id)["workspace_id"][0]
    return position.holds.filter(workspace_id=owner).to_dicts(), mine.row(0, named=True)


def _notes(ask: Ask | None, changed: Document | None, catalog: Catalog, standing: Document) -> list[str]:
    """What one would otherwise wonder about. Of seats whose event is refused nothing is remembered (T10)."""
    plan = catalog.plans.get(ask.plan or standing["plan"]) if ask else None
    asks_for_seats = plan and ask.seats is not None and not {"seats_updated", "plan_changed"} & {r["event"] for r in changed["refused"]}
    if asks_for_seats and plan.basis == "active":
        return [f"Plan {plan.id} bills the seats that are held: a number of seats asked for is remembered, and costs nothing (§4)."]
    return []


# --- what was typed -------------------------------------------------------------------------------------------------------


def _workspace_of(subscription_id: str, ledger: Ledger, lake: Lake) -> tuple[str, list[str]]:
    """The subscription's workspace, and all subscriptions of that."""
    version = ledger.current_versions().get(("subscriptions", None))
    if version is None:
        raise UserError("no subscriptions have been ingested yet. Start with: seatledger ingest SOURCE")
    rows = lake.read(lake.day_path("subscriptions", None, version), ["subscription_id", "workspace_id"])
    mine = rows.filter(subscription_id=subscription_id)
    if mine.height:
        owner = mine["workspace_id"][0]
        return owner, rows.filter(workspace_id=owner)["subscription_id"].to_list()
    of_workspace = rows.filter(workspace_id=subscription_id)["subscription_id"].to_list()
    if of_workspace:
        raise UserError(f"{subscription_id}: is a workspace. Ask for its subscription: {', '.join(of_workspace[:5])}.")
    if ledger.value("select count(*) from invoices where subscription_id = ?", [subscription_id]):
        raise UserError(
            f"{subscription_id}: was billed before, and no row of subscriptions names it any more: its workspace is held. Put its row back; to end it, deliver a canceled event."
        )
    near = did_you_mean(subscription_id, rows["subscription_id"].unique().sort().to_list())
    faults = ledger.current_faults().filter(table_name="subscriptions").select("file", "row", "workspace_id").unique(maintain_order=True)
    places = ", ".join(f"{file}, row {row} (workspace {workspace})" for file, row, workspace in faults.head(5).iter_rows())
    broken = f" Rows of subscriptions are broken, and their workspaces held: {places}. See seatledger holds." if places else ""
    raise UserError(f"{subscription_id}: there is no such subscription.{near}{broken}")


def _require_possible(request: PreviewRequest, catalog: Catalog | None, opening_on: date, last: date) -> None:
    if catalog and request.plan and request.plan not in catalog.plans:
        near = did_you_mean(request.plan, catalog.plans)
        raise UserError(f"plan {request.plan!r} is not in catalogue {catalog.id}.{near} It has: {', '.join(catalog.plans)}.")
    if request.on and not opening_on <= request.on <= last + _FARTHEST:
        raise UserError(
            f"{request.on}: is out of range. Name a day from the opening day, {opening_on}, to five years after the last known one, {last}."
        )
