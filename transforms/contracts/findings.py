"""Contracts of what is found wrong: holds stop a workspace's invoices, exceptions are reported and billing goes on."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from transforms.contracts.base import Contract, filled


class Holds(Contract):
    """One per held workspace, reason and place (G2)."""

    workspace_id: str = filled()
    subscription_id: str = pa.Field(nullable=True)
    reason: str = filled()
    since_on: pl.Date
    detail: str = filled()
    file: str = pa.Field(nullable=True)
    row: int = pa.Field(nullable=True)
    mend: str = filled()


class Exceptions(Contract):
    """One per finding: its rule, severity (`notice`, `warning`), workspace, day and place."""

    rule: str = filled()
    finding: str = filled()
    severity: str = pa.Field(isin=["notice", "warning"])
    workspace_id: str = pa.Field(nullable=True)
    subscription_id: str = pa.Field(nullable=True)
    on: pl.Date = pa.Field(nullable=True)
    detail: str = filled()
    file: str = pa.Field(nullable=True)
    row: int = pa.Field(nullable=True)


def holds(frame: pl.DataFrame, reason: str, mend: str, *, detail: pl.Expr, since_on: str) -> pl.DataFrame:
    """Holds from rows that have workspace_id, and where they know it subscription_id, file and row; validated where they come together.

    `since_on` names the column with the first day that cannot be billed, or of a fault without a day the last day known when it came in.
    """
    if frame.is_empty():  # as it is with nearly every question
        return NO_HOLDS
    return frame.select(
        "workspace_id",
        subscription_id=_column(frame, "subscription_id", pl.String),
        reason=pl.lit(reason),
        since_on=pl.col(since_on),
        detail=detail,
        file=_column(frame, "file", pl.String),
        row=_column(frame, "row", pl.Int64),
        mend=pl.lit(mend),
    )


def exceptions(
    frame: pl.DataFrame, rule: str, finding: str | pl.Expr, detail: pl.Expr, *, severity: str = "warning", on: str | None = "on"
) -> pl.DataFrame:
    """Exceptions from rows that know workspace_id, subscription_id, day, file and row as far as they have them; validated together."""
    if frame.is_empty():
        return NO_EXCEPTIONS
    return frame.select(
        rule=pl.lit(rule),
        finding=pl.lit(finding) if isinstance(finding, str) else finding,
        severity=pl.lit(severity),
        workspace_id=_column(frame, "workspace_id", pl.String),
        subscription_id=_column(frame, "subscription_id", pl.String),
        on=pl.col(on) if on else pl.lit(None, pl.Date),
        detail=detail,
        file=_column(frame, "file", pl.String),
        row=_column(frame, "row", pl.Int64),
    )


def _column(frame: pl.DataFrame, name: str, kind: type[pl.DataType]) -> pl.Expr:
    return pl.col(name) if name in frame.columns else pl.lit(None, kind).alias(name)


NO_HOLDS, NO_EXCEPTIONS = Holds.empty(), Exceptions.empty()
