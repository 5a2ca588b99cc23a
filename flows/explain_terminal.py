"""An explanation as a person reads it: from the sentence to the files, each part under its own word."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import groupby
from textwrap import wrap
from typing import Any

from rich.text import Text

from flows.printable import printable
from flows.terminal import out
from transforms.many import many

Document = dict[str, Any]
_INDENT = 10
_MOST_USERS, _MOST_STEPS = 12, 6


def print_explanation(told: Document) -> None:
    """The line, why it is there, its price and formula, its users and events, what was known before, and the files."""
    line, invoice, term, price = told["line"], told["invoice"], told["term"], told["price"]
    out.print(Text(f"{line['line_id']}   {line['amount']} {line['currency']}", "bold"))
    _section("Line", [line["description"]])
    customer = f"{told['workspace_name']} ({line['workspace_id']})" if told["workspace_name"] else line["workspace_id"]
    _section(
        "Invoice",
        [f"{invoice['invoice_number']} of {invoice['invoice_on']} to {customer}: net {invoice['net']}, due {invoice['amount_due']}"],
    )
    rules = "; ".join(f"{rule['rule']} {rule['title']}" for rule in told["why"]["rules"])
    _section("Why", [told["why"]["words"], f"Rules: {rules}."])
    stub = f", a stub: its whole period has {line['period_days']} days" if term["is_stub"] else ""
    _section(
        "Term",
        [
            f"{line['subscription_id']}: {term['term_from']} to {term['term_until']}, {term['cadence']}{stub}",
            f"Charged here: {line['service_from']} to {line['service_until']}, {line['days']} of {line['period_days']} days",
        ],
    )
    since = f" in force since {price['effective_from']}" if price["effective_from"] else ""
    reference = f": “{price['reference']}”" if price["reference"] else ""
    _section("Price", [f"{price['amount']} {price['currency']} a seat and {price['per']}, {price['source']}{since}{reference}"])
    _section("Formula", [told["formula"]["text"], f"{told['formula']['rounding']}"])
    _section("Seats", _seats(told))
    _section("Users", _users(told))
    _section("Events", [_event(event) for event in told["events"]])
    if told["correction"]:
        _section("Before", _before(told["correction"], line["currency"]))
        _section("Since", _since(told))
    _files(told["files"])
    _section("Known", _known(told))


def _section(title: str, lines: Iterable[str]) -> None:
    """Lines under a word at the left; each is wrapped by itself, and what follows its first row is set in."""
    label = title
    for line in map(printable, lines):
        room = max(out.width - _INDENT, 40)
        marks = len(line) - len(line.lstrip())
        rows = wrap(line, room, subsequent_indent=" " * (marks + 2), break_long_words=False, break_on_hyphens=False)
        for row in rows:
            out.print(Text.assemble((label.ljust(_INDENT), "bold"), row), soft_wrap=True)
            label = ""


def _seats(told: Document) -> list[str]:
    seats = told["seats"]
    before = "" if seats["occupied_before"] is None else f"{seats['occupied_before']} held the day before, "
    lines = [f"{before}{seats['occupied']} at the close of {told['line']['moved_on']}"]
    if seats["basis"] == "committed":
        agreed = "none" if seats["agreed_before"] is None else seats["agreed_before"]
        lines[0] += "; this plan bills the seats agreed"
        lines.append(f"{agreed} agreed the day before, {seats['agreed']} at its close:")
        if len(told["agreed"]) > _MOST_STEPS:
            lines.append(f"  (and {many(len(told['agreed']) - _MOST_STEPS, 'step')} before: --json lists them all)")
        for step in told["agreed"][-_MOST_STEPS:]:
            change = "   " if step["change"] is None else f"{step['change']:+d}".replace("-", "−").rjust(3)
            by = f"set by {step['event_id']}" if step["event_id"] else step["what"]
            lines.append(f"  {step['on']}  {change}  to {step['seats']}, {by}")
    return lines


# --- users ----------------------------------------------------------------------------------------------------------------


def _users(told: Document) -> list[str]:
    users = told["users"]
    if told["line"]["reason"] == "opening":
        return _holders(users, "held a seat at the close of that day") if users else []
    movers = [user for user in users if user["came"] or user["left"]]
    others = [user for user in users if not (user["came"] or user["left"])]
    lines = []
    for user in movers[:_MOST_USERS]:
        lines.append(f"{_mark(user)}  {who(user)}: {_story(user, told)}")
        lines += [f"      {event['event_id']} says so: {event['event']}{_asked_by(event)}" for event in user["events"]]
    if len(movers) > _MOST_USERS:
        lines.append(f"and {len(movers) - _MOST_USERS} more who came or went: --json lists them all")
    if others:
        leaving = others[0]["counts"] < 0
        lines += _holders(others, "held a seat at the close of the day before" if leaving else "held a seat that day and before")
    return lines


def _holders(users: list[Document], words: str) -> list[str]:
    named = ", ".join(who(user) for user in users[:_MOST_USERS])
    more = f" and {len(users) - _MOST_USERS} more: --json lists them all" if len(users) > _MOST_USERS else ""
    return [f"{many(len(users), 'user')} {words}: {named}{more}"]


def _mark(user: Document) -> str:
    return {1: "+1", -1: "−1"}.get(user["counts"], " ·")


def who(user: Document) -> str:
    """A user's id, and the name where names were asked for and there is one."""
    return f"{user['user_id']} ({user['name']})" if user.get("name") else user["user_id"]


def _story(user: Document, told: Document) -> str:
    """The days on which a user who came or went held a seat, before and after."""
    first = told["opening_on"]
    since = lambda day: f"{day} or earlier" if day == first else str(day)  # noqa: E731
    aside = "" if user["counts"] else " (counts no more, see Before)" if _counted_before(user, told) else " (not on this line)"
    if user["came"]:
        until = f"until {user['after_until']}" if user["after_until"] else f"to {told['known']['through']} at least"
        held = f"holds a seat from {user['after_from']} {until}"
        before = f"; held one before, from {since(user['before_from'])} until {user['before_until']}" if user["before_from"] else ""
        return f"{held}{before or '; never held one before'}{aside}"
    back = f"; holds one again from {user['after_from']}" if user["after_from"] else ""
    return f"held a seat from {since(user['before_from'])} until {user['before_until']}{back}{aside}"


def _counted_before(user: Document, told: Document) -> bool:
    """Whether a user counted on the charge by what was known before: of a correction that takes it back."""
    then = told["correction"]["known_before"]["users"] if told["correction"] else []
    return any(one["user_id"] == user["user_id"] and one["counts"] for one in then)


# --- events ---------------------------------------------------------------------------------------------------------------


def _asked_by(event: Document) -> str:
    if not event["actor_id"]:
        return ", by nobody named"
    name = f" ({event['actor_name']})" if event.get("actor_name") else ""
    return f", by {event['actor_id']}{name}" + (f", {event['actor_role']}" if event["actor_role"] else "")


def _event(event: Document) -> str:
    wants = {"quantity": "{} seats", "plan": "plan {}", "cadence": "{}", "until": "until {}"}
    asked = ", ".join(text.format(event[name]) for name, text in wants.items() if event[name] is not None)
    when = f"{event['occurred_at']:%Y-%m-%d %H:%M} UTC"
    counts_for = f", counts for {event['on']}" if event["occurred_at"].date() != event["on"] else ""
    became = {"refused": f" Refused ({event['rule']}): {event['why']}.", "replaced": " Without effect: replaced by a later one that day."}
    return (
        f"{event['event_id']} {event['event']}{f' to {asked}' if asked else ''}{_asked_by(event)}, {when}{counts_for}; "
        f"{_delivered(event)}.{became.get(event['outcome'], '')}"
    )


def _delivered(event: Document) -> str:
    late = f"delivered late, on {event['delivered_on']}, by" if event["delivered_on"] > event["on"] else "delivered by"
    return f"{late} {event['file']}, row {event['row']}"


# --- corrections ----------------------------------------------------------------------------------------------------------


def _before(correction: Document, currency: str) -> list[str]:
    known = correction["known_before"]
    invoice = f" (invoice {correction['passed_invoice']})" if correction["passed_invoice"] else ""
    lines = [f"{known['run_id']}, through {known['through']}, had passed the invoice date {correction['passed_on']}{invoice}."]
    counted = [f"{_mark(user)} {who(user)}" for user in known["users"] if user["counts"]]
    named = f": {', '.join(counted[:_MOST_USERS])}" if counted else ""
    more = f" and {len(counted) - _MOST_USERS} more: --json lists them all" if len(counted) > _MOST_USERS else ""
    lines.append(f"By what it knew, this charge was {many(abs(known['quantity']), 'seat')}{named}{more}.")
    lines += [
        f"Billed: {row['line_id']} of {row['invoice_on']}, {many(row['quantity'], 'seat')}, {row['amount']} {currency}"
        for row in correction["billed_before"]
    ]
    return lines if correction["billed_before"] else [*lines, "Billed: nothing."]


def _since(told: Document) -> list[str]:
    correction, lines = told["correction"], []
    for event in correction["events"]:
        became = "became known" if event["known"] == "since" else "is no longer there"
        lines.append(f"{event['event_id']} {event['event']}{_asked_by(event)}, for {event['on']}, {became}; {_delivered(event)}.")
    for change in correction["seat_changes"][:_MOST_USERS]:
        what = "newly holds a seat" if change["change"] == 1 else "no longer holds a seat"
        became = "the roster says now that" if change["known"] == "since" else "the roster no longer says that"
        lines.append(f"{became} {who(change)} {what} on {change['moved_on']}")
    if len(correction["seat_changes"]) > _MOST_USERS:
        lines.append(f"and {len(correction['seat_changes']) - _MOST_USERS} more such changes: --json lists them all")
    lines += [f"subscription row: {row['column']} was {row['before']}, is {row['after']}" for row in correction["agreement"]]
    replaced = {(f["day"], f["superseding_run"]) for f in told["files"] if f["table_name"] == "users" and not f["rested_on"]}
    lines += [f"the roster of {day} was superseded in {run}" for day, run in sorted(replaced)]
    if correction["product_versions"]:
        lines.append("seatledger {} billed then, {} now".format(*correction["product_versions"]))
    return lines or ["The facts are the same: the catalogue has changed."]


# --- files ----------------------------------------------------------------------------------------------------------------


def _files(files: list[Document]) -> None:
    """The files by the run that accepted them; those that no longer, or not yet, were what counts say so."""
    lines = []
    for (run, at), of_run in groupby(
        sorted(files, key=lambda f: (f["run_id"], f["ingested_at"])), lambda f: (f["run_id"], f["ingested_at"])
    ):
        lines.append(f"accepted in {run}, {at:%Y-%m-%d %H:%M} UTC:")
        for file in sorted(of_run, key=lambda f: (f["table_name"] != "users", f["day"] or date.min, f["file"])):
            declared = f" for {file['day']}" if file["file"].startswith("declared") else ""
            lines.append(f"  {file['file']}{declared}  {many(file['rows'], 'row')}, sha256 {file['sha256'][:12]}{_fate(file)}")
    _section("Files", lines)


def _fate(file: Document) -> str:
    if not file["superseded_by"]:
        return ""
    when = "since" if file["rested_on"] else "before this line"
    return f", superseded {when} in {file['superseding_run']}"


def _known(told: Document) -> list[str]:
    known = told["known"]
    line = told["line"]
    quantity = line["quantity_billed_before"] + line["quantity"]
    seats = f"{quantity} seat{'' if abs(quantity) == 1 else 's'}".replace("-", "−")
    if known["agrees"]:
        return [f"All this as {known['run_id']} knew it, through {known['through']}. Computed again: {seats}, as billed."]
    return [
        f"{known['run_id']} billed this through {known['through']} with seatledger {known['product_version']}. Computed again from the versions "
        f"then current, the charge comes to {known['quantity']} and not {quantity}: the catalogue or the program has changed since."
    ]
