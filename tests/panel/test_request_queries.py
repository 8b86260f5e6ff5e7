"""Cancel requests and refills as an operator looks through them: which wait, in which order."""

import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from support.clock import Clock
from support.orders import account_id, new_order
from support.plans import plans

from models import Cancel, Order, Provider, Refill
from panel import request_queries
from panel.operations import requests as operations
from panel.operations.audit import Actor
from panel.orders import cancels, refills, transition
from panel.orders.cancels import CancelAnswer
from panel.orders.exchanges import Exchange
from panel.request_queries import Cursor, Kind, Request, Which

PROVIDER = {
    "name": "up", "url": "http://127.0.0.1:9/", "key": "k" * 20, "requests_per_minute": 60,
}  # fmt: skip


@pytest.fixture
def provider(cast: SimpleNamespace) -> int:
    return Provider.create(**PROVIDER).id


def asked_to_cancel(service: int, **order: object) -> int:
    """A cancel request of an order in progress."""
    number = new_order(service)
    transition.change(number, status="In progress", remains=40)
    if order:
        Order.update(order).where(Order.id == number).execute()
    (cancel,) = cancels.request(account_id(), [number])
    return int(str(cancel))


def asked_to_refill(service: int, **order: object) -> int:
    number = new_order(service)
    transition.change(number, status="Completed")
    if order:
        Order.update(order).where(Order.id == number).execute()
    (refill,) = refills.request(account_id(), [number])
    return int(str(refill))


def keys(found: list[Request]) -> list[tuple[str, int]]:
    return [(str(one.kind), one.id) for one in found]


def at(provider: int, number: str = "700") -> dict[str, object]:
    return {"dispatch_state": "sent", "provider": provider, "provider_order": number}


REFILLS = [
    ("of an order by hand", {}, False, {}, True),
    ("that the worker passes on next", {}, True, {}, False),
    ("that the provider has", {"status": "in progress", "provider_refill": "5"}, True, {}, False),
    ("that was given no number", {"warning": "asked twice"}, True, {}, True),
    ("of which the provider said something odd",
     {"status": "in progress", "provider_refill": "5", "warning": "status 'x'"}, True, {}, True),
    ("in progress by hand", {"status": "in progress"}, True, {}, True),
    ("of an order by hand, in progress", {"status": "in progress"}, False, {}, True),
    ("since a restore", {"restored": True}, True, {}, True),
    ("at a provider that was removed", {}, True, {"active": False}, True),
    ("that is over", {"status": "completed", "warning": "odd"}, False, {}, False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("refill", "is_sent", "of_provider", "waits"),
    [row[1:] for row in REFILLS],
    ids=[row[0] for row in REFILLS],
)
def test_a_refill_waits_for_an_operator_where_nobody_else_moves_it_on(
    refill: dict[str, object],
    is_sent: bool,
    of_provider: dict[str, object],
    waits: bool,
    cast: SimpleNamespace,
    provider: int,
) -> None:
    number = asked_to_refill(cast.followers, **(at(provider) if is_sent else {}))
    Refill.update(refill or {"warning": ""}).where(Refill.id == number).execute()
    Provider.update(of_provider or {"active": True}).execute()
    (listed,) = request_queries.request_page(Which.ALL).rows
    assert listed.waits is waits
    assert keys(request_queries.waiting_requests(10)) == [("refill", number)] * waits
    assert request_queries.waiting_count() == waits


@pytest.mark.parametrize("passed_on", [False, True])
def test_every_pending_cancel_request_waits(
    passed_on: bool, cast: SimpleNamespace, provider: int
) -> None:
    number = asked_to_cancel(cast.followers, **at(provider))
    if passed_on:
        exchange = Exchange(provider, "cancel", {}, 200, '{"cancel": 1}')
        cancels.record_answers({number: CancelAnswer(True, "", exchange)})
    (waiting,) = request_queries.waiting_requests(10)
    assert (waiting.kind, waiting.id, waiting.passed_on) == (Kind.CANCEL, number, passed_on)
    assert waiting.refund_micros == 200_000  # 40 of 100 remain of 0.50
    assert (waiting.provider, waiting.order.provider_order) == ("up", "700")
    assert [(line.text, line.answer) for line in waiting.said] == (
        [("accepted", '{"cancel": 1}')] if passed_on else []
    )
    operations.accept_cancel(Actor("olga"), number)
    assert request_queries.waiting_requests(10) == []
    (answered,) = request_queries.request_page(Which.ALL).rows
    assert (answered.status, answered.waits) == ("accepted", False)
    assert answered.order.refunded_micros == waiting.refund_micros


def test_what_was_said_of_a_request_is_not_said_of_another(
    cast: SimpleNamespace, provider: int
) -> None:
    order = new_order(cast.followers)
    transition.change(order, status="Completed")
    Order.update(at(provider)).where(Order.id == order).execute()
    numbers = []
    for _ in range(12):  # refill 1 is not refill 12
        (refill,) = refills.request(account_id(), [order])
        numbers.append(int(str(refill)))
        refills.record_rejected(numbers[-1], f"no {refill}", Exchange(provider, "refill", {}))
    found = {one.id: one for one in request_queries.request_page(Which.ALL).rows}
    assert {n: [line.text for line in found[n].said] for n in numbers} == {
        n: [f"refused: no {n}"] for n in numbers
    }
    of_order = request_queries.of_order(order)
    assert keys(of_order) == [("refill", n) for n in reversed(numbers)]


@pytest.fixture
def many(cast: SimpleNamespace, provider: int, clock: Clock) -> list[tuple[str, int]]:
    """120 requests of both kinds in turns, the oldest first; every third is answered."""
    made = []
    for number in range(120):
        clock.move(seconds=1)
        kind = "cancel" if number % 2 else "refill"
        ask = asked_to_cancel if kind == "cancel" else asked_to_refill
        request = ask(cast.followers)
        made.append((kind, request))
        if number % 3 == 0:
            table = Cancel if kind == "cancel" else Refill
            table.update(status="rejected").where(table.id == request).execute()
    return made


def walk(
    which: Which, kind: Kind | None, newest_first: bool, limit: int = 7
) -> Iterator[tuple[str, int]]:
    after: Cursor | None = None
    while True:
        page = request_queries.request_page(which, kind, after, newest_first, limit)
        assert len(page.rows) <= limit
        yield from keys(page.rows)
        after = page.next
        if after is None:
            return


@pytest.mark.parametrize("scan", [1_000, 3])
@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("kind", [None, *Kind])
@pytest.mark.parametrize("which", list(Which))
def test_pages_show_each_request_once_in_the_order_of_time(
    which: Which,
    kind: Kind | None,
    newest_first: bool,
    scan: int,
    many: list[tuple[str, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(request_queries, "SCAN", scan)
    wanted = [
        key
        for number, key in enumerate(many)
        if (kind is None or key[0] == kind) and (which is Which.ALL or number % 3)
    ]
    if newest_first:
        wanted.reverse()
    assert list(walk(which, kind, newest_first)) == wanted


def test_the_count_stops_at_what_it_can_tell(
    cast: SimpleNamespace, many: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert request_queries.waiting_count() == 80
    monkeypatch.setattr(request_queries, "MOST_COUNTED", 50)
    assert request_queries.waiting_count() == 51
    monkeypatch.setattr(request_queries, "MOST_COUNTED", 39)
    assert request_queries.waiting_count() == 40


def test_what_the_worker_passes_on_hides_nothing_that_waits(
    cast: SimpleNamespace, provider: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_queries, "SCAN", 3)
    for number in range(10):
        asked_to_refill(cast.followers, **at(provider, str(number)))
    last = asked_to_refill(cast.followers)
    assert list(walk(Which.WAITING, None, newest_first=False)) == [("refill", last)]


def test_requests_are_named_by_kind_and_number(cast: SimpleNamespace) -> None:
    cancel, refill = asked_to_cancel(cast.followers), asked_to_refill(cast.followers)
    wanted = [(Kind.REFILL, refill), (Kind.CANCEL, 10**17), (Kind.CANCEL, cancel)]
    assert keys(request_queries.named(wanted)) == [("refill", refill), ("cancel", cancel)]
    assert request_queries.named([]) == []


def test_all_that_is_asked_is_found_by_an_index_in_its_order(
    cast: SimpleNamespace, provider: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_to_cancel(cast.followers, **at(provider))
    asked_to_refill(cast.followers)

    def look() -> None:
        request_queries.waiting_count()
        for which in Which:
            for newest_first in (False, True):
                request_queries.request_page(which, None, None, newest_first)
                request_queries.request_page(which, None, Cursor(9, 9), newest_first)
        request_queries.of_order(1)

    asked = [steps for steps in plans(monkeypatch, look) if steps]
    assert len(asked) > 20
    for steps in asked:
        walks = [
            step
            for step in steps
            if step.startswith("SCAN") and not re.search("refills_by_hand|_wrapped", step)
        ]
        assert walks == [], steps
        of_events = any("order_events" in step for step in steps)  # few: of a page's orders
        assert of_events or not any("TEMP B-TREE" in step for step in steps), steps
