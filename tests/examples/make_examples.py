"""Write the `given` folder of each worked example: subscriptions, one roster a day, activity.

    python -m tests.examples.make_examples

What is expected (expected.csv, expected_invoices.csv) and why (why.md) is written by hand, from the rules.
"""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path

from transforms.contracts.sources import SOURCE_ROWS

HERE = Path(__file__).resolve().parent
Stay = tuple[str, str | None]  # active from a day until a day, or still


def write(path: Path, table: str, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        rows_out = csv.DictWriter(file, SOURCE_ROWS[table].names(), lineterminator="\n")
        rows_out.writeheader()
        rows_out.writerows(rows)


def write_given(topic: str, first: str, last: str, subscription: dict, stays: dict[str, list[Stay]], events: list[dict]) -> None:
    """One workspace `acme`; who is between two stays, or past the last, is on the roster as deactivated."""
    given = HERE / topic / "given"
    write(given / "subscriptions.csv", "subscriptions", [{"subscription_id": "sub-acme", "workspace_id": "acme", **subscription}])
    day = date.fromisoformat(first)
    while str(day) <= last:
        rows = [roster_row(user, str(day), of_user) for user, of_user in stays.items() if of_user[0][0] <= str(day)]
        write(given / "users" / f"date={day}" / "users.csv", "users", rows)
        day += timedelta(days=1)
    for number, event in enumerate(events, 1):
        on = event.pop("on")
        whose = {"subscription_id": "sub-acme"} if "user_id" not in event else {}
        row = {"event_id": f"evt-{number}", "occurred_at": f"{on}T10:00:00Z", "workspace_id": "acme", "actor_id": "a", "actor_role": "owner"}
        write(given / "activity" / f"date={on}" / "activity.csv", "activity", [row | whose | event])


def roster_row(user: str, day: str, stays: list[Stay]) -> dict:
    is_active = any(since <= day and (until is None or day < until) for since, until in stays)
    role, status = "owner" if user == "a" else "member", "active" if is_active else "deactivated"
    return {"workspace_id": "acme", "user_id": user, "kind": "teammate", "role": role, "status": status, "login_enabled": "true"}


ALWAYS = [("", None)]


def main() -> None:
    write_given(
        "proration_on_a_monthly_team",
        "2026-04-01",
        "2026-05-01",
        {"catalog": "pivotal", "plan": "team", "cadence": "monthly", "billing_day": "first", "starts_on": "2026-04-01"},
        {"a": ALWAYS, "b": [("2026-04-16", None)], "c": [("", "2026-04-21")]},
        [{"on": "2026-04-16", "event": "accepted", "user_id": "b"}, {"on": "2026-04-21", "event": "deactivated", "user_id": "c"}],
    )
    write_given(
        "from_a_free_plan_to_an_annual_one",
        "2026-01-30",  # the last day on solo; the days before it move nothing
        "2026-05-31",
        {"catalog": "pivotal", "plan": "solo", "cadence": "monthly", "billing_day": "anniversary", "starts_on": "2026-01-01"},
        {"a": ALWAYS, "b": [("2026-04-16", None)], "c": [("", "2026-04-21"), ("2026-05-20", None)]},
        [
            {"on": "2026-01-31", "event": "plan_changed", "plan": "team"},
            {"on": "2026-03-10", "event": "plan_changed", "plan": "pro"},
            {"on": "2026-04-02", "event": "cadence_changed", "cadence": "annual"},
            {"on": "2026-04-16", "event": "accepted", "user_id": "b"},
            {"on": "2026-04-21", "event": "deactivated", "user_id": "c"},
            {"on": "2026-05-20", "event": "reactivated", "user_id": "c"},
        ],
    )
    write_given(
        "committed_seats_of_a_year",
        "2026-03-15",
        "2026-07-15",
        {"catalog": "pensero", "plan": "growth", "cadence": "annual", "billing_day": "anniversary", "starts_on": "2026-03-15", "seats": "10"},
        {"a": ALWAYS} | {f"u{n}": ALWAYS for n in range(2, 8)} | {"u8": [("", "2026-07-10")]},
        [{"on": "2026-06-01", "event": "seats_updated", "quantity": "12"}, {"on": "2026-07-10", "event": "deactivated", "user_id": "u8"}],
    )


if __name__ == "__main__":
    main()
