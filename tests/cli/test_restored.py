"""flask restored: what is in doubt since a restore is listed and released."""

from types import SimpleNamespace

import pytest
from support.commands import Call, audit, read
from support.orders import account_id, new_order, offer_of
from support.trouble import add_up, restored, sent

from models import Cancel, Order, Refill
from panel.orders import dispatch, lookup
from panel.orders.place import OrderRequest, place_order
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


def test_a_part_that_the_provider_has_is_told_by_number(up: SimpleNamespace, call: Call) -> None:
    wanted = OrderRequest("https://a.example/d", 10, runs=3, interval=1)
    whole = place_order(account_id(), offer_of(up.followers), wanted)
    assert dispatch.claim(up.id) is None
    Order.update(restored=True).where(Order.id == whole).execute()
    said = call(f"order attach {whole} 502 --part 1").stdout
    assert said == f"Part 1 of order {whole} is the provider's order 502, and order 5 here.\n"
    assert audit() == [("(command line)", "", f"order {whole}: attach 502 as part 1", "done")]
    refused = call(f"order attach {whole} 503 --part 1")
    assert refused.exit_code == 2
    assert refused.stderr == f"Error: the next part of order {whole} is part 2 of 3\n"
