"""The dashboard's orders: found, shown, and changed."""

from types import SimpleNamespace

import pytest
from support.dashboard import Operator, lines, place, said
from support.databases import refusing_writes

from panel import accounts, ledger
from panel.money import MICROS
from panel.orders import cancels, lookup, refills, transition

ORDER_ACTS = [
    ("processing", "Processing", 0, "set status Processing"),
    ("in-progress", "In progress", 0, "set status In progress"),
    ("completed", "Completed", 0, "set status Completed"),
    ("cancel", "Canceled", 500_000, "set status Canceled"),
    ("refund", "Canceled", 500_000, "refund"),
    ("partial", "Partial", 500_000, "set status Partial"),
]


@pytest.mark.parametrize(
    ("act", "status", "refunded", "line"), ORDER_ACTS, ids=[row[0] for row in ORDER_ACTS]
)
def test_an_act_on_an_order_is_the_commands_act(
    act: str, status: str, refunded: int, line: str, olga: Operator, order_id: int
) -> None:
    olga.post("/admin/orders/act", order=order_id, act=act, confirmed="1")
    order = lookup.get(order_id)
    assert (order.status, order.refunded_micros) == (status, refunded)
    assert accounts.get("alice").balance_micros == 100 * MICROS - 500_000 + refunded
    assert list(ledger.check()) == []
    outcome = "done: refunded 0.50 USD" if refunded else "done"
    assert lines() == [("olga", f"order {order_id}: {line}", outcome)]


def test_an_order_is_changed_by_its_form_in_what_was_changed_alone(
    olga: Operator, order_id: int
) -> None:
    olga.post(f"/admin/orders/{order_id}/change", status="Partial", start_count="0", remains="40")
    order = lookup.get(order_id)
    assert (order.status, order.remains, order.refunded_micros) == ("Partial", 40, 200_000)
    act = f"order {order_id}: set status Partial, remains 40"
    assert lines() == [("olga", act, "done: refunded 0.20 USD")]


def test_a_change_that_cannot_be_is_told_and_written_down(olga: Operator, order_id: int) -> None:
    change = {"status": "Partial", "start_count": "0", "remains": "101"}
    answer = olga.post(f"/admin/orders/{order_id}/change", **change)
    assert lookup.get(order_id).status == "Pending"
    (line,) = lines()
    assert line[2].startswith("refused: the remains must be")
    assert "the remains must be" in said(answer.text)[0]


@pytest.mark.parametrize(
    ("act", "forward", "status"),
    [("resend", "waiting", "Pending"), ("fail", "failed", "Canceled")],
)
def test_an_order_in_review_is_sent_again_or_given_up(
    act: str, forward: str, status: str, olga: Operator, in_review: int
) -> None:
    olga.post("/admin/orders/act", order=in_review, act=act, confirmed="1")
    order = lookup.get(in_review)
    assert (order.dispatch_state, order.status) == (forward, status)
    outcome = "done: refunded 0.50 USD" if status == "Canceled" else "done"
    assert lines() == [("olga", f"order {in_review}: {act}", outcome)]


def test_an_order_in_review_is_attached(olga: Operator, in_review: int) -> None:
    olga.post(f"/admin/orders/{in_review}/attach", provider_order=" 4711 ")
    order = lookup.get(in_review)
    assert (order.dispatch_state, order.provider_order) == ("sent", "4711")
    assert lines() == [("olga", f"order {in_review}: attach 4711", "done")]


def test_cancel_requests_and_refills_are_answered(olga: Operator, cast: SimpleNamespace) -> None:
    caller = accounts.find(cast.alice)
    assert caller is not None
    accept, reject, done = (place(cast, "alice") for _ in range(3))
    for number in (accept, reject):
        transition.change(number, status="In progress")
    transition.change(done, status="Completed")
    first, second = cancels.request(caller.id, [accept, reject])
    (refill,) = refills.request(caller.id, [done])
    assert "Accept" in olga.text(f"/admin/orders/{accept}")
    olga.post(f"/admin/cancels/{first}/accept")
    olga.post(f"/admin/cancels/{second}/reject")
    olga.post(f"/admin/refills/{refill}", status="completed")
    assert lookup.get(accept).status == "Canceled"
    assert lookup.get(reject).status == "In progress"
    assert refills.status(caller.id, int(str(refill))) == "completed"
    outcomes = [outcome for _, _, outcome in lines()]
    assert outcomes == ["done: refunded 0.50 USD", "done", "done"]


def test_an_orders_story_has_its_money_and_its_way(olga: Operator, in_review: int) -> None:
    transition.change(in_review, status="Canceled")
    page = olga.text(f"/admin/orders/{in_review}")
    for text in ("charge", "-0.50", "refund", "100.00", "as service 1", "HTTP 502"):
        assert text in page, text


def test_an_orders_history_begins_with_the_request_that_placed_it(
    olga: Operator, cast: SimpleNamespace
) -> None:
    asked = {"key": cast.alice, "action": "add", "service": cast.followers, "quantity": 100}
    headers = {"X-Request-Id": "request-1842"}
    olga.client.post("/api/v2", data={**asked, "link": "https://a.b/c"}, headers=headers)
    page = olga.text("/admin/orders/1")
    assert 'customer:</span> <span class="any">request request-1842' in page


def test_a_page_says_that_the_database_cannot_be_written(olga: Operator, order_id: int) -> None:
    with refusing_writes():
        pages = [
            olga.post("/admin/orders/act", order=order_id, act="completed", confirmed="1"),
            olga.post(f"/admin/orders/{order_id}/change", status="Completed"),
        ]
        assert "Pending" in olga.text(f"/admin/orders/{order_id}")
    for page in pages:
        assert (page.status_code, page.mimetype) == (503, "text/html")
        assert page.headers["Retry-After"] == "30"
        assert "<h1>Service Unavailable</h1>" in page.text
        assert "The database cannot be written: attempt to write a readonly database." in page.text
    assert lookup.get(order_id).status == "Pending"
