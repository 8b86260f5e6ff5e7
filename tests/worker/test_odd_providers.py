"""What real providers say, one case of each kind, to the real worker: who pays, and who waits.

Every case has a provider of its own, with its own lane; one worker serves them all at once. A
service of theirs costs 0.90 and is sold 25 % above that, so that 1000 of it are 1.125.
"""

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from support.apps import Server
from support.faulty import KEY, Fault, FaultyProvider
from support.faulty import says as replies
from support.servers import assert_sound, operate, wait_until

from panel.money import format_exact

Answer = Callable[[dict[str, str]], tuple[int, Any]]

ORDER = {"charge": "0.90", "start_count": "5", "status": "In progress", "remains": "1000",
         "currency": "USD"}  # fmt: skip
DONE = {"status": "Completed", "remains": "0"}
SERVICE = {"service": 1, "name": "Instagram Followers | Real", "category": "Instagram",
           "type": "Default", "rate": "0.90", "min": 10, "max": 50000, "refill": True,
           "cancel": True, "dripfeed": True}  # fmt: skip
UUID = "0b5a6c1e-77aa-4e0b-9d2f-2f9a9d1c3b55"


# How a provider answers.


def says(answer: Any, status: int = 200) -> Answer:
    """Always this."""
    return lambda request: (status, answer)


def in_turn(*answers: Answer) -> Answer:
    """One after the other; the last one from then on."""
    left = list(answers)
    return lambda request: (left.pop(0) if len(left) > 1 else left[0])(request)


def numbers(request: dict[str, str]) -> list[str]:
    return request.get("orders", request.get("order", "")).split(",")


def status(**changes: Any) -> Answer:
    """This status for every order that is asked for; None takes a field away."""
    entry = {name: value for name, value in (ORDER | changes).items() if value is not None}
    return lambda request: (
        200,
        dict.fromkeys(numbers(request), entry) if "orders" in request else entry,
    )


def refused_with(odd: str) -> Answer:
    """A whole batch is refused because of one order; the others are completed."""

    def answer(request: dict[str, str]) -> tuple[int, Any]:
        if odd in numbers(request):
            return 200, {"error": "Incorrect order ID"}
        return status(**DONE)(request)

    return answer


def one_by_one(request: dict[str, str]) -> tuple[int, Any]:
    """It does not know `orders`."""
    return status(**DONE)(request) if "order" in request else (200, {"error": "Bad request"})


def of_a_family(request: dict[str, str]) -> tuple[int, Any]:
    """A subscription, order 1, whose posts are orders of their own."""
    subscription = {"status": "Active", "expiry": True, "posts": 10, "orders": [901]}
    post = ORDER | DONE | {"charge": "0.09", "quantity": "100"}
    found = {number: subscription if number == "1" else post for number in numbers(request)}
    return 200, found if "orders" in request else found[request["order"]]


# The cases.


class Case(NamedTuple):
    """One provider: what it answers, by action; and what is to come of the orders there.

    ends: of each order of alice's there, in turn: status, dispatch state, paid back, cost.
    waits: what waits for the operator there, by the kinds of `flask attention --json`.
    asked: how often it was asked for some actions, exactly.
    faults: ways to answer that are no JSON.
    order: beside service, link and quantity.
    then: the operator's commands after that, with what the orders come to in the end.
    """

    answers: dict[str, Answer]
    ends: list[tuple[str, str, str, str]]
    waits: set[str] = set()
    asked: dict[str, int] = {}
    faults: dict[str, Fault] = {}
    order: dict[str, Any] = {}
    type: str = "Default"
    then: tuple[tuple[str, ...], ...] = ()
    after: list[tuple[str, str, str, str]] = []


GOES_ON = ("In progress", "sent", "0.00", "0.90")
COMPLETED = ("Completed", "sent", "0.00", "0.90")
PAID_BACK = ("Canceled", "sent", "1.125", "0.00")
REFUSED = ("Canceled", "failed", "1.125", "0.00")
WAITS = ("Pending", "waiting", "0.00", "0.00")
UNSEEN = ("Pending", "sent", "0.00", "0.90")

CASES = {
    "an ordinary order": Case({"status": status(**DONE)}, [COMPLETED], asked={"add": 1}),
    "canceled, and nothing was kept": Case(
        {"status": status(charge="0", status="Canceled", remains="157")}, [PAID_BACK]
    ),
    "canceled, and everything was kept": Case(
        {"status": status(charge="0.9", status="Canceled", remains="1000")}, [UNSEEN], {"status"}
    ),
    "a word that is not known": Case(
        {"status": status(status="Success", remains="0")},
        [UNSEEN],
        {"word"},
        then=(("provider", "word", "{name}", "Success", "Completed"),),
        after=[COMPLETED],
    ),
    "charged four times the price": Case(
        {"status": status(charge="3.60")},
        [("In progress", "sent", "0.00", "3.60")],
        {"service", "warning"},
    ),
    "a charge without a currency": Case(
        {"status": status(charge="5400", currency=None, **DONE)},
        [COMPLETED],
        {"warning"},
    ),
    "a refusal that is not known": Case(
        {"add": says({"error": "Daily limit reached"})},
        [WAITS],
        {"refusal"},
        {"add": 1},
        then=(("provider", "word", "{name}", "Daily limit reached", "cancel"),),
        after=[("Canceled", "failed", "1.125", "0.00")],
    ),
    "a refusal that tells another range": Case(
        {"add": says({"error": "Quantity less than minimum 5000"})}, [REFUSED], asked={"add": 1}
    ),
    "a panel that has moved": Case(
        {},
        [WAITS] * 8,
        {"stopped"},
        {"add": 1},
        {"add": Fault(replies(b"", 301, "text/html", Location="https://new.example/api/v2"))},
    ),
    "funds are used up": Case(
        {
            "balance": says({"balance": "0.10", "currency": "USD"}),
            "add": in_turn(
                *[says({"error": "Insufficient wallet"})] * 2,
                says({"order": 5}),
                says({"order": 6}),
            ),
            "status": status(**DONE),
        },
        [WAITS, WAITS],
        {"funds"},
        {"add": 2},
        then=(("provider", "resume", "{name}"),),
        after=[COMPLETED, ("Completed", "sent", "0.00", "0.90")],
    ),
    "one order spoils every batch": Case(
        {"status": refused_with("2")},
        [COMPLETED, UNSEEN, COMPLETED],
        {"warning"},
    ),
    "a provider that answers one by one": Case(
        {"status": one_by_one}, [COMPLETED, COMPLETED, COMPLETED]
    ),
    "posts of a subscription by their own numbers": Case(
        {"status": of_a_family},
        [("Active", "sent", "0.00", "0.00"), ("Completed", "sent", "0.00", "0.09")],
        order={"username": "someone", "min": 100, "max": 200, "delay": 0},
        type="Subscriptions",
    ),
    "a drip-feed canceled after three of five runs": Case(
        {"status": status(charge=None, status="Canceled", remains=None, runs=3, orders=[1, 2, 3])},
        [("Canceled", "sent", "0.225", "0.27")],
        order={"quantity": 100, "runs": 5, "interval": 30},
    ),
    "an order number of another kind": Case(
        {"add": says({"order": UUID}), "status": status(**DONE)}, [COMPLETED]
    ),
    "another currency than before": Case(
        {
            "balance": in_turn(
                *[says({"balance": "100", "currency": "USD"})] * 2,
                says({"balance": "100", "currency": "INR"}),
            )
        },
        [WAITS],
        {"currency"},
        {"add": 0},
    ),
}


# The run.


@pytest.fixture
def providers() -> Iterator[dict[str, FaultyProvider]]:
    """The provider of each case, by its title."""
    made = {title: FaultyProvider() for title in CASES}
    try:
        for title, case in CASES.items():
            provider = made[title]
            provider.services = [SERVICE | {"type": case.type}]
            for action, answer in case.answers.items():
                setattr(provider, f"_{action}", answer)
            for action, fault in case.faults.items():
                provider.plan(action, fault, forever=True)
        yield made
    finally:
        for provider in made.values():
            provider.close()


def name_of(title: str) -> str:
    return title.replace(" ", "-").replace(",", "")


def open_shop(server: Server, providers: dict[str, FaultyProvider]) -> SimpleNamespace:
    """A service of each provider, sold to alice."""
    services = {}
    for title, provider in providers.items():
        name = name_of(title)
        operate(server, "provider", "add", name, provider.url, "--key-env", "KEY", KEY=KEY)
        operate(server, "provider", "import", name, "--markup", "25%")
        services[title] = max(
            row["id"] for row in json.loads(operate(server, "service", "list", "--json"))
        )
    key = operate(server, "user", "add", "alice", "--balance", "1000").strip()
    return SimpleNamespace(key=key, services=services)


def place(server: Server, shop: SimpleNamespace) -> dict[str, list[int]]:
    """The orders of every case, by its title."""
    placed: dict[str, list[int]] = {}
    for title, case in CASES.items():
        # A post is charged when it comes, so it is no order that is placed.
        count = 1 if case.type == "Subscriptions" else len(case.ends)
        for number in range(count):
            wanted = {"link": f"https://a.example/{number}", "quantity": 1000} | case.order
            code, answer = server.call(shop.key, "add", service=shop.services[title], **wanted)
            assert code == 200, (title, answer)
            placed.setdefault(title, []).append(answer["order"])
    return placed


def ends(server: Server, service: int) -> list[tuple[str, str, str, str]]:
    """What became of the orders of a service: status, dispatch state, paid back, cost."""
    rows = server.rows(
        "SELECT status, dispatch_state, refunded_micros, cost_micros FROM orders "
        "WHERE service_id = ? ORDER BY id",
        service,
    )
    return [(*row[:2], format_exact(row[2]), format_exact(row[3])) for row in rows]


def waiting(server: Server) -> dict[str, set[str]]:
    """The kinds of what waits for the operator, by provider."""
    found: dict[str, set[str]] = {}
    for item in json.loads(operate(server, "attention", "--json")):
        found.setdefault(item["provider"], set()).add(item["kind"])
    return found


def asked(case: Case, provider: FaultyProvider) -> dict[str, int]:
    return {action: len(provider.sent(action)) for action in case.asked}


def test_nothing_that_a_provider_says_costs_money(
    make_server: Callable[..., Server], providers: dict[str, FaultyProvider]
) -> None:
    server = make_server("shop", PANEL_STATUS_SECONDS="1", PANEL_SYNCHRONOUS="NORMAL")
    shop = open_shop(server, providers)
    place(server, shop)
    server.worker()
    due = {title: case.ends for title, case in CASES.items()}
    come_to(server, shop, due)

    found = waiting(server)
    assert {title: found.get(name_of(title), set()) for title in CASES} == {
        title: case.waits for title, case in CASES.items()
    }
    assert {title: asked(case, providers[title]) for title, case in CASES.items()} == {
        title: case.asked for title, case in CASES.items()
    }

    for title, case in CASES.items():
        for command in case.then:
            operate(server, *(word.format(name=name_of(title)) for word in command))
    due |= {title: case.after for title, case in CASES.items() if case.after}
    come_to(server, shop, due)
    settled = [title for title, case in CASES.items() if case.then]
    assert settled
    found = waiting(server)
    left = {title: found[name_of(title)] for title in settled if name_of(title) in found}
    assert left == {}
    assert_sound(server)


def come_to(
    server: Server, shop: SimpleNamespace, due: dict[str, list[tuple[str, str, str, str]]]
) -> None:
    """Wait until the orders of every case are as they are to be."""

    def found() -> dict[str, list[tuple[str, str, str, str]]]:
        return {title: ends(server, shop.services[title]) for title in CASES}

    try:
        wait_until(lambda: found() == due, server)
    except AssertionError as error:
        late = {t: (end, due[t]) for t, end in found().items() if end != due[t]}
        raise AssertionError(f"{late}\n{error}") from None
