"""Databases to measure on, of any size, written with plain SQL; and SQLite's own rate."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from bench.servers import flask
from database.driver import sqlite3

SERVICES = 5_000
BUSY = 10
BUSY_ORDERS = 1_000
ONE = 2
"""An account that is not busy, and may have very many orders."""
BATCH = 20_000
YEAR_S = 365 * 24 * 3600
LINK = "https://example.com/post/{}?lang=en"
QUANTITY = 1_000
DEPOSIT = 10**9
"""In micros, as all amounts here: enough for any of the orders."""
PLENTY = 10**15

Row = tuple[Any, ...]


class Size(NamedTuple):
    """How much is in a database; its ledger has about twice as many entries as orders.

    Ten busy accounts have 100 orders each, scattered over the whole table; they send the
    requests. of_one: so many orders are those of account ONE.
    """

    accounts: int
    orders: int
    of_one: int = 0

    @property
    def busy(self) -> list[int]:
        """The busy accounts."""
        return [1 + n * (self.accounts // BUSY) for n in range(BUSY)]

    def account(self, order: int) -> int:
        """Whose an order is."""
        place, rest = divmod(order - 1, max(1, self.orders // BUSY_ORDERS))
        if rest == 0:
            return self.busy[place % BUSY]
        if self.of_one and order % (self.orders // self.of_one) == 0:
            return ONE
        return 1 + order % self.accounts

    def busy_orders(self, account: int) -> list[int]:
        """The orders of a busy account that were placed because it is busy."""
        step = max(1, self.orders // BUSY_ORDERS)
        first = self.busy.index(account)
        return [1 + place * step for place in range(first, min(self.orders, BUSY_ORDERS), BUSY)]


def key(account: int) -> str:
    """The key of an account."""
    return f"{account:048x}"


def rate(service: int) -> int:
    """A service's rate: a multiple of 1000, so that charges need no rounding."""
    return (100 + service % 900) * 1000


def make(path: Path, size: Size, content: "Content | None" = None) -> None:
    """Make a database of this size, and let the panel prove its books."""
    content = content or PLAIN
    flask(path, "init-db")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = off")
        connection.execute("PRAGMA journal_mode = off")
        connection.execute("PRAGMA cache_size = -200000")
        connection.execute("PRAGMA ignore_check_constraints = on")  # most of the work
        # Indexes and triggers come last: all at once is much faster than row by row.
        kept = connection.execute(
            "SELECT type, name, sql FROM sqlite_master "
            "WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"
        ).fetchall()
        for kind, name, _ in kept:
            connection.execute(f"DROP {kind} {name}")
        _fill(connection, size, content)
        for statement in BY_TRIGGERS.values():
            connection.execute(statement)
        for _, _, sql in kept:
            connection.execute(sql)
        connection.execute("PRAGMA journal_mode = wal")
    flask(path, "ledger", "check")


_SERVICE = "id, name, category, type, rate_micros, min, max, refill, cancel, created_at"
_ACCOUNT = "id, name, key_hash, status, balance_micros, created_at"
ORDER = (
    "id, account_id, service_id, link, quantity, charge_micros, refunded_micros, status, "
    "start_count, remains, created_at, updated_at"
)
"""The columns of the orders that order() makes."""
_ENTRY = "account_id, kind, amount_micros, balance_micros, order_id, created_at"


BY_TRIGGERS = {
    "order_hours": """
        INSERT INTO order_hours
        SELECT created_at / 3600, status, SUM(part IS NULL), SUM(charge_micros),
            SUM(refunded_micros), SUM(cost_micros)
        FROM orders GROUP BY 1, 2
    """,
    "accounts": """
        UPDATE accounts SET orders = found.orders, spent_micros = found.spent,
            last_order_at = found.last
        FROM (
            SELECT account_id, SUM(part IS NULL) AS orders,
                SUM(charge_micros - refunded_micros) AS spent, MAX(created_at) AS last
            FROM orders GROUP BY account_id
        ) AS found
        WHERE accounts.id = found.account_id
    """,
}
"""The tables that triggers keep beside the orders, and what fills each one at once. The sums of
whole weeks and the index of links begin empty: the worker fills them."""


def insert(connection: sqlite3.Connection, table: str, columns: str, rows: list[Row]) -> None:
    """Write rows, in a transaction of their own."""
    marks = ", ".join("?" * len(columns.split(",")))
    connection.execute("BEGIN")
    connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)  # noqa: S608
    connection.execute("COMMIT")


def _fill(connection: sqlite3.Connection, size: Size, content: "Content") -> None:
    since = int(time.time()) - YEAR_S
    services = [
        (n, f"Service {n} | Real | Refill 30 days | Start 0-1 hour", f"Category {n % 100}",
         "Default", rate(n), 10, 100_000, n % 2, 1, since)
        for n in range(1, SERVICES + 1)
    ]  # fmt: skip
    insert(connection, "services", _SERVICE, services)
    balances = [0] * (size.accounts + 1)
    for first in range(1, size.orders + 1, BATCH):
        batch = range(first, min(first + BATCH, size.orders + 1))
        orders = [content.order(size, order, since) for order in batch]
        entries = [entry for order in orders for entry in _entries(order, balances)]
        insert(connection, "orders", content.columns, orders)
        insert(connection, "ledger_entries", _ENTRY, entries)
    plenty = [
        (n, "deposit", PLENTY, balances[n] + PLENTY, None, since + YEAR_S) for n in size.busy
    ]
    insert(connection, "ledger_entries", _ENTRY, plenty)
    for n in size.busy:
        balances[n] += PLENTY
    accounts = [
        (n, f"account-{n}", hashlib.sha256(key(n).encode()).digest(), "active", balances[n], since)
        for n in range(1, size.accounts + 1)
    ]
    insert(connection, "accounts", _ACCOUNT, accounts)
    content.beside(connection, size, since)


def order(size: Size, order: int, since: int) -> Row:
    """Of seven orders five are completed, one is partial and half refunded, one is running."""
    # One less than there are, so that the busy accounts' orders are of all services too.
    service = 1 + order % (SERVICES - 1)
    charge = rate(service) * QUANTITY // 1000
    status, remains, refund = "Completed", 0, 0
    if order % 7 == 5:
        status, remains, refund = "Partial", QUANTITY // 2, charge // 2
    elif order % 7 == 6:
        status, remains = "In progress", QUANTITY // 4
    at = since + order * YEAR_S // (size.orders + 1)
    return (order, size.account(order), service, LINK.format(order), QUANTITY, charge, refund,
            status, 100, remains, at, at)  # fmt: skip


def _entries(order: Row, balances: list[int]) -> Iterator[Row]:
    """An order's charge, its refund, and in six of seven cases a deposit before them."""
    number, account, _, _, _, charge, refund, *_, at = order[:12]
    if number % 7 or balances[account] < charge:
        balances[account] += DEPOSIT
        yield account, "deposit", DEPOSIT, balances[account], None, at
    balances[account] -= charge
    yield account, "charge", -charge, balances[account], number, at
    if refund:
        balances[account] += refund
        yield account, "refund", refund, balances[account], number, at


class Content(NamedTuple):
    """What a database is filled with, beside accounts, services and the ledger.

    columns: of the orders, those of ORDER first.
    order: makes an order of a number; the last argument is when the first one was placed.
    beside: writes all the rest, once the orders are there.
    """

    columns: str
    order: Callable[[Size, int, int], Row]
    beside: Callable[[sqlite3.Connection, Size, int], None]


PLAIN = Content(ORDER, order, lambda connection, size, since: None)
"""Orders that are fulfilled by hand, and nothing else."""


def rows(path: Path) -> dict[str, int]:
    """How many rows the tables have."""
    with closing(sqlite3.connect(path)) as connection:
        return {
            table: connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]  # noqa: S608
            for table in ("accounts", "services", "orders", "ledger_entries")
        }


def raw_rate(path: Path, size: Size, seconds: float) -> float:
    """Orders a second that SQLite places on one connection, with the writes of an `add`.

    One by one, each on disk before the next: a commit is one round to the disk.
    """
    now = int(time.time())
    placed = 0
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = full")
        connection.execute("PRAGMA foreign_keys = on")
        begun = time.perf_counter()
        while time.perf_counter() - begun < seconds:
            _place(connection, size.busy[placed % BUSY], 1 + placed % SERVICES, now)
            placed += 1
        return placed / (time.perf_counter() - begun)


def _place(connection: sqlite3.Connection, account: int, service: int, now: int) -> None:
    charge = rate(service) * QUANTITY // 1000
    connection.execute("BEGIN IMMEDIATE")
    (order,) = connection.execute(
        "INSERT INTO orders (account_id, service_id, link, quantity, charge_micros, status, "
        "remains, created_at, updated_at) VALUES (?, ?, ?, ?, ?, 'Pending', ?, ?, ?) RETURNING id",
        (account, service, LINK.format(service), QUANTITY, charge, QUANTITY, now, now),
    ).fetchone()
    (balance,) = connection.execute(
        "UPDATE accounts SET balance_micros = balance_micros - ?1 "
        "WHERE id = ?2 AND balance_micros >= ?1 RETURNING balance_micros",
        (charge, account),
    ).fetchone()
    connection.execute(
        "INSERT INTO ledger_entries (account_id, kind, amount_micros, balance_micros, order_id, "
        "created_at) VALUES (?, 'charge', ?, ?, ?, ?)",
        (account, -charge, balance, order, now),
    )
    connection.execute("COMMIT")
