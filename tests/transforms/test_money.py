"""The one door for money: exact, rounded once, symmetric about zero, never beyond 64 bits."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.money import MAX_DAYS, MAX_QUANTITY, MAX_TOTAL_MINOR, MAX_UNIT_PRICE_MINOR, minor_from_text, prorated_minor
from transforms.plan_totals import plan_totals_from_lines


def prorated(quantity: int, price: int, days: int, period: int, rounding: str = "half_up") -> int:
    frame = pl.DataFrame({"q": [quantity], "p": [price], "d": [days], "n": [period], "r": [rounding]})
    return frame.select(prorated_minor(*(pl.col(c) for c in "qpdnr"))).item()


@pytest.mark.parametrize(
    ("quantity", "price", "days", "period", "rounding", "amount"),
    [
        (1, 3900, 15, 30, "half_up", 1950),  # 15/30 of 39.00
        (-2, 3900, 21, 31, "half_up", -5284),  # 2 x 39.00 x 21/31 = 52.838…
        (1, 1, 15, 30, "half_up", 1),  # half a cent goes up
        (-1, 1, 15, 30, "half_up", -1),  # and, taken back, down as far
        (1, 1, 15, 30, "half_even", 0),  # to the even cent: 0
        (3, 1, 15, 30, "half_even", 2),  # 1.5 -> 2
        (5, 1, 15, 30, "half_even", 2),  # 2.5 -> 2
        (0, 3900, 15, 30, "half_up", 0),
    ],
)
def test_the_one_formula(quantity: int, price: int, days: int, period: int, rounding: str, amount: int) -> None:
    assert prorated(quantity, price, days, period, rounding) == amount


@given(
    st.integers(-MAX_QUANTITY, MAX_QUANTITY),
    st.integers(0, MAX_UNIT_PRICE_MINOR),
    st.integers(1, MAX_DAYS),
    st.integers(28, MAX_DAYS),
    st.sampled_from([("half_up", ROUND_HALF_UP), ("half_even", ROUND_HALF_EVEN)]),
)
def test_it_is_what_exact_decimals_give_up_to_the_bounds(
    quantity: int, price: int, days: int, period: int, rounding: tuple[str, str]
) -> None:
    name, mode = rounding
    with localcontext() as context:
        context.prec = 60
        exact = (Decimal(abs(quantity)) * price * days / period).quantize(Decimal(1), rounding=mode)
    assert prorated(quantity, price, days, period, name) == (int(exact) if quantity > 0 else -int(exact))


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("39.00", "USD", 3900),
        ("39", "USD", 3900),
        ("500", "JPY", 500),
        ("1.234", "BHD", 1234),
        ("0", "EUR", 0),
        ("0039.0000", "USD", 3900),
        ("0.5", "USD", 50),
    ],
)
def test_a_price_becomes_the_currencys_own_minor_unit(text: str, currency: str, minor: int) -> None:
    assert minor_from_text(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "why"),
    [
        ("39.001", "USD", "more decimals than USD"),
        ("39." + "0" * 28 + "1", "USD", "more decimals than USD"),
        ("39." + "9" * 30, "USD", "more decimals than USD"),
        ("500.5", "JPY", "more decimals than JPY"),
        ("-1", "USD", "plain decimal"),
        ("1,000", "USD", "plain decimal"),
        ("1e3", "USD", "plain decimal"),
        ("٣", "USD", "plain decimal"),
        ("10000000.01", "USD", "largest price"),
        ("9" * 5000, "JPY", "largest price"),
    ],
)
def test_a_price_that_the_currency_cannot_express_is_refused_with_the_reason(text: str, currency: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        minor_from_text(text, currency)


def test_the_total_of_many_workspaces_that_are_each_within_their_bound_does_not_wrap() -> None:
    of_ten = {"catalog": "k", "currency": "USD", "plan": "p", "amount_minor": [MAX_TOTAL_MINOR] * 10}  # 2**63 is 9.2 of them
    totals = plan_totals_from_lines([pl.DataFrame(of_ten), pl.DataFrame(of_ten)])
    assert totals.rows() == [("k", "USD", "p", 20, 20 * MAX_TOTAL_MINOR)]
