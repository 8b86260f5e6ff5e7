"""What waits since a restore: nothing the worker does by itself touches it until its release."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from support.orders import account_id, new_order, offer_of
from support.trouble import add_up, refused, sent, subscription

from database.transactions import immediate
from models import Cancel, Order, Refill
from panel.errors import OperatorError
from panel.orders import cancels, dispatch, dripfeed, lookup, refills, restored, transition
from panel.orders.place import OrderRequest, place_order
from panel.orders.refusal import Refusal
from panel.orders.restored import Counts, Later
from panel.providers import words

pytestmark = pytest.mark.usefixtures("books_are_right")


@pytest.fixture
def up(cast: SimpleNamespace) -> SimpleNamespace:
    return add_up(cast)


def mark(**later: Any) -> Counts:
    """Take the database for an older copy."""
    with immediate():
        return restored.mark_all(later.get("orders", {}), later.get("refills", {}))


# Everything that the worker would do by itself


def waits(up: SimpleNamespace) -> int:
    return new_order(up.followers)


def is_being_sent(up: SimpleNamespace) -> int:
    order_id = new_order(up.followers)
    assert dispatch.claim(up.id) is not None
    return order_id


def was_refused(up: SimpleNamespace) -> int:
    """Held for a refusal whose time is over: the worker would give it up and pay it back."""
    order_id = refused(up, "Daily limit")
    Order.update(send_at=0).execute()
    return order_id


def waits_for_funds(up: SimpleNamespace) -> int:
    order_id = refused(up, "Not enough funds", Refusal.FUNDS)
    Order.update(send_at=0).execute()
    return order_id


def was_refused_for_now(up: SimpleNamespace) -> int:
    order_id = refused(up, "try later", Refusal.TEMPORARY)
    Order.update(send_at=0).execute()
    return order_id


def is_held_for_cost(up: SimpleNamespace) -> int:
    order_id = new_order(up.followers)
    Order.update(held_because="cost", held_text="dearer").execute()
    return order_id


def may_be_there_from_an_earlier_try(up: SimpleNamespace) -> int:
    order_id = new_order(up.followers)
    Order.update(may_be_at_provider=True, send_key="k" * 32).execute()
    return order_id


def is_a_subscription(up: SimpleNamespace) -> int:
    order_id = subscription(up)
    Order.update(dispatch_state="waiting", provider_order=None).execute()
    return order_id


ORDERS = [
    waits, is_being_sent, was_refused, waits_for_funds, was_refused_for_now, is_held_for_cost,
    may_be_there_from_an_earlier_try, is_a_subscription,
]  # fmt: skip


def work(up: SimpleNamespace) -> list[int]:
    """Do what the worker does by itself: the orders that it would send."""
    dispatch.recover_interrupted()
    dripfeed.run_due(15)
    dispatch.expire_held()
    dispatch.release_for_funds(up.id)
    found = []
    while order := dispatch.claim(up.id):
        found.append(order.order_id)
    return found


@pytest.mark.parametrize("happens", ORDERS)
def test_an_order_that_waited_is_in_review_and_not_sent_until_it_is_released(
    up: SimpleNamespace, happens: Callable[[SimpleNamespace], int]
) -> None:
    order_id = happens(up)
    charged = lookup.get(order_id).charge_micros
    assert mark() == Counts(1, 0, 0)
    assert work(up) == []
    order = lookup.get(order_id)
    assert (order.dispatch_state, order.restored, order.held_because) == ("review", 1, "")
    assert order.warning.startswith("the database was restored from a copy since")
    assert (order.charge_micros, order.refunded_micros) == (charged, 0)
    restored.release(order_id)
    assert work(up) == [order_id]
    assert restored.listing() == []


def test_a_refusal_that_is_taught_settles_nothing_that_waits_since_a_restore(
    up: SimpleNamespace,
) -> None:
    order_id = was_refused(up)
    mark()
    words.teach("up", "Daily limit", "cancel")
    assert dispatch.settle_refused(up.id) == 0
    assert lookup.get(order_id).refunded_micros == 0


def test_a_drip_feed_starts_no_part_until_it_is_released(up: SimpleNamespace) -> None:
    wanted = OrderRequest("https://a.example/d", 10, runs=3, interval=1)
    order_id = place_order(account_id(), offer_of(up.followers), wanted)
    assert dispatch.claim(up.id) is None
    assert lookup.get(order_id).dispatch_state == "parts"
    assert mark() == Counts(1, 0, 0)
    assert work(up) == []
    assert lookup.parts_of(order_id) == []
    restored.release(order_id)
    (part,) = work(up)
    assert [row.id for row in lookup.parts_of(order_id)] == [part]


def test_the_parts_of_a_drip_feed_wait_as_other_orders_do(up: SimpleNamespace) -> None:
    wanted = OrderRequest("https://a.example/d", 10, runs=3, interval=1)
    order_id = place_order(account_id(), offer_of(up.followers), wanted)
    dispatch.claim(up.id)
    dripfeed.run_due(15)
    (part,) = lookup.parts_of(order_id)
    assert mark() == Counts(2, 0, 0)
    restored.release(order_id)
    Order.update(poll_at=0, created_at=0).execute()
    assert work(up) == []
    assert len(lookup.parts_of(order_id)) == 1
    restored.release(part.id)
    assert work(up) == [part.id]


def test_a_refill_is_not_passed_on_until_it_is_released(up: SimpleNamespace) -> None:
    order_id = sent(up, "500")
    transition.change(order_id, status="Completed")
    (refill,) = refills.request(account_id(), [order_id])
    assert mark(refills={refill: "r7"}) == Counts(0, 1, 0)
    assert refills.next_for_provider(up.id) is None
    assert "the provider has it as r7" in Refill.get_by_id(refill).warning
    restored.release(order_id)
    assert refills.next_for_provider(up.id) == (refill, "500")
    assert Refill.get_by_id(refill).warning == ""


def test_a_cancel_request_is_not_passed_on_until_it_is_released(up: SimpleNamespace) -> None:
    order_id = sent(up, "500")
    (cancel,) = cancels.request(account_id(), [order_id])
    assert mark() == Counts(0, 0, 1)
    assert cancels.due_for_provider(up.id) == []
    assert cancels.request(account_id(), [order_id]) == [cancel]
    assert cancels.due_for_provider(up.id) == []
    restored.release(order_id)
    assert cancels.due_for_provider(up.id) == [(cancel, "500")]


def test_a_cancel_request_of_an_order_in_doubt_waits_after_the_order_is_attached(
    up: SimpleNamespace,
) -> None:
    order_id = is_being_sent(up)
    cancels.request(account_id(), [order_id])
    assert mark() == Counts(1, 0, 1)
    dispatch.attach(order_id, "500")
    assert cancels.due_for_provider(up.id) == []


def test_what_nobody_would_pass_on_is_not_in_doubt(up: SimpleNamespace) -> None:
    by_hand = new_order(up.views, 100)
    transition.change(by_hand, status="In progress")
    followed, passed_on = sent(up, "500"), sent(up, "501")
    transition.change(followed, status="Completed")
    (refill,) = refills.request(account_id(), [followed])
    refills.record_accepted(int(str(refill)), "r1", 0)
    (cancel,) = cancels.request(account_id(), [passed_on])
    cancels.record_answers({int(str(cancel)): True})
    assert mark() == Counts(0, 0, 0)


# What an operator does with them


def test_an_order_that_was_in_review_already_is_not_released_with_the_rest(
    up: SimpleNamespace,
) -> None:
    order_id = is_being_sent(up)
    dispatch.mark_in_doubt(order_id, "no answer")
    assert mark() == Counts(0, 0, 0)
    with pytest.raises(OperatorError, match="nothing of order 1 waits since a restore"):
        restored.release(order_id)


SETTLE: dict[str, Callable[[int], Any]] = {
    "attach": lambda order_id: dispatch.attach(order_id, "500"),
    "resend": dispatch.resend,
    "fail": dispatch.fail,
    "set": lambda order_id: transition.change(order_id, status="Processing"),
    "cancel": lambda order_id: transition.change(order_id, status="Canceled"),
}


@pytest.mark.parametrize("how", SETTLE)
def test_an_order_that_is_settled_by_itself_waits_for_no_release(
    up: SimpleNamespace, how: str
) -> None:
    order_id = waits(up)
    mark()
    SETTLE[how](order_id)
    assert lookup.get(order_id).restored == 0
    assert restored.counts() == Counts(0, 0, 0)


@pytest.mark.parametrize("status", ["pending", "completed", "rejected"])
def test_a_refill_that_is_settled_by_itself_waits_for_no_release(
    up: SimpleNamespace, status: str
) -> None:
    order_id = sent(up, "500")
    transition.change(order_id, status="Completed")
    (refill,) = refills.request(account_id(), [order_id])
    mark()
    refills.set_status(int(str(refill)), status)
    assert restored.counts() == Counts(0, 0, 0)
    assert Refill.get().restored is False


@pytest.mark.parametrize("answer", [cancels.accept, cancels.reject])
def test_a_cancel_request_that_is_answered_waits_for_no_release(
    up: SimpleNamespace, answer: Callable[[int], None]
) -> None:
    (cancel,) = cancels.request(account_id(), [sent(up, "500")])
    mark()
    answer(int(str(cancel)))
    assert Cancel.get().restored is False


def test_what_the_database_before_knows_is_told_and_not_bought_again(up: SimpleNamespace) -> None:
    there, canceled, still = waits(up), waits(up), waits(up)
    later = {
        there: Later("In progress", "sent", "up", up.id, "70003", 1),
        canceled: Later("Canceled", "failed", "up", up.id, "", 1),
        still: Later("Pending", "waiting", "up", up.id, "", 1),
    }
    mark(orders=later)
    told = [lookup.get(order_id).warning for order_id in later]
    assert "at up under the number 70003, with the status In progress" in told[0]
    assert "with the status Canceled, at no provider" in told[1]
    assert "waiting, not sent" in told[2]
    with pytest.raises(OperatorError, match="the provider has order 1 as 70003: attach it"):
        restored.release(there)
    dispatch.attach(there, "70003")
    restored.release(still)
    assert work(up) == [still]


def test_what_cannot_be_sent_is_not_released(up: SimpleNamespace) -> None:
    moved, asked = is_being_sent(up), is_being_sent(up)
    transition.change(moved, status="Processing")
    cancels.request(account_id(), [asked])
    mark()
    for order_id, why in ((moved, "is Processing: attach or fail it"), (asked, "asked to cancel")):
        with pytest.raises(OperatorError, match=why):
            restored.release(order_id)
        assert lookup.get(order_id).restored == 1
    assert restored.counts() == Counts(2, 0, 1)


def test_a_second_restore_marks_what_waits_then_once(up: SimpleNamespace) -> None:
    first = waits(up)
    mark()
    second = waits(up)
    assert mark() == Counts(2, 0, 0)
    assert lookup.get(first).warning == lookup.get(second).warning
