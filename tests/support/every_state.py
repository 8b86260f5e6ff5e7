"""A panel in which everything has happened: 500 orders, in every state that an order can have.

Two customers who order, and two providers that work, beside one that is nothing but trouble. The
texts are as long and as hostile as they can be, the amounts as small and as large. It is made
with the product's own functions, in 30 days of a clock that runs fast.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from werkzeug.security import generate_password_hash

from database.connection import close_database
from database.migrate import open_database
from database.transactions import immediate
from models import Order, Source
from panel import heartbeat, tasks
from panel.alerts import record
from panel.alerts.book import Changes
from panel.alerts.kinds import Condition, Kind
from panel.errors import OperatorError
from panel.money import MICROS
from panel.operations import customers, providers, sign_in, words
from panel.operations import operators as staff
from panel.operations import services as catalogue
from panel.operations.audit import Actor
from panel.operations.sign_in import Browser
from panel.operators import Role
from panel.orders import doubts, link_index
from panel.orders.doubts import Known, Later
from panel.orders.provider_status import Charge
from panel.orders.refusal import Refusal
from panel.providers import pending, price_sync, registry, sources
from panel.providers.listing import Listing
from panel.providers.pending import PendingKind
from panel.providers.policy import SyncPolicy
from panel.providers.registry import SANDBOX_URL, ProviderAccount
from panel.service_types import SERVICE_TYPES
from support.dashboard import PASSWORD
from support.faulty import KEY
from support.steps import (
    OLGA,
    Step,
    accept_cancel,
    add_post,
    ask_for_refill,
    ask_to_cancel,
    attach,
    begin_parts,
    claim,
    fail_to_reach,
    give_up,
    leave_refill_without_number,
    live,
    lose,
    lose_and_resend,
    part,
    pass_on_cancel,
    place,
    put_off,
    refill_reports,
    refund,
    refuse,
    reject_cancel,
    reports,
    resend,
    run_parts,
    send,
    set_order,
    set_refill,
    take_refill,
)
from support.story import DAY_S, HOUR_S, MINUTE_S, Story, play

ALICE = "alice"
LONG_NAME = "a-reseller-with-the-longest-name-that-fits@wholesale.example.com"
POOR, MALLORY = "poor", "mallory"
"""Poor has a millionth; Mallory is suspended."""

NORTH, SANDBOX = "north", "sandbox"
CLOSED = "closed"
"""It sells less and less, and is removed."""
TROUBLE = "a-provider-whose-name-has-all-of-the-64-letters-that-fit-into-it"

VIEWER = "victor"

ORDERS = 500

TAKEN = "document.title='taken'"
"""What a script would do that came into a page."""
HOSTILE = (
    f"https://t.me/x?<script>{TAKEN}</script>",
    f'https://example.com/"onmouseover="{TAKEN}"x="',
    f"https://example.com/'><img/src=x/onerror={TAKEN}>",
    f"javascript:{TAKEN}",
    f"data:text/html,<script>{TAKEN}</script>",
    "=HYPERLINK(\"https://evil.example/\",\"click\")",
    "@SUM(1+1)*cmd|'/C-calc'!A0",
    "{{7*7}}${7*7}%s%n&lt;b&gt;&amp;",
    "https://example.com/שלום/مرحبا/?q=עברית&x=1",
    "https://example.com/🎉🚀/日本語/emoji",
    "https://example.com/" + "a" * 1980,
    "https://example.com/" + "very-long-" * 200,
    "@somebody",
)  # fmt: skip
"""Links as customers may send them, and what else may stand in texts."""
HOSTILE_NAME = (
    f"Followers \"best\" & 'cheap' <script>{TAKEN}</script> שלום مرحبا 🎉 " + "unbroken" * 60
)[:500]

PART_OF_A_LINK = "needle-in-500"
"""What stands in the middle of one link alone."""
CAMPAIGN = "https://instagram.com/summer-campaign/"
"""How the links begin of Alice's many orders that go on."""

HAND, BOUGHT, TWICE, BUILT_IN = "by hand", "at north", "first north, then the sandbox", "sandbox"
IN_PARTS, WHOLE_DRIP = "drip-feed in parts", "drip-feed at north"
POSTS, POSTS_BY_HAND = "Subscriptions", "subscription by hand"
DUST, GIANT, ODD, DEARER, RENAMED, KEYED = (
    "dust", "giant", "hostile", "became dearer", "renamed", "in trouble",
)  # fmt: skip


class Sold(NamedTuple):
    """A service: what is not as usual about it, and the provider that it is bought from."""

    provider: str | None = None
    cost_micros: int = MICROS
    values: dict[str, Any] = {}
    dripfeed: bool = False


def _sold(provider: str | None = None, **values: Any) -> Sold:
    return Sold(provider, values=values)


def _type(name: str) -> Sold:
    is_link = "link" in SERVICE_TYPES[name].parameters
    rate = 3 * MICROS if SERVICE_TYPES[name].charged == "package" else 2_345_678
    return _sold(NORTH, type=name, rate_micros=rate, one_per_link=is_link and name == "Poll")


SERVICES: dict[str, Sold] = {
    HAND: _sold(name="Followers by hand", refill=True, cancel=True),
    BOUGHT: _sold(NORTH, name="Instagram followers | Real | 30 days refill", refill=True,
                  cancel=True),
    TWICE: _sold(NORTH, name="Channel members | Two sources", cancel=True),
    BUILT_IN: _sold(SANDBOX, name="Channel members of the sandbox", refill=True, cancel=True),
    IN_PARTS: _sold(NORTH, name="Views, part by part", dripfeed=True, cancel=True),
    WHOLE_DRIP: Sold(NORTH, values={"name": "Views, in runs", "dripfeed": True}, dripfeed=True),
    POSTS_BY_HAND: _sold(name="Likes by hand", type="Subscriptions", cancel=True),
    DUST: _sold(name="Dust", rate_micros=1),
    GIANT: _sold(name="The whole town", type="Package", rate_micros=10**6 * MICROS),
    ODD: _sold(name=HOSTILE_NAME, category="<b>Social</b> & \"more\"", cancel=True),
    DEARER: _sold(NORTH, name="Became dearer"),
    RENAMED: _sold(NORTH, name="Renamed at its provider"),
    KEYED: _sold(TROUBLE, name="Bought in trouble"),
    **{name: _type(name) for name in SERVICE_TYPES if name != "Default"},
    **{f"pending {kind}": _sold(NORTH, name=f"Pending: {kind}")
       for kind in (PendingKind.CATEGORY, PendingKind.FALL, PendingKind.RISE, PendingKind.CHARGE)},
    "off sale": _sold(name="Off sale"),
    "vanished": _sold(CLOSED, name="Vanished at its provider"),
    "too dear": Sold(CLOSED, 4 * MICROS, {"name": "Off sale, for it is too dear"}),
    "below cost": Sold(NORTH, 2 * MICROS, {"name": "Sold below cost", "rate_micros": 1_500_000}),
}  # fmt: skip
"""All services, and in which order they are added."""

TEXTS = {
    "quantity": 100, "keywords": "first keyword\nsecond <b>keyword</b>",
    "comments": "Great!\n\"Lovely\", she said\n<script>alert(1)</script>\n🎉\nשמש\n" + "long" * 60,
    "username": "some.body", "usernames": "\n".join(f"user.name.{n}" for n in range(40)),
    "hashtags": "#first\n#second", "hashtag": "#<i>tag</i>", "media": "https://t.me/x/1",
    "answer_number": 3, "groups": "https://t.me/group1\nhttps://t.me/group2",
    "country": "US", "device": 4, "type_of_traffic": 1, "google_keyword": "\"panel\" & co",
    "min": 100, "max": 200, "delay": 5, "posts": 10, "old_posts": 2, "expiry": "31/12/2099",
}  # fmt: skip
"""What is sent of each parameter, where nothing else is said."""


class Case(NamedTuple):
    """An order, and what becomes of it."""

    service: str
    steps: tuple[Step | int, ...]
    texts: dict[str, Any]
    customer: str = ALICE


def _case(service: str, *steps: Step | int, customer: str = ALICE, **texts: Any) -> Case:
    return Case(service, steps, texts, customer)


_PACED: Any = {"runs": 3, "interval": 1, "quantity": 100}
_RUNS_ON = (reports(status="In progress", start_count=1204, remains=40),)
_DONE = (send, 600, reports(status="Completed", start_count=15))
_USD = Charge(9 * MICROS, text="9.00 USD")

BEFORE_THE_RESTORE: dict[str, Case] = {
    "restored: drip-feed": _case(
        IN_PARTS, begin_parts, part(send), 70, part(reports(status="Completed")), **_PACED
    ),
    "restored: refill": _case(BOUGHT, *_DONE, 60, ask_for_refill),
    "restored: cancel request": _case(BOUGHT, send, *_RUNS_ON, ask_to_cancel),
    "restored: waits": _case(BOUGHT),
    "restored: was sent meanwhile": _case(BOUGHT),
    "restored: was being sent": _case(BOUGHT),
}
"""What waited when the copy was made which was put back."""

SETTLED: dict[str, Case] = {
    # Fulfilled by hand.
    "by hand: Pending": _case(HAND),
    "by hand: Processing": _case(HAND, set_order(status="Processing")),
    "by hand: In progress": _case(HAND, set_order(status="In progress", remains=60)),
    "by hand: Completed": _case(HAND, 3600, set_order(status="Completed", start_count=10**15)),
    "by hand: Partial": _case(HAND, 3600, set_order(status="Partial", remains=33)),
    "by hand: Canceled": _case(HAND, set_order(status="Canceled")),
    "by hand: refunded late": _case(HAND, set_order(status="Completed"), 3600, refund),
    "by hand: cancel request": _case(HAND, set_order(status="In progress"), ask_to_cancel),
    "by hand: cancel request accepted": _case(
        HAND, set_order(status="In progress"), ask_to_cancel, 600, accept_cancel
    ),
    "by hand: cancel request rejected": _case(
        HAND, set_order(status="In progress"), ask_to_cancel, 600, reject_cancel
    ),
    "by hand: canceled at once": _case(HAND, 60, ask_to_cancel),
    **{
        f"by hand: refill {status}": _case(
            HAND, set_order(status="Completed"), ask_for_refill, 60,
            *([] if status == "pending" else [set_refill(status)]),
        )
        for status in ("pending", "in progress", "completed", "rejected", "error")
    },
    # At a provider.
    "sent: Pending": _case(BOUGHT, send),
    "sent: Processing": _case(BOUGHT, send, 60, reports(status="Processing")),
    "sent: In progress": _case(BOUGHT, send, 60, *_RUNS_ON),
    "sent: Completed": _case(BOUGHT, *_DONE),
    "sent: Partial": _case(BOUGHT, send, 600, reports(status="Partial", remains=44)),
    "sent: Canceled": _case(BOUGHT, send, 600, reports(status="Canceled", remains=100)),
    "sent: canceled by hand": _case(BOUGHT, send, 600, set_order(status="Canceled")),
    "sent: Completed, then Canceled": _case(
        BOUGHT, *_DONE, 3600, reports(status="Canceled", remains=10)
    ),
    "sent: odd remains": _case(BOUGHT, send, reports(status="In progress", remains=10**9)),
    "sent: remains though Completed": _case(BOUGHT, send, reports(status="Completed", remains=4)),
    "sent: dearer than expected": _case(
        f"pending {PendingKind.CHARGE}", send, reports(status="In progress", charge=_USD)
    ),
    "sent: contradicts its end": _case(
        BOUGHT, send, reports(status="Partial", remains=44), 60, reports(status="Completed")
    ),
    "sent: at the second source": _case(TWICE, refuse("Service is disabled"), send, *_RUNS_ON),
    "sent: after a failed connection": _case(BOUGHT, fail_to_reach, 60, send),
    "sent: held for a word": _case(BOUGHT, send, reports(word=HOSTILE[0] + " Sucess")),
    "sent: held for a word as well": _case(BOUGHT, send, reports(word="Verifying")),
    "sent: held for a status": _case(
        BOUGHT, send, reports(status="Canceled", word="Canceled", remains=0)
    ),
    "sent: cancel request": _case(BOUGHT, send, *_RUNS_ON, ask_to_cancel),
    "sent: cancel request of a pending one": _case(BOUGHT, send, ask_to_cancel),
    "sent: cancel request passed on": _case(
        BOUGHT, send, *_RUNS_ON, ask_to_cancel, 30, pass_on_cancel(True)
    ),
    "sent: cancel request refused": _case(
        BOUGHT, send, *_RUNS_ON, ask_to_cancel, 30, pass_on_cancel(False)
    ),
    "sent: cancel request granted": _case(
        BOUGHT, send, *_RUNS_ON, ask_to_cancel, 30, pass_on_cancel(True), 60,
        reports(status="Canceled", remains=40),
    ),
    "sent: refill pending": _case(BOUGHT, *_DONE, ask_for_refill),
    "sent: refill in progress": _case(BOUGHT, *_DONE, ask_for_refill, 30, take_refill),
    "sent: refill completed": _case(
        BOUGHT, *_DONE, ask_for_refill, 30, take_refill, 600, refill_reports("completed")
    ),
    "sent: refill rejected": _case(
        BOUGHT, *_DONE, ask_for_refill, 30, take_refill, 600, refill_reports("rejected")
    ),
    "sent: refill not understood": _case(
        BOUGHT, *_DONE, ask_for_refill, 30, take_refill, 600,
        refill_reports(None, f"up says {HOSTILE[0]!r}"),
    ),
    "sent: refill without a number": _case(
        BOUGHT, *_DONE, ask_for_refill, 30, leave_refill_without_number, 30,
        leave_refill_without_number,
    ),
    "sent: refilled twice": _case(
        BOUGHT, *_DONE, ask_for_refill, take_refill, 600, refill_reports("completed"), 600,
        ask_for_refill, take_refill,
    ),
    # In doubt, and given up.
    "review": _case(BOUGHT, lose),
    "review: of the other customer": _case(BOUGHT, lose, customer=LONG_NAME),
    "review: moved by hand": _case(BOUGHT, lose, 60, set_order(status="In progress")),
    "review: cancel request": _case(BOUGHT, lose, 60, ask_to_cancel),
    "review: canceled by hand": _case(BOUGHT, lose, 60, set_order(status="Canceled")),
    "review: attached": _case(BOUGHT, lose, 600, attach),
    "review: sent again": _case(BOUGHT, lose, 600, resend, send, *_RUNS_ON),
    "review: given up": _case(BOUGHT, lose, 600, give_up),
    "failed: refused": _case(BOUGHT, refuse("Incorrect link")),
    "failed: with hostile words": _case(BOUGHT, refuse(" ".join(HOSTILE[:4]))),
    "failed: Completed": _case(BOUGHT, lose, 60, set_order(status="Completed"), give_up),
    "abandoned while it was sent": _case(
        BOUGHT, refuse("Service is disabled", then=set_order(status="In progress"))
    ),
    "canceled before it was sent": _case(BOUGHT, ask_to_cancel),
    # Drip-feeds.
    "drip-feed: first part": _case(IN_PARTS, begin_parts, part(send), **_PACED),
    "drip-feed: second part": _case(
        IN_PARTS, begin_parts, part(send), 70, part(reports(status="Completed")), run_parts,
        part(send), part(reports(status="In progress", remains=30)), 20, run_parts, **_PACED,
    ),
    "drip-feed: cancel request": _case(
        IN_PARTS, begin_parts, part(send), part(reports(status="In progress", remains=30)), 20,
        run_parts, ask_to_cancel, **_PACED,
    ),
    "drip-feed: Completed": _case(
        IN_PARTS,
        *(begin_parts, part(send), 70, part(reports(status="Completed")), run_parts),
        *(part(send), 70, part(reports(status="Completed")), run_parts),
        *(part(send), 70, part(reports(status="Completed")), run_parts),
        **_PACED,
    ),
    "drip-feed: Partial": _case(
        IN_PARTS, begin_parts, part(send), 70, part(reports(status="Partial", remains=50)),
        run_parts, part(refuse("Incorrect link")), 20, run_parts, **_PACED,
    ),
    "drip-feed: Canceled": _case(
        IN_PARTS, begin_parts, part(refuse("Incorrect link")), 20, run_parts, **_PACED
    ),
    "drip-feed: by its provider": _case(
        WHOLE_DRIP, send, 60, reports(status="In progress", runs=1, children=("801",)), **_PACED
    ),
    # Subscriptions.
    "subscription: by hand": _case(
        POSTS_BY_HAND, 60, add_post(100), 60, add_post(150), 60, add_post(200)
    ),
    "subscription: Paused by hand": _case(POSTS_BY_HAND, set_order(status="Paused")),
    "subscription: Expired by hand": _case(POSTS_BY_HAND, set_order(status="Expired")),
    "subscription: canceled at once": _case(POSTS_BY_HAND, ask_to_cancel),
    "subscription: without an end": _case(POSTS_BY_HAND, old_posts="", posts="", expiry=""),
    "subscription: posts": _case(
        POSTS, send, 60, reports(status="Active", posts=(("901", 120), ("902", 180)))
    ),
    "subscription: held posts": _case(POSTS, send, reports(status="Active", children=("903",))),
    "subscription: Paused": _case(POSTS, send, 60, reports(status="Paused")),
    "subscription: Completed": _case(
        POSTS, send, 60, reports(status="Completed", posts=(("904", 120),))
    ),
    "subscription: Expired": _case(
        POSTS, send, 60, reports(status="Expired", posts=(("905", 120),))
    ),
    "subscription: Canceled": _case(
        POSTS, send, 60, reports(status="Canceled", posts=(("906", 120),))
    ),
    # Every type, with all that is ordered.
    **{
        f"type: {name}": _case(name, send, 60, reports(status="In progress"))
        for name in SERVICE_TYPES
        if name not in ("Default", "Subscriptions")
    },
    "type: Web Traffic from a page": _case(
        "Web Traffic", send, type_of_traffic=2, referring_url=HOSTILE[1]
    ),
    "type: Web Traffic from nowhere": _case("Web Traffic", send, type_of_traffic=3),
    # Texts and amounts.
    **{
        f"hostile: {number}": _case(ODD, link=link, customer=LONG_NAME)
        for number, link in enumerate(HOSTILE)
    },
    "needle": _case(BOUGHT, *_DONE, link=f"https://t.me/hay/{PART_OF_A_LINK}/stack"),
    "amount: 0.000001": _case(DUST, set_order(status="Completed"), quantity=1),
    "amount: 0.0001": _case(DUST, quantity=100_000),
    "amount: 1000000": _case(GIANT, set_order(status="In progress")),
    "amount: 1000000 paid back": _case(GIANT, set_order(status="Canceled")),
    "amount: of a large quantity": _case(DUST, quantity=1_000_000_000, customer=LONG_NAME),
}  # fmt: skip
"""What became of orders since, and stays so."""

TO_BE_SENT: dict[str, Case] = {
    "waiting: dearer than it was sold for": _case(
        DEARER, lambda order_id: _become_dearer(order_id), put_off
    ),
    "waiting: its service was renamed": _case(
        RENAMED, lambda order_id: _rename(order_id), put_off
    ),
    "drip-feed: no part yet": _case(IN_PARTS, put_off, **_PACED),
    "waiting: refused for now": _case(BOUGHT, refuse("Rate limit exceeded", Refusal.TEMPORARY)),
    "waiting: for funds": _case(BOUGHT, refuse("Not enough funds", Refusal.FUNDS)),
    "waiting: for funds too": _case(
        BOUGHT, refuse("Not enough funds", Refusal.FUNDS), customer=LONG_NAME
    ),
    "waiting: refused in unknown words": _case(
        BOUGHT, refuse("Daily limit reached for this service", Refusal.UNKNOWN)
    ),
    "waiting: refused in hostile words": _case(BOUGHT, refuse(HOSTILE[0], Refusal.UNKNOWN)),
    "waiting: an earlier try is in doubt": _case(KEYED, lose_and_resend),
    "sending": _case(BOUGHT, claim),
    "sending: cancel request": _case(BOUGHT, claim, ask_to_cancel),
    "sending: moved by hand": _case(BOUGHT, claim, set_order(status="In progress")),
    "waiting: at the second source": _case(TWICE, refuse("Service is disabled")),
    "waiting: at the sandbox": _case(BUILT_IN),
    "waiting": _case(BOUGHT),
    "drip-feed: waiting": _case(WHOLE_DRIP, **_PACED),
    "subscription: waiting": _case(POSTS),
}
"""What is still to be sent, in the last minutes; what goes out before all others comes last."""

COMMON: tuple[Case, ...] = (
    _case(BOUGHT, *_DONE),
    _case(BUILT_IN, send, HOUR_S, reports(status="Completed", start_count=1000)),
    _case(BOUGHT, send, HOUR_S, reports(status="Partial", remains=5), customer=LONG_NAME),
    _case(HAND, DAY_S, set_order(status="Completed"), customer=LONG_NAME),
    _case(BUILT_IN, send, HOUR_S, reports(status="Canceled")),
    _case("Package", send, HOUR_S, reports(status="Completed")),
    _case("Custom Comments", send, DAY_S, reports(status="Completed"), customer=LONG_NAME),
)
"""What most orders are like."""

QUANTITIES = (10, 100, 250, 500, 1000, 2500, 10_000, 123_456)
MANY = 80
"""So many of Alice's orders go on, in one campaign."""
GOES_ON = _case(BUILT_IN, send, 60, reports(status="In progress", start_count=1000, remains=40))


class Panel(NamedTuple):
    """The numbers of what is in the panel.

    orders: by the names of the cases. services: by the keys of SERVICES.
    """

    orders: dict[str, int]
    services: dict[str, int]


def build(path: Path, north_url: str) -> Panel:
    """Make the panel in a new database.

    :param north_url: the address of the provider that is no sandbox; its key is KEY.
    """
    open_database(path, "OFF")
    panel = Panel({}, {})
    with pytest.MonkeyPatch.context() as patch:  # passwords are hashed slowly on purpose
        patch.setattr(generate_password_hash, "__defaults__", ("pbkdf2:sha256:1", 16))
        end = int(time.time())
        play(_stories(panel, north_url, end), end)
    while link_index.index_next():
        """As the worker does: the search finds parts of old links by an index."""
    close_database()
    return panel


def _stories(panel: Panel, north_url: str, end: int) -> Iterator[tuple[int, Story]]:
    yield end - 30 * DAY_S, _once(lambda: _open(panel, north_url))
    restored_at, tail_at = end - 3 * DAY_S, end - HOUR_S
    yield from _spread(panel, BEFORE_THE_RESTORE, restored_at - HOUR_S, restored_at - MINUTE_S)
    yield restored_at, _once(lambda: _restore(panel))
    yield from _spread(panel, SETTLED, restored_at + HOUR_S, tail_at - 3 * HOUR_S)
    yield from _spread(panel, TO_BE_SENT, tail_at, tail_at + 50)
    others = ORDERS - MANY - len(BEFORE_THE_RESTORE) - len(SETTLED) - len(TO_BE_SENT) - PARTS
    yield from _spread(panel, _common(others), end - 29 * DAY_S, restored_at - 2 * DAY_S)
    yield from _spread(panel, _campaign(), restored_at + HOUR_S, tail_at - HOUR_S)
    yield end - 5 * MINUTE_S, _once(lambda: _trouble(panel))


PARTS = 19
"""How many of the orders are parts of drip-feeds, and posts of subscriptions."""


def _once(act: Callable[[], None]) -> Story:
    act()
    yield from ()


def _common(number: int) -> dict[str, Case]:
    cases = {}
    for n in range(number):
        case = COMMON[n % len(COMMON)]
        quantity = QUANTITIES[n * n % len(QUANTITIES)]
        texts = {"quantity": quantity, "link": f"https://example.com/post/{n}"}
        cases[f"common {n}"] = case._replace(texts=texts)
    return cases


def _campaign() -> dict[str, Case]:
    return {
        f"campaign {n}": GOES_ON._replace(texts={"link": f"{CAMPAIGN}{n}", "quantity": 1000 + n})
        for n in range(MANY)
    }


def _spread(
    panel: Panel, cases: dict[str, Case], begin: int, end: int
) -> Iterator[tuple[int, Story]]:
    """The stories of orders, evenly over a time."""
    for number, (name, case) in enumerate(cases.items()):
        yield begin + (end - begin) * number // len(cases), _story(panel, name, case)


def _story(panel: Panel, name: str, case: Case) -> Story:
    texts = {**_texts(case.service), "link": f"https://example.com/{len(panel.orders)}"}
    order_id = place(case.customer, panel.services[case.service], **{**texts, **case.texts})
    panel.orders[name] = order_id
    yield from live(order_id, case.steps)


def _texts(service: str) -> dict[str, Any]:
    """What orders of a service send beside the link."""
    kind = SERVICE_TYPES[SERVICES[service].values.get("type", "Default")]
    with_others = [name for _, _, name in kind.needed_with]
    names = {*kind.parameters, *kind.optional, *with_others} & TEXTS.keys()
    return {name: text for name, text in TEXTS.items() if name in names}


# The panel, before its first order


def _open(panel: Panel, north_url: str) -> None:
    staff.add(Actor("(command line)"), OLGA.name, PASSWORD)
    staff.add(OLGA, VIEWER, PASSWORD, Role.VIEWER)
    _open_providers(north_url)
    for key, sold in SERVICES.items():
        panel.services[key] = _add_service(key, sold)
    catalogue.disable(OLGA, panel.services["off sale"])
    _close_down(panel)
    for name in (ALICE, LONG_NAME):
        customers.add(OLGA, name, 5_000_000 * MICROS)
    customers.add(OLGA, POOR, 1)
    customers.add(OLGA, MALLORY, 100 * MICROS)
    customers.suspend(OLGA, MALLORY)
    customers.fund(OLGA, ALICE, 12_345_678, " ".join(HOSTILE[:2]))
    customers.fund(OLGA, ALICE, -1, "too much")
    customers.set_discount(OLGA, LONG_NAME, 123_456)
    customers.set_dialect(OLGA, LONG_NAME, "perfectpanel")
    customers.set_rate(OLGA, LONG_NAME, panel.services[HAND], 4_999_999)
    _be_refused()


def _be_refused() -> None:
    """What an operator may not do, and what a stranger may not."""
    browser = Browser("2001:db8:1234:5678:9abc:def0:1234:5678", "2001:db8::/64", "Firefox", "")
    with suppress(OperatorError):
        customers.fund(OLGA, POOR, -MICROS, HOSTILE[0])
    for name in (OLGA.name, HOSTILE[0]):
        with suppress(OperatorError):
            sign_in.check_password(browser, name, "a wrong password")


def _open_providers(north_url: str) -> None:
    registry.add(NORTH, north_url, KEY, 600, "USD")
    registry.add(SANDBOX, SANDBOX_URL, "", 600)
    registry.add(CLOSED, "http://127.0.0.1:9/api/v2", KEY, 600, "USD")
    registry.add(TROUBLE, "https://trouble.example/" + "path/" * 30, KEY, 1, "INR", 10**10)
    says = {NORTH: "12.5000 USD", SANDBOX: "unlimited", TROUBLE: "-0.000001 INR"}
    for name, balance in says.items():
        account = ProviderAccount(balance, name == TROUBLE, balance[-3:].upper())
        account = account._replace(currency="USD") if name != TROUBLE else account
        registry.record_account(registry.get(name).id, account, "USD")
    words.teach(OLGA, NORTH, "Verified", "Completed")
    words.teach(OLGA, NORTH, HOSTILE[1], "cancel")


def _add_service(key: str, sold: Sold) -> int:
    usual = {"name": key, "category": "All", "rate_micros": 5 * MICROS, "min": 1, "max": 10**9}
    service_id = catalogue.add(OLGA, **{**usual, **sold.values})
    if sold.provider is not None:
        link = _listing(service_id, key, sold)
        sources.set_source(service_id, registry.get(sold.provider).id, link, 1)
    if key == TWICE:
        sources.set_source(service_id, registry.get(SANDBOX).id, _listing(1, key, sold), 2)
    return service_id


def _close_down(panel: Panel) -> None:
    """A provider asks more for one service, offers the other no more, and is removed."""
    number = panel.services["too dear"]
    dearer = _listing(number, "too dear", Sold(cost_micros=6 * MICROS))
    price_sync.sync_prices(registry.get(CLOSED).id, [dearer], SyncPolicy(disable_below_cost=True))
    providers.remove(OLGA, CLOSED)


def _listing(number: int, key: str, sold: Sold) -> Listing:
    """The service as its provider lists it."""
    kind = sold.values.get("type", "Default")
    return Listing(
        str(number), f"{key} at its provider", "All", kind, sold.cost_micros, 1, 10**9,
        False, False, sold.dripfeed,
    )  # fmt: skip


# What happens to the panel


def _restore(panel: Panel) -> None:
    """A copy was put back, and the database before knows more of some orders."""
    north = registry.get(NORTH).id
    known = {
        panel.orders["restored: was sent meanwhile"]: Later(
            "In progress", "sent", NORTH, north, "88123", 1, remains=100
        ),
        panel.orders["restored: was being sent"]: Later(
            "Pending", "sending", NORTH, north, "", 1, remains=100
        ),
    }
    with immediate():
        doubts.mark_all(Known(orders=known))


def _become_dearer(order_id: int) -> None:
    """The service of an order costs more now than it was sold for, and is sold at more."""
    order = Order.get_by_id(order_id)
    dearer = _listing(order.service_id, DEARER, Sold(cost_micros=90 * MICROS))
    sources.set_source(order.service_id, order.provider_id or 0, dearer, 1)
    catalogue.edit(OLGA, order.service_id, {"rate_micros": 99 * MICROS})


def _rename(order_id: int) -> None:
    """The provider gives the service of an order another name."""
    order = Order.get_by_id(order_id)
    source = Source.get(Source.service == order.service_id)
    with immediate():
        pending.add(
            source.provider_id, PendingKind.NAME, source.name, HOSTILE_NAME[:250], source.id
        )


AMOUNTS = {
    PendingKind.CATEGORY: ("All", "<b>Elsewhere</b> & \"more\""),
    PendingKind.FALL: (str(MICROS), "1"),
    PendingKind.RISE: (str(MICROS), str(90 * MICROS)),
    PendingKind.CURRENCY: ("USD", "INR"),
    PendingKind.PRICES: ("", "INR"),
    PendingKind.LOSS: ("1000", "12"),
    PendingKind.MOVED: ("", "300"),
}  # fmt: skip
"""What changed at providers, before and after."""


def _trouble(panel: Panel) -> None:
    """What can be wrong with providers, services and the panel itself, all at once."""
    trouble, north = registry.get(TROUBLE), registry.get(NORTH)
    with immediate():
        for kind, (before, after) in AMOUNTS.items():
            if kind in pending.OF_PROVIDER:
                pending.add(trouble.id, kind, before, after)
            else:
                source = Source.get(Source.service == panel.services[f"pending {kind}"])
                pending.add(north.id, kind, before, after, source.id)
    registry.stop(trouble.id, f"it redirects to {MOVED_TO}", MOVED_TO)
    registry.record_failing(trouble.id, f"add: {HOSTILE[0]}")
    tasks.record_success(tasks.Task.LEDGER_CHECK)
    tasks.record_failure(tasks.Task.BACKUP, f"the disk is full: {HOSTILE[0]}")
    condition = Condition(Kind.BACKUP, "", f"The last backup failed: {HOSTILE[0]}.")
    record.write(Changes([condition], [], [], {}))
    heartbeat.record_alive()


MOVED_TO = "https://a-long-name-of-a-panel-that-moved.example/with/a/path/api/v2"
