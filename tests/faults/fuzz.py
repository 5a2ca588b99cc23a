"""Random damage to valid sources: what a file, a row or a cell can suffer so that it can be told from a true fact.

A damage that makes another true fact (a user who really left, a status that is a known word) is no damage: nobody could tell. So
rows disappear only where their user held a seat the day before, cells become what no contract knows, files are cut in a row.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from tests.faults.sources import COLUMNS, HOSTILE, Row, Source, csv_text, event, user

FIRST, BILLED, LAST = date(2026, 1, 1), date(2026, 1, 7), date(2026, 1, 14)
WORKSPACES = ("oak", "elm", "fir")
SEATS = {"oak": ("active",), "fir": ("active",), "elm": ("pending", "active")}  # by the catalogue of each
NEVER_AN_ID = ("", " ", " a", "a ", "\ta", "a\nb", "a\rb", "\x7f", "x" * 201)
NEVER_A_WORD = (*HOSTILE, "NaN", "-1", "é", "1e3", "\t", "\r\n", "x" * 5000, " ", "")
NEVER_A_NUMBER = (*HOSTILE, "NaN", "inf", "-1", "1e3", "10.50", "1,000", "0x10", "٣", " 5", "9" * 30, "true", "10000001")
NEVER_A_PRICE = (*HOSTILE, "NaN", "inf", "-1", "1e3", "1,000", "0x10", "٣", " 5", "9" * 30, "10000000.01", "0.001")
NEVER_A_DATE = (*HOSTILE, "2026-02-30", "2026-1-5", "20260105", "05.01.2026", "0000-00-00", "2026-13-01", "never")
NEVER_A_TIME = (*HOSTILE, "2026-01-05", "2026-01-05T10:00:00", "2026-01-05T25:00:00Z", "2026-02-30T10:00:00Z", "1767607200", "10:00")
IDS = {"user_id", "workspace_id", "subscription_id", "event_id", "actor_id", "plan", "catalog", "metric"}
DATES, NUMBERS, PRICES = (
    {"until", "last_active_on", "starts_on", "trial_ends_on"},
    {"quantity", "seats"},
    {"unit_price_month", "unit_price_year"},
)
FREE = {"workspace_name", "name", "email", "actor_role"}


@dataclass(eq=False)
class File:
    """A file of a source, as rows to change, then as bytes to change."""

    table: str
    day: date | None
    path: str
    columns: list[str]
    rows: list[Row]
    content: bytes = b""
    headers: list[str] = field(default_factory=list)

    def render(self) -> None:
        if self.content:
            return
        if self.path.endswith(".csv"):
            self.content = csv_text(self.headers or self.columns, self.rows).encode()
        else:
            rows = [[row.get(name) or None for name in self.columns] for row in self.rows]
            frame = _typed(pl.DataFrame(rows, schema=dict.fromkeys(self.columns, pl.String), orient="row"))
            buffer = io.BytesIO()
            frame.rename(dict(zip(self.columns, self.headers or self.columns, strict=True))).write_parquet(buffer)
            self.content = buffer.getvalue()


def _typed(frame: pl.DataFrame) -> pl.DataFrame:
    """With the types of an export, where every cell allows it."""
    truth = pl.col("login_enabled").replace_strict({"true": True, "false": False, None: None}, return_dtype=pl.Boolean)
    is_day = pl.col("last_active_on").str.contains(r"^\d{4}-\d{2}-\d{2}$")  # or Polars would mend 2026-1-5
    day = pl.when(is_day).then("last_active_on").otherwise(pl.col("last_active_on") + "?").str.to_date("%Y-%m-%d")
    for typed in (truth, day):
        with suppress(pl.exceptions.PolarsError):
            frame = frame.with_columns(typed)
    return frame


@dataclass
class Case:
    """A source in pieces; what was done to it, told for a person to read; and what must come of it.

    `refuses` is why the source must be refused, `holds` the workspaces that must be held, `names` those that a finding (or a hold)
    must name. All others must be billed as if nothing had happened. `moved` are those whose subscription became another workspace's,
    which is billed meanwhile. No file is damaged twice.
    """

    rng: random.Random
    files: list[File]
    held_before: set[tuple[date, str, str]]
    told: list[str] = field(default_factory=list)
    touched: list[File] = field(default_factory=list)
    refuses: list[str] = field(default_factory=list)
    holds: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    gone: list[date] = field(default_factory=list)
    moved: set[str] = field(default_factory=set)

    def tell(self, text: str, *files: File) -> None:
        self.told.append(text[:160])
        self.touched += files

    def some(self, *tables: str) -> File:
        """A file of one of the tables that is still sound; of any daily table where that one is not."""
        sound = [f for f in self.files if f not in self.touched]
        return self.rng.choice([f for f in sound if f.table in tables] or [f for f in sound if f.table == "users"])

    def write(self, root: Path) -> Path:
        for file in self.files:
            file.render()
            path = root / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
        return root


# --- the source, before ----------------------------------------------------------------------------------------------------------


def valid_source(seed: int) -> Case:
    """Three workspaces in two weeks: seats by the month, seats by the year, and one that leaves a free plan; people come and go."""
    rng = random.Random(f"source {seed}")
    source = Source(str(FIRST), str(LAST)).workspace("oak", (), billing_day="14", starts_on="2025-11-20")
    source.growth("elm", (), seats="9", starts_on="2025-12-12").workspace("fir", (), plan="solo", billing_day="6")
    source.happens(event("e-fir", "2026-01-03T10:00:00Z", "fir", "plan_changed", plan="team"))
    source.happens(event("e-elm", f"2026-01-{rng.randint(4, 9):02}T10:00:00Z", "elm", "seats_updated", quantity="12"))
    source.happens(event("e-oak", f"2026-01-{rng.randint(2, 12):02}T10:00:00Z", "oak", "plan_changed", plan="pro"))
    for workspace in WORKSPACES:
        for n in range(rng.randint(8, 12)):
            _comes_and_goes(source, workspace, f"u{n}", rng)
        for day in source.days:
            source.users[day] += [user(workspace, "boss", kind="alias"), user(workspace, "client", kind="portal", role="member")]
            source.uses(str(day), workspace, "customers", str(rng.randint(0, 5)))
    held = {
        (day, row["workspace_id"], row["user_id"])
        for day in source.days
        for row in source.users[day]
        if row["kind"] == "teammate" and row["status"] in SEATS[row["workspace_id"]]
    }
    held_before = {(day, workspace, one) for day, workspace, one in held if (day - timedelta(days=1), workspace, one) in held}
    return Case(rng, _files(source, rng), held_before)


def _comes_and_goes(source: Source, workspace: str, user_id: str, rng: random.Random) -> None:
    comes = FIRST if rng.random() < 0.6 else FIRST + timedelta(days=rng.randint(1, 12))
    goes = LAST + timedelta(days=1) if rng.random() < 0.6 else comes + timedelta(days=rng.randint(1, 10))
    back = goes + timedelta(days=rng.randint(1, 5)) if rng.random() < 0.5 else date.max
    for day in source.days:
        if day >= comes:
            status = "deactivated" if goes <= day < back else "active"
            name = f"{user_id}, {workspace}" if day.day % 2 else user_id  # every other file has quotes
            personal = {"name": name, "email": f"{user_id}@{workspace}.example", "last_active_on": str(comes)}
            source.users[day].append(user(workspace, user_id, role=rng.choice(["owner", "member"]), status=status, **personal))
    if comes <= goes <= LAST:
        source.happens(
            event(f"e-{workspace}-{user_id}", f"{goes}T10:00:00Z", workspace, "deactivated", user_id=user_id, subscription_id="")
        )


def _files(source: Source, rng: random.Random) -> list[File]:
    files = [File("subscriptions", None, f"subscriptions.{rng.choice(['csv', 'parquet'])}", COLUMNS["subscriptions"], source.subscriptions)]
    for table in ("users", "activity", "usage"):
        for day, rows in sorted(getattr(source, table).items()):
            ending = "parquet" if rng.random() < 0.25 else "csv"
            files.append(File(table, day, f"{table}/date={day}/{table}.{ending}", COLUMNS[table], [dict(row) for row in rows]))
    return files


# --- damages: each does one thing to one file, and says what must come of it ----------------------------------------------------------


def spoiled_cell(case: Case) -> None:
    """A cell becomes what its column's contract does not know, or what nobody else knows."""
    file = case.some("users", "users", "activity", "subscriptions", "usage")
    row, column = case.rng.choice(file.rows), case.rng.choice(file.columns)
    value = case.rng.choice(_never(column))
    if _nobody_could_tell(case, file, row, column, value):
        return spoiled_cell(case)
    workspace = row["workspace_id"]
    is_null = value == "" and _may_be_null(file.table, column, row)
    is_sound = is_null or column in FREE or (column in IDS and value in HOSTILE)
    if column == "workspace_id":
        case.names |= {workspace} if file.table in ("users", "subscriptions") else set()
        case.moved |= {workspace} if file.table == "subscriptions" else set()
        case.refuses += [] if value.strip(" \x7f") else ["workspace_id is empty"]
    elif not is_sound or (column in ("plan", "catalog") and file.table == "subscriptions"):
        case.holds.add(workspace)
    elif (file.table == "users" and column == "user_id") or _changes_a_contract(row, column):
        case.names.add(workspace)
    row[column] = value
    case.tell(f"{file.path}: {column} = {value!r} for {workspace}", file)


def _never(column: str) -> tuple[str, ...]:
    if column in IDS:
        return NEVER_AN_ID + HOSTILE
    if column in NUMBERS or column == "value":
        return NEVER_A_NUMBER[:-1] if column == "value" else NEVER_A_NUMBER
    if column in PRICES:
        return NEVER_A_PRICE
    if column in DATES:
        return NEVER_A_DATE
    if column == "occurred_at":
        return NEVER_A_TIME
    return NEVER_A_WORD


def _may_be_null(table: str, column: str, row: Row) -> bool:
    if table != "activity":
        return False
    return (
        column in ("actor_id", "user_id")
        or (column == "subscription_id" and not row["subscription_id"])
        or (column == "plan" and not row.get("plan"))
        or (column == "cadence" and row["event"] != "cadence_changed")
    )


def _changes_a_contract(row: Row, column: str) -> bool:
    """Whether a strange value here keeps a contract event from its effect."""
    asks = row.get("event") in ("plan_changed", "seats_updated")
    return asks and (column in ("subscription_id", "actor_role") or (column == "plan" and row["event"] == "plan_changed"))


def _nobody_could_tell(case: Case, file: File, row: Row, column: str, value: str) -> bool:
    """Another true fact, or one that only its neighbour knows to be wrong."""
    if file.table == "users" and (column == "workspace_id" or (column == "user_id" and value in HOSTILE)):  # the first user must be missed
        return (file.day, row["workspace_id"], row["user_id"]) not in case.held_before
    if file.table == "subscriptions":
        return column == "subscription_id" and value in HOSTILE
    return file.table == "activity" and column == "workspace_id"


def lost_row(case: Case) -> None:
    """A user's row is gone, of one who held a seat the day before."""
    file = case.some("users")
    candidates = [row for row in file.rows if (file.day, row["workspace_id"], row["user_id"]) in case.held_before]
    if candidates:
        row = case.rng.choice(candidates)
        file.rows.remove(row)
        case.names.add(row["workspace_id"])
        case.tell(f"{file.path}: without {row['workspace_id']} {row['user_id']}", file)


def lost_subscription(case: Case) -> None:
    file = case.some("subscriptions")
    if file.table == "subscriptions":
        row = file.rows.pop(case.rng.randrange(len(file.rows)))
        case.names.add(row["workspace_id"])
        case.tell(f"{file.path}: without {row['subscription_id']}", file)


def row_twice(case: Case) -> None:
    file = case.some("users", "activity", "subscriptions", "usage")
    row = case.rng.choice(file.rows)
    file.rows.insert(case.rng.randrange(len(file.rows) + 1), dict(row))
    case.tell(f"{file.path}: twice {list(row.values())[:3]}", file)


def row_twice_and_different(case: Case) -> None:
    """The same user, event or subscription is there again and says something else, also with known words."""
    table, column, values = case.rng.choice(
        [
            ("users", "status", ("pending", "deactivated", "revoked")), ("users", "kind", ("portal", "alias")), ("users", "role", ("admin",)),
            ("activity", "event", ("canceled", "revoked")), *[("activity", "actor_role", ("admin",))] * 4,
            ("subscriptions", "plan", ("pro", "starter")), ("subscriptions", "starts_on", ("2025-12-24",)),
        ]
    )  # fmt: skip
    file = case.some(table)
    if file.table == table:
        row = dict(case.rng.choice(file.rows))
        row[column] = case.rng.choice([value for value in values if value != row.get(column)])
        file.rows.insert(case.rng.randrange(len(file.rows) + 1), row)
        case.holds.add(row["workspace_id"])
        case.tell(f"{file.path}: again, with {column} = {row[column]}: {list(row.values())[:3]}", file)


def blank_row(case: Case) -> None:
    file = case.some("users", "activity", "subscriptions", "usage")
    file.rows.insert(case.rng.randrange(len(file.rows) + 1), {})
    case.refuses.append("workspace_id is empty")
    case.tell(f"{file.path}: a row of empty cells", file)


def odd_event(case: Case) -> None:
    """An event that no rule can accept, or that says nothing of money."""
    workspace = case.rng.choice(WORKSPACES)
    file = case.some("activity")
    if file.table != "activity":
        return
    other = case.rng.choice([one for one in WORKSPACES if one != workspace])
    hostile = case.rng.choice(HOSTILE)
    outcome, odd = case.rng.choice(
        [
            (case.names, {"event": "plan_changed", "plan": hostile}),
            (case.names, {"event": "plan_changed", "plan": "pro", "actor_role": case.rng.choice([hostile, "", "member", "OWNER"])}),
            (case.names, {"event": "canceled", "subscription_id": hostile}),
            (case.names, {"event": "seats_updated", "quantity": "0", "actor_role": "member"}),
            (case.names, {"event": "trial_extended", "until": "9999-12-31"}),
            (case.names, {"event": "canceled", "occurred_at": "2024-02-29T23:59:59Z"}),  # before any subscription starts
            (case.holds, {"event": "cadence_changed", "cadence": "fortnightly"}),
            (case.holds, {"event": "canceled", "subscription_id": f"sub-{other}"}),
            (case.holds, {"event": hostile}),
            (case.holds, {"event": "plan_changed", "plan": ""}),
            (case.holds, {"event": "trial_extended", "until": "0001-01-01"}),
            (case.holds, {"event": "canceled", "occurred_at": case.rng.choice(["9999-12-31T23:59:59-12:00", "2026-01-05T10:00:60Z"])}),
            (
                set(),
                {"event": "canceled", "occurred_at": case.rng.choice(["9999-12-30T23:59:59+12:00", "2026-01-15T00:00:00Z"])},
            ),  # not yet
            (set(), {"event": "accepted", "user_id": case.rng.choice([hostile, "u0", ""])}),
            (set(), {"event": "deleted", "user_id": case.rng.choice([hostile, "u0"]), "occurred_at": "9999-12-30T23:59:59+12:00"}),
        ]
    )
    outcome.add(workspace)
    at = f"2026-01-{case.rng.randint(1, 14):02}T{case.rng.randint(0, 23):02}:00:00Z"
    file.rows.append(event(f"odd {case.rng.random()}", at, workspace, "") | odd)
    case.tell(f"{file.path}: {workspace} {odd}", file)


def column_gone(case: Case) -> None:
    file = case.some("users", "activity", "subscriptions", "usage")
    name = case.rng.choice(file.columns)
    file.columns = [one for one in file.columns if one != name]
    case.refuses.append(f"lacks the column {name}")
    case.tell(f"{file.path}: without the column {name}", file)


def column_renamed(case: Case) -> None:
    file = case.some("users", "activity", "subscriptions", "usage")
    name = case.rng.choice(file.columns)
    new = case.rng.choice([name.upper(), f" {name}", f"{name}_2", *HOSTILE])
    file.headers = [new if one == name else one for one in file.columns]
    case.refuses.append(f"lacks the column {name}")
    case.tell(f"{file.path}: {name} is called {new}", file)


def column_twice(case: Case) -> None:
    file = case.some("users", "activity", "subscriptions", "usage")
    if file.path.endswith(".csv"):
        name = case.rng.choice(file.columns)
        file.columns = [*file.columns, name]
        case.refuses.append("twice")
        case.tell(f"{file.path}: {name} twice", file)


def column_more(case: Case) -> None:
    file = case.some("users", "activity", "subscriptions", "usage")
    file.columns = [*file.columns, "colour"]
    case.rng.shuffle(file.columns)
    case.tell(f"{file.path}: a column more, in another order", file)


def cut_in_a_row(case: Case) -> None:
    """A file ends inside a row; a Parquet, anywhere."""
    file = case.some("users", "users", "activity", "subscriptions", "usage")
    file.render()
    if file.path.endswith(".csv"):
        line = case.rng.choice([n for n, byte in enumerate(file.content[:-1]) if byte == 10])  # cut the row after it
        row = file.content[line + 1 :].split(b"\n")[0]
        at = line + 2 + case.rng.randrange(row.rindex(b","))
    else:
        at = case.rng.randrange(1, len(file.content))
    file.content = file.content[:at]
    case.refuses.append("line" if file.path.endswith(".csv") else "no readable Parquet")
    case.tell(f"{file.path}: cut after {at} bytes", file)


def flipped_bit(case: Case) -> None:
    """A bit of a text, so that it is no UTF-8 any more."""
    file = case.some("users", "activity", "subscriptions", "usage")
    if file.path.endswith(".csv"):
        file.render()
        content = bytearray(file.content)
        at = case.rng.choice([n for n in range(len(content)) if all(byte < 128 for byte in content[max(0, n - 4) : n + 5])])
        content[at] ^= 0x80
        file.content = bytes(content)
        case.refuses.append("is not UTF-8")
        case.tell(f"{file.path}: byte {at} flipped", file)


def other_bytes(case: Case) -> None:
    """NUL bytes, UTF-16, a quote that is never closed, a blank line, a lone comma, something packed."""
    file = case.some("users", "activity", "subscriptions", "usage")
    if file.path.endswith(".csv"):
        file.render()
        text = file.content.decode()
        ends = text.index("\n") + 1
        file.content = case.rng.choice(
            [
                text.encode("utf-16"), text.encode("utf-16-le"), text.encode() + b"\0" * 9, f'{text}"'.encode(), f"{text}\n".encode(),
                f"{text[:ends]}\n{text[ends:]}".encode(), f"{text[:ends]},{text[ends:]}".encode(), b"\x1f\x8b" + text.encode(),
            ]
        )  # fmt: skip
        case.refuses.append("line")
        case.tell(f"{file.path}: other bytes, {file.content[:3]!r}… {file.content[-3:]!r}", file)


def emptied(case: Case) -> None:
    file = case.some("users", "users", "subscriptions")
    file.content = case.rng.choice([b"\n", b"\xef\xbb\xbf", (",".join(file.columns) + "\n").encode()])
    if file.table == "subscriptions" and file.path.endswith(".csv") and len(file.content) > 9:  # nobody has a subscription
        case.names |= set(WORKSPACES)
    else:
        case.refuses.append("")
    case.tell(f"{file.path}: emptied to {file.content[:20]!r}", file)


def removed(case: Case) -> None:
    """A roster or the subscriptions are gone. (The first day of all is left: without it the ledger would begin a day later.)"""
    file = case.some("users", "users", "subscriptions")
    if file.day != FIRST:
        case.files.remove(file)
        _without(case, file)
        case.tell(f"{file.path}: removed")


def _without(case: Case, file: File) -> None:
    if file.day:
        case.gone.append(file.day)
    else:
        case.refuses.append("exactly one subscriptions")


def folder_renamed(case: Case) -> None:
    file = case.some("users", "activity", "usage")
    if file.day == FIRST:
        return
    odd = ["date=2026-02-30", "date=", "date=2026-1-5", "date=٢٠٢٦-٠١-٠٥", f"date={file.day} ", "date=0000-01-01", f"Date={file.day}", f"{file.day}"]
    elsewhere = ["date=9999-12-31"] if file.table == "users" else []
    name = case.rng.choice(odd + elsewhere)
    case.tell(f"{file.path}: in a folder {name}", file)
    file.path = f"{file.table}/{name}/{file.path.rsplit('/', 1)[1]}"
    _without(case, file) if name in elsewhere else case.refuses.append("names no day")


def file_twice(case: Case) -> None:
    """The same rows in a second file of the day; perhaps one of them says something else."""
    file = case.some("users", "users", "activity", "usage")
    again = File(
        file.table, file.day, file.path.replace(f"/{file.table}.", "/again."), list(file.columns), [dict(row) for row in file.rows]
    )
    if file.table == "users" and case.rng.random() < 0.5:
        row = case.rng.choice(again.rows)
        row["status"] = "revoked" if row.get("status") != "revoked" else "pending"
        case.holds.add(row["workspace_id"])
    case.files.append(again)
    case.tell(f"{again.path}: there again", file, again)


DAMAGES: list[Callable[[Case], None]] = [
    *[spoiled_cell] * 10, *[lost_row] * 3, lost_subscription, row_twice, *[row_twice_and_different] * 4, *[odd_event] * 5, column_more, file_twice, file_twice,
    blank_row, column_gone, column_renamed, column_twice, cut_in_a_row, flipped_bit, other_bytes, emptied, removed, folder_renamed,
]  # fmt: skip


def damaged(case: Case, seed: int) -> Case:
    """One damage, or up to three."""
    case.rng = random.Random(f"damage {seed}")
    for damage in case.rng.choices(DAMAGES, k=case.rng.choice([1, 1, 1, 2, 3])):
        damage(case)
    return case
