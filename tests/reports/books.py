"""A finance database in memory with just the rows that a test tells of, and what a report makes of them, as text to read."""

from __future__ import annotations

import re
from datetime import date, timedelta

import duckdb

from flows.finance_tables import reports_in_order
from flows.month_reports import REPORTS

CATALOGS = "insert into catalogs values ('vendor', 'Vendor', 'USD', 'UTC', 'V', 'half_up'), ('yen', 'Yen', 'JPY', 'UTC', 'Y', 'half_up')"


class Books:
    """Tables are filled by `given` (a pipe table; `-` is null), `spell` and `seats`; what a test does not say has a plain default."""

    def __init__(self) -> None:
        self.finance = duckdb.connect()
        self.finance.execute((REPORTS / "tables.sql").read_text(encoding="utf-8"))
        self.finance.execute(CATALOGS)

    def given(self, table: str, text: str, **same: object) -> Books:
        """Add the rows of a pipe table; `same` are columns that all of them share."""
        lines = [[cell.strip() for cell in line.split("#")[0].split("|")] for line in text.strip().splitlines()]
        header, *rows = lines
        for row in rows:
            told = same | {name: None if cell == "-" else cell for name, cell in zip(header, row, strict=True)}
            names = ", ".join(f'"{name}"' for name in told)
            self.finance.execute(f"insert into {table} ({names}) values ({', '.join('?' * len(told))})", list(told.values()))
        return self

    def spell(self, spell_from: str, spell_until: str, price: int, *, term: tuple[str, str] | None = None, **told: object) -> Books:
        """A spell of subscription `sub` of workspace `ws` on plan team, at a price in cents for its whole period."""
        term_from, term_until = term or (spell_from, spell_until)
        days = (date.fromisoformat(term_until) - date.fromisoformat(term_from)).days
        row = {"subscription_id": "sub", "workspace_id": "ws", "catalog": "vendor", "currency": "USD", "cadence": "monthly"}
        row |= {"term_from": term_from, "term_until": term_until, "period_days": days, "plan": "team", "basis": "active"}
        row |= {"spell_from": spell_from, "spell_until": spell_until, "unit_price_minor": price, "back_bills": False} | told
        return self.given("spells", " | ".join(row) + "\n" + " | ".join(map(str, row.values())))

    def seats(self, first: str, seats: str, spell: str | None = None, *, committed: str | None = None, **told: object) -> Books:
        """The days of a workspace from `first` on: `2x15 3` is fifteen days with two seats and one with three."""
        occupied, agreed = spread(seats), spread(committed) if committed else None
        plan = "-" if spell is None else "team"
        row = {"workspace_id": "ws", "subscription_id": "sub", "catalog": "vendor", "plan": plan, "spell_from": spell or "-"}
        row |= {"coverage": "billed" if spell else "free plan"} | told
        day, before = date.fromisoformat(first), 0
        for n, held in enumerate(occupied):
            moved = {"added": max(held - before, 0), "removed": max(before - held, 0)}
            of_day = row | moved | {"day": day, "occupied": held, "committed": agreed[n] if agreed else "-"}
            of_day = {"label": f"Active seats used: {held}"} | of_day
            self.given("seat_occupancy", " | ".join(of_day) + "\n" + " | ".join(map(str, of_day.values())))
            day, before = day + timedelta(days=1), held
        return self

    def line(self, line_id: str, invoice_on: str, service: tuple[str, str], amount: int, **told: object) -> Books:
        """A line of invoice INV-<date> of subscription `sub`; what it charges for is its service."""
        first, until = service
        days = (date.fromisoformat(until) - date.fromisoformat(first)).days
        row = {"line_id": line_id, "invoice_id": f"sub@{invoice_on}", "invoice_number": f"INV-{invoice_on}", "subscription_id": "sub"}
        row |= {
            "workspace_id": "ws",
            "catalog": "vendor",
            "currency": "USD",
            "invoice_on": invoice_on,
            "term_from": first,
            "term_until": until,
        }
        row |= {"cadence": "monthly", "plan": "team", "reason": "opening", "moved_on": first, "service_from": first, "service_until": until}
        row |= {"quantity": 1, "quantity_billed_before": 0, "days": days, "period_days": days, "unit_price_minor": amount}
        row |= {"amount_minor": amount, "is_correction": False, "description": ""} | told
        return self.given("invoice_lines", " | ".join(row) + "\n" + " | ".join(map(str, row.values())))

    def invoice(self, invoice_on: str, *, applied: int = 0, granted: int = 0, **told: object) -> Books:
        """The invoice of that date's lines, with the credit that it uses or grants."""
        invoice_id = f"sub@{invoice_on}"
        sums = "select count(*), coalesce(sum(amount_minor), 0) from invoice_lines where invoice_id = ?"
        lines, net = self.finance.execute(sums, [invoice_id]).fetchone()
        row = {"invoice_id": invoice_id, "invoice_number": f"INV-{invoice_on}", "subscription_id": "sub", "workspace_id": "ws"}
        row |= {"catalog": "vendor", "currency": "USD", "invoice_on": invoice_on, "lines": lines, "net_minor": net}
        row |= {"credit_applied_minor": applied, "credit_granted_minor": granted, "amount_due_minor": net - applied + granted}
        row |= {"credit_balance_minor": 0, "run_id": "run-000001"} | told
        return self.given("invoices", " | ".join(row) + "\n" + " | ".join(map(str, row.values())))

    def billed_through(self, day: str, **told: object) -> Books:
        """A run that billed up to that day: all, or the one `catalog` or `cadence` that is told."""
        ((runs,),) = self.finance.execute("select count(*) from runs").fetchall()
        return self.given("runs", f"run_id | command | through\nrun-{runs + 1:06} | run | {day}", **told)

    def report(self, name: str, columns: str) -> list[str]:
        """The rows of a report in its own order: the columns asked for, `-` where there is none."""
        for path in reports_in_order():
            self.finance.execute(path.read_text(encoding="utf-8"))
        rows = self.finance.execute(f"select {columns} from {name}").fetchall()
        return [" ".join("-" if cell is None else str(cell) for cell in row) for row in rows]

    def wrong(self, check: str) -> list[str]:
        """What an invariant of reports/checks finds."""
        sql = (REPORTS / "checks" / f"{check}.sql").read_text(encoding="utf-8")
        return [f"{what}: {problem}" for what, problem in self.finance.execute(sql).fetchall()]


def spread(text: str) -> list[int]:
    """`2x15 3` as fifteen times 2 and once 3."""
    told = (re.fullmatch(r"(\d+)(?:x(\d+))?", part) for part in text.split())
    return [int(part[1]) for part in told for _ in range(int(part[2] or 1))]
