"""What a pass over some workspaces is told: the ledger's and the lake's rows that concern them, put on a shelf.

A pass over all workspaces, over the buckets one after the other, or for one workspace alone is told in the same way. What concerns
a workspace is decided here, where all of them are in sight: a pass need not look at others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from flows.errors import UserError
from flows.lake import Lake
from flows.repeated_days import DECLARED
from flows.shelf import Shelf
from transforms.billing import Billed
from transforms.buckets import Bucket, bucket_numbers, smallest_bucket
from transforms.contracts.findings import NO_HOLDS, holds
from transforms.contracts.sources import SOURCE_ROWS

if TYPE_CHECKING:  # who only passes over a bucket opens no ledger
    from flows.ledger import Ledger

Versions = Mapping[tuple[str, date | None], str]

_AT_ONCE = 500_000  # rows that are divided in memory


class Told(NamedTuple):
    """What a pass over a bucket needs beside the rosters in the lake, so that it can be made elsewhere."""

    bucket: Bucket
    rosters: Mapping[date, str]
    buckets_of_months: Mapping[date, int]
    opening_on: date
    repeated_days: tuple[date, ...]
    shelf: Shelf

    def rows(self, name: str) -> pl.DataFrame:
        """Of subscriptions, others, activity, usage, holds, charges, dates or balances those that concern the bucket."""
        return pl.concat(self.shelf.frames(name, self.bucket.number), rechunk=True)

    @property
    def billed(self) -> Billed:
        """What earlier runs decided."""
        return Billed(self.rows("charges"), self.rows("dates"), self.rows("balances"))


class Division(NamedTuple):
    """Who is passed over: all workspaces, by bucket; or one alone, in its smallest bucket."""

    buckets: list[Bucket]
    workspace_id: str | None = None

    @classmethod
    def alone(cls, workspace_id: str) -> Division:
        return cls([smallest_bucket(workspace_id)], workspace_id)

    def numbers(self, workspace_ids: pl.Series) -> pl.Series:
        """The number of each workspace's bucket; null for who is not passed over."""
        if self.workspace_id is None:
            return bucket_numbers(workspace_ids, self.buckets[0].of)
        (bucket,) = self.buckets
        is_asked = workspace_ids.to_frame("workspace_id").select(pl.col("workspace_id") == self.workspace_id)
        return is_asked.select(pl.when("workspace_id").then(pl.lit(bucket.number, pl.UInt32))).to_series()

    def parts(self, frame: pl.DataFrame, by: str = "workspace_id") -> Iterator[tuple[int, pl.DataFrame]]:
        """A frame's rows for each bucket, in their order."""
        if self.workspace_id is None and self.buckets[0].of == 1:
            yield 0, frame
            return
        numbered = frame.with_columns(self.numbers(frame[by]).alias("_bucket"))
        found = numbered.partition_by("_bucket", as_dict=True, include_key=False, maintain_order=True)
        for bucket in self.buckets:
            yield bucket.number, found.get((bucket.number,), frame.clear())


def told_by_ledger(ledger: Ledger, lake: Lake, division: Division, shelf: Shelf) -> list[Told]:
    """What is told of each bucket. Raises UserError where no roster ever came in."""
    days = roster_days(ledger)
    if not days:
        raise UserError("no roster has been ingested yet. Start with: seatledger ingest SOURCE")
    _tell(ledger, lake, division, shelf)
    opening_on, repeated = opening_day(ledger, days), tuple(ledger.declared_days(DECLARED))
    months = ledger.buckets_of_months()
    return [Told(bucket, days, months, opening_on, repeated, shelf.of(bucket.number)) for bucket in division.buckets]


def _tell(ledger: Ledger, lake: Lake, division: Division, shelf: Shelf) -> None:
    versions = ledger.current_versions()
    subscriptions, several = rows_of("subscriptions", versions, lake), _repeated_events(versions, lake)
    owners = subscriptions.select("subscription_id", "workspace_id")
    asks = [owners] if division.buckets[0].of > 1 else []
    activity = _many_rows_at_once(_each_once(_files_of("activity", versions, lake), several))
    _put(division, shelf, "activity", _asking(activity, owners, asks))
    _put(division, shelf, "usage", _files_of("usage", versions, lake))
    _put(division, shelf, "subscriptions", [subscriptions])
    billed = ledger.billed_subscriptions().with_columns(since_on=pl.lit(ledger.subscriptions_came_on(), pl.Date))
    found = [_holds_from_faults(ledger.current_faults()), _holds_from_repeated_events(several)]
    found += [_holds_from_lost(billed, subscriptions), _holds_from_other_catalogs(billed, subscriptions)]
    _put(division, shelf, "holds", [pl.concat(found)])
    _put(division, shelf, "charges", [_with_their_owners(ledger.billed_charges(), owners)])
    _put(division, shelf, "balances", [ledger.balances()])
    dates = ledger.passed_dates().join(owners.unique("subscription_id"), on="subscription_id", how="left", maintain_order="left")
    for number, rows in division.parts(dates):
        shelf.put("dates", number, rows.drop("workspace_id"))
    for number, rows in division.parts(_rows_asked_for(subscriptions, asks), by="asked_by"):
        is_other = division.numbers(rows["workspace_id"]).ne_missing(pl.Series([number], dtype=pl.UInt32))
        shelf.put("others", number, rows.drop("asked_by").filter(is_other).unique(maintain_order=True))


def _with_their_owners(charges: pl.DataFrame, owners: pl.DataFrame) -> pl.DataFrame:
    """Billed charges under the workspace that their subscription is of now, so that its pass is told of what was billed elsewhere (I3)."""
    now = owners.unique("subscription_id", keep="first", maintain_order=True).rename({"workspace_id": "now"})
    told = charges.join(now, on="subscription_id", how="left", maintain_order="left")
    return told.with_columns(workspace_id=pl.coalesce("now", "workspace_id")).drop("now")


def _put(division: Division, shelf: Shelf, name: str, frames: Iterable[pl.DataFrame]) -> None:
    """Divide frames, and put the parts by."""
    for frame in _many_rows_at_once(frames):
        for number, part in division.parts(frame):
            shelf.put(name, number, part)


def _many_rows_at_once(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same rows in fewer frames, so that the shelf has few files."""
    waiting, rows = [], 0
    for frame in frames:
        waiting.append(frame)
        rows += frame.height
        if rows > _AT_ONCE:
            yield pl.concat(waiting, rechunk=True)
            waiting, rows = [], 0
    if waiting:
        yield pl.concat(waiting, rechunk=True)


def roster_days(ledger: Ledger) -> dict[date, str]:
    """The current version of every day's rosters, in order."""
    return {day: version for (table, day), version in ledger.current_versions().items() if table == "users"}


def opening_day(ledger: Ledger, days: Mapping[date, str]) -> date:
    """The first day of rosters ever ingested; settled by the first run that bills (I9)."""
    settled = ledger.setting("opening_on")
    if not settled and not days:
        raise UserError("no roster is kept yet. Bring some in: seatledger ingest SOURCE")
    return date.fromisoformat(settled) if settled else min(days)


def owners_of_workspaces(ledger: Ledger, lake: Lake) -> pl.DataFrame:
    """Which catalogue each workspace's subscriptions are of: workspace_id, catalog."""
    return rows_of("subscriptions", ledger.current_versions(), lake).select("workspace_id", "catalog")


# --- rows from the lake ---------------------------------------------------------------------------------------------------


def rows_of(table: str, versions: Versions, lake: Lake) -> pl.DataFrame:
    """The rows of a table's current versions, with the `day` that delivered them (null: the subscriptions)."""
    return pl.concat(_files_of(table, versions, lake))


def _files_of(table: str, versions: Versions, lake: Lake) -> Iterator[pl.DataFrame]:
    yield SOURCE_ROWS[table].empty().with_columns(file=pl.lit(None, pl.String), row=pl.lit(None, pl.Int64), day=pl.lit(None, pl.Date))
    for (t, day), version in versions.items():
        if t == table:
            yield lake.read(lake.day_path(t, day, version)).with_columns(day=pl.lit(day, pl.Date))


def _repeated_events(versions: Versions, lake: Lake) -> pl.DataFrame:
    """Every row of the events whose id is there more than once, in any workspace, in the order in which they were delivered."""
    paths = [lake.day_path(table, day, version) for (table, day), version in versions.items() if table == "activity"]
    several = _there_twice(lambda: (lake.read(path, columns=["event_id"])["event_id"] for path in paths))
    if several.is_empty():
        return rows_of("activity", {}, lake)
    is_one = pl.col("event_id").is_in(several.implode())
    return pl.concat([frame.filter(is_one) for frame in _files_of("activity", versions, lake)])


def _there_twice(texts: Callable[[], Iterator[pl.Series]]) -> pl.Series:
    """Texts that are there more than once, of parts that can be asked for again.

    Hashes are counted in a tenth of the time that texts take, and take less room: most often no two are the same, and that is all.
    """
    hashes = pl.concat([pl.Series(dtype=pl.UInt64), *(part.hash() for part in texts())])
    if hashes.n_unique() == len(hashes):
        return pl.Series(dtype=pl.String)
    twice = hashes.filter(hashes.is_duplicated()).unique().implode()
    alike = pl.concat([part.filter(part.hash().is_in(twice)) for part in texts()])
    return alike.filter(alike.is_duplicated()).unique()


def _each_once(activity: Iterator[pl.DataFrame], several: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The same event again is a no-op: of those that are there more than once, the first."""
    place = ["event_id", "day", "file", "row"]
    first = several.unique("event_id", keep="first", maintain_order=True)
    others = several.join(first, on=place, how="anti").select(place)
    for frame in activity:
        yield frame.join(others, on=place, how="anti", maintain_order="left") if others.height else frame


# --- subscriptions of other workspaces ------------------------------------------------------------------------------------


def _asking(activity: Iterator[pl.DataFrame], owners: pl.DataFrame, asks: list[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Pass the events on, and note in `asks` which workspaces name a subscription that is not theirs."""
    for frame in activity:
        if asks:
            named = frame.filter(pl.col("subscription_id").is_not_null()).select("subscription_id", "workspace_id").unique()
            asks.append(named.join(owners, on=["subscription_id", "workspace_id"], how="anti"))
        yield frame


def _rows_asked_for(subscriptions: pl.DataFrame, asks: list[pl.DataFrame]) -> pl.DataFrame:
    """Subscription rows that bear upon another workspace, `asked_by`: an event of it names them, or they share an id with its own."""
    if not asks:
        return subscriptions.clear().with_columns(asked_by=pl.lit(None, pl.String))
    asked = pl.concat(asks).unique().select("subscription_id", asked_by="workspace_id")
    rows = subscriptions.join(asked, on="subscription_id", maintain_order="left_right")
    return rows.filter(pl.col("asked_by") != pl.col("workspace_id"))


# --- why workspaces are held before anything is computed ------------------------------------------------------------------


def _holds_from_faults(faults: pl.DataFrame) -> pl.DataFrame:
    detail = pl.format("{} {}", pl.col("column").fill_null("the row"), "fault")
    daily, undated = faults.filter(pl.col("day").is_not_null()), faults.filter(pl.col("day").is_null())
    again = "correct the row and deliver the file again, then ingest"
    return pl.concat(
        [
            holds(daily, "broken_row", f"{again} with --supersede", detail=detail, since_on="since_on"),
            holds(undated, "broken_row", again, detail=detail, since_on="since_on"),
        ]
    )


def _holds_from_lost(billed: pl.DataFrame, subscriptions: pl.DataFrame) -> pl.DataFrame:
    """A subscription that was billed and is no longer among the rows did not end by that: its workspace is held."""
    lost = billed.join(subscriptions, on="subscription_id", how="anti")
    detail = pl.format("subscription {} was billed before, and no row names it any more", "subscription_id")
    mend = "put its row back into subscriptions; to end it, deliver a canceled event"
    return holds(lost, "subscription_lost", mend, detail=detail, since_on="since_on")


def _holds_from_other_catalogs(billed: pl.DataFrame, subscriptions: pl.DataFrame) -> pl.DataFrame:
    """One whose row names another catalogue than it was billed by would be billed by two: its workspace is held."""
    now = subscriptions.select("subscription_id", "workspace_id", "file", "row", named="catalog")
    known = billed.drop("workspace_id").join(now, on="subscription_id", maintain_order="left_right")
    detail = pl.format("subscription {} was billed by catalogue {} before, and its row names {}", "subscription_id", "catalog", "named")
    mend = "put its catalogue back; to bill by another one, end it with a canceled event and add a subscription"
    return holds(known.filter(pl.col("catalog") != pl.col("named")), "catalog_changed", mend, detail=detail, since_on="since_on")


def _holds_from_repeated_events(several: pl.DataFrame) -> pl.DataFrame:
    """The same event id with other content is a contradiction: every workspace that it names is held."""
    facts = [c for c in several.columns if c not in ("file", "row", "day")]
    differing = several.unique(facts, keep="first", maintain_order=True).filter(pl.col("event_id").is_duplicated())
    if differing.is_empty():
        return NO_HOLDS
    detail = pl.format("event {} is there again with other content", "event_id")
    return holds(differing, "event_contradicts", "supersede the activity file that carries the wrong one", detail=detail, since_on="day")
