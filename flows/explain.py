"""Gather what stands behind an invoice line, from what the run that issued it knew; nothing in the home changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

import polars as pl

from flows.errors import UserError
from flows.facts import facts_of_workspace, facts_until
from flows.home import Home
from flows.kept_directory import KeptDirectory
from flows.lake import Lake, lake_of
from flows.ledger import Ledger
from flows.ledger_reader import as_known_to, ledger_of_workspace
from flows.shelf import Shelf
from flows.told import Division, rows_of, told_by_ledger
from transforms.billing import Facts, Position, position_from_facts
from transforms.calendar import ONE_DAY
from transforms.catalog import Catalog
from transforms.contracts.charges import CHARGE
from transforms.corrections import News, news_between
from transforms.explanation import Explanation, explanation_from_position
from transforms.line_words import RULES, formula_of_line, price_of_line, rules_of_line, words_of_line
from transforms.money import CURRENCY_DECIMALS
from transforms.money_text import money_text
from transforms.nearest import did_you_mean

Document = dict[str, Any]


class Known(NamedTuple):
    """What a run knew of one workspace when it billed, and the position that it billed from."""

    run: Mapping[str, Any]
    ledger: Ledger
    workspace_id: str
    facts: Facts
    position: Position


def explain(line_id: str, home: Home, catalogs: Mapping[str, Catalog], *, names: bool = False) -> Document:
    """Everything that a line rests on, as plain values; `names` adds those of users who are in the directory and not deleted.

    Raises: UserError for a line that there is not, naming the nearest that there are, and for a catalogue that is not known.
    """
    ledger = ledger_of_workspace(home, lambda ledger: _workspace_of(line_id, ledger))
    lake = lake_of(home)
    line = _rows(ledger.frame("select * from invoice_lines where line_id = ?", [line_id]))[0]
    invoice = _rows(ledger.frame("select * from invoices where invoice_id = ?", [line["invoice_id"]]))[0]
    if line["catalog"] not in catalogs:
        raise UserError(f"{line_id}: was billed by catalogue {line['catalog']}, which is not known here. Name its folder with --catalogs.")
    catalog = catalogs[line["catalog"]]
    known = known_to_run(invoice["run_id"], ledger, lake, line["workspace_id"], catalogs)
    explanation = explanation_from_position(line, known.position, known.facts.activity, catalog)
    correction, days = None, _roster_days(line, explanation)
    if line["is_correction"]:
        run_before = _run_before(line, invoice["run_id"], ledger)
        owner = _owner_then(line["subscription_id"], run_before, ledger, lake) or line["workspace_id"]
        before = known_to_run(run_before, ledger, lake, owner, catalogs)
        news = _news(line, before, known)
        days |= {day for moved_on in news.seat_changes["moved_on"].to_list() for day in (moved_on - ONE_DAY, moved_on)}
        correction = _correction(line, news, before, known, ledger, catalog)
    document = {
        "line": _with_amounts(line, "unit_price", "amount"),
        "invoice": _with_amounts(invoice, "net", "credit_applied", "credit_granted", "amount_due", "credit_balance"),
        "workspace_name": _workspace_name(line, known.facts),
        **_in_words(line, known, explanation, catalog),
        "seats": explanation.seats._asdict() | {"basis": explanation.basis},
        "users": _users(explanation),
        "agreed": _rows(explanation.agreed) if explanation.basis == "committed" else [],
        "events": _rows(explanation.events),
        "correction": correction,
        "files": _files(days, _activity_files(explanation, correction), known, ledger, bool(correction and correction["agreement"])),
        "known": _knowledge(line, known, explanation),
        "opening_on": known.position.opening_on,
    }
    return _named(document, lake, line["workspace_id"]) if names else document


def known_to_run(run_id: str, ledger: Ledger, lake: Lake, workspace_id: str, catalogs: Mapping[str, Catalog]) -> Known:
    """Compute again what a run computed for a workspace, from the versions that were current then."""
    run = _rows(ledger.frame("select * from runs where run_id = ?", [run_id]))[0]
    past = as_known_to(ledger, run_id)
    (told,) = told_by_ledger(past, lake, Division.alone(workspace_id), Shelf())
    facts = facts_of_workspace(facts_until(run["through"], told, lake), workspace_id)
    return Known(run, past, workspace_id, facts, position_from_facts(facts, catalogs))


def _owner_then(subscription_id: str, run_id: str, ledger: Ledger, lake: Lake) -> str | None:
    """The workspace that a run knew a subscription to be of: a row may name another one since."""
    rows = rows_of("subscriptions", as_known_to(ledger, run_id).current_versions(), lake)
    owners = rows.filter(subscription_id=subscription_id)["workspace_id"]
    return owners[0] if len(owners) else None


def _workspace_of(line_id: str, ledger: Ledger) -> tuple[str, list[str]]:
    """The line's workspace, and its subscription."""
    found = ledger.frame("select workspace_id, subscription_id from invoice_lines where line_id = ?", [line_id])
    if found.height:
        return found["workspace_id"][0], found["subscription_id"].to_list()
    of_invoice = ledger.frame(
        "select line_id from invoice_lines where invoice_number = ? or invoice_id = ? order by length(line_id), 1", [line_id, line_id]
    )
    if of_invoice.height:
        named = _some(of_invoice["line_id"].to_list(), 10)
        raise UserError(f"{line_id}: is an invoice. Ask for one of its lines: {named}.")
    raise UserError(_no_such_line(line_id, ledger))


def _no_such_line(line_id: str, ledger: Ledger) -> str:
    """Near are the lines of that invoice, where there is one, or else lines and invoices that are written alike."""
    lines = ledger.frame(
        "select line_id, invoice_number from invoice_lines order by levenshtein(line_id, ?), length(line_id), line_id limit 50",
        [line_id.upper()],
    )
    if lines.is_empty():
        return f"{line_id}: there is no such line; nothing has been invoiced yet."
    invoice = line_id.rpartition("-")[0].upper()
    of_invoice = ledger.frame("select line_id from invoice_lines where invoice_number = ? order by length(line_id), 1", [invoice])
    if of_invoice.height:
        return f"{line_id}: there is no such line. Invoice {invoice} has: {_some(of_invoice['line_id'].to_list(), 10)}."
    invoices = ledger.frame(
        "select distinct invoice_number from invoice_lines order by levenshtein(invoice_number, ?), length(invoice_number), 1 limit 50",
        [line_id.upper()],
    )
    near = did_you_mean(line_id, [*lines["line_id"].to_list(), *invoices["invoice_number"].to_list()])
    return f"{line_id}: there is no such line.{near} All are in invoice_lines."


# --- the parts of the document --------------------------------------------------------------------------------------------


def _in_words(line: Mapping, known: Known, explanation: Explanation, catalog: Catalog) -> Document:
    position, spell = known.position, explanation.spell
    mine = pl.col("subscription_id") == line["subscription_id"]
    subscription = position.subscriptions.filter(mine)
    term = position.schedules.terms.filter(mine & (pl.col("term_from") == line["term_from"]))
    activated_on = position.schedules.standings.filter(mine)["activated_on"].max()
    cuts_term = line["reason"] == "plan_switch" and term.height > 0 and term["ended_on"].item() == line["moved_on"] < line["term_until"]
    billing_day = subscription["billing_day"].item() if subscription.height else None
    rules = rules_of_line(
        line, explanation.basis, billing_day=billing_day, is_activation=line["term_from"] == activated_on, cuts_term=cuts_term
    )
    price = price_of_line(line, catalog, spell)
    return {
        "why": {
            "words": words_of_line(line, explanation.basis, cuts_term),
            "rules": [{"rule": rule, "title": RULES[rule]} for rule in rules],
        },
        "term": {
            "term_from": line["term_from"],
            "term_until": line["term_until"],
            "cadence": line["cadence"],
            "plan": line["plan"],
            "is_stub": (line["term_until"] - line["term_from"]).days < line["period_days"],
        },
        "price": price._asdict() | {"currency": line["currency"]},
        "formula": formula_of_line(line, catalog)._asdict(),
    }


def _users(explanation: Explanation) -> list[Document]:
    said: dict[str, list] = {}
    for event in _rows(explanation.user_events):
        said.setdefault(event["user_id"], []).append({name: event[name] for name in event if name != "user_id"})
    return [user | {"events": said.get(user["user_id"], [])} for user in _rows(explanation.users)]


def _knowledge(line: Mapping, known: Known, explanation: Explanation) -> Document:
    """Whether what the run knew, computed again with the catalogue as it is now, comes to what the line says."""
    quantity = line["quantity_billed_before"] + line["quantity"]
    run = {name: known.run[name] for name in ("run_id", "command", "through", "finished_at", "product_version")}
    return run | {"quantity": explanation.quantity, "agrees": explanation.quantity == quantity}


def _roster_days(line: Mapping, explanation: Explanation) -> set[date]:
    """The day of movement and the day before; for who came back, the day their seat was released and the day before it too."""
    days = {line["moved_on"], line["moved_on"] - ONE_DAY}
    if line["reason"] == "reactivated":
        released = explanation.users.filter(pl.col("counts") != 0)["before_until"].to_list()
        days |= {day for on in released for day in (on, on - ONE_DAY)}
    return days


def _activity_files(explanation: Explanation, correction: Document | None) -> set[tuple[date, str]]:
    told = [*_rows(explanation.events), *_rows(explanation.user_events), *(correction["events"] if correction else [])]
    return {(event["delivered_on"], event["file"]) for event in told}


def _files(days: set[date], activity: set[tuple[date, str]], known: Known, ledger: Ledger, with_agreements: bool = False) -> list[Document]:
    """The files, as accepted then; `superseded_by` says what has replaced them by now, and `superseding_run` in which run."""
    then = known.ledger.frame("select table_name, day, version, file, superseded_by is null as is_current from inputs")
    later = "select distinct table_name, day, version as superseded_by, run_id as superseding_run from inputs"
    files = ledger.frame(
        f"""select i.table_name, i.day, i.file, i.sha256, i.bytes, i.rows, i.ingested_at, i.run_id, i.version, i.superseded_by,
                   later.superseding_run
            from inputs i left join ({later}) later
              on later.table_name = i.table_name and later.day is not distinct from i.day and later.superseded_by = i.superseded_by"""
    )
    files = files.join(then, on=["table_name", "day", "version", "file"], nulls_equal=True).with_columns(rested_on="is_current")
    told = pl.DataFrame(sorted(activity), schema={"day": pl.Date, "file": pl.String}, orient="row")
    parts = [
        files.filter((pl.col("table_name") == "users") & pl.col("day").is_in(sorted(days))),
        files.filter(table_name="activity").join(told, on=["day", "file"], how="semi"),
        files.filter((pl.col("table_name") == "subscriptions") & (pl.col("rested_on") | pl.lit(with_agreements))),
    ]
    order = ["table_name", "day", "rested_on", "file"]
    return _rows(pl.concat([part.sort(order, descending=[False, False, True, False]) for part in parts]).drop("is_current"))


# --- corrections ----------------------------------------------------------------------------------------------------------


def _run_before(line: Mapping, run_id: str, ledger: Ledger) -> str:
    """The last run that passed an invoice date which could have carried the line: what it knew was not yet this."""
    return ledger.value(
        "select max(run_id) from invoice_dates where subscription_id = ? and invoice_on >= ? and run_id < ?",
        [line["subscription_id"], line["moved_on"], run_id],
    )


def _news(line: Mapping, before: Known, now: Known) -> News:
    mine = {"subscription_id": line["subscription_id"]}
    changes = [
        known.position.rosters.seat_changes.filter(catalog=line["catalog"], workspace_id=known.workspace_id) for known in (before, now)
    ]
    events = [known.position.events.filter(**mine) for known in (before, now)]
    rows = [known.facts.subscription_rows.filter(**mine) for known in (before, now)]
    is_of_one_day = line["reason"] in ("seats_added", "seats_removed", "reactivated")
    since = line["service_from"] if is_of_one_day else min(before.position.opening_on, line["moved_on"])
    return news_between(tuple(changes), tuple(events), tuple(rows), since, line["moved_on"])


def _correction(line: Mapping, news: News, before: Known, now: Known, ledger: Ledger, catalog: Catalog) -> Document:
    """What was billed before, what is known now, and what brought it."""
    identity = " and ".join(f"{name} = ?" for name in CHARGE)
    billed = ledger.frame(
        f"""select line_id, invoice_number, invoice_on, run_id, l.quantity, l.amount_minor, l.currency
            from invoice_lines l join invoices i using (invoice_id, invoice_number, invoice_on, currency)
            where {identity.replace("subscription_id", "l.subscription_id")} and run_id < ?
            order by invoice_on, length(line_id), line_id""",
        [*(line[name] for name in CHARGE), now.run["run_id"]],
    )
    passed = ledger.value(
        "select min(invoice_on) from invoice_dates where subscription_id = ? and invoice_on >= ? and run_id <= ?",
        [line["subscription_id"], line["moved_on"], before.run["run_id"]],
    )
    explanation = explanation_from_position(line, before.position, before.facts.activity, catalog)
    versions = [known.run["product_version"] for known in (before, now)]
    return {
        "passed_on": passed,
        "passed_invoice": ledger.value(
            "select invoice_number from invoices where subscription_id = ? and invoice_on = ?", [line["subscription_id"], passed]
        ),
        "billed_before": [_with_amounts(row, "amount") for row in _rows(billed)],
        "known_before": {name: before.run[name] for name in ("run_id", "through", "finished_at")}
        | {"quantity": explanation.quantity, "users": _users(explanation), "seats": explanation.seats._asdict()},
        "seat_changes": _rows(news.seat_changes),
        "events": _rows(news.events),
        "agreement": _rows(news.agreement),
        "product_versions": versions if versions[0] != versions[1] else [],
    }


# --- values ---------------------------------------------------------------------------------------------------------------


def _named(document: Document, lake: Lake, workspace_id: str) -> Document:
    """Add the names of users; a deleted user has none, and stays an id (I8)."""
    mine = KeptDirectory(lake).of_workspace(workspace_id).filter(~pl.col("is_erased"))
    names = dict(mine.select("user_id", "name").iter_rows())
    ids = {"user_id": "name", "actor_id": "actor_name"}

    def add(value: Any) -> Any:
        if isinstance(value, list):
            return [add(one) for one in value]
        if not isinstance(value, dict):
            return value
        told = {key: add(one) for key, one in value.items()}
        return told | {name: names.get(value[key]) for key, name in ids.items() if key in value}

    return add(document)


def _workspace_name(line: Mapping, facts: Facts) -> str | None:
    rows = facts.subscription_rows.filter(subscription_id=line["subscription_id"])
    return rows["workspace_name"][0] if rows.height else None


def _with_amounts(row: Mapping, *names: str) -> Document:
    decimals = CURRENCY_DECIMALS[row["currency"]]
    return dict(row) | {name: money_text(row[f"{name}_minor"], decimals) for name in names}


def _rows(frame: pl.DataFrame) -> list[Document]:
    return frame.to_dicts()


def _some(ids: Iterable[str], most: int) -> str:
    told = list(ids)
    return ", ".join(told[:most]) + (f" and {len(told) - most} more" if len(told) > most else "")
