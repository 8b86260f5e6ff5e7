"""Which currency an answer names, and amounts in it as ours."""

from typing import Any

import pytest

from panel.money import ONE_PPT
from upstream import answers

GOOD = {"service": "1", "name": "Likes", "rate": "0.90", "min": "10", "max": "100"}


@pytest.mark.parametrize(
    ("answer", "shown", "code"),
    [
        ({"balance": "1.50", "currency": "EUR"}, "1.50 EUR", "EUR"),
        ({"balance": "1.50", "currency": "usd"}, "1.50 usd", "USD"),
        ({"balance": "1.50", "currency": "₹"}, "1.50 ₹", "INR"),
        ({"balance": "1.50", "currency": "$"}, "1.50 $", "$"),
        ({"balance": "1.50", "currency": "US Dollar"}, "1.50 US Dollar", "US DOLLAR"),
        ({"balance": "1.50"}, "1.50", ""),
        ({"balance": "1.50", "currency": None}, "1.50", ""),
        ({"balance": "1.50", "currency": "null"}, "1.50 null", ""),
        ({"balance": "12.50 USD"}, "12.50 USD", "USD"),
        ({"balance": "€1,234.50"}, "€1,234.50", "EUR"),
        ({"balance": "unlimited"}, "unlimited", ""),
        ({"balance": "1.50 and some"}, "1.50 and some", ""),
        ({"balance": "1.50 EUR", "currency": "USD"}, "1.50 EUR USD", "USD"),
    ],
    ids=str,
)
def test_a_balance_names_its_currency_beside_it_or_within(
    answer: dict[str, Any], shown: str, code: str
) -> None:
    assert answers.read_balance(answer) == (shown, code)


@pytest.mark.parametrize(
    ("rate", "ratio_ppt", "micros"),
    [
        ("0.90", ONE_PPT, 900_000),
        ("0.90", 83_200_000_000_000, 74_880_000),
        ("0.0000001", ONE_PPT, 1),  # up, so that nothing is sold below its cost
        ("0.90", 1, 1),
        ("0", 83_200_000_000_000, 0),
        ("9e-1", ONE_PPT, 900_000),
        ("1e-40", ONE_PPT, 1),
        ("1e-41", ONE_PPT, None),
        ("1e-999999999", ONE_PPT, None),
        ("1e999999999", ONE_PPT, None),
    ],
)
def test_a_rate_is_converted_and_rounded_up(rate: str, ratio_ppt: int, micros: int | None) -> None:
    listings = answers.read_listings([{**GOOD, "rate": rate}], ratio_ppt)
    assert [item.rate_micros for item in listings] == ([] if micros is None else [micros])
