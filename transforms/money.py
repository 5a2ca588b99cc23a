"""The one door for money: minor units in, minor units out, divided here and rounded once.

Bounds, so that no 64-bit product can wrap (engines wrap silently): |quantity| <= 10**7, unit price <= 10**9 minor units,
days and period days <= 366. The largest product is 3.66 * 10**18, below 2**63 - 1 = 9.22 * 10**18.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

MAX_QUANTITY = 10**7
MAX_UNIT_PRICE_MINOR = 10**9
MAX_DAYS = 366
MAX_AMOUNT_MINOR = MAX_QUANTITY * MAX_UNIT_PRICE_MINOR
MAX_TOTAL_MINOR = 10**18  # of all that a workspace was ever charged

ROUNDINGS = ("half_up", "half_even")

# ISO 4217: what differs from two decimals, and every code in use.
_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
    2: "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF "
    "CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF "
    "IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN "
    "MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS "
    "SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG",
}
CURRENCY_DECIMALS = {code: decimals for decimals, codes in _DECIMALS.items() for code in codes.split()}


def minor_from_text(text: str, currency: str) -> int:
    """A price as written, in the currency's minor unit.

    Raises: ValueError, with a reason a user can read, where it is no plain decimal (a sign is none), has more decimals than the
    currency, but for zeros, or is beyond the bound.
    """
    written = re.fullmatch(r"(\d+)(?:\.(\d+))?", text, flags=re.ASCII)
    if not written:
        raise ValueError("must be a plain decimal such as 39.00")
    whole, rest = written[1].lstrip("0"), (written[2] or "").rstrip("0")
    decimals = CURRENCY_DECIMALS[currency]
    if len(rest) > decimals:
        raise ValueError(f"has more decimals than {currency} has ({decimals})")
    # Digits are put together, not reckoned with: decimals round to 28 digits, and would take 39.00…01 for 39.00.
    if len(whole) > len(str(MAX_UNIT_PRICE_MINOR)) or (minor := int(f"0{whole}{rest.ljust(decimals, '0')}")) > MAX_UNIT_PRICE_MINOR:
        raise ValueError(f"is over the largest price, {MAX_UNIT_PRICE_MINOR} minor units")
    return minor


def amount_text(minor: pl.Expr, currency: pl.Expr) -> pl.Expr:
    """`-33.97`: an amount in minor units, written with its currency's own decimals, never in exponents. Grain: row -> text."""
    import polars as pl

    decimals = currency.replace_strict(CURRENCY_DECIMALS, return_dtype=pl.Int64)
    unit = pl.lit(10, pl.Int64).pow(decimals)
    rest = (minor.abs() % unit).cast(pl.String).str.zfill(decimals)
    sign = pl.when(minor < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    whole = pl.concat_str(sign, (minor.abs() // unit).cast(pl.String))
    return pl.when(decimals == 0).then(whole).otherwise(pl.concat_str(whole, pl.lit("."), rest))


def prorated_minor(quantity: pl.Expr, unit_price_minor: pl.Expr, days: pl.Expr, period_days: pl.Expr, rounding: pl.Expr) -> pl.Expr:
    """A(q) = sign(q) * round(|q| * unit price * days / period days), the rules' one formula (section 4).

    Grain: row -> row. Units: integer minor units, all factors Int64 within this module's bounds.
    `rounding` is a text expression, `half_up` or `half_even`; both are symmetric about zero.
    """
    import polars as pl

    product = quantity.abs() * unit_price_minor * days
    floor, rest = product // period_days, product % period_days
    above_half = rest * 2 > period_days
    is_half = rest * 2 == period_days
    rounds_up = above_half | (is_half & ((rounding == "half_up") | (floor % 2 == 1)))
    return quantity.sign() * (floor + rounds_up.cast(pl.Int64))
