"""Reselling for real: two panels on loopback, their workers, and what happens when one dies."""

import fcntl
import json
import os
import random
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from fractions import Fraction
from functools import partial
from math import floor
from multiprocessing import get_context
from time import sleep
from typing import Any, NamedTuple

import pytest
from support import clients
from support.apps import PATIENCE_S, Server
from support.clients import place_all
from support.faulty import KEY, Call, Fault, FaultyProvider, honest
from support.servers import assert_sound, operate, wait_until

from database.driver import sqlite3

add = partial(clients.add, quantity=100)
OPEN = "('Pending', 'Processing', 'In progress')"


class Panels(NamedTuple):
    """The reseller, the panel that it buys from, and the key of the reseller's customer."""

    reseller: Server
    upstream: Server
    key: str


def count(server: Server, where: str) -> int:
    return server.rows(f"SELECT COUNT(*) FROM orders WHERE {where}")[0][0]


def buy_from(server: Server, url: str, key: str, *options: str) -> str:
    """Make the panel at this address the provider of all services: a new customer's key."""
    operate(
        server, "provider", "add", "upstream", url, "--key-env", "UPSTREAM_KEY", *options,
        UPSTREAM_KEY=key,
    )  # fmt: skip
    operate(server, "provider", "import", "upstream", "--markup", "50%")
    return operate(server, "user", "add", "alice", "--balance", "1000000").strip()


@pytest.fixture
def make_panels(make_server: Callable[..., Server]) -> Callable[..., Panels]:
    """A reseller, and the panel that it buys from, whose own provider is the sandbox."""

    def make(*options: str, sandbox_seconds: int = 1) -> Panels:
        upstream = make_server("upstream", PANEL_SANDBOX_SECONDS=str(sandbox_seconds), **QUICK)
        operate(upstream, "demo")
        key = operate(upstream, "user", "add", "reseller", "--balance", "1000000").strip()
        reseller = make_server("reseller", **QUICK)
        url = f"http://127.0.0.1:{upstream.port}/api/v2"
        return Panels(reseller, upstream, buy_from(reseller, url, key, *options))

    return make


QUICK = {"PANEL_STATUS_SECONDS": "1", "PANEL_SYNCHRONOUS": "NORMAL"}
AT_FULL_SPEED = ("--requests-per-minute", "1000000")


# From the customer to the sandbox and back.


class Twin(NamedTuple):
    """An order at the reseller, and the same order at the panel that it buys from."""

    link: str
    quantity: int
    charge: int
    refunded: int
    cost: int
    status: str
    remains: int
    start_count: int
    theirs: tuple[Any, ...]


def twins(panels: Panels) -> list[Twin]:
    """The reseller's orders, each with the other panel's order of the number that it holds."""
    sold = "id, link, quantity, charge_micros, refunded_micros, cost_micros, status, remains"
    kept = "charge_micros - refunded_micros"
    bought = f"CAST(id AS TEXT), link, quantity, {kept}, status, remains"
    theirs = {
        row[0]: row[1:]
        for row in panels.upstream.rows(f"SELECT {bought}, start_count FROM orders")
    }
    ours = panels.reseller.rows(f"SELECT {sold}, start_count, provider_order FROM orders")
    return [Twin._make([*row[1:-1], theirs.pop(row[-1])]) for row in ours]


def assert_twins_agree(pairs: list[Twin]) -> None:
    """Same order, same end; paid back is the undelivered share, and the cost is what they kept."""
    for ours in pairs:
        assert ours.theirs == (
            ours.link, ours.quantity, ours.cost, ours.status, ours.remains, ours.start_count,
        )  # fmt: skip
        share = Fraction(ours.charge * ours.remains, ours.quantity)
        assert ours.refunded == floor(share + Fraction(1, 2)), ours


ENDS = {
    "": "Completed",
    "sandbox=partial": "Partial",
    "sandbox=canceled": "Canceled",
    "sandbox=fail": "Canceled",
}
"""How an order ends by its link's query."""

PROCESSES = 3


def test_two_thousand_orders_are_resold_and_both_panels_agree(
    make_panels: Callable[..., Panels],
) -> None:
    panels = make_panels(*AT_FULL_SPEED)
    reseller, upstream, alice = panels
    bob = operate(reseller, "user", "add", "bob", "--balance", "1000000").strip()
    operate(reseller, "user", "discount", "bob", "7.5%")
    dice = random.Random(2000)
    orders = []
    for number in range(2000):
        service, least = dice.choice([(1, 10), (2, 100), (3, 50)])
        link = f"https://t.me/{number}?{dice.choice(list(ENDS))}"
        key = dice.choice([alice, bob])
        orders.append(add(key, link, service, quantity=least + dice.randrange(5000)))
    reseller.worker()
    upstream.worker()

    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
        shares = [orders[n::PROCESSES] for n in range(PROCESSES)]
        placed = list(pool.map(place_all, [reseller.port] * PROCESSES, shares))
    assert sum(map(len, placed)) == 2000
    wait_until(lambda: count(reseller, f"status IN {OPEN}") == 0, reseller, upstream)
    pairs = twins(panels)
    assert_twins_agree(pairs)
    expected = {o["link"]: ENDS[o["link"].partition("?")[2]] for o in orders}
    assert {ours.link: ours.status for ours in pairs} == expected
    assert count(upstream, "TRUE") == count(reseller, "dispatch_state = 'sent'") == 2000
    assert_sound(reseller, upstream)

    paid = "SELECT 1000000000000 - balance_micros FROM accounts WHERE name = 'reseller'"
    ((paid_micros,),) = upstream.rows(paid)
    assert sum(ours.cost for ours in pairs) == paid_micros
    (line,) = json.loads(operate(reseller, "report", "--by", "provider", "--json"))
    earned = sum(ours.charge - ours.refunded - ours.cost for ours in pairs)
    assert line["orders"] == 2000
    assert Fraction(line["profit"]) * 1_000_000 == earned


def test_cancels_and_refills_are_passed_on(make_panels: Callable[..., Panels]) -> None:
    panels = make_panels(*AT_FULL_SPEED, sandbox_seconds=3)
    reseller, upstream, key = panels
    links = [f"https://t.me/{number}" for number in range(20)]
    slow = place_all(
        reseller.port, [add(key, f"{link}?sandbox=slow", quantity=9000) for link in links]
    )
    quick = place_all(reseller.port, [add(key, link) for link in links])
    reseller.worker()
    upstream.worker()

    under_way = "status = 'In progress' AND link LIKE '%slow'"
    wait_until(lambda: count(reseller, under_way) == 20, reseller, upstream)
    _, told = reseller.call(key, "cancel", orders=",".join(map(str, slow)))
    assert told == {str(number): {"cancel": "requested"} for number in slow}
    wait_until(lambda: count(reseller, f"status IN {OPEN}") == 0, reseller, upstream)
    _, refills = reseller.call(key, "refill", orders=",".join(map(str, quick)))
    refilled = "SELECT COUNT(*) FROM refills WHERE status = 'completed'"
    wait_until(lambda: reseller.rows(refilled) == [(20,)], reseller, upstream)

    pairs = twins(panels)
    assert_twins_agree(pairs)
    assert Counter(ours.status for ours in pairs) == {"Canceled": 20, "Completed": 20}
    assert all(ours.remains > 0 for ours in pairs if ours.status == "Canceled")
    assert any(0 < ours.refunded < ours.charge for ours in pairs), "no order had begun"
    for server in (reseller, upstream):
        assert server.rows("SELECT DISTINCT status FROM cancels") == [("accepted",)]
    ours = dict(reseller.rows("SELECT id, CAST(provider_refill AS INTEGER) FROM refills"))
    assert sorted(ours) == sorted(answer["refill"] for answer in refills)
    theirs = upstream.rows("SELECT id FROM refills ORDER BY id")
    assert theirs == [(number,) for number in sorted(ours.values())]
    assert_sound(reseller, upstream)


# Workers that die.

AT_150_A_SECOND = ("--requests-per-minute", "9000")
"""Slow enough for a worker not to be through before it is killed."""


def more_than(before: int, server: Server) -> Callable[[], bool]:
    return lambda: count(server, "TRUE") > before


def kill(worker: subprocess.Popen[bytes]) -> None:
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def assert_sent_once(panels: Panels) -> None:
    """The other panel has each sent order once, under the number that we hold, and no other."""
    sent = panels.reseller.rows(
        "SELECT link, provider_order FROM orders WHERE dispatch_state = 'sent'"
    )
    bought = panels.upstream.rows("SELECT link, CAST(id AS TEXT) FROM orders")
    assert sorted(sent) == sorted(bought)
    assert len({link for link, _ in bought}) == len(bought)


def settle(panels: Panels) -> Counter[str]:
    """Settle the orders in review, as a person would: how often in which way."""
    done: Counter[str] = Counter()
    for order in json.loads(operate(panels.reseller, "order", "review", "--json")):
        there = panels.upstream.rows("SELECT id FROM orders WHERE link = ?", order["link"])
        number = str(order["id"])
        if there:
            operate(panels.reseller, "order", "attach", number, str(there[0][0]))
            done["attach"] += 1
        else:
            way = ("resend", "fail")[(done["resend"] + done["fail"]) % 2]
            operate(panels.reseller, "order", way, number)
            done[way] += 1
    return done


def test_ten_kills_in_a_run_send_no_order_twice_and_lose_none(
    make_panels: Callable[..., Panels],
) -> None:
    panels = make_panels(*AT_150_A_SECOND)
    reseller, upstream, key = panels
    place_all(reseller.port, [add(key, f"https://t.me/{number}") for number in range(500)])
    dice = random.Random(10)
    for _ in range(10):
        before = count(upstream, "TRUE")
        worker = reseller.worker()
        wait_until(more_than(before, upstream), reseller)
        sleep(dice.uniform(0, 0.2))
        kill(worker)
    assert count(reseller, "dispatch_state = 'waiting'") > 0, "the kills came after the work"

    reseller.worker()
    wait_until(lambda: count(reseller, "dispatch_state IN ('waiting', 'sending')") == 0, reseller)
    # The provider is a panel like ours: what is in doubt is asked about under its key.
    assert count(reseller, "may_be_at_provider") == 0
    assert count(reseller, "dispatch_state = 'sent'") == 500
    assert count(upstream, "TRUE") == 500
    assert_sent_once(panels)
    assert_sound(reseller, upstream)


def test_a_second_worker_waits_and_takes_over(make_panels: Callable[..., Panels]) -> None:
    panels = make_panels(*AT_150_A_SECOND)
    reseller, upstream, key = panels
    place_all(reseller.port, [add(key, f"https://t.me/{number}") for number in range(300)])
    both = [reseller.worker(), reseller.worker()]

    def which(words: str) -> list[subprocess.Popen[bytes]]:
        return [worker for worker in both if words in reseller.worker_log(worker)]

    wait_until(lambda: bool(which("another worker serves this database")), reseller)
    wait_until(lambda: count(upstream, "TRUE") > 50, reseller)
    (first,), (second,) = which("the worker is ready"), which("another worker")
    assert first is not second
    assert count(reseller, "dispatch_state = 'waiting'") > 0, "the kill would come after the work"
    kill(first)
    wait_until(lambda: count(reseller, "dispatch_state IN ('waiting', 'sending')") == 0, reseller)

    assert second in which("the worker is ready")
    settle(panels)
    wait_until(lambda: count(reseller, "dispatch_state IN ('waiting', 'sending')") == 0, reseller)
    assert_sent_once(panels)
    assert_sound(reseller, upstream)


# What a provider sees while a request is under way.

ACTIONS = ("services", "balance", "add", "status", "cancel", "refill", "refill_status")


def test_no_request_is_made_inside_a_transaction(
    make_server: Callable[..., Server], faulty: FaultyProvider
) -> None:
    """While a request is under way, somebody else can write: in turn, and at once."""
    server = make_server(PANEL_PROVIDER_TIMEOUT="20", **QUICK)
    found: set[tuple[str, str]] = set()

    def write_first(action: str) -> Fault:
        def reply(call: Call) -> Iterable[bytes]:
            link = faulty.orders[call.answer["order"]]["link"] if action == "add" else ""
            try:
                found.add((action, write_meanwhile(server, link)))
            except sqlite3.OperationalError as error:
                found.add((action, str(error)))
            return honest(call)

        return Fault(reply, takes=True)

    for action in ACTIONS:
        faulty.plan(action, write_first(action), forever=True)
    key = buy_from(server, faulty.url, KEY, *AT_FULL_SPEED)
    first, second = place_all(
        server.port, [add(key, "https://t.me/1"), add(key, "https://t.me/2")]
    )
    worker = server.worker()
    wait_until(lambda: count(server, "dispatch_state = 'sent'") == 2, server)
    for order in faulty.orders.values():
        order |= {"status": "In progress", "remains": 50}
    wait_until(lambda: count(server, "status = 'In progress'") == 2, server)
    assert server.call(key, "cancel", order=first)[1] == {str(first): {"cancel": "requested"}}
    faulty.orders[number_there(server, second)] |= {"status": "Completed", "remains": 0}
    wait_until(lambda: count(server, "status = 'Completed'") == 1, server)
    assert server.call(key, "refill", order=second) == (200, {"refill": 1})
    wait_until(lambda: {action for action, _ in found} == set(ACTIONS), server)
    worker.terminate()

    assert worker.wait(PATIENCE_S) == 0
    assert found == {("add", "sending")} | {(action, "") for action in ACTIONS if action != "add"}
    assert_sound(server)


def number_there(server: Server, order_id: int) -> int:
    """The provider's number of an order."""
    ((number,),) = server.rows("SELECT provider_order FROM orders WHERE id = ?", order_id)
    return int(number)


def write_meanwhile(server: Server, link: str) -> str:
    """Write to a panel's database as another process would: how far this link's order is."""
    path = server.folder / "panel.db"
    with open(f"{path}.lock") as queue, closing(sqlite3.connect(path, timeout=5)) as connection:
        fcntl.flock(queue, fcntl.LOCK_EX)
        connection.isolation_level = None
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE services SET name = name || '.'")
        row = connection.execute(
            "SELECT dispatch_state FROM orders WHERE link = ?", (link,)
        ).fetchone()
        connection.execute("COMMIT")
    return row[0] if row else ""


def test_a_stopped_worker_records_what_is_under_way(
    make_server: Callable[..., Server], faulty: FaultyProvider
) -> None:
    server = make_server(**QUICK)
    answers = threading.Semaphore(0)

    def wait(call: Call) -> Iterable[bytes]:
        assert answers.acquire(timeout=PATIENCE_S)
        return honest(call)

    faulty.plan("add", Fault(wait, takes=True), forever=True)
    key = buy_from(server, faulty.url, KEY, *AT_FULL_SPEED)
    place_all(server.port, [add(key, f"https://t.me/{number}") for number in range(100)])
    worker = server.worker()
    faulty.await_sent("add", 1)
    assert count(server, "dispatch_state = 'sent'") == 0
    answers.release()  # the first one goes alone
    faulty.await_sent("add", 4)

    worker.terminate()
    answers.release(50)  # fewer than there are orders, however late the worker obeys
    assert worker.wait(PATIENCE_S) == 0
    taken = faulty.taken().total()
    assert taken == count(server, "dispatch_state = 'sent'") >= 3
    assert count(server, "dispatch_state = 'waiting'") == 100 - taken > 0
    assert "the worker has stopped" in server.worker_log(worker)
    assert_sound(server)
