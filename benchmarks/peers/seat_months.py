"""seatledger's seat months alone, by the product's own functions: a day is a bit of a user's month; seats and moves are counted from the bits."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow.parquet

from benchmarks.peers.job import days
from flows import share_reading
from flows.catalogs import read_catalogs
from flows.roster_files import DayFile, rows_of_groups
from flows.roster_reading import RosterReading, WaitingPart
from flows.share_reading import ShareRead, read_share
from flows.workers import dismiss, in_processes, start_early
from transforms.buckets import buckets_for_users
from transforms.calendar import first_of_month
from transforms.contracts.sources import UserRows
from transforms.policy import holds_a_seat
from transforms.seat_months import seat_changes_from_seat_month, seat_month_from_roster_month

_WHO = ("name", "email", "last_active_on")  # no seat depends on them


def seat_months(source: Path, out: Path, readers: Callable[..., Iterator]) -> None:
    """Read each month's rosters into bits, every row checked on the way, apply the catalogues' policy, count; bucket by bucket."""
    start_early(in_processes)
    owners = pl.read_parquet(source / "subscriptions.parquet", columns=["workspace_id", "catalog"]).unique()
    for table in ("seats.parquet", "moves.parquet"):
        (out / table).mkdir()
    holds, months = holds_a_seat(read_catalogs(None).values()), _months(days(source))
    before, into = {}, 0
    for month, its_days in months.items():
        files = _files(source, its_days)
        into = into or buckets_for_users(sum(file.rows for file in files if file.day == its_days[0]))
        reading = RosterReading(files, out, readers)
        assert not reading.broken_days(into), "the source has a row that is not in order"
        is_last = month == max(months)
        jobs = [(part, owners, holds, month, its_days, before.get(part.bucket.number), out, is_last) for part in reading.parts(into)]
        before = dict(enumerate(in_processes(_counted, jobs)))
        reading.close()
    dismiss()


def of_what_decides(call: Callable, jobs: Sequence[tuple]) -> Iterator:
    """Worker processes that leave out of a share what no seat depends on."""
    return in_processes(_read_what_decides if call is read_share else call, jobs)


def _read_what_decides(*job: object) -> ShareRead:
    share_reading.rows_by_polars = _rows_of_what_decides
    return read_share(*job)


def _rows_of_what_decides(file: Path, first: int, rows: int) -> pl.DataFrame:
    types = UserRows.types()
    read = pl.scan_parquet(file, glob=False, hive_partitioning=False).slice(first, rows).select(pl.exclude(_WHO))
    return read.with_columns(pl.lit(None, types[name]).alias(name) for name in _WHO).select(list(types)).collect()


def _files(source: Path, its_days: list[date]) -> list[DayFile]:
    return [
        DayFile(path, day, rows_of_groups(pyarrow.parquet.read_metadata(path)))
        for day in its_days
        for path in sorted((source / "users" / f"date={day}").glob("*.parquet"))
    ]


def _counted(
    part: WaitingPart, owners: pl.DataFrame, holds: pl.Expr, month: date, its_days: list[date], before: Path | None, out: Path, is_last: bool
) -> Path:
    """Write a bucket's seats and moves, and tell where its seat month lies for the month after, if there is one."""
    bucket, rosters, _ = part.put_together()
    seat_month = seat_month_from_roster_month(rosters, owners, holds, month, pl.read_ipc(before) if before else None)
    kept = out / f"seat-month-{month}-{bucket.number}.arrow"
    if not is_last:
        seat_month.write_ipc(kept)
    found = {"seats": _seats(seat_month, its_days), "moves": _moves(seat_month, month, its_days, before is None)}
    for name, rows in found.items():
        rows.write_parquet(out / f"{name}.parquet" / f"{month}-{bucket.number}.parquet", compression="lz4", statistics=False)
    return kept


def _months(its_days: list[date]) -> dict[date, list[date]]:
    months = defaultdict(list)
    for day in its_days:
        months[first_of_month(day)].append(day)
    return months


def _seats(seat_month: pl.DataFrame, its_days: list[date]) -> pl.DataFrame:
    """Grain: user, month -> workspace, day. Most users of a workspace have the same days, and are counted together."""
    alike = seat_month.group_by("workspace_id", "held_bits").agg(users=pl.len().cast(pl.Int64))
    held = [(pl.col("held_bits") & (1 << (day.day - 1)) != 0).cast(pl.Int64) * pl.col("users") for day in its_days]
    by_day = alike.select("workspace_id", *(users.alias(str(day)) for day, users in zip(its_days, held, strict=True)))
    wide = by_day.group_by("workspace_id").sum()
    return pl.concat(wide.select("workspace_id", pl.lit(day).alias("day"), pl.col(str(day)).alias("seats")) for day in its_days).filter(pl.col("seats") > 0)


def _moves(seat_month: pl.DataFrame, month: date, its_days: list[date], is_first: bool) -> pl.DataFrame:
    """Grain: user, month -> workspace, day. Who is there on the opening day has not come that day."""
    changes = seat_changes_from_seat_month(seat_month, month, its_days[0], its_days[-1])
    moved = changes.filter(pl.col("moved_on") > its_days[0]) if is_first else changes
    return moved.group_by("workspace_id", day="moved_on").agg(
        arrived=(pl.col("change") == 1).sum().cast(pl.Int64), departed=(pl.col("change") == -1).sum().cast(pl.Int64)
    )
