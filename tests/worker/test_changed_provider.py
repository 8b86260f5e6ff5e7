"""A real worker follows what an operator changes of a provider, without a restart."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

import pytest
from support import clients
from support.apps import Server
from support.clients import place_all
from support.faulty import KEY, Call, Fault, FaultyProvider, honest
from support.servers import assert_sound, operate, wait_until

NEW_KEY = "a-rotated-key"
add = partial(clients.add, quantity=100)


class Shop(NamedTuple):
    """A panel with a running worker, and the key of its customer."""

    server: Server
    key: str

    def place(self, *links: str) -> list[int]:
        return place_all(self.server.port, [add(self.key, f"https://t.me/{n}") for n in links])

    def states(self) -> list[str]:
        found = self.server.rows("SELECT dispatch_state FROM orders ORDER BY id")
        return [state for (state,) in found]

    def wait_until(self, reached: Callable[[], bool]) -> None:
        wait_until(reached, self.server)


@pytest.fixture
def shop(make_server: Callable[..., Server], faulty: FaultyProvider) -> Iterator[Shop]:
    """Service 1 is bought at `up`, and a worker serves it."""
    server = make_server(PANEL_STATUS_SECONDS="1", PANEL_SYNCHRONOUS="NORMAL")
    operate(
        server, "provider", "add", "up", faulty.url, "--key-env", "K", "--requests-per-minute",
        "1000000", K=KEY,
    )  # fmt: skip
    operate(server, "provider", "import", "up", "--id", "1", "--markup", "50%")
    operate(server, "service", "edit", "1", "--cancel", "--refill")
    key = operate(server, "user", "add", "alice", "--balance", "500").strip()
    server.worker()
    shop = Shop(server, key)
    yield shop
    assert_sound(server)


@pytest.fixture
def other() -> Iterator[FaultyProvider]:
    """The same panel at another address."""
    provider = FaultyProvider()
    yield provider
    provider.close()


def keys_of(faulty: FaultyProvider, action: str) -> list[str]:
    return [request["key"] for request in faulty.sent(action)]


def test_a_rotated_key_is_used_at_once_and_a_request_under_way_is_recorded(
    shop: Shop, faulty: FaultyProvider
) -> None:
    answered = threading.Event()

    def late(call: Call) -> Iterable[bytes]:
        answered.wait(20)
        return honest(call)

    faulty.plan("add", Fault(late, takes=True))
    shop.place("one")
    faulty.await_sent("add", 1)

    faulty.keys = {KEY, NEW_KEY}
    operate(shop.server, "provider", "edit", "up", "--key-env", "K", K=NEW_KEY)
    faulty.keys = {NEW_KEY}  # the old one is revoked
    shop.place("two")
    answered.set()
    shop.wait_until(lambda: shop.states() == ["sent", "sent"])
    # Within its first seconds the old key may be tried once more, and is refused.
    assert (keys_of(faulty, "add")[0], keys_of(faulty, "add")[-1]) == (KEY, NEW_KEY)
    assert set(faulty.taken().values()) == {1}
    faulty.orders[1] |= {"status": "Completed", "remains": 0}
    completed = "SELECT COUNT(*) FROM orders WHERE status = 'Completed'"
    shop.wait_until(lambda: shop.server.rows(completed) == [(1,)])
    log = shop.server.worker_log(shop.server.workers[0])
    assert KEY not in log
    assert NEW_KEY not in log


def test_a_new_name_address_and_limit_are_used_without_a_restart(
    shop: Shop, faulty: FaultyProvider, other: FaultyProvider
) -> None:
    shop.place("one")
    shop.wait_until(lambda: shop.states() == ["sent"])
    other.orders = faulty.orders
    moved = ("--url", other.url, "--same-panel", "--key-env", "K")
    operate(shop.server, "provider", "edit", "up", *moved, K=KEY)
    other.await_sent("status", 1)
    faulty.requests.clear()
    operate(
        shop.server, "provider", "edit", "up", "--name", "dear", "--requests-per-minute", "600000"
    )
    shop.place("two", "three")
    shop.wait_until(lambda: shop.states() == ["sent"] * 3)
    assert faulty.requests == []
    assert set(other.taken().values()) == {1}
    other.orders[2] |= {"status": "Completed", "remains": 0}
    completed = "SELECT COUNT(*) FROM orders WHERE status = 'Completed'"
    shop.wait_until(lambda: shop.server.rows(completed) == [(1,)])
    # What goes wrong from now on is told under the new name.
    other.keys = set()
    shop.place("four")
    shop.wait_until(lambda: "dear: " in shop.server.worker_log(shop.server.workers[0]))


def test_while_a_provider_is_paused_nothing_new_goes_there_and_the_rest_is_followed(
    shop: Shop, faulty: FaultyProvider
) -> None:
    running, done = shop.place("running", "done")
    shop.wait_until(lambda: shop.states() == ["sent"] * 2)
    numbers = {order["link"].rpartition("/")[2]: n for n, order in faulty.orders.items()}
    faulty.orders[numbers["running"]] |= {"status": "In progress"}
    faulty.orders[numbers["done"]] |= {"status": "Completed", "remains": 0}
    open_ones = "SELECT id, status FROM orders ORDER BY id"
    shop.wait_until(
        lambda: shop.server.rows(open_ones) == [(running, "In progress"), (done, "Completed")]
    )

    operate(shop.server, "provider", "pause", "up")
    adds, asked = len(faulty.sent("add")), len(faulty.sent("status"))
    shop.place("three", "four", "five")
    shop.server.call(shop.key, "cancel", orders=str(running))
    shop.server.call(shop.key, "refill", order=str(done))
    faulty.await_sent("status", asked + 3)  # what it has is followed, longer than a lane rests
    faulty.orders[numbers["running"]] |= {"remains": 40}
    remains = "SELECT remains FROM orders WHERE id = ?"
    shop.wait_until(lambda: shop.server.rows(remains, running) == [(40,)])
    operate(shop.server, "provider", "sync", "up")
    assert [len(faulty.sent(name)) for name in ("add", "cancel", "refill")] == [adds, 0, 0]
    assert shop.states() == ["sent"] * 2 + ["waiting"] * 3
    told = " ".join(operate(shop.server, "attention").split())
    assert "3 orders, 1 cancel request and 1 refill wait." in told

    operate(shop.server, "provider", "resume", "up")
    shop.wait_until(lambda: shop.states() == ["sent"] * 5)
    faulty.await_sent("cancel", 1)
    faulty.await_sent("refill", 1)
    assert Counter(faulty.taken().values()) == {1: 5}
    passed_on = "SELECT (SELECT passed_on FROM cancels), (SELECT status FROM refills)"
    shop.wait_until(lambda: shop.server.rows(passed_on) == [(1, "in progress")])
    assert "paused" not in operate(shop.server, "attention")


def test_a_pause_counts_from_the_next_order_on(shop: Shop, faulty: FaultyProvider) -> None:
    """The order under way is recorded, and none of the many behind it is sent."""
    paused = threading.Event()

    def late(call: Call) -> Iterable[bytes]:
        paused.wait(20)
        return honest(call)

    faulty.plan("add", Fault(late, takes=True))
    shop.place(*(str(n) for n in range(8)))
    faulty.await_sent("add", 1)
    operate(shop.server, "provider", "pause", "up")
    paused.set()
    shop.wait_until(lambda: "sent" in shop.states())
    faulty.await_sent("status", 2)
    assert Counter(shop.states()) == {"sent": 1, "waiting": 7}
    operate(shop.server, "provider", "resume", "up")
    shop.wait_until(lambda: shop.states() == ["sent"] * 8)
    assert set(faulty.taken().values()) == {1}
