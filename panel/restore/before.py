"""What the database before a restore knows that its copy does not: what came after it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from database import numbers
from database.driver import sqlite3
from panel.orders.doubts import Doubts, Known, Later, LaterCancel, LaterPart, LaterRefill


class Lost(NamedTuple):
    """What came after the copy was made, and is lost with the restore; rows by column.

    acts: what operators did, as the audit has it.
    """

    orders: list[dict[str, Any]]
    deposits: list[dict[str, Any]]
    withdrawals: list[dict[str, Any]]
    refills: list[dict[str, Any]]
    cancels: list[dict[str, Any]]
    acts: list[dict[str, Any]]


class Before(NamedTuple):
    """The database before a restore.

    panel: which panel's it is; "" if it does not say.
    numbers: the highest that it gave, by table.
    known: what it knows of what is in doubt in the copy.
    """

    panel: str
    numbers: dict[str, int]
    lost: Lost
    known: Known


def panel_of(connection: sqlite3.Connection) -> str:
    """Which panel's database another one is; "" if it does not say.

    :raises sqlite3.Error: if it cannot be read.
    """
    tables = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'identity'").fetchone()
    row = connection.execute("SELECT panel FROM identity").fetchone() if tables else None
    return row[0] if row else ""


def read(connection: sqlite3.Connection, copied: Mapping[str, int], doubts: Doubts) -> Before:
    """Read what came after a copy was made.

    :param connection: the database before the restore.
    :param copied: the numbers that the copy gave, by table.
    :param doubts: what is in doubt in the copy.
    :raises sqlite3.Error: if it cannot be read, or has another schema.
    """
    return Before(
        panel_of(connection),
        numbers.given_in(connection),
        _lost(connection, copied),
        Known(
            dict(_orders(connection, doubts.orders)),
            list(_parts(connection, doubts.orders, copied["orders"])),
            dict(_refills(connection, doubts.refills)),
            dict(_cancels(connection, doubts.cancels)),
        ),
    )


# The parts of a drip-feed that the copy has are not lost: they are written down.
_ORDERS = """
SELECT orders.id, accounts.name AS user, service_id AS service, link, quantity, charge_micros,
    orders.status, providers.name AS provider, provider_order, orders.created_at
FROM orders JOIN accounts ON accounts.id = orders.account_id
LEFT JOIN providers ON providers.id = orders.provider_id
WHERE orders.id > ?1 AND (part IS NULL OR parent_id > ?1) ORDER BY orders.id
"""
_ENTRIES = """
SELECT ledger_entries.id, accounts.name AS user, amount_micros, note, ledger_entries.created_at
FROM ledger_entries JOIN accounts ON accounts.id = account_id
WHERE ledger_entries.id > ? AND kind = '{kind}' ORDER BY ledger_entries.id
"""
_REQUESTS = "SELECT id, order_id, status, created_at FROM {table} WHERE id > ? ORDER BY id"
_ACTS = "SELECT id, operator, act, outcome, created_at FROM audit_lines WHERE id > ? ORDER BY id"


def _lost(connection: sqlite3.Connection, copied: Mapping[str, int]) -> Lost:
    def after(table: str, sql: str) -> list[dict[str, Any]]:
        found = connection.execute(sql, (copied[table],))
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found]

    return Lost(
        after("orders", _ORDERS),
        after("ledger_entries", _ENTRIES.format(kind="deposit")),
        after("ledger_entries", _ENTRIES.format(kind="withdrawal")),
        after("refills", _REQUESTS.format(table="refills")),
        after("cancels", _REQUESTS.format(table="cancels")),
        after("audit_lines", _ACTS),
    )


_AS_IT_WAS = """
    orders.status, dispatch_state, COALESCE(providers.name, ''), provider_id,
    CASE WHEN dispatch_state IN ('sent', 'review')
        THEN COALESCE(provider_order, '') ELSE '' END,
    source_rank, start_count, remains, send_key, may_be_at_provider,
    EXISTS (
        SELECT 1 FROM orders AS part WHERE part.parent_id = orders.id
        AND part.dispatch_state IN ('sending', 'sent', 'review')
    ),
    EXISTS (SELECT 1 FROM cancels WHERE order_id = orders.id AND cancels.status = 'pending'),
    restored, known_before
FROM orders LEFT JOIN providers ON providers.id = provider_id
"""
"""The columns of Later."""

_ORDER = f"SELECT orders.id, {_AS_IT_WAS} WHERE orders.id = ?"
_PARTS = f"""
SELECT orders.id, parent_id, part, link, quantity, parameters, cost_micros, orders.created_at,
    updated_at, {_AS_IT_WAS}
WHERE parent_id = ? AND part IS NOT NULL AND orders.id > ? ORDER BY orders.id
"""
_PART_COLUMNS = len(LaterPart._fields) - 1
_REFILL = "SELECT id, status, provider_refill FROM refills WHERE id = ?"
_CANCEL = "SELECT id, status, passed_on FROM cancels WHERE id = ?"


def _orders(connection: sqlite3.Connection, ids: Iterable[int]) -> Iterator[tuple[int, Later]]:
    for order_id in ids:
        for number, *values in connection.execute(_ORDER, (order_id,)):
            yield number, Later(*values)


def _parts(
    connection: sqlite3.Connection, wholes: Iterable[int], copied: int
) -> Iterator[LaterPart]:
    """The parts of drip-feeds that came after the copy.

    :param copied: the highest number of an order in the copy.
    """
    for order_id in wholes:
        for row in connection.execute(_PARTS, (order_id, copied)):
            yield LaterPart._make((*row[:_PART_COLUMNS], Later(*row[_PART_COLUMNS:])))


def _refills(
    connection: sqlite3.Connection, ids: Iterable[int]
) -> Iterator[tuple[int, LaterRefill]]:
    for refill_id in ids:
        for number, *values in connection.execute(_REFILL, (refill_id,)):
            yield number, LaterRefill(*values)


def _cancels(
    connection: sqlite3.Connection, ids: Iterable[int]
) -> Iterator[tuple[int, LaterCancel]]:
    for cancel_id in ids:
        for number, *values in connection.execute(_CANCEL, (cancel_id,)):
            yield number, LaterCancel(*values)
