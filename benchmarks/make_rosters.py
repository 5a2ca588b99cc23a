"""Write a source of any size, fast: Parquet, both shipped catalogues, every column of the contract, a month of ordinary days.

    python -m benchmarks.make_rosters --seats 1000000 --workspaces 50000 --days 31 --first 2026-01-01 OUT

The same arguments make the same rows. `source.json`, written last, says what is in it; a source without it is not whole.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import polars as pl

from benchmarks.luck import hex_text, luck, numbers, scattered, word_of
from benchmarks.population import Population, Shape, holds_seat, next_day, opening_population

USERS_A_PART = 300_000
ORDERS = ("user", "workspace", "scrambled")
FIRST_NAMES = ["Ada", "Ben", "Carmen", "Diego", "Emre", "Fatima", "Goran", "Hana", "Ivan", "Jun", "Kofi", "Lena", "Mara", "Noor", "Omar", "Priya", "Quinn", "Rosa", "Sven", "Tara", "Uma", "Viktor", "Wen", "Ximena", "Yara", "Zoe", "Anouk", "Bilal", "Chiara", "Dmitri", "Eleni", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kaito", "Leila", "Mateo", "Nadia"]  # fmt: skip
SYLLABLES = ["ba", "be", "da", "dor", "el", "fen", "gar", "hol", "in", "ka", "kov", "lan", "ler", "lin", "ma", "mar", "mi", "nas", "ner", "no", "pe", "ran", "ren", "ri", "sa", "san", "ska", "son", "ta", "ter", "vin", "wal"]  # fmt: skip


def write_source(shape: Shape, out: Path, order: str = "user", parts: int | None = None) -> dict:
    """Write subscriptions, and each day's roster and activity; return what `source.json` says."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    people, rows, seat_days = opening_population(shape), 0, 0
    subscriptions(people).write_parquet(out / "subscriptions.parquet")
    first_seats = 0
    for n in range(shape.days):
        day = shape.first + timedelta(n)
        if n:
            people, moves, asked = next_day(people, day)
            _write_activity(people, moves, asked, day, out)
        _write_roster(people, day, order, parts, out)
        seats = _seats(people)
        first_seats = first_seats or seats
        rows, seat_days = rows + people.users.height, seat_days + seats
    said = {
        "first": str(shape.first),
        "last": str(shape.last),
        "days": shape.days,
        "workspaces": shape.workspaces,
        "order": order,
        "mix": shape.mix,
        "churn": shape.churn,
        "seed": shape.seed,
        "seats_first_day": first_seats,
        "seats_last_day": seats,
        "seat_days": seat_days,
        "roster_rows": rows,
        "bytes": sum(path.stat().st_size for path in out.rglob("*.parquet")),
    }
    (out / "source.json").write_text(json.dumps(said, indent=2) + "\n")
    return said


def _seats(people: Population) -> int:
    return people.users.lazy().join(people.workspaces.lazy().select("ws", "catalog"), on="ws").select(holds_seat().sum()).collect().item()


def subscriptions(people: Population) -> pl.DataFrame:
    """One for each workspace, as agreed at signup. The id is the workspace's."""
    return people.workspaces.select(
        _subscription_id(),
        "workspace_id",
        workspace_name=pl.concat_str(_family_name(pl.col("owner")), pl.lit(" Ltd")),
        catalog="catalog",
        plan="plan",
        cadence="cadence",
        billing_day="billing_day",
        starts_on="starts_on",
        trial_ends_on="trial_ends_on",
        seats="seats",
        unit_price_month=pl.lit(None, pl.String),
        unit_price_year="unit_price_year",
    )


def _subscription_id() -> pl.Expr:
    return pl.concat_str(pl.lit("sub-"), pl.col("workspace_id").str.slice(2)).alias("subscription_id")


def _write_roster(people: Population, day: date, order: str, parts: int | None, out: Path) -> None:
    """A day's users, some files; `user`: by the user's id, which scatters workspaces, `scrambled`: another order every day."""
    folder = out / "users" / f"date={day}"
    folder.mkdir(parents=True)
    users = people.users  # they are in the order of their ids
    if order != "user":
        users = users.sort("ws" if order == "workspace" else scattered(users["id"], day.toordinal()), maintain_order=True)
    count = parts or max(1, round(users.height / USERS_A_PART))
    bounds = [users.height * n // count for n in range(count + 1)]
    workspace_ids = pl.lit(people.workspaces["workspace_id"])
    for n, (start, end) in enumerate(pairwise(bounds)):
        texts = _with_texts(users[start:end], workspace_ids)
        texts.write_parquet(folder / f"part-{n:05d}.parquet", compression="zstd", compression_level=1)


def _with_texts(users: pl.DataFrame, workspace_ids: pl.Expr) -> pl.DataFrame:
    """Users as the contract has them. Names and addresses are made from the id; a deleted user has none."""
    given, family = word_of(FIRST_NAMES, pl.col("id") // 2**40), _family_name(pl.col("id"))
    is_known = pl.col("status") != "deleted"
    workspace = workspace_ids.gather("ws")
    address = pl.concat_str(
        given.str.to_lowercase(),
        pl.lit("."),
        family.str.to_lowercase(),
        hex_text(pl.col("id"), 4),
        pl.lit("@"),
        workspace,
        pl.lit(".example.com"),
    )
    return users.select(
        workspace_id=workspace,
        user_id=hex_text(pl.col("id")),
        kind=pl.col("kind").cast(pl.String),
        role=pl.col("role").cast(pl.String),
        status=pl.col("status").cast(pl.String),
        login_enabled="login",
        name=pl.when(is_known).then(pl.concat_str(given, pl.lit(" "), family)),
        email=pl.when(is_known).then(address),
        last_active_on="last_active_on",
    )


def _family_name(number: pl.Expr) -> pl.Expr:
    parts = [word_of(SYLLABLES, number // 2**shift) for shift in (8, 13, 18, 23)]
    return pl.concat_str(word_of([s.capitalize() for s in SYLLABLES], number), *parts[1:])


def _write_activity(people: Population, moves: pl.DataFrame, asked: pl.DataFrame, day: date, out: Path) -> None:
    """The day's events: what the rosters show of users, and what workspaces asked for; asked by the owner."""
    none = {"plan": pl.String, "quantity": pl.Int64, "cadence": pl.String}
    of_users = moves.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in none.items())
    of_contracts = asked.with_columns(id=pl.lit(None, pl.UInt64))
    events = pl.concat([of_users, of_contracts.select(of_users.columns)]).join(
        people.workspaces.select("ws", "workspace_id", "owner", _subscription_id()), on="ws", maintain_order="left"
    )
    is_contract = pl.col("id").is_null()
    seconds = (luck(numbers(0, events.height), day.toordinal()) * 86_399).cast(pl.Int64)
    rows = events.with_columns(occurred_at=pl.lit(day).cast(pl.Datetime("us", "UTC")) + pl.duration(seconds=seconds)).sort(
        "occurred_at", maintain_order=True
    )
    folder = out / "activity" / f"date={day}"
    folder.mkdir(parents=True)
    rows.select(
        event_id=pl.format("evt-{}-{}", pl.lit(f"{day:%Y%m%d}"), pl.int_range(pl.len()).cast(pl.String).str.zfill(7)),
        occurred_at="occurred_at",
        workspace_id="workspace_id",
        subscription_id=pl.when(is_contract).then("subscription_id"),
        event="event",
        actor_id=hex_text(pl.col("owner")),
        actor_role=pl.lit("owner"),
        user_id=pl.when(~is_contract).then(hex_text(pl.col("id"))),
        quantity="quantity",
        plan="plan",
        cadence="cadence",
        until=pl.lit(None, pl.Date),
    ).write_parquet(folder / "part-00000.parquet", compression="zstd", compression_level=1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.make_rosters", description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path, help="folder to write; one that is there is replaced")
    parser.add_argument("--seats", type=int, default=100_000, help="seats held on the first day, about")
    parser.add_argument("--workspaces", type=int, default=5_000)
    parser.add_argument("--days", type=int, default=31)
    parser.add_argument("--first", type=date.fromisoformat, default=date(2026, 1, 1), metavar="DATE")
    parser.add_argument("--parts", type=int, help=f"files a day; default: one for each {USERS_A_PART} users")
    parser.add_argument("--order", choices=ORDERS, default="user", help="of a roster's rows; scrambled: another every day")
    parser.add_argument("--churn", type=float, default=0.01, help="share of users to whom something happens a day, about")
    parser.add_argument("--mix", choices=("both", "monthly"), default="both", help="monthly: every workspace on a paid monthly plan")
    parser.add_argument("--seed", type=int, default=1)
    a = parser.parse_args()
    shape = Shape(a.seats, a.workspaces, a.days, a.first, a.churn, a.mix, a.seed)
    started = time.monotonic()
    said = write_source(shape, a.out, a.order, a.parts)
    print(json.dumps(said))
    print(f"{time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
