"""Whatever a provider answers, it is understood as far as it can be, or said not to be."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.money import ONE_PPT
from panel.orders.dispatch import is_order_number
from panel.providers.currency import Exchange
from upstream import answers, requests, statuses
from upstream.provider import OutcomeUnknown, ProviderRejected

RUPEES = Exchange("INR", "USD", 83 * ONE_PPT)
ASKED = ["7", "8", "3f25-04e0"]

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.sampled_from(["", "0", "7", "8", "0.9", "-1", "1e-999999", "USD", "\u20b9", "NaN", "a b"]),
    st.sampled_from(["Completed", "Canceled", "Success", "Error", "2", "Incorrect order ID"]),
    st.text(max_size=5),
)
names = st.one_of(
    st.sampled_from(
        ["order", "orders", "id", "status", "status_name", "charge", "currency", "remains",
         "start_count", "posts", "runs", "quantity", "error", "message", "data", "refill",
         "cancel", "balance", "service", "services", "rate", "min", "max", "name", "success"]
    ),
    st.sampled_from(ASKED),
    st.text(max_size=3),
)  # fmt: skip
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6),
    max_leaves=25,
)

READERS: dict[str, Callable[[Any], Any]] = {
    "error": lambda answer: answers.read_error(answer, 200),
    "error of an order": lambda answer: answers.read_error(answer, 200, adding=True),
    "order": answers.read_order,
    "balance": answers.read_balance,
    "services": lambda answer: answers.read_listings(answer, 83 * ONE_PPT),
    "statuses": lambda answer: statuses.read_statuses(answer, ASKED, RUPEES),
    "status": lambda answer: statuses.read_statuses(answer, ["7"], RUPEES),
    "cancels": lambda answer: requests.read_cancels(answer, ASKED),
    "refill": lambda answer: requests.read_refill(answer, "7"),
    "refill statuses": lambda answer: requests.read_refill_statuses(answer, ASKED),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ("[", "]"),
        ('{"7":', "}"),
        ('{"order":', "}"),
        ('[{"order":"7","status":"x"},{"order":"7","status":', "}]"),
        ('{"7":{"error":', "}}"),
    ],
)
def test_no_depth_of_an_answer_breaks_anything(name: str, opening: str, closing: str) -> None:
    for depth in range(50, 1000, 10):
        try:
            decoded = json.loads(opening * depth + "1" + closing * depth)
        except RecursionError:
            return
        with suppress(OutcomeUnknown, ProviderRejected):
            READERS[name](decoded)


@pytest.mark.parametrize("name", READERS)
@given(answer=anything)
def test_no_answer_breaks_anything(name: str, answer: Any) -> None:
    decoded = json.loads(json.dumps(answer), parse_int=str, parse_float=str, parse_constant=str)
    try:
        read = READERS[name](decoded)
    except (OutcomeUnknown, ProviderRejected):
        return
    if name in ("order", "refill"):
        assert is_order_number(read)
    if name in ("statuses", "cancels", "refill statuses"):
        assert read.keys() <= set(ASKED)
    if name in ("statuses", "status"):
        for status in read.values():
            assert status.charge is None or status.charge.micros is None or status.charge.text
            assert all(is_order_number(number) for number in status.children)
