"""Sources for faults: built row by row in memory, written as CSV, with any cell as hostile as a test likes."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from transforms.contracts.sources import SOURCE_ROWS

Row = dict[str, str]
COLUMNS = {table: list(contract.names()) for table, contract in SOURCE_ROWS.items()}
HOSTILE = (
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "'; drop table invoices; --",
    "../../x",
    'quoted "twice", once',
    "+1-1",
    "-2+3",
    "@SUM(A1)",
    "[/b][red]",
    "{0} {} %s $1 \\1",
    "Zoë 🌳 ‮evil",
)


def day_of(text: str) -> date:
    return date.fromisoformat(text)


def cell(text: str) -> str:
    """A CSV cell, quoted where RFC 4180 wants it."""
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in '",\r\n') else text


def csv_text(columns: list[str], rows: list[Row]) -> str:
    lines = [",".join(map(cell, columns)), *(",".join(cell(row.get(name, "")) for name in columns) for row in rows)]
    return "".join(f"{line}\n" for line in lines)


def user(workspace: str, user_id: str, **columns: str) -> Row:
    row = {"workspace_id": workspace, "user_id": user_id, "kind": "teammate", "role": "owner", "status": "active", "login_enabled": "true"}
    return row | columns


def event(event_id: str, at: str, workspace: str, what: str, **columns: str) -> Row:
    """An event of the workspace's own subscription, by its owner, unless `columns` say otherwise."""
    row = {"event_id": event_id, "occurred_at": at, "workspace_id": workspace, "subscription_id": f"sub-{workspace}", "event": what}
    return row | {"actor_id": "a", "actor_role": "owner"} | columns


class Source:
    """Every day from the first to the last has a roster; subscriptions and rosters grow by `workspace`."""

    def __init__(self, first: str, last: str) -> None:
        self.first, self.last = day_of(first), day_of(last)
        self.days = [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]
        self.subscriptions: list[Row] = []
        self.users: dict[date, list[Row]] = {day: [] for day in self.days}
        self.activity: dict[date, list[Row]] = {}
        self.usage: dict[date, list[Row]] = {}

    def workspace(self, name: str, users: tuple[str, ...] = ("a",), **subscription: str) -> Source:
        """A workspace on Pivotal's team plan, monthly from the first day, with these teammates on every roster."""
        self.subscribe(name, **subscription)
        for day in self.days:
            self.users[day] += [user(name, one) for one in users]
        return self

    def subscribe(self, name: str, **columns: str) -> Source:
        row = {
            "subscription_id": f"sub-{name}",
            "workspace_id": name,
            "workspace_name": f"The {name}",
            "catalog": "pivotal",
            "plan": "team",
        }
        row |= {"cadence": "monthly", "billing_day": "first", "starts_on": str(self.first)}
        self.subscriptions.append(row | columns)
        return self

    def growth(self, name: str, users: tuple[str, ...] = ("a",), seats: str = "3", **subscription: str) -> Source:
        """A workspace on Pensero's growth plan: committed seats, by the year."""
        agreed = {"catalog": "pensero", "plan": "growth", "cadence": "annual", "billing_day": "anniversary", "seats": seats}
        return self.workspace(name, users, **agreed | subscription)

    def on_roster(self, day: str, workspace: str, user_id: str) -> Row:
        """The row of a user on a day, to change."""
        return next(row for row in self.users[day_of(day)] if (row["workspace_id"], row["user_id"]) == (workspace, user_id))

    def happens(self, *rows: Row, delivered_on: str = "") -> Source:
        for row in rows:
            self.activity.setdefault(day_of(delivered_on or row["occurred_at"][:10]), []).append(row)
        return self

    def uses(self, day: str, workspace: str, metric: str, value: str) -> Source:
        self.usage.setdefault(day_of(day), []).append({"workspace_id": workspace, "metric": metric, "value": value})
        return self

    def write(self, root: Path) -> Path:
        root.mkdir(parents=True, exist_ok=True)
        self._write(root / "subscriptions.csv", "subscriptions", self.subscriptions)
        for table in ("users", "activity", "usage"):
            for day, rows in getattr(self, table).items():
                self._write(root / table / f"date={day}" / f"{table}.csv", table, rows)
        return root

    def _write(self, path: Path, table: str, rows: list[Row]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(csv_text(COLUMNS[table], rows).encode())


def own_catalog(
    folder: Path, currency: str = "USD", timezone: str = "UTC", month: str = "30.00", year: str = "300.00", since: str = "2020-01-01"
) -> Path:
    """A folder with the catalogue `acme`: one plan, `basic`, that bills active seats."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "acme.toml").write_text(
        f'id = "acme"\nname = "Acme"\ncurrency = "{currency}"\ntimezone = "{timezone}"\ninvoice_prefix = "ACM"\n'
        '[seats]\nkinds = ["teammate"]\nstatuses = ["active"]\nreactivation = "as_new"\n[rules]\nchange_roles = ["owner"]\n'
        f'[plans.basic]\nbasis = "active"\n[[plans.basic.prices]]\neffective_from = {since}\nmonth = "{month}"\nyear = "{year}"\n'
        f'[plans.better]\nbasis = "active"\n[[plans.better.prices]]\neffective_from = {since}\nmonth = "{month}"\n',
        encoding="utf-8",
    )
    return folder
