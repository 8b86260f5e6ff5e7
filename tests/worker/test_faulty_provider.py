"""Orders through the worker's own parts to a provider that fails in every way: none goes twice."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from support.apps import free_port
from support.faulty import (
    DOLLARS,
    FAULTS,
    KEY,
    SLOW,
    Fault,
    FaultyProvider,
    cut,
    hang,
    patience_s,
    says,
)
from support.shop import (
    SOME,
    OpenLane,
    come_due,
    follow_until,
    forwards,
    last_event,
    none_waits,
    open_shop,
    place,
    refunded,
    resumed,
    until,
)

from database.connection import close_database
from models import Order, OrderEvent, Service
from panel import queries
from panel.orders import dispatch, lookup
from panel.providers import registry
from upstream.http import HttpProvider
from upstream.provider import OutcomeUnknown, ProviderUnreachable
from worker import lane as lanes_module
from worker import send


def send_all(shop: SimpleNamespace) -> None:
    """Send what waits and is due, several at once as the worker does."""

    def send_some(_: int) -> None:
        for _ in range(SOME):
            outgoing = dispatch.claim(shop.provider)
            if outgoing is None:
                break
            try:
                send.send(shop.client, outgoing, 15, 0, 0)
            except OutcomeUnknown:
                pass
            except ProviderUnreachable:
                break
        close_database()

    with ThreadPoolExecutor(SOME) as pool:
        list(pool.map(send_some, range(SOME)))


def numbers(faulty: FaultyProvider) -> dict[str, str]:
    """The provider's numbers of what it took, by link, as a person finds them there."""
    return {order["link"]: str(number) for number, order in faulty.orders.items()}


def settle(shop: SimpleNamespace, faulty: FaultyProvider) -> None:
    """Look up what is in review at the provider, as a person does, and settle it."""
    there = numbers(faulty)
    for row in queries.orders_in_review():
        if row["service"] != shop.service:
            continue
        if row["link"] in there:
            dispatch.attach(row["id"], there[row["link"]])
        else:
            dispatch.resend(row["id"])


ONE_BY_ONE = [name for name in FAULTS if "wrong type" not in name]
QUICK = {name: fault for name, fault in FAULTS.items() if not name.startswith(SLOW)}


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_what_may_have_been_taken_is_not_sent_again(
    shop: SimpleNamespace, faulty: FaultyProvider, name: str
) -> None:
    placed = place(shop)
    fault = FAULTS[name]
    faulty.plan("add", fault, forever=True)
    patient = shop.client
    shop.client = HttpProvider(faulty.url, KEY, DOLLARS, timeout_s=patience_s(name))
    send_all(shop)
    shop.client = patient
    faulty.await_sent("add", SOME)
    assert forwards(placed) == ["review"] * SOME
    assert faulty.taken().total() == (SOME if fault.takes else 0)

    # The provider is well again: nothing happens until a person settles it.
    faulty.plan("add", None)
    come_due(placed)
    send_all(shop)
    assert len(faulty.sent("add")) == SOME
    assert refunded(placed) == []

    settle(shop, faulty)
    send_all(shop)
    assert forwards(placed) == ["sent"] * SOME
    assert sorted(faulty.taken().values()) == [1] * SOME
    assert refunded(placed) == []


@pytest.mark.parametrize("status", [200, 402, 422, 429])
@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("Not enough funds on balance", True),
        ("neworder.error.link_duplicate", True),
        ("Incorrect link", False),
        ("error.incorrect_service_id", False),
    ],
)
def test_what_was_clearly_refused_is_paid_back_or_sent_once(
    shop: SimpleNamespace, faulty: FaultyProvider, status: int, text: str, passes: bool
) -> None:
    placed = place(shop)
    faulty.plan("add", Fault(says({"error": text}, status)), forever=True)
    send_all(shop)
    assert forwards(placed) == (["waiting"] if passes else ["failed"]) * SOME
    assert refunded(placed) == ([] if passes else placed)
    faulty.plan("add", None)
    come_due(placed)
    send_all(shop)
    assert sorted(faulty.taken().values()) == ([1] * SOME if passes else [])
    assert refunded(placed) == ([] if passes else placed)


def test_what_could_not_leave_is_sent_once_when_the_provider_is_back(
    shop: SimpleNamespace, faulty: FaultyProvider
) -> None:
    placed = place(shop)
    well, shop.client = (
        shop.client,
        HttpProvider(f"http://127.0.0.1:{free_port()}", KEY, DOLLARS),
    )
    for _ in range(3):
        send_all(shop)
        assert forwards(placed) == ["waiting"] * SOME
    shop.client = well
    send_all(shop)
    assert forwards(placed) == ["sent"] * SOME
    assert sorted(faulty.taken().values()) == [1] * SOME


def test_a_fault_of_our_own_while_sending_waits_for_a_person(
    shop: SimpleNamespace, faulty: FaultyProvider
) -> None:
    (order_id,) = place(shop, 1)
    outgoing = dispatch.claim(shop.provider)
    assert outgoing is not None
    with pytest.raises(AttributeError):
        send.send(None, outgoing, 15, 0, 0)  # type: ignore[arg-type]
    assert lookup.get(order_id).warning == "an internal error (AttributeError)"
    assert forwards([order_id]) == ["review"]


# The lane, which is the worker for one provider


@pytest.mark.usefixtures("impatient")
def test_a_lane_sends_nothing_twice_whatever_the_provider_does(
    shop: SimpleNamespace, faulty: FaultyProvider, open_lane: OpenLane
) -> None:
    faults: list[Fault | None] = [*QUICK.values(), *[None] * 60]
    faults += [Fault(says({"error": "Incorrect link"}, 422))] * 10
    random.Random(3).shuffle(faults)
    faulty.plan("add", *faults)
    placed = place(shop, len(faults))
    stop, lane = open_lane(shop)
    until(lambda: resumed(shop) and none_waits(placed))
    stop.set()
    lane.join()

    held = {row.link: row.dispatch_state for row in Order.select().where(Order.id.in_(placed))}
    assert faulty.taken().keys() <= {link for link in held if held[link] in ("sent", "review")}
    assert set(faulty.taken().values()) == {1}
    assert len(faulty.sent("add")) == len(placed)
    forwarded = list(held.values())
    assert (forwarded.count("sent"), forwarded.count("failed")) == (60, 10)
    assert forwarded.count("review") == len(QUICK)
    assert len(refunded(placed)) == 10

    settle(shop, faulty)
    stop, lane = open_lane(shop)
    until(lambda: none_waits(placed))
    stop.set()
    lane.join()
    assert forwards(placed).count("sent") == len(placed) - 10
    assert set(faulty.taken().values()) == {1}
    assert faulty.taken().total() == len(placed) - 10


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", ["cut", "500", "HTML", "an empty object", "a refusal"])
def test_a_lane_outlives_what_goes_wrong_with_everything_but_orders(
    shop: SimpleNamespace,
    faulty: FaultyProvider,
    open_lane: OpenLane,
    name: str,
) -> None:
    reply = {
        "cut": cut,
        "500": says(b"no", 500),
        "HTML": says(b"<html>", 200),
        "an empty object": says({}),
        "a refusal": says({"error": "Incorrect request"}, 422),
    }[name]
    for action in ("balance", "status", "services"):
        faulty.plan(action, *[Fault(reply)] * 5)
    first = place(shop, 5)
    open_lane(shop)
    until(lambda: none_waits(first))
    for order in faulty.orders.values():
        order |= {"status": "Completed", "remains": 0}

    follow_until(first, lambda: {lookup.get(n).status for n in first} == {"Completed"})
    more = place(shop, 5)
    until(lambda: none_waits(more))
    assert forwards(more) == ["sent"] * 5
    assert set(faulty.taken().values()) == {1}


def test_a_lane_that_is_stopped_records_the_requests_under_way(
    shop: SimpleNamespace, faulty: FaultyProvider, open_lane: OpenLane
) -> None:
    faulty.plan("add", None, Fault(hang, takes=True), forever=True)
    placed = place(shop, 20)
    stop, lane = open_lane(shop)
    faulty.await_sent("add", 1 + lanes_module.CONNECTIONS)
    stop.set()
    faulty.ended.set()
    lane.join()
    left = forwards(placed)
    assert left.count("sent") == 1
    assert left.count("review") == lanes_module.CONNECTIONS == faulty.taken().total() - 1
    assert left.count("waiting") == 19 - lanes_module.CONNECTIONS


@pytest.fixture
def other() -> Iterator[FaultyProvider]:
    provider = FaultyProvider()
    yield provider
    provider.close()


def test_a_provider_that_hangs_does_not_hold_up_another(
    shop: SimpleNamespace,
    faulty: FaultyProvider,
    other: FaultyProvider,
    open_lane: OpenLane,
) -> None:
    other.plan("add", None, Fault(hang), forever=True)
    slow = open_shop(other.url)
    stuck, good = place(slow, 11), place(shop, 40)
    stop, lane = open_lane(slow)
    other.await_sent("add", 1 + lanes_module.CONNECTIONS)

    open_lane(shop)
    until(lambda: none_waits(good))
    assert forwards(good) == ["sent"] * 40
    assert set(forwards(stuck)) == {"sent", "sending", "waiting"}

    stop.set()
    other.ended.set()
    lane.join()
    sent = last_event(good, "sent")
    given_up = OrderEvent.select().where(OrderEvent.order.in_(stuck), OrderEvent.kind == "unknown")
    assert given_up.count() == lanes_module.CONNECTIONS
    assert all(event.id > sent for event in given_up)


def test_a_provider_that_is_down_does_not_hold_up_another(
    shop: SimpleNamespace,
    faulty: FaultyProvider,
    open_lane: OpenLane,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes_module, "FIRST_PAUSE_S", 1)
    down = open_shop(f"http://127.0.0.1:{free_port()}/api/v2")
    stuck, good = place(down, 10), place(shop, 40)
    stop, lane = open_lane(down)
    until(lambda: last_event(stuck, "refused"))
    open_lane(shop)
    until(lambda: none_waits(good))
    stop.set()
    lane.join()
    assert forwards(good) == ["sent"] * 40
    assert forwards(stuck) == ["waiting"] * 10
    assert refunded(stuck) == []


@pytest.mark.usefixtures("impatient")
def test_a_lane_follows_an_order_to_its_end(
    shop: SimpleNamespace, faulty: FaultyProvider, open_lane: OpenLane
) -> None:
    Service.update(refill=True, cancel=True).where(Service.id == shop.service).execute()
    done, partial, canceled = placed = place(shop, 3)
    open_lane(shop)
    until(lambda: none_waits(placed))
    there = {link: int(number) for link, number in numbers(faulty).items()}
    for order_id, changes in (
        (done, {"status": "Completed", "remains": 0, "start_count": 12}),
        (partial, {"status": "partial", "remains": 25, "charge": "0.0002475"}),
        (canceled, {"status": "Cancelled", "remains": 100, "charge": "0"}),
    ):
        faulty.orders[there[lookup.get(order_id).link]] |= changes
    ended = ["Completed", "Partial", "Canceled"]
    follow_until(placed, lambda: [lookup.get(order_id).status for order_id in placed] == ended)
    charges = [lookup.get(n).charge_micros - lookup.get(n).refunded_micros for n in placed]
    assert charges == [100_000, 75_000, 0]
    assert lookup.get(partial).cost_micros == 248
    assert lookup.get(done).start_count == 12
    assert registry.get(shop.row.name).balance == "12.5000 USD"
