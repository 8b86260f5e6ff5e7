"""The real worker at a provider that is older and stranger than a panel like ours."""

import json
from collections.abc import Callable
from functools import partial

from support import clients
from support.apps import Server
from support.clients import place_all
from support.faulty import KEY, Fault, FaultyProvider, says
from support.servers import assert_sound, operate, wait_until

add = partial(clients.add, quantity=100)


def open_panel(make_server: Callable[..., Server], faulty: FaultyProvider) -> tuple[Server, str]:
    """A panel that sells the faulty provider's services, and a customer's key."""
    server = make_server(PANEL_STATUS_SECONDS="1", PANEL_SYNCHRONOUS="NORMAL")
    operate(
        server, "provider", "add", "upstream", faulty.url, "--key-env", "UPSTREAM_KEY",
        "--requests-per-minute", "1000000", UPSTREAM_KEY=KEY,
    )  # fmt: skip
    operate(server, "provider", "import", "upstream", "--markup", "25%")
    key = operate(server, "user", "add", "alice", "--balance", "1000").strip()
    return server, key


def orders(server: Server, column: str) -> list[str]:
    return [value for (value,) in server.rows(f"SELECT {column} FROM orders ORDER BY id")]


def test_a_panel_that_moved_gets_one_order_and_the_rest_at_its_new_address(
    make_server: Callable[..., Server], faulty: FaultyProvider
) -> None:
    server, key = open_panel(make_server, faulty)
    new = f"{faulty.url}/new"
    faulty.plan("add", Fault(says(b"", 301, "text/html", Location=new)), forever=True)
    place_all(server.port, [add(key, f"https://t.me/{number}") for number in range(8)])
    worker = server.worker()
    stopped = "SELECT stopped_because <> '' FROM providers"
    wait_until(lambda: server.rows(stopped) == [(1,)], server)
    assert orders(server, "dispatch_state") == ["waiting"] * 8
    assert len(faulty.sent("add")) == 1
    assert f"flask provider resume upstream --url {new}" in server.worker_log(worker)
    assert KEY not in server.worker_log(worker)

    faulty.plan("add", None)
    operate(server, "provider", "resume", "upstream", "--url", new)
    wait_until(lambda: orders(server, "dispatch_state") == ["sent"] * 8, server)
    assert sorted(faulty.taken().values()) == [1] * 8
    assert_sound(server)


def test_orders_that_waited_for_funds_go_out_when_the_operator_says_so(
    make_server: Callable[..., Server], faulty: FaultyProvider
) -> None:
    server, key = open_panel(make_server, faulty)
    faulty.plan("add", Fault(says({"error": "Insufficient wallet"})), forever=True)
    place_all(server.port, [add(key, f"https://t.me/{number}") for number in range(4)])
    server.worker()
    wait_until(lambda: orders(server, "held_because") == ["funds"] * 4, server)
    assert orders(server, "refunded_micros") == [0] * 4

    faulty.plan("add", None)
    operate(server, "provider", "resume", "upstream")
    wait_until(lambda: orders(server, "dispatch_state") == ["sent"] * 4, server)
    assert sorted(faulty.taken().values()) == [1] * 4
    assert_sound(server)


def test_a_provider_without_lists_an_odd_order_and_a_refill_without_a_number(
    make_server: Callable[..., Server], faulty: FaultyProvider
) -> None:
    server, key = open_panel(make_server, faulty)
    faulty.forms = {"alone"}
    faulty.spoils["3"] = Fault(says(b"no", 500))
    place_all(server.port, [add(key, f"https://t.me/{number}") for number in range(6)])
    server.worker()
    wait_until(lambda: orders(server, "dispatch_state") == ["sent"] * 6, server)
    for order in faulty.orders.values():
        order |= {"status": "Completed", "remains": 0, "charge": "0.09"}
    wait_until(lambda: orders(server, "status").count("Completed") == 5, server)
    odd = "SELECT provider_order FROM orders WHERE status = 'Pending' AND warning <> ''"
    wait_until(lambda: server.rows(odd) == [("3",)], server)

    faulty.plan("refill", Fault(says({"status": "success"})), forever=True)
    (done, *_) = (n for (n,) in server.rows("SELECT id FROM orders WHERE status = 'Completed'"))
    server.call(key, "refill", order=done)
    waiting = "SELECT status, attempts FROM refills WHERE warning <> ''"
    wait_until(lambda: server.rows(waiting) == [("pending", 2)], server)

    # All else goes on.
    place_all(server.port, [add(key, "https://t.me/6")])
    wait_until(lambda: len(faulty.orders) == 7, server)
    faulty.orders[7] |= {"status": "Completed", "remains": 0, "charge": "0.09"}
    wait_until(lambda: orders(server, "status").count("Completed") == 6, server)
    assert len(faulty.sent("refill")) == 2
    operate(server, "refill", "set", "1", "--status", "completed")
    assert json.loads(operate(server, "refill", "list", "--json"))[0]["status"] == "completed"
    assert_sound(server)
