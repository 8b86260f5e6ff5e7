"""An order to work with."""

from types import SimpleNamespace

import pytest
from support.orders import Place, account_id, offer_of

from panel.orders import transition
from panel.orders.place import OrderRequest, place_order


@pytest.fixture
def place(cast: SimpleNamespace) -> Place:
    """Place Alice's order of 500 followers and move it to a status; half of it is delivered."""

    def place(status: str = "Pending", remains: int = 250, service: int | None = None) -> int:
        bought = offer_of(service or cast.followers)
        order_id = place_order(
            account_id(), bought, OrderRequest("https://a.example/", min(500, bought.max))
        )
        if status != "Pending":
            remains = 0 if status == "Completed" else min(remains, bought.max)
            transition.change(order_id, status=status, remains=remains)
        return order_id

    return place
