"""A panel as an operator would like to have it: a month of sales, and a few things to see to.

For pictures, and to look around in. Nothing in it is real. Like support.every_state it is made
with the product's own functions, and the same at each run but for the day.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from werkzeug.security import generate_password_hash

from database.connection import close_database
from database.migrate import open_database
from database.transactions import immediate
from models import Source
from panel import heartbeat, tasks
from panel.errors import RequestRejected
from panel.money import MICROS
from panel.operations import customers
from panel.operations import operators as staff
from panel.operations import services as catalogue
from panel.operations.audit import Actor
from panel.operators import Role
from panel.orders import link_index, lookup
from panel.orders.refusal import Refusal
from panel.providers import pending, registry, sources
from panel.providers.listing import Listing
from panel.providers.pending import PendingKind
from panel.providers.registry import ProviderAccount
from support.dashboard import PASSWORD
from support.every_state import VIEWER
from support.faulty import KEY
from support.steps import (
    OLGA,
    Step,
    ask_for_refill,
    ask_to_cancel,
    begin_parts,
    leave_refill_without_number,
    live,
    lose,
    part,
    place,
    refill_reports,
    refuse,
    reports,
    run_parts,
    send,
    set_order,
    take_refill,
)
from support.story import DAY_S, HOUR_S, MINUTE_S, Story, play

DAYS = 30

NORTH, HOUSE = "northpanel", "smmhouse"
BALANCES = {NORTH: "418.2260 USD", HOUSE: "7.4100 USD"}


class Sold(NamedTuple):
    """A service, what it costs us and what it is sold at, in micros per 1000 or per package."""

    name: str
    category: str
    cost_micros: int
    rate_micros: int
    quantities: tuple[int, ...]
    links: tuple[str, ...]
    provider: str | None = NORTH
    type: str = "Default"
    refill: bool = False
    weight: int = 1


_POSTS = ("https://instagram.com/p/C{}", "https://instagram.com/reel/D{}")
_PROFILES = ("https://instagram.com/studio.{}", "https://instagram.com/cafe_{}")
_CHANNELS = ("https://t.me/daily_{}", "https://t.me/+{}")
_VIDEOS = ("https://youtube.com/watch?v=x{}", "https://youtu.be/k{}")
_CLIPS = ("https://tiktok.com/@maker.{}/video/73{}",)

SERVICES = (
    Sold("Instagram followers | Real | 30 days refill", "Instagram", 1_740_000, 2_400_000,
         (500, 1000, 2500, 5000), _PROFILES, refill=True, weight=6),
    Sold("Instagram likes | Instant", "Instagram", 310_000, 450_000, (250, 500, 1000, 2000),
         _POSTS, weight=8),
    Sold("Instagram reel views", "Instagram", 12_000, 20_000, (5000, 10_000, 50_000, 100_000),
         _POSTS[1:], weight=5),
    Sold("Instagram comments | Custom", "Instagram", 9_800_000, 14_000_000, (), _POSTS,
         type="Custom Comments", weight=2),
    Sold("Telegram channel members | 60 days refill", "Telegram", 1_050_000, 1_500_000,
         (1000, 2000, 5000), _CHANNELS, refill=True, weight=4),
    Sold("Telegram post views | Last 5 posts", "Telegram", 18_000, 30_000, (2000, 10_000),
         _CHANNELS, provider=HOUSE, weight=3),
    Sold("YouTube views | High retention", "YouTube", 1_180_000, 1_650_000, (1000, 3000, 10_000),
         _VIDEOS, provider=HOUSE, weight=4),
    Sold("YouTube likes", "YouTube", 1_900_000, 2_900_000, (100, 500), _VIDEOS, provider=HOUSE,
         refill=True, weight=2),
    Sold("YouTube starter pack: 1000 views, 50 likes", "YouTube", 1_450_000, 2_200_000, (),
         _VIDEOS, type="Package"),
    Sold("TikTok views", "TikTok", 9_000, 15_000, (10_000, 50_000, 250_000), _CLIPS, weight=5),
    Sold("TikTok followers", "TikTok", 2_700_000, 3_800_000, (500, 1000), _CLIPS, refill=True,
         weight=2),
    Sold("Website visitors | Worldwide | Drip-feed", "Traffic", 160_000, 250_000, (5000,),
         ("https://shop-{}.example/",), weight=0),
    Sold("Local reviews | Written by our editors", "By hand", 0, 6_000_000, (10, 20),
         ("https://maps.example/place/{}",), provider=None),
)  # fmt: skip

CUSTOMERS = {
    "growth-lab": 1200, "nova.media": 900, "resell24": 2500, "hannah": 150, "pixelpush": 400,
    "boost-agency": 700,
}  # fmt: skip
"""The customers, and what each has paid in at first."""

COMMENTS = "Love this!\nWhere can I get one?\nGreat colours\nSo useful, thank you\nSaved for later"


class Tidy(NamedTuple):
    """The numbers of what pictures are taken of; by a name for each."""

    orders: dict[str, int]
    services: dict[str, int]


def build(path: Path, north_url: str = "https://northpanel.example/api/v2") -> Tidy:
    """Make the panel in a new database.

    :param north_url: the address of the first provider; its key is KEY.
    """
    open_database(path, "OFF")
    tidy = Tidy({}, {})
    with pytest.MonkeyPatch.context() as patch:  # passwords are hashed slowly on purpose
        patch.setattr(generate_password_hash, "__defaults__", ("pbkdf2:sha256:1", 16))
        end = int(time.time())
        play(_stories(tidy, north_url, end), end)
    while link_index.index_next():
        """As the worker does: the search finds parts of old links by an index."""
    close_database()
    return tidy


def _stories(tidy: Tidy, north_url: str, end: int) -> Iterator[tuple[int, Story]]:
    yield end - (DAYS + 1) * DAY_S, _once(tidy, north_url)
    random = Random(7)
    for day in range(DAYS, 0, -1):
        busy = 9 + (DAYS - day) // 4 + random.randrange(5)
        for _ in range(busy if day % 7 else busy // 2):
            at = end - day * DAY_S + random.randrange(DAY_S)
            if at < end - HOUR_S:
                yield at, _ordinary(tidy, random, end)
    for minutes, name, service, steps in TO_SEE_TO:
        yield end - minutes * MINUTE_S, _special(tidy, random, name, service, steps)
    yield end - 2 * HOUR_S, _rise(tidy)
    yield end - 2, _end()


def _once(tidy: Tidy, north_url: str) -> Story:
    staff.add(Actor("(command line)"), OLGA.name, PASSWORD)
    staff.add(OLGA, VIEWER, PASSWORD, Role.VIEWER)
    urls = {NORTH: north_url, HOUSE: "https://smmhouse.example/api/v2"}
    for name, url in urls.items():
        registry.add(name, url, KEY, 120, "USD")
    for sold in SERVICES:
        tidy.services[sold.name] = _add(sold)
    for name, units in CUSTOMERS.items():
        customers.add(OLGA, name, units * MICROS)
        yield HOUR_S
    customers.set_discount(OLGA, "resell24", 50_000)
    yield 9 * DAY_S
    customers.fund(OLGA, "hannah", 50 * MICROS, "bank transfer 2291")
    yield 9 * DAY_S
    customers.fund(OLGA, "growth-lab", 800 * MICROS, "card payment ch_8812")


def _add(sold: Sold) -> int:
    package = sold.type == "Package"
    service_id = catalogue.add(
        OLGA, name=sold.name, category=sold.category, type=sold.type,
        rate_micros=sold.rate_micros, min=1 if package else 5,
        max=1 if package else 500_000, refill=sold.refill, cancel=not package,
        dripfeed=sold.category == "Traffic",
    )  # fmt: skip
    if sold.provider is not None:
        listing = Listing(
            str(1200 + service_id), sold.name, sold.category, sold.type, sold.cost_micros, 5,
            500_000, sold.refill, True,
        )  # fmt: skip
        sources.set_source(service_id, registry.get(sold.provider).id, listing, 1)
    return service_id


def _ordinary(tidy: Tidy, random: Random, end: int) -> Story:
    sold = random.choices(SERVICES, [sold.weight for sold in SERVICES])[0]
    try:
        order_id = _place(tidy, random, sold)
    except RequestRejected:
        return  # the customer's funds are used up
    if sold.provider is None:
        yield from live(order_id, (HOUR_S, set_order(status="In progress"), DAY_S))
        yield from live(order_id, (set_order(status="Completed"),))
        return
    yield from _delivery(order_id, sold, random)


def _delivery(order_id: int, sold: Sold, random: Random) -> Story:
    """An order is sent and delivered, mostly whole; what would be after the end, does not come."""
    quantity = lookup.get(order_id).quantity
    start_count = random.randrange(80, 40_000)
    send(order_id)
    yield random.randrange(2, 40) * MINUTE_S
    half = reports(status="In progress", start_count=start_count, remains=quantity // 2)
    half(order_id)
    yield random.randrange(1, 20) * HOUR_S
    chance = random.randrange(100)
    ends: tuple[Step | int, ...] = (reports(status="Completed", start_count=start_count),)
    if chance < 4 and quantity > 1:
        ends = (reports(status="Partial", remains=quantity // 5),)
    elif chance < 8:
        ends = (reports(status="Canceled"),)
    elif sold.refill and chance < 14:
        ends += (4 * DAY_S, ask_for_refill, MINUTE_S, take_refill, DAY_S)
        ends += (refill_reports("completed"),)
    yield from live(order_id, ends)


def _place(tidy: Tidy, random: Random, sold: Sold, customer: str = "") -> int:
    digits = "".join(random.choices("bcdfghkmnpqrstvwxz23456789", k=8))
    link = random.choice(sold.links).replace("{}", digits)
    texts = {"link": link, "comments": COMMENTS}
    if sold.quantities:
        texts["quantity"] = str(random.choice(sold.quantities))
    names = list(CUSTOMERS)
    customer = customer or random.choices(names, [CUSTOMERS[name] for name in names])[0]
    if sold.category == "Traffic":
        texts |= {"runs": "5", "interval": "60", "quantity": "1000"}
    return place(customer, tidy.services[sold.name], **texts)


def _special(
    tidy: Tidy, random: Random, name: str, service: int, steps: tuple[Step | int, ...]
) -> Story:
    order_id = _place(tidy, random, SERVICES[service], "resell24")
    tidy.orders[name] = order_id
    yield from live(order_id, steps)


_HALF = reports(status="In progress", start_count=1204, remains=400)
_WHOLE = reports(status="Completed", start_count=911)

TO_SEE_TO: tuple[tuple[int, str, int, tuple[Step | int, ...]], ...] = (
    (900, "review", 0, (lose,)),
    (700, "drip-feed", 11, (
        begin_parts, part(send), 45 * MINUTE_S, part(_WHOLE), 20 * MINUTE_S, run_parts, part(send),
    )),
    (610, "cancel", 0, (send, 5 * MINUTE_S, _HALF, 50 * MINUTE_S, ask_to_cancel)),
    (330, "cancel of likes", 1, (send, 5 * MINUTE_S, _HALF, 50 * MINUTE_S, ask_to_cancel)),
    (290, "refill", 4, (
        send, HOUR_S, _WHOLE, HOUR_S, ask_for_refill, MINUTE_S, leave_refill_without_number,
        MINUTE_S, leave_refill_without_number,
    )),
    (45, "funds", 6, (refuse("Not enough funds on balance", Refusal.FUNDS),)),
    (12, "new", 1, (send,)),
    (5, "newest", 4, (send,)),
)  # fmt: skip
"""What an operator finds today: minutes ago, name, service and steps."""


def _rise(tidy: Tidy) -> Story:
    """A provider asks more than twice as much: its service is held until that is confirmed."""
    source = Source.get(Source.service == tidy.services["TikTok followers"])
    with immediate():
        pending.add(source.provider_id, PendingKind.RISE, "2700000", "5900000", source.id)
    yield from ()


def _end() -> Story:
    for name, balance in BALANCES.items():
        account = ProviderAccount(balance, False, "USD")
        registry.record_account(registry.get(name).id, account, "USD")
    tasks.record_success(tasks.Task.LEDGER_CHECK)
    tasks.record_success(tasks.Task.BACKUP)
    heartbeat.record_alive()
    yield from ()
