"""Which months a run changed that it did not bring anything of: an event may count for days long before the day it came on."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb

from flows.memory_of_duckdb import in_memory

_MONTH_OF = dict.fromkeys(
    ("coverage_monthly", "journal_entries", "mrr_movements", "plan_compliance", "revenue_schedule", "seat_usage_monthly"), "month"
)
_MONTH_OF["seat_occupancy"] = "date_trunc('month', day)::date"
_MONTH_OF["exceptions"] = "greatest(date_trunc('month', day)::date, (select min(month) from {database}.seat_usage_monthly))"  # as told_in has it


def earlier_months_that_differ(before: Path, after: Path, first: date) -> list[date] | None:
    """The months before that of a day of which two finance databases do not say the same; None where they cannot be compared.

    Asked are the tables whose rows are of a month. What a report shows as it stands, whatever the month, is not.
    """
    with in_memory(f"{after}.tmp") as both:
        try:
            for name, path in (("before", before), ("after", after)):
                quoted = str(path).replace("'", "''")
                both.execute(f"attach '{quoted}' as {name} (read_only)")
            until = first.replace(day=1)
            return sorted({*_billed_since(both, until), *(month for table in _MONTH_OF for month in _that_differ(both, table, until))})
        except duckdb.Error:
            return None


def _billed_since(both: duckdb.DuckDBPyConnection, until: date) -> list[date]:
    """The months of days through which a catalogue was billed meanwhile: their pages said that it was not."""
    sql = """
        with further as (
            select coalesce(b.billed_on, '1900-01-01'::date) as since, a.billed_on as through
            from after.billed_through a left join before.billed_through b using (catalog, cadence)
            where a.billed_on is distinct from b.billed_on
        )
        select distinct date_trunc('month', day)::date
        from (select distinct day from after.seat_occupancy where day < $until) d join further f on d.day > f.since and d.day <= f.through"""
    return [month for (month,) in both.execute(sql, {"until": until}).fetchall()]


def _that_differ(both: duckdb.DuckDBPyConnection, table: str, until: date) -> list[date]:
    sql = "select month from ({}) b full join ({}) a using (month) where (b.rows, b.digest) is distinct from (a.rows, a.digest)"
    digests = (_digests_of_months(database, table) for database in ("before", "after"))
    return [found for (found,) in both.execute(sql.format(*digests), {"until": until}).fetchall()]


def _digests_of_months(database: str, table: str) -> str:
    month = _MONTH_OF[table].format(database=database)
    return f"select {month} as month, count(*) as rows, sum(hash(t)) as digest from {database}.{table} t where {month} < $until group by 1"
