"""What waits since a restore: nothing the worker does by itself touches it until its release."""

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from support.orders import account_id, everything, new_order, offer_of
from support.trouble import add_up, refused, sent, subscription

from database.transactions import immediate
from models import Cancel, Order, Refill
from panel.errors import OperatorError
from panel.orders import (
    cancels,
    dispatch,
    doubts,
    dripfeed,
    events,
    lookup,
    refills,
    restored,
    status_sync,
    transition,
)
from panel.orders.cancels import CancelAnswer
from panel.orders.doubts import Known, Later, LaterCancel, LaterPart, LaterRefill
from panel.orders.place import OrderRequest, place_order
from panel.orders.refusal import Refusal
from panel.orders.restored import Counts
from panel.providers import words

pytestmark = pytest.mark.usefixtures("books_are_right")


@pytest.fixture
def up(cast: SimpleNamespace) -> SimpleNamespace:
    return add_up(cast)


def mark(**later: Any) -> Counts:
    """Take the database for an older copy."""
    with immediate():
        doubts.mark_all(Known(**later))
    return restored.counts()


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


def is_in_review(up: SimpleNamespace) -> int:
    order_id = is_being_sent(up)
    dispatch.mark_in_doubt(order_id, "no answer")
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
    assert mark() == Counts(0, 1, 0)
    assert refills.next_for_provider(up.id) is None
    assert "it may have been passed on" in Refill.get_by_id(refill).warning
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
    cancels.record_answers({int(str(cancel)): CancelAnswer(True)})
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
    there, still = waits(up), waits(up)
    later = {
        there: Later("In progress", "sent", "up", up.id, "70003", 1),
        still: Later("Pending", "waiting", "up", up.id, "", 1),
    }
    mark(orders=later)
    told = [lookup.get(order_id).warning for order_id in later]
    assert "at up under the number 70003, with the status In progress" in told[0]
    assert "waiting, not sent" in told[1]
    with pytest.raises(OperatorError, match="the provider has order 1 as 70003: attach it"):
        restored.release(there)
    dispatch.attach(there, "70003")
    restored.release(still)
    assert work(up) == [still]


# What the database before knows for certain


@pytest.mark.parametrize("happens", [*ORDERS, is_in_review])
@pytest.mark.parametrize("dispatch_state", ["", "failed"])
def test_what_was_canceled_before_and_never_sent_is_canceled_and_paid_back_again(
    up: SimpleNamespace, happens: Callable[[SimpleNamespace], int], dispatch_state: str
) -> None:
    order_id = happens(up)
    order = lookup.get(order_id)
    later = Later("Canceled", dispatch_state, "up", up.id, "", 1, remains=order.quantity)
    assert mark(orders={order_id: later}) == Counts(0, 0, 0)
    order = lookup.get(order_id)
    assert (order.status, order.refunded_micros) == ("Canceled", order.charge_micros)
    assert events.events(order_id)[-1]["text"] == (
        "canceled again: the database before the restore has it canceled, at no provider"
    )
    assert work(up) == []


def test_what_was_canceled_in_part_is_paid_back_in_the_same_part(up: SimpleNamespace) -> None:
    order_id = waits(up)
    mark(orders={order_id: Later("Canceled", "", "up", up.id, "", 1, 5, 40)})
    order = lookup.get(order_id)
    assert (order.start_count, order.remains) == (5, 40)
    assert order.refunded_micros == order.charge_micros * 40 // 100


HINDERS = {
    "by hand": (Later("Processing", "", "up", 1, "", 1), "the status Processing, at no provider"),
    "by hand, untouched": (Later("Pending", "", "", None, "", 1), "Pending, at no provider"),
    "done by hand": (Later("Completed", "", "", None, "", 1), "Completed, at no provider"),
    "in part": (Later("Partial", "failed", "up", 1, "", 1), "Partial, at no provider"),
    "being sent": (Later("Pending", "sending", "up", 1, "", 1), "being sent"),
    "in review": (Later("Pending", "review", "up", 1, "", 1), "in review"),
    "in doubt": (
        Later("Pending", "waiting", "up", 1, "", 1, may_be_at_provider=1),
        "waiting, and perhaps sent by an earlier try",
    ),
    "to cancel": (
        Later("Pending", "waiting", "up", 1, "", 1, cancel_waits=1),
        "waiting, not sent, and its customer asked to cancel it",
    ),
    "at a provider that was added since": (
        Later("In progress", "sent", "new", 99, "5", 2),
        "at new under the number 5, with the status In progress; the copy does not know that",
    ),
    "at another provider of that number": (
        Later("In progress", "sent", "new", 1, "5", 2),
        "at new under the number 5, with the status In progress; the copy does not know that",
    ),
    "known from an earlier restore": (
        Later("Pending", "review", "up", 1, "", 1, restored=1, known_before="so and so"),
        "so and so",
    ),
}


@pytest.mark.parametrize("how", HINDERS)
def test_what_was_not_waiting_before_is_not_released_with_the_rest(
    up: SimpleNamespace, how: str
) -> None:
    later, why = HINDERS[how]
    order_id, other = waits(up), waits(up)
    mark(orders={order_id: later})
    Order.update(warning="").where(Order.id == order_id).execute()  # it does not depend on that
    with pytest.raises(OperatorError, match=re.escape(why)):
        restored.release(order_id)
    restored.release(other)
    assert work(up) == [other]
    dispatch.resend(order_id)
    order = lookup.get(order_id)
    assert (order.restored, order.known_before) == (0, "")
    assert work(up) == [order_id]


def test_what_an_earlier_restore_knew_is_known_after_the_next(up: SimpleNamespace) -> None:
    """The copy was made between the two, and is in doubt itself."""
    order_id = waits(up)
    mark()
    later = Later("Pending", "review", "up", up.id, "", 1, restored=1, known_before="so and so")
    mark(orders={order_id: later})
    with pytest.raises(OperatorError, match="so and so"):
        restored.release(order_id)


def test_what_an_earlier_restore_left_in_doubt_is_released_with_the_rest(
    up: SimpleNamespace,
) -> None:
    order_id = waits(up)
    mark(orders={order_id: Later("Pending", "review", "up", up.id, "", 1, restored=1)})
    restored.release(order_id)
    assert work(up) == [order_id]


def test_an_order_is_sent_again_under_the_key_that_it_had(up: SimpleNamespace) -> None:
    order_id = waits(up)
    later = Later("Pending", "review", "up", up.id, "", 1, send_key="k" * 32)
    mark(orders={order_id: later})
    dispatch.resend(order_id)
    outgoing = dispatch.claim(up.id)
    assert outgoing is not None
    assert outgoing.key == "k" * 32


# Drip-feeds in parts


def drip_feed(up: SimpleNamespace) -> int:
    """One of three parts of 10, of which the first is at the provider and done."""
    wanted = OrderRequest("https://a.example/d", 10, runs=3, interval=1)
    order_id = place_order(account_id(), offer_of(up.followers), wanted)
    assert dispatch.claim(up.id) is None
    (part,) = work(up)
    dispatch.record_accepted(part, "500", 0)
    transition.change(part, status="Completed")
    return order_id


def time_passes(up: SimpleNamespace) -> list[int]:
    """The next part is due: what the worker sends then."""
    Order.update(poll_at=0, created_at=0).execute()
    return work(up)


def later_part(up: SimpleNamespace, whole: int, number: int, **known: Any) -> LaterPart:
    told = {
        "status": "In progress", "dispatch_state": "sent", "provider_name": "up",
        "provider_id": up.id, "provider_order": f"{500 + number}", "source_rank": 1,
        "remains": 10, **known,
    }  # fmt: skip
    return LaterPart(
        1000 + number, whole, number, "https://a.example/d", 10, "{}", 9000, 1, 2, Later(**told)
    )


IN_PARTS = ("In progress", "parts", "up", 1, "", 1)


def test_the_parts_that_came_after_the_copy_are_written_down_and_followed(
    up: SimpleNamespace,
) -> None:
    whole = drip_feed(up)
    later = Later(*IN_PARTS, remains=20)
    part = later_part(up, whole, 2, start_count=7)
    assert mark(orders={whole: later}, parts=[part]) == Counts(1, 0, 0)
    assert "1 parts that came after the copy" in restored.listing()[0].warning
    row = lookup.get(part.id)
    assert (row.parent_id, row.part, row.quantity, row.charge_micros) == (whole, 2, 10, 0)
    assert (row.status, row.dispatch_state, row.provider_order) == ("In progress", "sent", "502")
    assert (row.cost_micros, row.start_count, row.created_at) == (9000, 7, 1)
    assert (part.id, "502") in status_sync.due_for_status(up.id, 10)
    transition.change(part.id, status="Completed")
    assert time_passes(up) == []
    restored.release(whole)
    assert lookup.get(whole).warning == ""
    (third,) = time_passes(up)
    assert lookup.get(third).part == 3
    dispatch.record_accepted(third, "503", 0)
    transition.change(third, status="Completed")
    assert time_passes(up) == []
    assert (lookup.get(whole).status, len(lookup.parts_of(whole))) == ("Completed", 3)


@pytest.mark.parametrize(
    ("known", "released"),
    [
        ({"status": "Pending", "dispatch_state": "sending", "provider_order": ""}, False),
        ({"status": "Pending", "dispatch_state": "review", "provider_order": ""}, False),
        ({"provider_name": "new", "provider_id": 99}, False),
        ({"status": "Pending", "dispatch_state": "waiting", "provider_order": ""}, True),
    ],
)
def test_a_part_of_which_nobody_is_sure_is_in_review_and_no_other_starts(
    up: SimpleNamespace, known: dict[str, Any], released: bool
) -> None:
    whole = drip_feed(up)
    part = later_part(up, whole, 2, **known)
    assert mark(orders={whole: Later(*IN_PARTS)}, parts=[part]) == Counts(2, 0, 0)
    assert lookup.get(part.id).dispatch_state == "review"
    restored.release(whole)
    assert time_passes(up) == []
    if released:
        restored.release(part.id)
        assert work(up) == [part.id]
    else:
        with pytest.raises(OperatorError, match="settle it"):
            restored.release(part.id)


@pytest.mark.parametrize("state", ["waiting", "sending", "review"])
def test_a_drip_feed_that_came_in_parts_after_the_copy_is_in_parts(
    up: SimpleNamespace, state: str
) -> None:
    wanted = OrderRequest("https://a.example/d", 10, runs=3, interval=1)
    whole = place_order(account_id(), offer_of(up.followers), wanted)
    Order.update(dispatch_state=state, restored=state == "review").execute()
    later = Later("In progress", "parts", "up", up.id, "", 1, remains=20)
    part = later_part(up, whole, 1, status="Completed", remains=0)
    assert mark(orders={whole: later}, parts=[part]) == Counts(1, 0, 0)
    assert time_passes(up) == []
    restored.release(whole)
    (second,) = time_passes(up)
    assert lookup.get(second).part == 2


@pytest.mark.parametrize("status", ["Canceled", "Partial", "Completed"])
def test_a_drip_feed_that_had_ended_is_not_released(up: SimpleNamespace, status: str) -> None:
    whole = drip_feed(up)
    later = Later(status, "parts", "up", up.id, "", 1, remains=20, has_parts_there=1)
    mark(orders={whole: later})
    with pytest.raises(OperatorError, match=f"the status {status}, 20 remain: settle it"):
        restored.release(whole)
    assert time_passes(up) == []
    transition.change(whole, status=status, remains=20)
    assert restored.counts() == Counts(0, 0, 0)
    assert time_passes(up) == []


def test_a_drip_feed_that_was_canceled_before_its_first_part_left_is_canceled_again(
    up: SimpleNamespace,
) -> None:
    wanted = OrderRequest("https://a.example/d", 10, runs=3, interval=1)
    whole = place_order(account_id(), offer_of(up.followers), wanted)
    dispatch.claim(up.id)
    mark(orders={whole: Later("Canceled", "parts", "up", up.id, "", 1, remains=30)})
    order = lookup.get(whole)
    assert (order.status, order.refunded_micros) == ("Canceled", order.charge_micros)
    assert time_passes(up) == []


def test_where_nothing_is_known_the_operator_tells_of_the_parts_that_are_there(
    up: SimpleNamespace,
) -> None:
    whole = drip_feed(up)
    mark()
    (waiting,) = restored.listing()
    assert "the copy knows 1 of its 3 parts" in waiting.warning
    assert f"flask order attach {whole} NUMBER --part 2" in waiting.warning
    part = dripfeed.attach_part(whole, 2, "502")
    row = lookup.get(part)
    assert (row.dispatch_state, row.provider_order, row.charge_micros) == ("sent", "502", 0)
    assert row.cost_micros == 9000
    assert restored.counts() == Counts(1, 0, 0)
    restored.release(whole)
    transition.change(part, status="Completed")
    (third,) = time_passes(up)
    assert lookup.get(third).part == 3


def test_a_part_is_attached_only_where_it_can_be(up: SimpleNamespace) -> None:
    whole, other = drip_feed(up), waits(up)
    with pytest.raises(OperatorError, match="does not wait since a restore"):
        dripfeed.attach_part(whole, 2, "502")
    mark()
    for order_id, part, number, why in (
        (other, 2, "502", "is no drip-feed that is sent in parts"),
        (whole, 1, "502", "the next part of order 1 is part 2 of 3"),
        (whole, 3, "502", "the next part of order 1 is part 2 of 3"),
        (whole, 2, "500", "belongs to order 2"),
        (whole, 2, "5 0", "cannot be a provider's order number"),
    ):
        before = everything()
        with pytest.raises(OperatorError, match=why):
            dripfeed.attach_part(order_id, part, number)
        assert everything() == before
    dripfeed.attach_part(whole, 2, "502")
    dripfeed.attach_part(whole, 3, "503")
    with pytest.raises(OperatorError, match="all 3 parts of order 1 are known"):
        dripfeed.attach_part(whole, 4, "504")


# Refills and cancel requests


def test_a_refill_of_which_the_number_is_known_is_followed_and_not_asked_for_again(
    up: SimpleNamespace,
) -> None:
    order_id = sent(up, "500")
    transition.change(order_id, status="Completed")
    (refill,) = refills.request(account_id(), [order_id])
    assert mark(refills={refill: LaterRefill("completed", "r7")}) == Counts(0, 0, 0)
    assert refills.next_for_provider(up.id) is None
    assert refills.due_for_status(up.id) == [(refill, "r7")]
    row = Refill.get_by_id(refill)
    assert (row.status, row.restored, row.warning) == ("in progress", False, "")


@pytest.mark.parametrize("status", ["in progress", "completed", "rejected", "error"])
def test_a_refill_that_was_settled_by_hand_is_settled(up: SimpleNamespace, status: str) -> None:
    order_id = sent(up, "500")
    transition.change(order_id, status="Completed")
    (refill,) = refills.request(account_id(), [order_id])
    assert mark(refills={refill: LaterRefill(status, None)}) == Counts(0, 0, 0)
    assert Refill.get_by_id(refill).status == status
    assert refills.next_for_provider(up.id) is None


@pytest.mark.parametrize(
    ("later", "status", "held"),
    [
        (LaterCancel("pending", 1), "pending", 0),
        (LaterCancel("accepted", 1), "pending", 0),
        (LaterCancel("rejected", 1), "rejected", 0),
        (LaterCancel("rejected", 0), "rejected", 0),
        (LaterCancel("accepted", 0), "pending", 1),
        (LaterCancel("pending", 0), "pending", 1),
    ],
)
def test_a_cancel_request_that_was_passed_on_or_turned_down_is_not_passed_on_again(
    up: SimpleNamespace, later: LaterCancel, status: str, held: int
) -> None:
    order_id = sent(up, "500")
    (cancel,) = cancels.request(account_id(), [order_id])
    assert mark(cancels={cancel: later}) == Counts(0, 0, held)
    assert cancels.due_for_provider(up.id) == []
    assert Cancel.get().status == status
    if later.passed_on:
        transition.change(order_id, status="Canceled")
        answer = "rejected" if later.status == "rejected" else "accepted"
        assert Cancel.get().status == answer


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
