"""Idempotency keys: an `add` that is sent again buys once, here and at a provider like ours."""

import json
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from support.apps import Server
from support.clock import Clock
from support.faulty import DOLLARS
from support.orders import balance
from support.recorder import CUT, PATIENCE_S, Lane, Recorder, http_lane
from support.servers import go_together

import models
import panel_testing
from database.connection import close_database
from database.driver import sqlite3
from database.migrate import open_database
from models import Order
from panel import accounts, ledger, queries, services
from panel.money import MICROS
from panel.orders import dispatch, lookup, rejections, transition
from panel.providers import registry
from panel.providers.registry import ProviderAccount
from upstream.http import HttpProvider
from upstream.provider import ProviderUnreachable
from worker import lane as lanes
from worker import loop

LINK = "https://a.example/?q=1&r=2"
REUSED = "Idempotency key was used with other parameters"

Add = Callable[..., tuple[int, Any]]


@pytest.fixture
def add(client: FlaskClient, cast: SimpleNamespace) -> Add:
    """Alice orders 100 followers for 0.50, under the key k-1."""

    def add(headers: dict[str, str] | None = None, **params: Any) -> tuple[int, Any]:
        form = {
            "key": cast.alice,
            "action": "add",
            "service": cast.followers,
            "link": LINK,
            "quantity": 100,
            "idempotency_key": "k-1",
            **params,
        }
        sent = {name: value for name, value in form.items() if value is not None}
        response = client.post("/api/v2", data=sent, headers=headers)
        return response.status_code, response.json

    return add


def placed() -> int:
    return Order.select().count()


# The same key again


def test_the_same_key_with_the_same_parameters_is_the_same_order(add: Add) -> None:
    answers = [add() for _ in range(4)]

    assert answers == [(200, {"order": 1})] * 4
    assert (placed(), balance()) == (1, 100 * MICROS - 500_000)
    assert list(ledger.check()) == []


def test_without_a_key_each_add_is_an_order(add: Add) -> None:
    answers = [add(idempotency_key=None), add(idempotency_key=""), add(idempotency_key=None)]

    assert answers == [(200, {"order": number}) for number in (1, 2, 3)]


@pytest.mark.parametrize("first", ["header", "form", "query", "JSON", "multipart"])
@pytest.mark.parametrize("again", ["header", "form", "query", "JSON", "multipart"])
def test_header_and_parameter_are_one_key(
    client: FlaskClient, cast: SimpleNamespace, first: str, again: str
) -> None:
    wanted = {"key": cast.alice, "action": "add", "service": cast.followers, "link": LINK}
    wanted["quantity"] = 100
    keyed = {**wanted, "idempotency_key": "a key"}
    ways: dict[str, dict[str, Any]] = {
        "header": {"data": wanted, "headers": {"Idempotency-Key": "a key"}},
        "form": {"data": keyed},
        "query": {"query_string": keyed},
        "JSON": {"json": keyed},
        "multipart": {"data": keyed, "content_type": "multipart/form-data"},
    }
    answers = [client.post("/api/v2", **ways[way]).json for way in (first, again)]

    assert answers == [{"order": 1}] * 2
    assert placed() == 1


def test_an_empty_parameter_leaves_the_header_its_say(add: Add) -> None:
    header = {"Idempotency-Key": "from the header"}
    answers = [add(header, idempotency_key=""), add(header, idempotency_key=None)]

    assert answers == [(200, {"order": 1})] * 2


def test_the_parameter_wins_over_the_header(add: Add) -> None:
    assert add({"Idempotency-Key": "k-0"}) == (200, {"order": 1})
    assert add({"Idempotency-Key": "k-9"}) == (200, {"order": 1})
    assert add(idempotency_key="k-0") == (200, {"order": 2})


def test_what_no_order_knows_and_what_is_empty_makes_no_difference(add: Add) -> None:
    add()
    answers = [add(note="again"), add(runs="", comments=""), add(action="add")]

    assert answers == [(200, {"order": 1})] * 3


@pytest.mark.parametrize(
    "other",
    [
        {"quantity": 101},
        {"link": LINK + "&s=3"},
        {"service": 2},
        {"service": 999},
        {"runs": 2, "interval": 60},
        {"comments": "a"},
        {"quantity": None},
        {"link": None},
        {"service": None},
    ],
    ids=str,
)
def test_the_same_key_with_other_parameters_is_refused(add: Add, other: dict[str, Any]) -> None:
    add()

    assert add(**other) == (422, {"error": REUSED})
    assert (placed(), balance()) == (1, 100 * MICROS - 500_000)
    assert add() == (200, {"order": 1})


def test_another_accounts_same_key_is_its_own(add: Add, cast: SimpleNamespace) -> None:
    assert add() == (200, {"order": 1})
    assert add(key=cast.bob, quantity=200) == (200, {"order": 2})
    assert add(key=cast.bob, quantity=200) == (200, {"order": 2})
    assert add(key=cast.bob) == (422, {"error": REUSED})
    assert (balance(), balance("bob")) == (100 * MICROS - 500_000, 99 * MICROS)


@pytest.mark.parametrize("key", ["1", "x" * 255, " ", "a b", "~!@#%^&*()", "0"], ids=len)
def test_a_key_may_be_any_printable_ascii(add: Add, key: str) -> None:
    answers = [add(idempotency_key=key), add(idempotency_key=key)]

    assert answers == [(200, {"order": 1})] * 2


@pytest.mark.parametrize("key", ["x" * 256, "schlüssel", "k\n", "k\x00", "k\x7f", "\u00a0"])
def test_any_other_key_is_refused(add: Add, key: str) -> None:
    assert add(idempotency_key=key) == (422, {"error": "Incorrect idempotency_key"})
    assert add(idempotency_key=key, service=999)[1] == {"error": "Incorrect idempotency_key"}
    assert placed() == 0


def test_keys_differ_by_every_character(add: Add) -> None:
    answers = [add(idempotency_key=key) for key in ("key", "KEY", " key", "key ", "key0")]

    assert [answer["order"] for _, answer in answers] == [1, 2, 3, 4, 5]


def test_a_number_in_json_is_a_key_like_its_text(
    client: FlaskClient, cast: SimpleNamespace, add: Add
) -> None:
    form = {"key": cast.alice, "action": "add", "service": cast.followers, "link": LINK}
    sent = {**form, "quantity": 100, "idempotency_key": 17}

    assert client.post("/api/v2", json=sent).json == {"order": 1}
    assert add(idempotency_key="17") == (200, {"order": 1})
    refused = client.post("/api/v2", json={**sent, "idempotency_key": [17]})
    assert refused.json == {"error": "Incorrect idempotency_key"}


# Whatever happened in between


def disable(cast: SimpleNamespace) -> None:
    services.edit(cast.followers, active=False)


def make_dearer(cast: SimpleNamespace) -> None:
    services.edit(cast.followers, rate_micros=900 * MICROS)


def narrow(cast: SimpleNamespace) -> None:
    services.edit(cast.followers, min=500, max=501)


def change_type(cast: SimpleNamespace) -> None:
    services.edit(cast.followers, type="SEO")


def spend(cast: SimpleNamespace) -> None:
    accounts.fund("alice", -balance())


def one_at_a_time(cast: SimpleNamespace) -> None:
    services.edit(cast.followers, one_per_link=True)


def cancel(cast: SimpleNamespace) -> None:
    transition.change(1, status="Canceled")


def discount(cast: SimpleNamespace) -> None:
    accounts.set_discount("alice", 500_000)


@pytest.mark.parametrize(
    "event",
    [disable, make_dearer, narrow, change_type, spend, one_at_a_time, cancel, discount],
    ids=lambda event: event.__name__,
)
def test_a_retry_gives_the_same_order_whatever_has_changed(
    add: Add, cast: SimpleNamespace, event: Callable[[SimpleNamespace], None]
) -> None:
    add()
    event(cast)
    before = balance()

    assert add() == (200, {"order": 1})
    assert (placed(), balance(), lookup.get(1).charge_micros) == (1, before, 500_000)
    assert add(quantity=200) == (422, {"error": REUSED})


def test_a_retry_with_a_new_api_key_of_the_account_is_the_same_order(
    add: Add, cast: SimpleNamespace
) -> None:
    add()

    assert add(key=accounts.rotate_key("alice")) == (200, {"order": 1})


def test_a_suspended_account_learns_nothing_of_its_keys(add: Add) -> None:
    add()
    accounts.set_status("alice", "suspended")

    assert add() == (403, {"error": "Account suspended"})
    assert add(quantity=200) == (403, {"error": "Account suspended"})


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"quantity": 9}, "Quantity less than minimal 10"),
        ({"link": ""}, "Incorrect link"),
        ({"quantity": None}, "Incorrect request"),
        ({"service": 999}, "Incorrect service ID"),
    ],
    ids=str,
)
def test_a_refused_add_is_not_remembered(add: Add, wrong: dict[str, Any], error: str) -> None:
    for _ in range(2):
        assert add(**wrong)[1] == {"error": error}

    assert add() == (200, {"order": 1})
    assert add(**wrong) == (422, {"error": REUSED})


def test_an_add_without_funds_is_not_remembered(add: Add, cast: SimpleNamespace) -> None:
    poor = {"key": cast.poor}
    assert add(**poor) == (402, {"error": "Not enough funds on balance"})
    accounts.fund("poor", 500_000)
    assert add(**poor) == (200, {"order": 1})
    assert add(**poor) == (200, {"order": 1})
    assert balance("poor") == 1


def test_a_link_with_an_open_order_is_not_remembered(add: Add, cast: SimpleNamespace) -> None:
    one_at_a_time(cast)
    add()
    told = "You have active order with this link. Please wait until order being completed."
    assert add(idempotency_key="k-2") == (422, {"error": told})
    transition.change(1, status="Completed")
    assert add(idempotency_key="k-2") == (200, {"order": 2})


def test_a_key_belongs_to_add_alone(client: FlaskClient, cast: SimpleNamespace, add: Add) -> None:
    add()
    form = {"key": cast.alice, "action": "cancel", "orders": 1, "idempotency_key": "k-1"}

    assert client.post("/api/v2", data=form).json == {"1": {"cancel": "requested"}}


# Many at once, in four processes


class Shop(NamedTuple):
    """A real server with one customer, who has 1000.00, and one service at 5.00."""

    server: Server
    key: str
    service: int

    def wish(self, key: str, **params: Any) -> dict[str, Any]:
        """The parameters of an `add` of 0.50 under this key."""
        return {
            "key": self.key, "action": "add", "service": self.service, "link": LINK,
            "quantity": 100, "idempotency_key": key, **params,
        }  # fmt: skip

    def add(self, key: str, **params: Any) -> tuple[int, Any]:
        return self.server.call(**self.wish(key, **params))

    def books(self) -> tuple[int, int, int]:
        """How many orders and debits there are, and the balance; the ledger must be right."""
        with closing(sqlite3.connect(self.server.folder / "panel.db")) as connection:
            (count,) = connection.execute("SELECT COUNT(*) FROM orders").fetchone()
            (debits,) = connection.execute(
                "SELECT COUNT(*) FROM ledger_entries WHERE kind = 'charge'"
            ).fetchone()
            (left,) = connection.execute("SELECT balance_micros FROM accounts").fetchone()
            assert list(ledger.check(connection.execute)) == []
        return count, debits, left


@pytest.fixture
def shop(make_server: Callable[..., Server]) -> Shop:
    server = make_server(WEB_CONCURRENCY="4")
    open_database(server.folder / "panel.db")
    try:
        service = services.add(
            name="Followers", category="Social", rate_micros=5 * MICROS, min=10, max=1000
        )
        return Shop(server, accounts.add("alice", 1000 * MICROS), service)
    finally:
        close_database()


def at_once(jobs: Sequence[Callable[[], Any]]) -> list[Any]:
    """Do these at the same moment, each in a thread; what each gave."""
    barrier = threading.Barrier(len(jobs))
    gave: list[Any] = [None] * len(jobs)

    def run(position: int) -> None:
        barrier.wait(PATIENCE_S)
        gave[position] = jobs[position]()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    return gave


def test_two_at_the_same_moment_are_one_order(shop: Shop) -> None:
    for number in range(1, 11):
        jobs = [lambda n=number: shop.add(f"k-{n}")] * 8
        assert at_once(jobs) == [(200, {"order": number})] * 8

    assert shop.books() == (10, 10, 1000 * MICROS - 10 * 500_000)


def test_of_two_wishes_at_the_same_moment_one_is_refused(shop: Shop) -> None:
    jobs = [lambda: shop.add("k-1"), lambda: shop.add("k-1", quantity=200)] * 4
    answers = Counter((status, json.dumps(answer)) for status, answer in at_once(jobs))

    assert answers == {(200, '{"order": 1}'): 4, (422, json.dumps({"error": REUSED})): 4}
    assert shop.books()[:2] == (1, 1)


CLIENT = """
import json, socket, sys
port, requests = json.loads(sys.stdin.readline())
print("ready", flush=True)
sys.stdin.readline()
told = []
for name, body, cut in requests:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall((
            "POST /api/v2 HTTP/1.1\\r\\nHost: panel\\r\\nConnection: close\\r\\n"
            "Content-Type: application/x-www-form-urlencoded\\r\\n"
            f"Content-Length: {len(body)}\\r\\n\\r\\n{body}"
        ).encode())
        if not cut:
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
            told.append((name, answer.partition(b"\\r\\n\\r\\n")[2].decode()))
print(json.dumps(told), flush=True)
"""
"""A client in a process of its own; a connection that it cuts, it closes without reading."""


def send_all(port: int, shares: list[list[tuple[str, str, bool]]]) -> list[tuple[str, str]]:
    """Let each share be sent by its own process, all at once; what they were told."""
    clients = [
        subprocess.Popen(
            [sys.executable, "-S", "-c", CLIENT],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in shares
    ]  # fmt: skip
    for client, share in zip(clients, shares, strict=True):
        assert client.stdin is not None
        client.stdin.write(json.dumps([port, share]) + "\n")
        client.stdin.flush()
    go_together(clients)
    told = [json.loads(client.communicate(timeout=60)[0]) for client in clients]
    return [tuple(entry) for entries in told for entry in entries]


def test_500_orders_sent_again_and_again_over_connections_that_break_are_500_orders(
    shop: Shop,
) -> None:
    draw = random.Random(4)
    names = [f"order-{n}" for n in range(500)]
    copies = [(name, draw.randint(2, 5)) for name in names]
    cuts = [n % 2 == 0 for n in range(sum(count for _, count in copies))]
    draw.shuffle(cuts)
    bodies = {name: urlencode(shop.wish(name, link=f"https://a/{name}")) for name in names}
    shares: list[list[tuple[str, str, bool]]] = [[] for _ in range(5)]
    for n, (name, count) in enumerate(copies):
        for client in range(n, n + count):
            shares[client % 5].append((name, bodies[name], cuts.pop()))

    told = send_all(shop.server.port, shares)
    silent = sorted(set(names) - {name for name, _ in told})
    assert silent, "some clients never got an answer and ask once more"
    told += send_all(shop.server.port, [[(name, bodies[name], False) for name in silent]])
    shop.server.stop()

    numbers = {name: json.loads(answer)["order"] for name, answer in told}
    assert len(set(numbers.values())) == 500
    assert set(told) == {(name, f'{{"order":{n}}}\n') for name, n in numbers.items()}
    assert shop.books() == (500, 500, 1000 * MICROS - 500 * 500_000)
    with closing(sqlite3.connect(shop.server.folder / "panel.db")) as connection:
        kept = dict(connection.execute("SELECT key, order_id FROM idempotency_keys"))
    assert kept == numbers
    assert "Traceback" not in shop.server.log.read_text()


# Upstream


@pytest.fixture
def kind_lane(lane: Lane, recorder: Recorder) -> Lane:
    """The same, and it has said that it takes an order under one key once."""
    recorder.idempotent = True
    lane.provider.account()
    assert lane.provider.idempotent
    registry.record_account(lane.row.id, ProviderAccount("", True), "USD")
    return lane


def forward_of(order: int) -> str:
    return lookup.get(order).dispatch_state


def test_the_worker_sends_a_key_of_its_own_with_each_order(
    recorder: Recorder, lane: Lane, add: Add
) -> None:
    for key in ("k-1", "k-2", None):
        add(idempotency_key=key)
    lane.send()

    assert len(set(recorder.keys)) == 3
    assert all(key and len(key) == 32 and key.isalnum() for key in recorder.keys)
    assert all("idempotency_key" not in form for form in recorder.adds)


def test_an_order_keeps_its_key_through_refusals(
    recorder: Recorder, lane: Lane, add: Add, clock: Clock
) -> None:
    add()
    recorder.plan = ["Not enough funds on balance"]
    lane.send()
    key = lookup.get(1).send_key
    clock.move(minutes=1)
    lane.send()

    assert (recorder.keys, forward_of(1)) == ([key], "sent")


def test_an_unknown_outcome_is_sent_again_where_that_is_safe(
    recorder: Recorder, kind_lane: Lane, add: Add, clock: Clock
) -> None:
    add()
    recorder.plan = [CUT, CUT]
    tries = []
    for _ in range(5):
        kind_lane.send()
        tries.append((len(recorder.adds), forward_of(1)))
        clock.move(seconds=dispatch.RESEND_S)

    assert tries == [
        (1, "waiting"), (2, "waiting"), (2, "waiting"), (3, "sent"), (3, "sent")
    ]  # fmt: skip
    assert list(recorder.states) == ["700"], "the provider has one order"
    assert len(set(recorder.keys)) == 1
    assert recorder.adds == [recorder.adds[0]] * 3
    assert (lookup.get(1).provider_order, balance()) == ("700", 100 * MICROS - 500_000)
    assert lookup.get(1).warning == ""


def test_an_unknown_outcome_waits_for_a_person_anywhere_else(
    recorder: Recorder, lane: Lane, add: Add, clock: Clock, runner: FlaskCliRunner
) -> None:
    add()
    recorder.plan = [CUT]
    for _ in range(3):
        lane.send()
        clock.move(minutes=60)

    assert (len(recorder.adds), forward_of(1)) == (1, "review")
    shown = json.loads(runner.invoke(args=["order", "review", "--json"]).stdout)
    assert [row["id"] for row in shown] == [1]


@pytest.mark.parametrize(("kind", "forward"), [(True, "waiting"), (False, "review")])
def test_an_order_that_a_dead_worker_left_is_treated_alike(
    recorder: Recorder, lane: Lane, add: Add, clock: Clock, kind: bool, forward: str
) -> None:
    if kind:
        recorder.idempotent = True
        registry.record_account(lane.row.id, ProviderAccount("", True), "USD")
    add()
    order = dispatch.claim(lane.row.id)
    assert order is not None
    lane.provider.add(order)  # and then the power fails

    assert dispatch.recover_interrupted() == 1
    assert forward_of(1) == forward
    clock.move(minutes=1)
    lane.send()
    assert list(recorder.states) == ["700"]
    assert forward_of(1) == ("sent" if kind else "review")


@pytest.mark.parametrize("status", ["Processing", "In progress"])
def test_an_order_in_doubt_that_is_moved_by_hand_waits_for_a_person(
    recorder: Recorder,
    kind_lane: Lane,
    add: Add,
    clock: Clock,
    runner: FlaskCliRunner,
    status: str,
) -> None:
    add()
    recorder.plan = [CUT]
    kind_lane.send()
    assert (forward_of(1), lookup.get(1).may_be_at_provider) == ("waiting", True)
    transition.change(1, status=status)

    assert forward_of(1) == "review"
    shown = json.loads(runner.invoke(args=["order", "review", "--json"]).stdout)
    assert [row["id"] for row in shown] == [1]
    clock.move(minutes=60)
    kind_lane.send()
    assert len(recorder.adds) == 1, "it is not sent again by itself"
    dispatch.attach(1, "700")
    recorder.states["700"] = {"status": "Completed", "remains": 0}
    kind_lane.ask()
    assert lookup.get(1).status == "Completed"


@pytest.mark.parametrize("status", ["Canceled", "Processing", "Completed"])
def test_an_order_that_is_moved_by_hand_while_it_is_sent_is_not_bought_again(
    recorder: Recorder, kind_lane: Lane, add: Add, clock: Clock, status: str
) -> None:
    add()
    outgoing = dispatch.claim(kind_lane.row.id)
    assert outgoing is not None
    transition.change(1, status=status)
    dispatch.mark_in_doubt(1, "HTTP 502")

    assert forward_of(1) == "review"
    clock.move(minutes=60)
    kind_lane.send()
    assert recorder.adds == []
    listed = [*queries.orders_in_review(), *queries.with_warning(10)]
    assert [row["id"] for row in listed] == [1]


@pytest.mark.parametrize(
    ("status", "remains"), [("Canceled", None), ("Completed", None), ("Partial", 40)]
)
def test_an_order_in_doubt_that_is_ended_by_hand_stays_in_the_warnings(
    recorder: Recorder, kind_lane: Lane, add: Add, status: str, remains: int | None
) -> None:
    add()
    recorder.plan = [CUT]
    kind_lane.send()
    transition.change(1, status=status, remains=remains)

    assert (forward_of(1), lookup.get(1).warning) == ("", "no whole answer (ProtocolError)")
    assert [row["id"] for row in queries.with_warning(10)] == [1]
    kind_lane.send()
    assert len(recorder.adds) == 1, "it is sent no more"


def test_a_key_that_was_used_otherwise_goes_to_a_person(
    recorder: Recorder, kind_lane: Lane, add: Add, clock: Clock, cast: SimpleNamespace
) -> None:
    add()
    recorder.plan = [CUT, REUSED]
    for _ in range(4):
        kind_lane.send()
        clock.move(minutes=60)

    assert (forward_of(1), len(recorder.adds)) == ("review", 1)
    assert lookup.get(1).warning == REUSED
    assert (lookup.get(1).status, balance()) == ("Pending", 100 * MICROS - 500_000)


def test_a_refusal_of_the_order_itself_ends_the_doubt(
    recorder: Recorder, kind_lane: Lane, add: Add, clock: Clock
) -> None:
    add()
    recorder.plan = [CUT, "Incorrect service ID"]
    kind_lane.send()
    clock.move(seconds=dispatch.RESEND_S)
    kind_lane.send()

    assert (forward_of(1), lookup.get(1).status) == ("failed", "Canceled")
    assert balance() == 100 * MICROS


@pytest.mark.parametrize(
    "refusal", ["Too many requests", "Invalid API key", "Account suspended", "Maintenance"]
)
def test_a_refusal_that_says_nothing_of_the_order_keeps_it_from_the_second_source(
    recorder: Recorder, kind_lane: Lane, add: Add, clock: Clock, cast: SimpleNamespace,
    refusal: str,
) -> None:  # fmt: skip
    second = http_lane(recorder.url, name="second")
    second.sells(cast.followers, source_rank=2)
    add()
    recorder.plan = [CUT, refusal]
    kind_lane.send()
    clock.move(seconds=dispatch.RESEND_S)
    kind_lane.send()
    second.send()
    assert len(recorder.adds) == 1, "the first may have it"

    clock.move(minutes=1)
    second.send()
    kind_lane.send()
    assert (list(recorder.states), len(set(recorder.keys))) == (["700"], 1)
    assert (lookup.get(1).provider_id, forward_of(1)) == (kind_lane.row.id, "sent")


def test_a_doubt_that_does_not_end_goes_to_a_person(
    recorder: Recorder, kind_lane: Lane, add: Add, clock: Clock
) -> None:
    add()
    recorder.plan = [CUT, *["Too many requests"] * rejections.MAX_ATTEMPTS]
    for _ in range(rejections.MAX_ATTEMPTS + 3):
        kind_lane.send()
        clock.move(minutes=61)

    assert (forward_of(1), recorder.plan, len(recorder.adds)) == ("review", [], 1)
    assert balance() == 100 * MICROS - 500_000, "nothing is paid back while it may be delivered"


def test_an_order_in_doubt_goes_to_no_other_provider(
    recorder: Recorder, kind_lane: Lane, add: Add, clock: Clock, cast: SimpleNamespace
) -> None:
    add()
    recorder.plan = [CUT]
    kind_lane.send()
    other = http_lane(recorder.url, name="other")
    other.sells(cast.followers)
    for _ in range(2):
        clock.move(minutes=1)
        kind_lane.send()
        other.send()

    assert (forward_of(1), len(recorder.adds)) == ("review", 1)


def test_an_order_in_doubt_is_not_canceled_as_though_nobody_had_it(
    recorder: Recorder,
    kind_lane: Lane,
    add: Add,
    clock: Clock,
    client: FlaskClient,
    cast: SimpleNamespace,
) -> None:
    add()
    recorder.plan = [CUT]
    kind_lane.send()
    assert forward_of(1) == "waiting"
    form = {"key": cast.alice, "action": "cancel", "orders": 1}
    assert client.post("/api/v2", data=form).json == {"1": {"cancel": "requested"}}
    assert (lookup.get(1).status, balance()) == ("Pending", 100 * MICROS - 500_000)

    clock.move(seconds=dispatch.RESEND_S)
    kind_lane.run()
    assert (recorder.cancels, list(recorder.states)) == (["700"], ["700"])
    recorder.states["700"] = {"status": "Canceled", "remains": 40}
    kind_lane.run()
    assert (lookup.get(1).status, balance()) == ("Canceled", 100 * MICROS - 300_000)


def test_a_provider_that_was_not_reached_leaves_the_doubt(
    recorder: Recorder,
    kind_lane: Lane,
    add: Add,
    clock: Clock,
    client: FlaskClient,
    cast: SimpleNamespace,
) -> None:
    add()
    recorder.plan = [CUT]
    kind_lane.send()
    clock.move(minutes=1)
    away = Lane(kind_lane.row, HttpProvider("http://127.0.0.1:1/api/v2", "a key", DOLLARS))
    with pytest.raises(ProviderUnreachable):
        away.send()
    client.post("/api/v2", data={"key": cast.alice, "action": "cancel", "orders": 1})

    assert (lookup.get(1).status, balance()) == ("Pending", 100 * MICROS - 500_000)


def test_a_person_who_found_nothing_sends_it_as_new(
    recorder: Recorder,
    lane: Lane,
    add: Add,
    client: FlaskClient,
    cast: SimpleNamespace,
    runner: FlaskCliRunner,
) -> None:
    add()
    recorder.plan = [CUT]
    lane.send()
    assert runner.invoke(args=["order", "resend", "1"]).exit_code == 0
    client.post("/api/v2", data={"key": cast.alice, "action": "cancel", "orders": 1})

    assert (lookup.get(1).status, balance()) == ("Canceled", 100 * MICROS)


def test_an_address_that_is_new_has_yet_to_say_that_it_knows_keys(
    recorder: Recorder, kind_lane: Lane, add: Add, clock: Clock, cast: SimpleNamespace
) -> None:
    registry.remove("upstream")
    recorder.idempotent = False
    lane = http_lane(recorder.url)
    assert lane.row.id == kind_lane.row.id
    lane.sells(cast.followers)
    services.edit(cast.followers, active=True)
    add()
    recorder.plan = [CUT]
    lane.send()

    assert forward_of(1) == "review"


@contextmanager
def working(app: Flask, lane: Lane, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The worker itself, without its pauses."""
    for name in ("FIRST_PAUSE_S", "IDLE_S"):
        monkeypatch.setattr(lanes, name, 0.01)
    monkeypatch.setattr(loop, "LOOP_S", 0.01)
    monkeypatch.setattr(dispatch, "RESEND_S", 0)
    stop = threading.Event()
    pace = lanes.Pace(poll_every_s=60, sync_prices_every_s=0)
    database = app.extensions["panel_settings"].database
    thread = threading.Thread(
        target=loop.run, args=(database, lambda row: lane.provider, pace, stop)
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE_S)
    assert not thread.is_alive()


@pytest.mark.parametrize("kind", [True, False])
def test_the_worker_learns_from_an_answer_whether_a_provider_knows_keys(
    recorder: Recorder, app: Flask, monkeypatch: pytest.MonkeyPatch, kind: bool
) -> None:
    recorder.idempotent = kind
    lane = http_lane(recorder.url)
    with working(app, lane, monkeypatch):
        assert recorder.asked_for_balance.wait(PATIENCE_S)

    assert registry.get("upstream").idempotent == kind


def test_the_worker_resends_by_itself(
    recorder: Recorder,
    app: Flask,
    add: Add,
    cast: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorder.idempotent = True
    lane = http_lane(recorder.url)
    lane.sells(cast.followers)
    registry.record_account(lane.row.id, ProviderAccount("", True), "USD")
    recorder.plan = [CUT]
    add()
    with working(app, lane, monkeypatch):
        assert recorder.asked_again.wait(PATIENCE_S)

    assert (list(recorder.states), len(recorder.adds)) == (["700"], 2)
    assert (forward_of(1), lookup.get(1).provider_order) == ("sent", "700")


@pytest.fixture(scope="module")
def second_panel() -> Iterator[panel_testing.PanelServer]:
    """A real second panel, in a process of its own."""
    with panel_testing.serve() as server:
        yield server


@pytest.mark.server
@pytest.mark.parametrize(
    ("dialect", "silence"), [("sns", "before"), ("sns", "after"), ("perfectpanel", "after")]
)
def test_a_second_panel_that_gave_no_answer_has_the_order_once(
    second_panel: panel_testing.PanelServer,
    add: Add,
    clock: Clock,
    cast: SimpleNamespace,
    dialect: str,
    silence: str,
) -> None:
    theirs = panel_testing.Panel(second_panel, "1000", dialect)
    lane = http_lane(theirs.url, theirs.key, timeout_s=1)
    lane.provider.account()
    assert lane.provider.idempotent
    registry.record_account(lane.row.id, ProviderAccount("", True), "USD")
    lane.sells(cast.followers)
    source = models.Source.update(provider_service=str(theirs.services["Default"]))
    source.execute()
    theirs.fail_next(timeout=silence)
    add()
    lane.send()
    assert forward_of(1) == "waiting"
    while forward_of(1) == "waiting":
        clock.move(seconds=dispatch.RESEND_S)
        lane.send()

    assert forward_of(1) == "sent"
    client = panel_testing.PanelClient(theirs.url, theirs.key)
    assert client.balance()["balance"] == "999.9000", "one order of 100 at 1.00"
