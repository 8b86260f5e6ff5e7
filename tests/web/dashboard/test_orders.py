"""The dashboard's orders: found, shown, and changed."""

import re
from types import SimpleNamespace

import pytest
from support.apps import listed
from support.dashboard import Operator, lines, place, said
from support.databases import refusing_writes

from models import Order
from panel import accounts, ledger
from panel.money import MICROS
from panel.orders import cancels, dispatch, lookup, refills, transition
from panel.providers import registry, sources

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
    olga.post("/admin/orders/act", order=order_id, act=act)
    order = lookup.get(order_id)
    assert (order.status, order.refunded_micros) == (status, refunded)
    assert accounts.get("alice").balance_micros == 100 * MICROS - 500_000 + refunded
    assert list(ledger.check()) == []
    assert lines() == [("olga", f"order {order_id}: {line}", "done")]


def test_an_act_on_a_selection_is_done_with_each_and_tells_what_was_refused(
    olga: Operator, cast: SimpleNamespace
) -> None:
    numbers = [place(cast, "alice") for _ in range(3)]
    transition.change(numbers[1], status="Canceled")
    olga.post("/admin/orders/act", order=[*numbers, 999], act="completed")
    assert [lookup.get(n).status for n in numbers] == ["Completed", "Canceled", "Completed"]
    messages = said(olga.text("/admin/orders"))
    assert f"Set Completed: done with 2 of 4 ({numbers[0]}, {numbers[2]})." in messages
    assert any("which is final" in text for text in messages)
    assert [outcome.split(":")[0] for _, _, outcome in lines()] == [
        "done", "refused", "done", "refused",
    ]  # fmt: skip


def test_many_refusals_leave_the_session_whole(olga: Operator, order_id: int) -> None:
    numbers = [order_id, *range(1000, 1200)]
    olga.post("/admin/orders/act", order=numbers, act="cancel")
    messages = said(olga.text("/admin/orders"))
    assert len(messages) <= 12
    assert "There are more messages; the audit lists everything." in messages
    assert f"Cancel, refund what remains: done with 1 of 201 ({order_id})." in messages
    assert len(lines()) == len(numbers)


@pytest.mark.parametrize("fields", [{}, {"act": "cancel"}, {"act": "delete", "order": "1"}])
def test_an_act_without_orders_or_unknown_does_nothing(
    fields: dict[str, str], olga: Operator, order_id: int
) -> None:
    olga.post("/admin/orders/act", **fields)
    assert lines() == []
    assert lookup.get(order_id).status == "Pending"


def test_an_order_is_changed_by_its_form_in_what_was_changed_alone(
    olga: Operator, order_id: int
) -> None:
    olga.post(f"/admin/orders/{order_id}/change", status="Partial", start_count="0", remains="40")
    order = lookup.get(order_id)
    assert (order.status, order.remains, order.refunded_micros) == ("Partial", 40, 200_000)
    assert lines() == [("olga", f"order {order_id}: set status Partial, remains 40", "done")]


def test_a_change_that_cannot_be_is_told_and_written_down(olga: Operator, order_id: int) -> None:
    olga.post(f"/admin/orders/{order_id}/change", status="Partial", start_count="0", remains="101")
    assert lookup.get(order_id).status == "Pending"
    (line,) = lines()
    assert line[2].startswith("refused: the remains must be")
    assert "the remains must be" in said(olga.text(f"/admin/orders/{order_id}"))[0]


@pytest.mark.parametrize(
    ("act", "forward", "status"),
    [("resend", "waiting", "Pending"), ("fail", "failed", "Canceled")],
)
def test_an_order_in_review_is_sent_again_or_given_up(
    act: str, forward: str, status: str, olga: Operator, in_review: int
) -> None:
    olga.post("/admin/orders/act", order=in_review, act=act)
    order = lookup.get(in_review)
    assert (order.dispatch_state, order.status) == (forward, status)
    assert lines() == [("olga", f"order {in_review}: {act}", "done")]


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
    assert [outcome for _, _, outcome in lines()] == ["done"] * 3


def test_an_orders_story_has_its_money_and_its_way(olga: Operator, in_review: int) -> None:
    transition.change(in_review, status="Canceled")
    page = olga.text(f"/admin/orders/{in_review}")
    for text in ("charge", "-0.50", "refund", "100.00", "as service 1", "HTTP 502"):
        assert text in page, text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [4, 3, 2, 1]),
        ("status=Canceled", [2]),
        ("status=Pending", [4, 3, 1]),
        ("customer=bob", [3]),
        ("service=2", []),
        ("provider=1", [4]),
        ("status=Pending&customer=alice", [4, 1]),
        ("status=Canceled&customer=alice&service=1", [2]),
        ("customer=alice&provider=1", [4]),
        ("status=Canceled&customer=bob", []),
        ("from=1970-01-02&to=1970-01-02", [1]),
        ("from=1970-01-03", [4, 3, 2]),
        ("to=1970-01-01", []),
        ("from=1970-01-02&to=1970-01-02&status=Pending&customer=alice", [1]),
        ("q=3", [3]),
        ("q=4711", [4]),
        ("q=https://t.me/two", [2]),
        ("q=https://t.me/t", [3, 2]),
        ("q=https://t.me/t&customer=bob", [3]),
        ("q=%25", []),
        ("before=3", [2, 1]),
    ],
)
def test_orders_are_found(
    query: str, found: list[int], olga: Operator, cast: SimpleNamespace
) -> None:
    for name, link in (("alice", "https://t.me/one"), ("alice", "https://t.me/two"),
                       ("bob", "https://t.me/three")):  # fmt: skip
        place(cast, name, link)
    provider = registry.add("sandbox", registry.SANDBOX_URL, "", 60)
    sources.set_source(cast.followers, provider.id, listed("1", MICROS), 1)
    last = place(cast, "alice", "http://elsewhere.example")
    dispatch.claim(provider.id)
    dispatch.record_accepted(last, "4711", 0)
    transition.change(2, status="Canceled")
    Order.update(created_at=86400).where(Order.id == 1).execute()
    page = olga.text(f"/admin/orders?{query}")
    assert [int(n) for n in re.findall(r'name="order" value="(\d+)"', page)] == found


@pytest.mark.parametrize("query", ["customer=nobody", "from=tomorrow", "to=2026-02-30"])
def test_a_filter_that_makes_no_sense_is_told(query: str, olga: Operator, order_id: int) -> None:
    page = olga.text(f"/admin/orders?{query}")
    assert len(said(page)) == 1
    assert 'name="order" value=' not in page


def test_an_orders_history_begins_with_the_request_that_placed_it(
    olga: Operator, cast: SimpleNamespace
) -> None:
    asked = {"key": cast.alice, "action": "add", "service": cast.followers, "quantity": 100}
    headers = {"X-Request-Id": "request-1842"}
    olga.client.post("/api/v2", data={**asked, "link": "https://a.b/c"}, headers=headers)
    page = olga.text("/admin/orders/1")
    assert "<strong>placed</strong> request request-1842" in page


def test_a_page_says_that_the_database_cannot_be_written(olga: Operator, order_id: int) -> None:
    with refusing_writes():
        pages = [
            olga.post("/admin/orders/act", order=order_id, act="completed"),
            olga.post(f"/admin/orders/{order_id}/change", status="Completed"),
        ]
        assert "Pending" in olga.text(f"/admin/orders/{order_id}")
    for page in pages:
        assert (page.status_code, page.mimetype) == (503, "text/html")
        assert page.headers["Retry-After"] == "30"
        assert "<h1>Service Unavailable</h1>" in page.text
        assert "The database cannot be written: attempt to write a readonly database." in page.text
    assert lookup.get(order_id).status == "Pending"
