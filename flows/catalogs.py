"""The only reader of catalogue files: the ones shipped, and a user's own beside or instead of them."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from flows.errors import UserError
from transforms.catalog import Catalog, CatalogError, catalog_from_toml

SHIPPED = Path(__file__).resolve().parent.parent / "data" / "catalogs"


def read_catalogs(own: Path | None) -> dict[str, Catalog]:
    """Every catalogue by id; a user's own takes the place of a shipped one with its id.

    Raises: UserError naming file, key and reason for a catalogue that cannot be used.
    """
    if own is not None and not own.is_dir():
        raise UserError(f"{own}: is no folder of catalogues. Give --catalogs a folder with one .toml file a vendor.")
    catalogs = {}
    for folder in [SHIPPED, own] if own else [SHIPPED]:
        read = [_read(path) for path in sorted(folder.glob("*.toml"))]
        ids = [catalog.id for catalog in read]
        for repeated in {i for i in ids if ids.count(i) > 1}:
            raise UserError(f"{folder}: two files have the catalogue id {repeated!r}. Give each its own id.")
        catalogs |= {catalog.id: catalog for catalog in read}
    _check_prefixes(catalogs)
    return catalogs


class BilledCatalog(NamedTuple):
    """A catalogue that invoices were issued by: in which currency, under which prefix, and how it rounded (None: not known, as of versions before 0.14.0)."""

    id: str
    currency: str
    prefix: str
    rounding: str | None


def require_catalogs_of(billed: Collection[BilledCatalog], catalogs: Mapping[str, Catalog]) -> None:
    """Whoever computes or checks needs the catalogues that invoices were issued by: without one its workspaces would be held, and its currency unknown.

    Raises: UserError naming those that lack; one that has another currency, or rounds otherwise now: what was billed could not be
            taken off what is owed; and one that has the prefix of another's invoices.
    """
    lacking = sorted({one.id for one in billed} - catalogs.keys())
    if lacking:
        raise UserError(
            f"invoices were issued by the catalogue {', '.join(lacking)}, which is not among those given. Name its folder with --catalogs."
        )
    for one in billed:
        _require_as_billed(one, catalogs[one.id], {other.currency for other in billed if other.id == one.id})
        for catalog in catalogs.values():
            if catalog.invoice_prefix == one.prefix and catalog.id not in {other.id for other in billed if other.prefix == one.prefix}:
                raise UserError(
                    f"catalogue {catalog.id}: has the invoice_prefix {one.prefix}, under which {one.id} issued invoices. Give it one of its own."
                )


def _require_as_billed(billed: BilledCatalog, now: Catalog, currencies: set[str]) -> None:
    if now.currency not in currencies:
        raise UserError(
            f"catalogue {now.id}: has the currency {now.currency}, and its invoices are in {', '.join(sorted(currencies))}. "
            "Put it back; what is billed in another currency is a catalogue with an id of its own."
        )
    if billed.rounding not in (None, now.rounding):
        raise UserError(
            f"catalogue {now.id}: rounds {now.rounding}, and its invoices were rounded {billed.rounding}. "
            "Put rules.rounding back; what is rounded otherwise is a catalogue with an id of its own."
        )


def _read(path: Path) -> Catalog:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        catalog = catalog_from_toml(document, path.name)
        _require_zone(catalog, path.name)
        return catalog
    except tomllib.TOMLDecodeError as reason:
        raise UserError(f"{path.name}: is not TOML: {reason}") from None
    except (OSError, UnicodeDecodeError) as reason:
        raise UserError(f"{path.name}: cannot be read: {reason}") from None
    except CatalogError as reason:
        raise UserError(str(reason)) from None


def _require_zone(catalog: Catalog, where: str) -> None:
    """Python knows zones by which Polars cannot reckon, such as `localtime`. Raises: UserError."""
    import polars as pl

    try:
        pl.select(pl.lit(0).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(catalog.timezone))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        raise UserError(f"{where}: timezone: {catalog.timezone!r} is no time zone to reckon by; write one such as UTC or Europe/Paris") from None


def _check_prefixes(catalogs: dict[str, Catalog]) -> None:
    """Invoice numbers are unique only where prefixes are."""
    owners: dict[str, str] = {}
    for catalog in catalogs.values():
        other = owners.setdefault(catalog.invoice_prefix, catalog.id)
        if other != catalog.id:
            raise UserError(
                f"catalogues {other!r} and {catalog.id!r} share the invoice_prefix {catalog.invoice_prefix!r}. Give each its own."
            )
