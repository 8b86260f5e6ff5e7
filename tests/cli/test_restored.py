"""flask restored: what is in doubt since a restore is listed and released."""

from types import SimpleNamespace

import pytest
from support.commands import Call, read
from support.orders import new_order
from support.trouble import add_up, restored, sent

from models import Cancel, Order, Refill
from panel.orders import dispatch, lookup
from panel.orders.restored import counts


@pytest.fixture
def up(cast: SimpleNamespace) -> SimpleNamespace:
    """A refill of order 1, a cancel request of order 2 and order 3 wait."""
    up = add_up(cast)
    restored(up)
    order_id = new_order(up.followers)
    Order.update(dispatch_state="review", restored=True, warning="x").where(
        Order.id == order_id
    ).execute()
    return up


def test_everything_that_waits_is_listed(up: SimpleNamespace, call: Call) -> None:
    rows = read(call, "restored list")
    assert [(row["kind"], row["id"], row["order"], row["provider_order"]) for row in rows] == [
        ("order", 3, 3, None), ("refill", 1, 1, "500"), ("cancel", 1, 2, "501"),
    ]  # fmt: skip
    assert {row["provider"] for row in rows} == {"up"}


def test_one_is_released(up: SimpleNamespace, call: Call) -> None:
    assert call("restored release 2").stdout == "Order 2 goes on.\n"
    assert (Cancel.get().restored, Refill.get().restored) == (False, True)
    again = call("restored release 2")
    assert again.exit_code == 1
    assert again.stderr == (
        "Error: nothing of order 2 waits since a restore\nError: 1 of 1 orders were refused\n"
    )


def test_all_are_released(up: SimpleNamespace, call: Call) -> None:
    said = "Order 1 goes on.\nOrder 2 goes on.\nOrder 3 goes on.\n"
    assert call("restored release --all").stdout == said
    assert not any(counts())
    assert lookup.get(3).dispatch_state == "waiting"
    nothing = "Nothing waits since a restore.\n"
    assert call("restored release --all").stdout == nothing
    assert call("restored list").stdout == nothing


def test_one_that_is_refused_stops_no_other(up: SimpleNamespace, call: Call) -> None:
    Order.update(provider_order="70003").where(Order.id == 3).execute()
    result = call("restored release --all")
    assert (result.exit_code, result.stdout) == (1, "Order 1 goes on.\nOrder 2 goes on.\n")
    assert "the provider has order 3 as 70003: attach it" in result.stderr
    assert call("order attach 3 70003").exit_code == 0
    assert sent(up, "502")
    assert dispatch.holder(up.id, "70003") == 3
    assert call("restored list").stdout == "Nothing waits since a restore.\n"
