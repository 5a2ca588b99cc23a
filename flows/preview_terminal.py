"""A preview as a person reads it: the next invoice, or two side by side, and what was assumed."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from flows.tables import print_table, printable
from flows.terminal import out
from transforms.many import many

Document = dict[str, Any]


def print_preview(told: Document) -> None:
    """The subscription as it stands, its next invoice now and with the change, what is refused, what was assumed."""
    standing = told["standing"]
    customer = f"{told['workspace_name']} ({told['workspace_id']})" if told["workspace_name"] else told["workspace_id"]
    heading = Text.assemble((told["subscription_id"], "bold"), printable(f"   {customer}, {_as_it_stands(standing)}"))
    out.print(heading, soft_wrap=not out.is_terminal)
    if told["holds"]:
        _print_holds(told["holds"], f"{told['workspace_id']} is held, and gets no invoice until it is mended:")
        return
    if told["asked"]:
        _say(f"Asked by an owner on {told['asked']['on']}: {_asked(told['asked'])}.")
        for refused in told["changed"]["refused"]:
            seats = "" if refused["occupied"] is None else f" ({many(refused['occupied'], 'seat')} held then)"
            seats = seats if refused["rule"] == "§4" else ""
            _say(f"Refused ({refused['rule']}), without effect: {refused['event']}: {refused['why']}{seats}.", "bold")
        _print_holds(told["changed"]["holds"], "With this change the workspace would be held:")
    for note in told["notes"]:
        _say(note)
    if told["invoice_on"] is None:
        _say(_why_none(standing))
    else:
        _print_side_by_side(told) if told["difference"] else _print_alone(told)
    _say(_assumed(told))


def _say(text: str, style: str = "") -> None:
    out.print(Text(printable(text), style), soft_wrap=not out.is_terminal)


def _as_it_stands(standing: Document) -> str:
    occupied = standing["seats_occupied"]  # None: known of a running subscription alone
    held = "" if occupied is None else f", {many(occupied, 'seat')} held"
    agreed = "" if standing["seats_committed"] is None else f" of {standing['seats_committed']} agreed"
    term = f", term {standing['term_from']} to {standing['term_until']}" if standing["term_from"] else ""
    trial = f" until {standing['trial_until']}" if standing["state"] == "trial" else ""
    state = "" if standing["state"] == "active" else f", {standing['state']}{trial}"
    return f"plan {standing['plan']}, {standing['cadence']}{state}{term}{held}{agreed}"


def _asked(asked: Document) -> str:
    seats = None if asked["seats"] is None else f"{many(asked['seats'], 'seat')} in all"
    return ", ".join(wish for wish in (f"plan {asked['plan']}" if asked["plan"] else None, asked["cadence"], seats) if wish)


def _why_none(standing: Document) -> str:
    if standing["state"] == "ended":
        return f"There is no next invoice: the subscription ended on {standing['ended_on']}."
    if standing["state"] == "free plan":
        return f"There is no next invoice as long as it stays on plan {standing['plan']}, which is free."
    if standing["canceled_on"]:
        return f"There is no next invoice: cancelled on {standing['canceled_on']}, and nothing is left to bill."
    return "There is no next invoice in the year to come: nothing is to be billed."


def _assumed(told: Document) -> str:
    known = f"A preview, not a bill. Rosters are known through {told['known_through']}"
    if told.get("assumed_from"):
        first, last = told["assumed_from"], told["invoice_on"]
        days = f"on each day from {first} to {last}" if first < last else f"on {first}"
        return f"{known}; {days} every user is taken to stay as on {told['known_through']}, and nothing more to be asked."
    if told["invoice_on"]:
        return f"{known}: this invoice is due already. To issue it: seatledger bill --through {told['known_through']}"
    return f"{known}; after it every user is taken to stay as they are, and nothing more to be asked."


def _print_holds(holds: list[Document], words: str) -> None:
    if not holds:
        return
    _say(words, "bold")
    for hold in holds:
        place = f" ({hold['file']}, row {hold['row']})" if hold["file"] else ""
        since = f", since {hold['since_on']}" if hold["since_on"] else ""
        _say(f"  {hold['reason']}{since}: {hold['detail']}{place}")
        _say(f"  To mend: {hold['mend']}.")


# --- invoices -------------------------------------------------------------------------------------------------------------


def _idle_dates(way: Document) -> str:
    """The invoice dates before the last one that bill nothing, in a few words."""
    billed = {invoice["invoice_on"] for invoice in way["invoices"]}
    idle = [str(date["invoice_on"]) for date in way["dates"] if date["invoice_on"] not in billed]
    if not idle:
        return ""
    if len(idle) == 1:
        return f"On {idle[0]}, an invoice date, there is nothing to bill."
    return f"On {len(idle)} invoice dates from {idle[0]} to {idle[-1]} there is nothing to bill."


def _print_alone(told: Document) -> None:
    way = told["now"]
    which = f"From {told['since']} on, the next" if told["since"] else "Next"
    idle = _idle_dates(way)
    if idle:
        _say(idle)
    for invoice in way["invoices"]:
        kind = " (closing)" if _occasion(way, invoice) == "closing" else ""
        _say(f"{which} invoice{kind}: {invoice['invoice_on']}", "bold")
        rows = [(line["description"], line["amount"]) for line in invoice["lines"]]
        rows.append(("net", invoice["net"]))
        if invoice["credit_applied_minor"]:
            rows.append(("paid from credit", _negated(invoice["credit_applied"])))
        if invoice["credit_granted_minor"]:
            rows.append(("kept as credit", invoice["credit_granted"]))
        rows.append((f"due, {told['currency']}", invoice["amount_due"]))
        print_table(out, ("", "amount"), rows, right=("amount",), headed=False)


def _print_side_by_side(told: Document) -> None:
    """Each invoice date's lines: those that both ways have, those of one only; then the sums."""
    now, changed = told["now"], told["changed"]
    _say(f"Invoices from {told['asked']['on']} on:")
    names, rows = ("", "as it stands", "with the change", "difference"), []
    days = sorted({invoice["invoice_on"] for way in (now, changed) for invoice in way["invoices"]} | {told["invoice_on"]})
    for day in days:
        occasions = {_occasion(way, {"invoice_on": day}) for way in (now, changed)} - {None, "term", "anniversary"}
        rows.append((f"Invoice of {day}{' (closing)' if occasions else ''}", "", "", ""))
        ways = [_amounts(way, day) for way in (now, changed)]
        rows += [(text, *_cells(ways[0].get(text), ways[1].get(text))) for text in dict.fromkeys([*ways[0], *ways[1]])]
        if not any(ways):
            rows.append(("nothing to bill", "", "", ""))
    together = ", together" if len(days) > 1 else ""
    difference = told["difference"]
    rows.append((f"net{together}", now["net"], changed["net"], _plus(difference["net"])))
    if now["credit_applied_minor"] or changed["credit_applied_minor"]:
        paid = [_negated(way["credit_applied"]) for way in (now, changed, difference)]
        rows.append(("paid from credit", *paid[:2], _plus(paid[2])))
    if now["credit_granted_minor"] or changed["credit_granted_minor"]:
        rows.append(("kept as credit", now["credit_granted"], changed["credit_granted"], _plus(difference["credit_granted"])))
    rows.append((f"due, {told['currency']}", now["amount_due"], changed["amount_due"], _plus(difference["amount_due"])))
    print_table(out, names, rows, right=names[1:])


def _amounts(way: Document, day: object) -> dict[str, Document]:
    return {line["description"]: line for invoice in way["invoices"] if invoice["invoice_on"] == day for line in invoice["lines"]}


def _cells(now: Document | None, changed: Document | None) -> tuple[str, str, str]:
    if now and changed:
        return now["amount"], changed["amount"], ""
    if now:
        return now["amount"], "–", _plus(_negated(now["amount"]))
    return "–", changed["amount"], _plus(changed["amount"])


def _negated(amount: str) -> str:
    if not amount.strip("0."):
        return amount
    return amount.removeprefix("-") if amount.startswith("-") else f"-{amount}"


def _plus(amount: str) -> str:
    if not amount.strip("0."):
        return ""
    return amount if amount.startswith("-") else f"+{amount}"


def _occasion(way: Document, invoice: Document) -> str | None:
    return next((date["occasion"] for date in way["dates"] if date["invoice_on"] == invoice["invoice_on"]), None)
