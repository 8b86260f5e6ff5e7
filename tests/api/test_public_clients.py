"""Clients that others wrote for this kind of API work unchanged against a real server.

They are pinned in requirements-dev.txt and run as they are: smmpy and babismm expect errors with
HTTP 200 (the dialect perfectpanel) and lose the text of any other; safesmm reads both.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import pytest
import safesmm
import smm as babismm
import smmpy
from support.apps import PLENTY, Server

from database.connection import close_database
from database.migrate import open_database
from models import Refill
from panel import accounts, errors, queries, service_types, services
from panel.money import MICROS
from panel.orders import lookup, refills, transition

pytestmark = pytest.mark.server

LINK = "https://t.me/example?a=1&b=2"
NO_SUCH = 10**9
"""A number that no order and no refill has."""


class Library(NamedTuple):
    """A public client: how it is made, what its methods are called, and what its add can say.

    details: the parameters beside service, link and quantity that it knows; None for any.
    """

    connect: Callable[[str, str], Any]
    methods: dict[str, str]
    details: frozenset[str] | None = None


METHODS = {
    "services": "get_services",
    "balance": "get_balance",
    "status": "get_status",
    "multi status": "get_multi_status",
    "refill": "create_refill",
    "multi refill": "create_multi_refill",
    "refill status": "get_refill_status",
    "multi refill status": "get_multi_refill_status",
    "cancel": "cancel_orders",
}
LIBRARIES = {
    "smmpy": Library(smmpy.smm, METHODS, frozenset({"comments", "runs", "interval"})),
    "babismm": Library(babismm.SMM, METHODS),
    "safesmm": Library(
        lambda url, key: safesmm.SafeSMM(key, url),
        {
            "services": "services",
            "balance": "balance",
            "status": "status",
            "multi status": "multi_status",
            "refill": "refill",
            "cancel": "cancel",
        },
    ),
}
STRICT = ("smmpy", "babismm")
"""Those that lose the text of a 4xx; they have multi refills too."""

each_library = pytest.mark.parametrize("library", LIBRARIES)
each_strict = pytest.mark.parametrize("library", STRICT)


class Customer:
    """A customer of the panel who uses a library."""

    def __init__(self, panel: "Panel", library: str, name: str = "alice") -> None:
        self._services = panel.services
        self._methods = LIBRARIES[library].methods
        self._client = LIBRARIES[library].connect(panel.url, panel.keys[name])

    def ask(self, what: str, *args: Any) -> Any:
        """Call the library's method for something."""
        return getattr(self._client, self._methods[what])(*args)

    def add(self, service: str = "Default", /, **params: Any) -> int:
        """Place an order of 500, or a wish that differs; its number."""
        wish = {"link": LINK, "quantity": 500, **params}
        return self._client.add_order(self._services[service], **wish)["order"]


@dataclass
class Panel:
    """A real server, the keys of its customers, and its services by type.

    Its default dialect is perfectpanel; each customer has a twin, such as alice-sns, in the
    other. A service costs 2.00 per 1000 and takes from 10 to 10,000.
    """

    server: Server
    keys: dict[str, str]
    services: dict[str, int]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}/api/v2"

    @contextmanager
    def desk(self) -> Iterator[None]:
        """The panel's rules on the server's database, as the operator's commands apply them."""
        open_database(self.server.folder / "panel.db")
        try:
            yield
        finally:
            close_database()

    def move(self, order: int, status: str, **numbers: int) -> None:
        """Move an order on, as the operator does."""
        with self.desk():
            transition.change(order, status=status, **numbers)


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panel]:
    folder = tmp_path_factory.mktemp("panel")
    environ = {"PANEL_DATABASE": f"sqlite:///{folder}/panel.db", "PANEL_DIALECT": "perfectpanel"}
    server = Server(folder, {**environ, "PANEL_RATE_LIMIT": PLENTY, "WEB_CONCURRENCY": "1"})
    panel = Panel(server, {"nobody": "0" * 48}, {})
    with panel.desk():
        for twin in ("", "-sns"):
            panel.keys[f"alice{twin}"] = accounts.add(f"alice{twin}", 1000 * MICROS)
            panel.keys[f"poor{twin}"] = accounts.add(f"poor{twin}", 1)
            panel.keys[f"mallory{twin}"] = accounts.add(f"mallory{twin}")
            accounts.set_status(f"mallory{twin}", "suspended")
        for name in ("alice-sns", "poor-sns", "mallory-sns"):
            accounts.set_dialect(name, "sns")
        panel.services = {**catalogue(), "none": NO_SUCH}
    server.start()
    yield panel
    server.kill()


def catalogue() -> dict[str, int]:
    """A service of each type, and two special ones; their numbers."""

    def add(kind: str, **fields: bool) -> int:
        usual = {
            "refill": True,
            "cancel": True,
            "dripfeed": service_types.SERVICE_TYPES[kind].dripfeed,
        }
        return services.add(
            name=kind, category="All", type=kind, rate_micros=2 * MICROS,
            min=10 if service_types.takes_quantity(kind) else 1, max=10_000, **{**usual, **fields},
        )  # fmt: skip

    numbers = {kind: add(kind) for kind in service_types.SERVICE_TYPES}
    fixed = add("Default", refill=False, cancel=False)
    return {**numbers, "fixed": fixed, "one per link": add("Default", one_per_link=True)}


# What works.


@each_library
def test_services(panel: Panel, library: str) -> None:
    listed = {entry["service"]: entry for entry in Customer(panel, library).ask("services")}
    assert set(listed) == set(panel.services.values()) - {NO_SUCH}
    assert listed[panel.services["Default"]] == {
        "service": panel.services["Default"], "name": "Default", "category": "All",
        "type": "Default", "rate": "2.00", "min": "10", "max": "10000",
        "refill": True, "cancel": True, "dripfeed": True,
    }  # fmt: skip


@each_library
def test_balance(panel: Panel, library: str) -> None:
    answer = Customer(panel, library, "poor").ask("balance")
    assert answer == {"balance": "0.0000", "currency": "USD"}


NO_QUANTITY = {"quantity": None}
ADDS: dict[str, tuple[str, dict[str, Any], str]] = {
    "Default": ("Default", {}, "1.000000"),
    "drip-feed": ("Default", {"runs": 3, "interval": 60}, "3.000000"),
    "drip-feed switched off": ("Default", {"runs": 0, "interval": 0}, "1.000000"),
    "drip-feed in the words of JavaScript": (
        "Default", {"runs": "undefined", "interval": "undefined"}, "1.000000"),
    "a single run": ("Default", {"runs": 1, "interval": 0}, "1.000000"),
    "SEO": ("SEO", {"keywords": "one\ntwo"}, "1.000000"),
    "Package": ("Package", {"quantity": 1}, "2.000000"),
    "Custom Comments": ("Custom Comments", {"comments": "Great!\r\n\nOh, nice"}, "0.004000"),
    "Custom Comments Package": (
        "Custom Comments Package", {"comments": "Great!"}, "2.000000"),
    "Comment Replies": (
        "Comment Replies", {"username": "x", "comments": "a\nb", **NO_QUANTITY}, "0.004000"),
    "Comment Likes": ("Comment Likes", {"username": "x"}, "1.000000"),
    "Mentions": ("Mentions", {"usernames": "a\nb"}, "1.000000"),
    "Mentions with Hashtags": (
        "Mentions with Hashtags", {"usernames": "a", "hashtags": "b\nc"}, "1.000000"),
    "Mentions Custom List": (
        "Mentions Custom List", {"usernames": "a\nb\nc", **NO_QUANTITY}, "0.006000"),
    "Mentions Hashtag": ("Mentions Hashtag", {"hashtag": "a"}, "1.000000"),
    "Mentions User Followers": ("Mentions User Followers", {"username": LINK}, "1.000000"),
    "Mentions Media Likers": ("Mentions Media Likers", {"media": LINK}, "1.000000"),
    "Poll": ("Poll", {"answer_number": 7}, "1.000000"),
    "Invites from Groups": ("Invites from Groups", {"groups": "a\nb"}, "1.000000"),
    "Web Traffic": (
        "Web Traffic",
        {"country": "KR", "device": 5, "type_of_traffic": 1, "google_keyword": "panel"},
        "1.000000",
    ),
    "Subscriptions": (
        "Subscriptions",
        {"username": "x", "min": 10, "max": 20, "posts": 5, "delay": 30, "expiry": "31/12/2099",
         "link": None, **NO_QUANTITY},
        "0.000000",
    ),
    "old posts only": (
        "Subscriptions",
        {"username": "x", "min": 10, "max": 20, "posts": 0, "old_posts": 5, "delay": 30,
         "link": None, **NO_QUANTITY},
        "0.000000",
    ),
    "an address in place of a link": ("Default", {"url": LINK, "link": None}, "1.000000"),
}  # fmt: skip
"""For each add its service, what differs from a link and a quantity of 500, and the charge."""


def known(library: str) -> list[str]:
    """The adds that a library has parameters for; smmpy always sends a link and a quantity."""
    details = LIBRARIES[library].details
    return [
        name
        for name, (_, params, _) in ADDS.items()
        if details is None or params.keys() <= details | {"quantity"}
    ]


def test_every_type_of_service_is_tried() -> None:
    assert {kind for kind, _, _ in ADDS.values()} == set(service_types.SERVICE_TYPES)
    assert known("babismm") == known("safesmm") == list(ADDS)
    assert known("smmpy") == [
        "Default", "drip-feed", "drip-feed switched off", "drip-feed in the words of JavaScript",
        "a single run", "Package", "Custom Comments", "Custom Comments Package",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("library", "name"), [(library, name) for library in LIBRARIES for name in known(library)]
)
def test_add_of_every_type_that_it_knows(panel: Panel, library: str, name: str) -> None:
    kind, params, charge = ADDS[name]
    customer = Customer(panel, library)
    order = customer.add(kind, **params)
    state = customer.ask("status", order)
    assert state["charge"] == charge
    assert state["status"] == ("Active" if kind == "Subscriptions" else "Pending")
    with panel.desk():
        link = params.get("url") or params.get("link", LINK) or ""
        assert lookup.get(order).link == link


@each_library
def test_status_and_multi_status(panel: Panel, library: str) -> None:
    customer = Customer(panel, library)
    first, second = customer.add(), customer.add()
    panel.move(first, "In progress", start_count=70, remains=320)
    begun = {
        "charge": "1.000000", "start_count": "70", "status": "In progress", "remains": "320",
        "currency": "USD",
    }  # fmt: skip
    waiting = {**begun, "start_count": "0", "status": "Pending", "remains": "500"}
    assert customer.ask("status", first) == begun
    assert customer.ask("multi status", [first, second, NO_SUCH]) == {
        str(first): begun,
        str(second): waiting,
        str(NO_SUCH): {"error": "Incorrect order ID"},
    }


@each_library
def test_a_list_in_place_of_a_number(panel: Panel, library: str) -> None:
    customer = Customer(panel, library)
    numbers = [customer.add(), customer.add()]
    listed = ",".join(map(str, numbers))
    assert list(customer.ask("status", listed)) == list(map(str, numbers))
    refused = [{"order": n, "refill": {"error": "Cannot refill"}} for n in numbers]
    assert customer.ask("refill", listed) == refused


@each_library
def test_refill(panel: Panel, library: str) -> None:
    customer = Customer(panel, library)
    order = customer.add()
    panel.move(order, "Completed")
    refill = customer.ask("refill", order)["refill"]
    assert isinstance(refill, str)
    with panel.desk():
        assert [
            row["order"] for row in queries.request_listing(Refill) if row["id"] == int(refill)
        ] == [order]


@each_strict
def test_multi_refill_and_the_status_of_refills(panel: Panel, library: str) -> None:
    customer = Customer(panel, library)
    order, pending = customer.add(), customer.add()
    panel.move(order, "Completed")
    taken, refused, unknown = customer.ask("multi refill", [order, pending, NO_SUCH])
    refill = taken["refill"]
    assert taken == {"order": order, "refill": refill}
    assert refused == {"order": pending, "refill": {"error": "Cannot refill"}}
    assert unknown == {"order": NO_SUCH, "refill": {"error": "Incorrect order ID"}}

    assert customer.ask("refill status", refill) == {"status": "Pending"}
    with panel.desk():
        refills.set_status(refill, "in progress")
    assert customer.ask("multi refill status", [refill, NO_SUCH]) == [
        {"refill": refill, "status": "In progress"},
        {"refill": NO_SUCH, "status": {"error": "Refill not found"}},
    ]


@each_library
def test_cancel(panel: Panel, library: str) -> None:
    customer = Customer(panel, library)
    before = customer.ask("balance")
    order = customer.add()
    assert customer.ask("balance") != before
    fixed = customer.add("fixed", quantity=10)
    canceled, refused, unknown = customer.ask("cancel", [order, fixed, NO_SUCH])
    assert canceled == {"order": order, "cancel": canceled["cancel"]}
    assert isinstance(canceled["cancel"], int)
    assert refused == {"order": fixed, "cancel": {"error": "Cannot cancel"}}
    assert unknown == {"order": NO_SUCH, "cancel": {"error": "Incorrect order ID"}}
    assert customer.ask("status", order)["status"] == "Canceled"
    panel.move(fixed, "Canceled")
    assert customer.ask("balance") == before


# Every error's text.


class Refusal(NamedTuple):
    """What is refused: the contract's status and text, and an attempt by a customer.

    The attempt is also told the name of who tries, for what must happen once for each.
    """

    status: int
    text: str
    attempt: Callable[[Customer, str], Any]
    name: str = "alice"


def _link_in_use(customer: Customer, who: str) -> Any:
    customer.add("one per link", link=f"{LINK}&{who}")
    return customer.add("one per link", link=f"{LINK}&{who}")


def _used_key(customer: Customer, who: str) -> Any:
    customer.add(idempotency_key=f"order-7-{who}")
    return customer.add(idempotency_key=f"order-7-{who}", quantity=501)


REFUSALS = {
    "wrong key": Refusal(401, "Invalid API key", lambda c, _: c.ask("balance"), "nobody"),
    "no funds": Refusal(402, "Not enough funds on balance", lambda c, _: c.add(), "poor"),
    "suspended": Refusal(403, "Account suspended", lambda c, _: c.ask("balance"), "mallory"),
    "no such service": Refusal(404, "Incorrect service ID", lambda c, _: c.add("none")),
    "no such order": Refusal(404, "Incorrect order ID", lambda c, _: c.ask("status", NO_SUCH)),
    "no such refill": Refusal(
        404, "Refill not found", lambda c, _: c.ask("refill status", NO_SUCH)),
    "no quantity": Refusal(422, "Incorrect request", lambda c, _: c.add(quantity=None)),
    "no orders": Refusal(422, "Incorrect request", lambda c, _: c.ask("multi status", [])),
    "101 orders": Refusal(
        422, "Incorrect request", lambda c, _: c.ask("multi status", list(range(1, 102)))),
    "empty link": Refusal(422, "Incorrect link", lambda c, _: c.add(link="")),
    "link of two lines": Refusal(422, "Incorrect link", lambda c, _: c.add(link="a\nb")),
    "quantity in words": Refusal(422, "Incorrect quantity", lambda c, _: c.add(quantity="many")),
    "too little": Refusal(
        422, "Quantity less than minimal 10", lambda c, _: c.add(quantity=9)),
    "too much": Refusal(
        422, "Quantity more than maximum 10000", lambda c, _: c.add(quantity=10_001)),
    "blank comments": Refusal(
        422, "Incorrect comments", lambda c, _: c.add("Custom Comments", comments="\n \n")),
    "runs alone": Refusal(422, "Incorrect request", lambda c, _: c.add(runs=2)),
    "an interval alone": Refusal(
        422, "Incorrect request", lambda c, _: c.add(runs=0, interval=5)),
    "interval in words": Refusal(
        422, "Incorrect interval", lambda c, _: c.add(runs=5, interval="often")),
    "answer in words": Refusal(
        422, "Incorrect answer_number", lambda c, _: c.add("Poll", answer_number="last")),
    "not completed": Refusal(422, "Cannot refill", lambda c, _: c.ask("refill", c.add())),
    "link in use": Refusal(
        422,
        "You have active order with this link. Please wait until order being completed.",
        _link_in_use,
    ),
    "used key": Refusal(422, "Idempotency key was used with other parameters", _used_key),
}  # fmt: skip
WORDLESS = {"smmpy": {"used key", "answer in words"}, "safesmm": {"no such refill"}}
"""What a library has no method or parameter for."""

REFUSED = [
    (library, what)
    for library in LIBRARIES
    for what in REFUSALS
    if what not in WORDLESS.get(library, ())
]


def said(attempt: Callable[[], Any]) -> str:
    """What the library's own exception says of an attempt."""
    with pytest.raises(Exception) as caught:
        attempt()
    own = (babismm.SMMAPIError, babismm.SMMNetworkError, safesmm.SafeSMMError, Exception)
    assert type(caught.value) in own, f"a fault, not a refusal: {caught.value!r}"
    return str(caught.value)


def test_every_error_of_the_contract_is_tried() -> None:
    texts = {re.sub(r"\d+$", "N", refusal.text) for refusal in REFUSALS.values()}
    known = {problem.text for problem in errors.catalogue()}
    # Those two have tests of their own.
    assert known - texts == {"Too many requests", "Cannot cancel"}


@pytest.mark.parametrize(("library", "what"), REFUSED)
def test_the_errors_own_text_reaches_the_caller(panel: Panel, library: str, what: str) -> None:
    _, text, attempt, name = REFUSALS[what]
    customer = Customer(panel, library, name)
    assert said(lambda: attempt(customer, library)) == text


@pytest.mark.parametrize(
    ("library", "what"),
    # Whose key nobody has is answered in the panel's own dialect.
    [(library, what) for library, what in REFUSED if REFUSALS[what].name != "nobody"],
)
def test_in_the_default_dialect_the_strict_ones_lose_the_text(
    panel: Panel, library: str, what: str
) -> None:
    status, text, attempt, name = REFUSALS[what]
    customer = Customer(panel, library, f"{name}-sns")
    words = said(lambda: attempt(customer, f"{library}-sns"))
    if library in STRICT:
        assert str(status) in words
        assert text not in words
    else:
        assert words == text


def test_the_rate_limit_keeps_its_status_in_every_dialect(
    make_server: Callable[..., Server],
) -> None:
    server = make_server(PANEL_RATE_LIMIT="1", PANEL_DIALECT="perfectpanel", WEB_CONCURRENCY="1")
    panel = Panel(server, {}, {})
    with panel.desk():
        panel.keys = {library: accounts.add(library) for library in LIBRARIES}
    words = {}
    for library in LIBRARIES:
        customer = Customer(panel, library, library)
        customer.ask("balance")
        words[library] = said(partial(customer.ask, "balance"))
    assert words["safesmm"] == "Too many requests"
    for library in STRICT:
        assert "429" in words[library]
