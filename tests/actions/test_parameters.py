"""From a text to a typed value, and which parameters of a request are read."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions import parameters
from actions.parameters import (
    NOTHING,
    ORDER,
    ORDERS,
    REFILL,
    REFILLS,
    UNUSABLE,
    Parameter,
    SentId,
)
from panel.errors import RequestRejected

# Ids


@given(st.integers(1, 10**18 - 1))
def test_an_id_is_read_as_its_number(number: int) -> None:
    assert parameters.parse_id(str(number)) == number


@given(st.text(st.sampled_from("0123456789+-_ .\u0664\uff14\u00b2\n\0"), max_size=22))
def test_no_other_text_is_an_id(text: str) -> None:
    number = parameters.parse_id(text)
    assert number is None or (str(number) == text and 1 <= number < 10**18)


# What an order holds


@given(st.integers(0, 10**40))
def test_a_quantity_is_read_as_its_number_or_as_too_many(number: int) -> None:
    read = parameters.parse_quantity(str(number))
    assert read == number or (number >= 10**19 and read >= 10**18)


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("000", 0), ("0042", 42), ("0" * 100_000 + "7", 7)]
)
def test_zeros_before_a_quantity_are_no_part_of_it(text: str, number: int) -> None:
    assert parameters.parse_quantity(text) == number


@pytest.mark.parametrize("text", ["", " 1", "1 ", "1\n", "-0", "1.0", "\u0664", "\u00b2", "1\0"])
def test_no_other_text_is_a_quantity(text: str) -> None:
    with pytest.raises(RequestRejected, match="Incorrect quantity"):
        parameters.parse_quantity(text)


@given(st.text(st.sampled_from("ab \t\r\n\0\x85\ufffd"), max_size=20))
def test_lines_are_those_that_are_not_blank(text: str) -> None:
    try:
        lines = parameters.parse_lines(text).split("\n")
    except ValueError:
        return
    assert lines == [line for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
    assert not any(character in line for line in lines for character in "\t\r\0\x85\ufffd")


@pytest.mark.parametrize(
    ("text", "lines"),
    [("a", "a"), ("a\nb", "a\nb"), ("a\r\nb\r\n", "a\nb"), ("\n \n a \n\nb\n", " a \nb")],
)
def test_line_ends_become_newlines_and_blank_lines_go(text: str, lines: str) -> None:
    assert parameters.parse_lines(text) == lines


@pytest.mark.parametrize("text", ["", " ", "\n", "\r\n\r\n", "a\tb", "a\rb", "a\nb\0", "\ufffd"])
def test_other_texts_are_no_lines(text: str) -> None:
    with pytest.raises(ValueError):
        parameters.parse_lines(text)


@pytest.mark.parametrize("text", ["", " ", "a\nb", "a\0", "x" * 2049])
def test_a_line_is_not_blank_nor_several_nor_long(text: str) -> None:
    with pytest.raises(ValueError):
        parameters.parse_line(text)


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("5", 5), ("05", 5), ("0000000003", 3)])
def test_a_whole_number_within_its_range_is_read(text: str, number: int) -> None:
    assert parameters.whole_number(1, 5)(text) == number


@pytest.mark.parametrize("text", ["0", "6", "", "-1", "+1", " 1", "1.0", "\u0661", "00000000001"])
def test_any_other_text_is_no_whole_number_of_the_range(text: str) -> None:
    with pytest.raises(ValueError):
        parameters.whole_number(1, 5)(text)


@pytest.mark.parametrize("text", ["31/12/2099", "1/1/2099", "01/01/9999"])
def test_a_day_to_come_is_an_expiry(text: str) -> None:
    assert parameters.parse_expiry(text) == text


@pytest.mark.parametrize(
    "text", ["", "31/12/1999", "30/2/2099", "2099-12-31", "12/31/2099", "1/1/99", "1/1/2099 "]
)
def test_any_other_text_is_no_expiry(text: str) -> None:
    with pytest.raises(ValueError):
        parameters.parse_expiry(text)


# Which parameters are read

WHOLE = Parameter("whole", parameters.whole_number(1, 5), "A number.", "1")
LINK = Parameter("link", parameters.parse_link, "A link.", "x")


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ({}, "Incorrect request"),
        ({"whole": "9"}, "Incorrect request"),
        ({"whole": "9", "link": "x"}, "Incorrect whole"),
        ({"whole": "9", "link": ""}, "Incorrect whole"),
        ({"whole": "1", "link": ""}, "Incorrect link"),
        ({"whole": "", "link": "\0"}, "Incorrect request"),
    ],
)
def test_a_missing_parameter_is_reported_before_a_wrong_one_and_an_empty_link_is_wrong(
    texts: dict[str, str], problem: str
) -> None:
    with pytest.raises(RequestRejected, match=rf"^{problem}$"):
        parameters.read_required(texts, [WHOLE, LINK])


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        ({}, {}),
        ({"whole": ""}, {}),
        ({"whole": "2"}, {"whole": 2}),
        ({"other": "2"}, {}),
        *(({"whole": text}, {}) for text in (*NOTHING, "NULL", "None", "NaN")),
    ],
)
def test_optional_parameters_are_read_where_they_were_sent(
    texts: dict[str, str], values: dict[str, Any]
) -> None:
    assert parameters.read_optional(texts, [WHOLE]) == values


def test_a_wrong_optional_parameter_is_reported() -> None:
    with pytest.raises(RequestRejected, match=r"^Incorrect whole$"):
        parameters.read_optional({"whole": "6"}, [WHOLE])


@pytest.mark.parametrize(
    ("texts", "read"),
    [
        ({"order": "7"}, (ORDER, 7)),
        ({"order": "07"}, (ORDER, None)),
        ({"order": "7", "orders": ""}, (ORDER, 7)),
        ({"orders": "7, 07,7"}, (ORDERS, [SentId("7", 7), SentId("07", None)])),
        ({"order": "7, 07,7"}, (ORDERS, [SentId("7", 7), SentId("07", None)])),
        ({"order": "7,"}, (ORDERS, [SentId("7", 7)])),
        ({"refill": "7,8"}, (REFILLS, [SentId("7", 7), SentId("8", 8)])),
    ],
)
def test_exactly_one_of_several_parameters_is_read(texts: dict[str, str], read: Any) -> None:
    assert parameters.read_one_of(texts, (ORDER, ORDERS, REFILL, REFILLS)) == read


@pytest.mark.parametrize(
    "texts",
    [{}, {"order": ""}, {"order": "7", "orders": "7"}, {"orders": ","}, {"orders": UNUSABLE},
     {"order": ","}, {"order": "7,8", "orders": "7"},
     {"orders": ",".join(map(str, range(1, 102)))},
     {"order": ",".join(map(str, range(1, 102)))}],
)  # fmt: skip
def test_none_or_several_of_them_are_refused(texts: dict[str, str]) -> None:
    with pytest.raises(RequestRejected, match=r"^Incorrect request$"):
        parameters.read_one_of(texts, (ORDER, ORDERS))
