"""Amounts in cards and tables: short or aligned, and never another amount."""

import pytest

from panel import money
from web.dashboard.amounts import places, rounded


@pytest.mark.parametrize(
    ("micros", "shown"),
    [
        (0, "0.00"),
        (1, "0.00"),
        (4_999, "0.00"),
        (5_000, "0.01"),
        (-4_999, "0.00"),
        (-5_000, "-0.01"),
        (285_000, "0.29"),
        (1_234_567_890, "1234.57"),
        (10**18, "1000000000000.00"),
    ],
)
def test_an_amount_in_a_card_has_two_decimals_and_the_exact_one_behind_it(
    micros: int, shown: str
) -> None:
    exact = money.format_exact(micros)
    assert rounded(micros) == f'<data value="{exact}" title="{exact}">{shown}</data>'


@pytest.mark.parametrize(
    ("amounts", "decimals"),
    [
        ([], 2),
        ([None], 2),
        ([0, 1_000_000], 2),
        ([1_410_000, 12_500], 4),
        ([None, -1, 5], 6),
    ],
)
def test_a_column_has_the_decimals_that_its_amounts_use(
    amounts: list[int | None], decimals: int
) -> None:
    assert places(amounts) == decimals
    for amount in amounts:
        if amount is not None:
            assert money.parse(money.format_fixed(amount, decimals)) == amount
