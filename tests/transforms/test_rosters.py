"""How many seats a roster holds, for what is asked when it shrinks (rule G4)."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from tests.story import shipped
from transforms.catalog import catalog_from_toml
from transforms.roster_months import SCHEMA
from transforms.rosters import drops_from_seat_counts, seat_counts_from_roster_months

CATALOGS = [catalog_from_toml(shipped(name), name) for name in ("pensero", "pivotal")]
DAYS = [date(2026, 4, 1), date(2026, 4, 2)]


@pytest.mark.parametrize("catalogs", [["pensero", "pivotal"], ["pivotal", "pensero"]])
def test_G4_of_a_workspace_in_two_catalogues_the_seats_are_those_of_the_one_that_counts_most(catalogs: list[str]) -> None:
    """A hundred are active on the first day and pending on the second: at Pensero all of them hold a seat on both."""
    users = [("ws", f"u{n}", "teammate", status, None, bits, None) for n in range(100) for status, bits in (("active", 1), ("pending", 2))]
    owners = pl.DataFrame({"workspace_id": "ws", "catalog": catalogs})
    counts = seat_counts_from_roster_months([(pl.DataFrame(users, schema=SCHEMA, orient="row"), DAYS)], owners, CATALOGS)
    assert sorted(counts.rows(), key=str) == sorted([(day, of, 100) for day in DAYS for of in ("ws", None)], key=str)
    assert drops_from_seat_counts(counts).is_empty()
