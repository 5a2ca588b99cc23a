"""The only reader of catalogue files: the ones shipped, and a user's own beside or instead of them."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from datetime import date
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
    if own is not None and not any(own.glob("*.toml")):
        raise UserError(f"{own}: has no .toml file. Give --catalogs a folder with one for each vendor.")
    catalogs = {}
    for folder in [SHIPPED, own] if own else [SHIPPED]:
        read = [_read(path) for path in sorted(folder.glob("*.toml"))]
        ids = [catalog.id for catalog in read]
        for repeated in {i for i in ids if ids.count(i) > 1}:
            raise UserError(f"{folder}: two files have the catalogue id {repeated!r}. Give each its own id.")
        catalogs |= {catalog.id: catalog for catalog in read}
    _check_prefixes(catalogs)
    return catalogs


ListPrices = dict[str, int]  # by plan, cadence and first day, as `list_prices` names them: minor units of a seat


class BilledCatalog(NamedTuple):
    """A catalogue that invoices were issued by: in which currency, under which prefix, and, where versions before 0.15.0 did not note it, None: how it rounded and the list prices in force till then."""

    id: str
    currency: str
    prefix: str
    rounding: str | None
    prices: ListPrices | None


def require_catalogs_of(billed: Collection[BilledCatalog], catalogs: Mapping[str, Catalog]) -> None:
    """Whoever computes or checks needs the catalogues that invoices were issued by: without one its workspaces would be held, and its currency unknown.

    Raises: UserError naming those that lack; one that has another currency, rounds otherwise now, or has another list price of a day that was
            billed: what was billed could not be taken off what is owed, or would be billed anew; and one that has the prefix of another's invoices.
    """
    require_given({one.id for one in billed}, catalogs)
    for one in billed:
        _require_as_billed(one, catalogs[one.id], {other.currency for other in billed if other.id == one.id})
        for catalog in catalogs.values():
            if catalog.invoice_prefix == one.prefix and catalog.id not in {other.id for other in billed if other.prefix == one.prefix}:
                raise UserError(
                    f"catalogue {catalog.id}: has the invoice_prefix {one.prefix}, under which {one.id} issued invoices. Give it one of its own."
                )


def require_given(issued_by: Collection[str], catalogs: Mapping[str, Catalog]) -> None:
    """Refuse to go on where an invoice was issued by a catalogue that is not given. Raises: UserError."""
    if lacking := sorted(set(issued_by) - catalogs.keys()):
        which = f"the catalogue {lacking[0]}, which is" if len(lacking) == 1 else f"the catalogues {', '.join(lacking)}, which are"
        raise UserError(f"invoices were issued by {which} not among those given. Name the folder with --catalogs.")


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
    now_listed = list_prices(now)
    for listed, minor in (billed.prices or {}).items():
        plan, cadence, since = listed.rsplit(" ", 2)
        if plan in now.plans and now_listed.get(listed) != minor:
            is_now = "is gone" if listed not in now_listed else "is another"
            raise UserError(
                f"catalogue {now.id}: the {cadence} price of plan {plan} from {since} {is_now}, and invoices were issued by it. A price list is only "
                "added to: put it back, and let the new price have an effective_from of its own. What was billed wrong is agreed anew in subscriptions."
            )


def list_prices(catalog: Catalog, until: date | None = None) -> ListPrices:
    """The list prices of a catalogue, of those whose first day is not after `until`."""
    from transforms.prices import price_list_from_catalogs

    listed = price_list_from_catalogs({catalog.id: catalog}).drop_nulls("list_price_minor")
    each = listed.select("plan", "cadence", "effective_from", "list_price_minor").iter_rows()
    return {f"{plan} {cadence} {since}": minor for plan, cadence, since, minor in each if until is None or since <= until}


def _read(path: Path) -> Catalog:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
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
