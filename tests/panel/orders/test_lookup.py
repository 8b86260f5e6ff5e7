"""Whose order it is."""

import pytest
from support.orders import (
    Place,
    account_id,
    told_state,
)

from panel.errors import (
    INCORRECT_ORDER_ID,
    RequestRejected,
)
from panel.orders import lookup

pytestmark = pytest.mark.usefixtures("cast")


def test_somebody_elses_order_and_no_order_are_the_same(place: Place) -> None:
    order_id = place()
    bob = account_id("bob")
    for number in (order_id, order_id + 1, None):
        with pytest.raises(RequestRejected) as refused:
            lookup.find(bob, number)
        assert refused.value.problem == INCORRECT_ORDER_ID
    assert lookup.find_many(bob, [order_id, None]) == {
        order_id: INCORRECT_ORDER_ID, None: INCORRECT_ORDER_ID,
    }  # fmt: skip
    assert lookup.find_many(account_id(), [9999, order_id]) == {
        9999: INCORRECT_ORDER_ID, order_id: told_state(order_id),
    }  # fmt: skip
    assert lookup.find_many(account_id(), []) == {}
