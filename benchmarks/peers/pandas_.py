"""pandas: a day at a time, compared with the day before by an outer merge."""

from pathlib import Path

import pandas as pd

from benchmarks.peers.job import as_command, days, seat_policy

USER = ["workspace_id", "user_id"]


def compare_days(source: Path, out: Path) -> None:
    """Count each day's seats; merge it with the day before to see who came and went."""
    owners = pd.read_parquet(source / "subscriptions.parquet", columns=["workspace_id", "catalog"]).drop_duplicates()
    policy = pd.DataFrame(seat_policy(), columns=["catalog", "kind", "status"])
    seats, moves, before = [], [], None
    for day in days(source):
        roster = pd.read_parquet(source / "users" / f"date={day}", columns=[*USER, "kind", "status", "login_enabled"])
        held = roster.merge(owners, on="workspace_id").merge(policy, on=["catalog", "kind", "status"])[USER]
        seats.append(held.groupby("workspace_id").size().rename("seats").reset_index().assign(day=day))
        if before is not None:
            both = before.merge(held, on=USER, how="outer", indicator=True)
            moved = both[both["_merge"] != "both"]
            came = (moved["_merge"] == "right_only").groupby(moved["workspace_id"]).agg(arrived="sum", users="size").reset_index()
            moves.append(came.assign(departed=came["users"] - came["arrived"], day=day).drop(columns="users"))
        before = held
    pd.concat(seats).to_parquet(out / "seats.parquet", index=False)
    pd.concat(moves).to_parquet(out / "moves.parquet", index=False)


if __name__ == "__main__":
    as_command(compare_days)
