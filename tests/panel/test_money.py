"""Amounts: what can be read, how they are written, and how a charge and a refund are rounded."""

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel import money

MICROS = 1_000_000
amounts = st.integers(-money.MAX_AMOUNT_MICROS, money.MAX_AMOUNT_MICROS)
charges = st.integers(0, 10**18)
rates = st.integers(0, 10**12)
quantities = st.integers(1, 10**9)


def exact_half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("0", 0),
        ("-0", 0),
        ("0.000000", 0),
        ("1", MICROS),
        ("0012", 12 * MICROS),
        ("12.5", 12_500_000),
        ("12.50", 12_500_000),
        ("0.1", 100_000),
        ("0.000001", 1),
        ("-0.000001", -1),
        ("-3.25", -3_250_000),
        ("999999999.999999", 10**15 - 1),
        ("1000000000", 10**15),
        ("-1000000000", -(10**15)),
    ],
)
def test_an_amount_is_read_exactly(text: str, micros: int) -> None:
    assert money.parse(text) == micros


@pytest.mark.parametrize(
    "text",
    [
        "", " ", ".", "-", "+", "1.", ".5", "+1", "--1", "1 ", " 1", "1\n", "1,5", "1,000",
        "1_000", "1.0000001", "1.2.3", "1e3", "0x10", "inf", "nan", "NaN", "$1", "1\x00", "-.5",
        "\u0661", "\uff11", "1.\u0665", "\u00bd", "1000000000.000001", "1000000001",
        "-1000000001", "- 1", "99999999999", "1" + "0" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an amount|is more than 1000000000"):
        money.parse(text)


@pytest.mark.parametrize(
    ("micros", "exact", "four", "six"),
    [
        (0, "0.00", "0.0000", "0.000000"),
        (1, "0.000001", "0.0000", "0.000001"),
        (99, "0.000099", "0.0000", "0.000099"),
        (999_999, "0.999999", "0.9999", "0.999999"),
        (10_000, "0.01", "0.0100", "0.010000"),
        (15_000, "0.015", "0.0150", "0.015000"),
        (100_000, "0.10", "0.1000", "0.100000"),
        (2_500_000, "2.50", "2.5000", "2.500000"),
        (5 * MICROS, "5.00", "5.0000", "5.000000"),
        (1_234_567_890, "1234.56789", "1234.5678", "1234.567890"),
        (10**18, "1000000000000.00", "1000000000000.0000", "1000000000000.000000"),
        (-1, "-0.000001", "-0.0000", "-0.000001"),
        (-2_500_000, "-2.50", "-2.5000", "-2.500000"),
    ],
)
def test_an_amount_is_written(micros: int, exact: str, four: str, six: str) -> None:
    assert money.format_exact(micros) == exact
    assert money.format_fixed(micros, 4) == four
    assert money.format_fixed(micros, 6) == six


@pytest.mark.parametrize(
    ("rate_micros", "quantity", "charge"),
    [
        (0, 1000, 0),
        (5 * MICROS, 1000, 5 * MICROS),
        (5 * MICROS, 500, 2_500_000),
        (1, 1, 1),
        (1, 499, 1),
        (1, 500, 1),
        (400, 1, 1),
        (0, 1, 0),
        (1, 1499, 1),
        (1, 1500, 2),
        (15_000, 333, 4_995),
        (333_333, 333, 111_000),
        (1_001, 1_001, 1_002),
        (10**12, 10**9, 10**18),
    ],
)
def test_a_charge_is_rounded_half_up_and_never_to_nothing(
    rate_micros: int, quantity: int, charge: int
) -> None:
    assert money.charge(rate_micros, quantity) == charge


@pytest.mark.parametrize(
    ("charge", "remains", "quantity", "refund"),
    [
        (2_500_000, 0, 500, 0),
        (2_500_000, 500, 500, 2_500_000),
        (2_500_000, 200, 500, 1_000_000),
        (1, 1, 2, 1),
        (1, 1, 3, 0),
        (1, 2, 3, 1),
        (100, 1, 3, 33),
        (100, 2, 3, 67),
        (0, 3, 3, 0),
        (3_900_000, 1, 1, 3_900_000),
    ],
)
def test_a_refund_is_the_undelivered_part(
    charge: int, remains: int, quantity: int, refund: int
) -> None:
    assert money.refund(charge, remains, quantity) == refund


@given(amounts)
def test_an_amount_that_is_written_exactly_is_read_back(micros: int) -> None:
    assert money.parse(money.format_exact(micros)) == micros
    assert money.parse(money.format_fixed(micros, 6)) == micros


@given(st.integers(0, 10**18), st.integers(1, 6))
def test_fewer_decimals_never_show_more_than_there_is(micros: int, decimals: int) -> None:
    shown = Fraction(money.format_fixed(micros, decimals))
    assert 0 <= Fraction(micros, MICROS) - shown < Fraction(1, 10**decimals)


@given(st.text("0123456789.-+_eE \u0663\uff11"))
def test_any_text_is_an_amount_or_a_value_error(text: str) -> None:
    try:
        micros = money.parse(text)
    except ValueError:
        return
    assert Fraction(text) * MICROS == micros


@given(st.integers(0, 10**30), st.integers(1, 10**20))
def test_half_up_agrees_with_fractions(numerator: int, denominator: int) -> None:
    assert money.half_up(numerator, denominator) == exact_half_up(Fraction(numerator, denominator))


@given(st.integers(0, 10**20), st.integers(1, 10**20))
def test_a_half_is_rounded_up_and_what_is_a_hair_less_is_not(whole: int, denominator: int) -> None:
    half = (2 * whole + 1) * denominator
    assert money.half_up(half, 2 * denominator) == whole + 1
    assert money.half_up(half - 1, 2 * denominator) == whole


@pytest.mark.parametrize(
    ("rate_micros", "discount_ppm", "rate"),
    [
        (5 * MICROS, 50_000, 4_750_000),
        (1, 0, 1),
        (1, 600_000, 1),
        (1, 999_999, 1),
        (1, MICROS, 0),
        (5 * MICROS, MICROS, 0),
        (0, 0, 0),
    ],
)
def test_a_discount_makes_a_rate_nothing_only_if_it_is_all(
    rate_micros: int, discount_ppm: int, rate: int
) -> None:
    assert money.less(rate_micros, discount_ppm) == rate


@given(rates, quantities)
def test_a_charge_agrees_with_fractions_and_fits_the_column(rate: int, quantity: int) -> None:
    charge = money.charge(rate, quantity)
    exact = Fraction(rate) * quantity / 1000
    assert charge == (exact_half_up(exact) if exact == 0 or exact >= 1 else 1)
    assert 0 <= charge < 2**63


@given(charges, quantities, st.data())
def test_refund_and_kept_make_the_charge(charge: int, quantity: int, data: st.DataObject) -> None:
    remains = data.draw(st.integers(0, quantity))
    refund = money.refund(charge, remains, quantity)
    kept = charge - refund
    assert 0 <= refund <= charge
    assert refund == exact_half_up(Fraction(charge) * remains / quantity)
    # Paying back both parts of an order would differ from its charge by one rounding at most.
    assert kept <= money.refund(charge, quantity - remains, quantity) <= kept + 1


@given(charges, quantities, st.data())
def test_more_remains_never_refund_less(charge: int, quantity: int, data: st.DataObject) -> None:
    remains = data.draw(st.integers(0, quantity - 1))
    assert money.refund(charge, remains, quantity) <= money.refund(charge, remains + 1, quantity)


@pytest.mark.parametrize(
    ("text", "ppt", "shown"),
    [
        ("83.20", 83_200_000_000_000, "83.2"),
        (" 1 ", 10**12, "1"),
        ("0.000000000001", 1, "0.000000000001"),
        ("9000000", 9 * 10**18, "9000000"),
        ("0.012019230769", 12_019_230_769, "0.012019230769"),
        ("100", 10**14, "100"),
    ],
)
def test_a_rate_of_exchange_is_exact(text: str, ppt: int, shown: str) -> None:
    assert money.parse_ratio(text) == ppt
    assert money.format_ratio(ppt) == shown


@pytest.mark.parametrize(
    "text",
    ["", "0", "0.0", "-1", "1e2", "83,20", "nan", "1/83", "0.0000000000001", "9000001", "."],
)
def test_what_is_no_rate_of_exchange_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="rate"):
        money.parse_ratio(text)
