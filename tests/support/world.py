"""A panel where things have happened: known keys, and orders and refills in every state.

It is built once and copied for each test, so its numbers can stand in tables.
"""

from pathlib import Path
from typing import Any, NamedTuple

from flask import Flask

from database.driver import sqlite3
from models import Account
from panel import accounts, pricing, services
from panel.orders import cancels, lookup, refills, transition
from panel.orders.place import OrderRequest, place_order

ALICE, BOB, POOR, MALLORY, NOBODY = ("a" * 48, "b" * 48, "9" * 48, "e" * 48, "0" * 48)
"""The keys: Poor has a millionth, Mallory is suspended, and nobody has the last one."""

FOLLOWERS, VIEWS, PACK, HIDDEN, DUST, DROPS = range(1, 7)
"""The services: those of the cast, and two of very low rates."""


def _offer(id: int, name: str, category: str, type: str, rate: str, min: int, max: int,
            refill: bool = False, cancel: bool = False) -> dict[str, Any]:  # fmt: skip
    return {
        "service": id, "name": name, "category": category, "type": type, "rate": rate,
        "min": min, "max": max, "refill": refill, "cancel": cancel, "dripfeed": False,
    }  # fmt: skip


CATALOGUE = [
    _offer(FOLLOWERS, "Followers", "Social", "Default", "5.00", 10, 1000, True, True),
    _offer(VIEWS, "Views", "Video", "Default", "0.015", 100, 1_000_000),
    _offer(PACK, "Pack", "Video", "Package", "3.90", 1, 1, cancel=True),
    _offer(DUST, "Dust", "Test", "Default", "0.000001", 1, 10_000),
    _offer(DROPS, "Drops", "Test", "Default", "0.0015", 1, 10_000),
]
"""What action=services answers."""

LINK = "https://example.com/p?id=1&lang=en"

# The orders, all of them Alice's but the last two.
PENDING, RUNNING, PROCESSING, DONE, DONE_AGAIN, DONE_WITHOUT_REFILL = range(1, 7)
PARTIAL, PARTIAL_DROPS, CANCELED, CANCELED_LATE, PACKED, DUSTY = range(7, 13)
REFILLING, REFILL_RUNNING, REFILLED, REFILL_REJECTED, REFILL_FAILED = range(13, 18)
PENDING_AGAIN, PENDING_PACK, RUNNING_AGAIN, ASKED_TO_CANCEL = range(18, 22)
BOBS, BOBS_DONE = 22, 23
UNKNOWN = 999

ORDERS: list[tuple[int, str, int, int | None, list[dict[str, Any]]]] = [
    (PENDING, "alice", FOLLOWERS, 500, []),
    (RUNNING, "alice", FOLLOWERS, 1000, [
        {"status": "In progress", "start_count": 120, "remains": 320}]),
    (PROCESSING, "alice", VIEWS, 101, [{"status": "Processing"}]),
    (DONE, "alice", FOLLOWERS, 1000, [{"status": "Completed", "start_count": 7}]),
    (DONE_AGAIN, "alice", FOLLOWERS, 10, [{"status": "Completed"}]),
    (DONE_WITHOUT_REFILL, "alice", VIEWS, 100, [{"status": "Completed"}]),
    (PARTIAL, "alice", FOLLOWERS, 1000, [{"status": "Partial", "remains": 400}]),
    (PARTIAL_DROPS, "alice", DROPS, 101, [{"status": "Partial", "remains": 50}]),
    (CANCELED, "alice", FOLLOWERS, 100, [{"status": "Canceled"}]),
    (CANCELED_LATE, "alice", FOLLOWERS, 100, [
        {"status": "In progress", "remains": 30}, {"status": "Canceled"}]),
    (PACKED, "alice", PACK, None, []),
    (DUSTY, "alice", DUST, 500, []),
    *((number, "alice", FOLLOWERS, 10, [{"status": "Completed"}])
      for number in (REFILLING, REFILL_RUNNING, REFILLED, REFILL_REJECTED, REFILL_FAILED)),
    (PENDING_AGAIN, "alice", FOLLOWERS, 10, []),
    (PENDING_PACK, "alice", PACK, None, []),
    (RUNNING_AGAIN, "alice", FOLLOWERS, 10, [{"status": "In progress"}]),
    (ASKED_TO_CANCEL, "alice", FOLLOWERS, 10, [{"status": "In progress"}]),
    (BOBS, "bob", VIEWS, 101, []),
    (BOBS_DONE, "bob", FOLLOWERS, 10, [{"status": "Completed"}]),
]  # fmt: skip
"""Number, account, service, quantity, and what the order went through since."""

REFILLS = [
    (1, REFILLING, "pending"),
    (2, REFILL_RUNNING, "in progress"),
    (3, REFILLED, "completed"),
    (4, REFILL_REJECTED, "rejected"),
    (5, REFILL_FAILED, "error"),
    (6, BOBS_DONE, "pending"),
]
BOBS_REFILL = 6

Books = dict[str, list[tuple[Any, ...]]]


class World(NamedTuple):
    """A copy of the world, and an app on it."""

    path: Path
    app: Flask


def fill() -> None:
    """Let things happen in an open database where the cast has just been added."""
    for name, key in (("alice", ALICE), ("bob", BOB), ("poor", POOR), ("mallory", MALLORY)):
        known = Account.update(key_hash=accounts.hash_key(key))
        known.where(Account.name == name).execute()
    services.add(name="Dust", category="Test", rate_micros=1, min=1, max=10_000)
    services.add(name="Drops", category="Test", rate_micros=1500, min=1, max=10_000)
    for number, account, service_id, quantity, changes in ORDERS:
        caller = accounts.caller(accounts.get(account).id)
        offer = pricing.find_offer(caller, service_id)
        assert offer is not None
        placed = place_order(caller.id, offer, OrderRequest(LINK, quantity))
        assert placed == number
        for change in changes:
            transition.change(number, **change)
    for number, order_id, status in REFILLS:
        account_id = lookup.get(order_id).account_id
        assert refills.request(account_id, [order_id]) == [number]
        refills.set_status(number, status)
    cancels.request(accounts.get("alice").id, [ASKED_TO_CANCEL])


def books(path: Path) -> Books:
    """Everything that a request could change, read from the file as any program would."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()
            for table in ("accounts", "services", "orders", "ledger_entries", "refills", "cancels")
        }
    finally:
        connection.close()
