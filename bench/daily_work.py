"""What a panel has beside orders that simply end: something for every list of the dashboard.

Providers and sources, orders in each state, requests, drip-feeds, subscriptions, events, alerts
and the audit. It is written with plain SQL, and the ledger is right all the same.
"""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from itertools import islice
from typing import Any

from bench import database
from bench.database import QUANTITY, SERVICES, YEAR_S, Content, Row, Size, insert
from database.driver import sqlite3

PROVIDERS = ("alpha", "bravo", "charlie", "delta")
OPERATORS = ("ann", "ben", "cleo", "(command line)")
AUDIT_LINES = 1_000_000
"""In a database of FULL orders; in a smaller one, as many fewer."""
FULL = 5_000_000
DAY_S = 24 * 3600

COLUMNS = (
    f"{database.ORDER}, dispatch_state, provider_id, provider_order, cost_micros, send_at, "
    "poll_at, warning, parameters, runs, interval, parent_id, part, send_key, held_because, "
    "held_text, request_id, restored"
)

NAMES = (
    "maria", "lena", "omar", "chen", "ivan", "aisha", "john", "sofia", "lucas", "emma", "noah",
    "yuki", "carlos", "fatima", "peter", "nina", "raj", "olga", "tom", "zoe",
)  # fmt: skip
THINGS = (
    "official", "travel", "fitness", "kitchen", "music", "studio", "photo", "gaming", "style",
    "garden", "cars", "news", "shop", "art", "beauty", "tech", "comedy", "sport", "yoga", "pets",
)  # fmt: skip
REFUSALS = (
    "Service temporarily suspended for this link", "Incorrect region", "Limit of the day reached",
    "Der Link ist nicht erlaubt", "code 1042", "try another category",
)  # fmt: skip
STATUSES = ("Awaiting moderation", "Frozen", "Beklemede", "In queue (2)")
RESTORED = "the database was restored from a copy since"
UNKNOWN = "sent, and no answer came: timed out after 30 s"

WHOLE, PARTS, SUBSCRIPTION, POSTS = 100, range(101, 106), 200, range(201, 205)
"""Of each thousand orders: a drip-feed and its parts, a subscription and its posts."""


def provider_of(service: int) -> int | None:
    """Where a service is bought: a tenth of them nowhere, which is by hand."""
    return None if service % 10 == 0 else 1 + service % len(PROVIDERS)


def cost(service: int) -> int:
    """What a service costs: forty of them more than they are sold for."""
    percent = 110 if service % 125 == 3 else 60
    return database.rate(service) * percent // 100


def link(order: int) -> str:
    """A link as customers send them: of few hosts, with a name or a number of its own."""
    drawn = hashlib.blake2b(order.to_bytes(8), digest_size=16).digest()
    slug = urlsafe_b64encode(drawn[:8]).decode()[:11]
    name = f"{NAMES[drawn[9] % 20]}.{THINGS[drawn[10] % 20]}_{int.from_bytes(drawn[11:13]) % 500}"
    kind = drawn[8] % 20
    if kind < 9:
        return f"https://www.instagram.com/p/{slug}/"
    if kind < 12:
        return f"https://www.instagram.com/{name}"
    if kind < 15:
        return f"https://www.tiktok.com/@{name}/video/{7 * 10**18 + int.from_bytes(drawn[:7])}"
    if kind < 18:
        return f"https://www.youtube.com/watch?v={slug}"
    return f"https://t.me/{name}/{order % 5000}" if kind < 19 else database.LINK.format(order)


class _Draft:
    """An order while it is made up: the columns that most orders leave at a default."""

    def __init__(self, size: Size, order: int, plain: Row) -> None:
        """:param plain: the order as bench.database has it."""
        (_, self.account, self.service, _, self.quantity, self.charge, self.refund, self.status,
         self.start_count, self.remains, self.at, self.updated_at) = plain  # fmt: skip
        self.order = order
        self.age = size.orders - order
        self.is_new = self.age < size.orders // 5
        self.provider = provider_of(self.service)
        self.dispatch = "sent" if self.provider else ""
        self.link = link(order)
        self.warning = self.held_because = self.held_text = ""
        self.parameters = "{}"
        self.runs: int | None = None
        self.parent: int | None = None
        self.part: int | None = None
        self.restored = 0

    def row(self) -> Row:
        """Its columns, as COLUMNS has them."""
        is_sent = self.dispatch == "sent"
        cost_micros = cost(self.service) * (self.quantity - self.remains) // 1000
        token = f"{self.order * 2654435761 % 2**64:024x}"
        return (
            self.order, self.account, self.service, self.link, self.quantity, self.charge,
            self.refund, self.status, self.start_count, self.remains, self.at, self.updated_at,
            self.dispatch, self.provider, str(30_000_000 + self.order) if is_sent else None,
            cost_micros if is_sent else 0, self.at, self.updated_at + DAY_S, self.warning,
            self.parameters, self.runs, 60 if self.runs else None, self.parent, self.part,
            f"{token}{self.order:08x}" if is_sent else None, self.held_because, self.held_text,
            "" if self.part else token, self.restored,
        )  # fmt: skip


def order_row(size: Size, order: int, since: int) -> Row:
    """An order: of seven five are over, one is partial, one is open; some of them are odd."""
    draft = _Draft(size, order, database.order(size, order, since))
    place = order % 1000
    if place == WHOLE or place in PARTS:
        _drip_feed(draft, size, place)
    elif place == SUBSCRIPTION:
        _subscription(draft)
    elif order % 7 == 6:
        _open(draft, order // 7, draft.age < size.orders // 250)
    else:
        _ended(draft)
    if place in POSTS:
        draft.parent = order - place + SUBSCRIPTION
    if draft.service % 50 == 7:
        comments = "\n".join(f"{name} likes it" for name in NAMES[: 1 + order % 20])
        draft.parameters = json.dumps({"comments": comments})
    return draft.row()


def _ended(draft: _Draft) -> None:
    if draft.order % 70 == 1:
        draft.status, draft.refund, draft.remains = "Canceled", draft.charge, draft.quantity
        if draft.order % 140 == 1:
            draft.dispatch = "failed" if draft.provider else ""
    elif draft.order % 3001 == 0:
        draft.warning = "sent, though it is Completed"


def _drip_feed(draft: _Draft, size: Size, place: int) -> None:
    """A drip-feed that is sent in parts, or one of its parts, which is charged nothing."""
    whole = draft.order - place + WHOLE
    service = 2 + whole // 1000 % 4000
    draft.service = service + (service % 10 == 0)  # one that a provider has
    draft.provider, draft.dispatch = provider_of(draft.service), "sent"
    draft.account, draft.link = size.account(whole), link(whole)
    draft.status, draft.refund, draft.remains = "Completed", 0, 0
    if place == WHOLE:
        draft.charge = database.rate(draft.service) * QUANTITY // 1000
        draft.dispatch, draft.runs = "parts", len(PARTS)
        if draft.is_new:
            draft.status, draft.remains = "In progress", QUANTITY // len(PARTS)
        return
    draft.charge, draft.quantity = 0, QUANTITY // len(PARTS)
    draft.parent, draft.part = whole, draft.order - whole
    if draft.is_new and draft.part == len(PARTS):
        draft.status, draft.remains = "Processing", draft.quantity


def _subscription(draft: _Draft) -> None:
    """A subscription, whose posts are charged one by one."""
    draft.quantity = draft.charge = draft.refund = draft.remains = 0
    draft.parameters = json.dumps(
        {"username": draft.link.rpartition("/")[2], "min": 100, "max": 1000, "delay": 30}
    )
    turn = draft.order // 1000 % 10
    draft.status = ("Completed", "Expired", "Canceled")[turn % 3]
    if draft.is_new:
        draft.status = "Paused" if turn == 0 else "Active"
        if turn == 1 and draft.provider:
            draft.held_because, draft.held_text = "posts", "posts without a price: 17"
            draft.warning = draft.held_text


def _open(draft: _Draft, place: int, waits: bool) -> None:
    """An open order: mostly at a provider, and of two thousand some need a person.

    :param place: which of the open orders it is.
    :param waits: whether it is so new that it was not sent yet.
    """
    turn = place % 2000
    draft.remains = draft.quantity if turn < 200 else draft.remains
    if draft.provider is None:
        draft.status = "Pending" if turn < 200 else draft.status
        return
    if turn < 200:
        draft.status = "Processing" if turn % 2 else "Pending"
    if waits:
        draft.status, draft.remains, draft.dispatch = "Pending", draft.quantity, "waiting"
    if 0 < turn < 20:
        _odd(draft, turn, place // 2000)


def _odd(draft: _Draft, turn: int, nth: int) -> None:
    """An open order that somebody should look at.

    :param turn: what is odd about it; nth: how many of the same there are before it.
    """
    if turn < 4:
        because = ("refusal", "funds", "cost")[turn - 1]
        _hold(
            draft, because, REFUSALS[nth % len(REFUSALS)] if turn == 1 else "no funds", "waiting"
        )
    elif turn == 4:
        _hold(draft, "word", STATUSES[nth % len(STATUSES)], "sent")
    elif turn == 5:
        _hold(draft, "status", "Partial, and its remains are not told", "sent")
    elif turn < 10:
        draft.status, draft.dispatch, draft.remains = "Pending", "review", draft.quantity
        draft.warning, draft.restored = (UNKNOWN, 0) if turn == 6 else (RESTORED, 1)
    else:
        draft.warning = f"the provider says Completed, with {draft.remains} remaining"


def _hold(draft: _Draft, because: str, text: str, dispatch: str) -> None:
    draft.held_because, draft.held_text, draft.dispatch = because, text, dispatch
    draft.warning = text
    if dispatch == "waiting":
        draft.status, draft.remains = "Pending", draft.quantity


def beside(connection: sqlite3.Connection, size: Size, since: int) -> None:
    """All that is no order, once the orders are there."""
    until = since + YEAR_S
    connection.execute("BEGIN")
    for number, name in enumerate(PROVIDERS, 1):
        connection.execute(
            "INSERT INTO providers (id, name, url, key, requests_per_minute, balance, balance_at, "
            "created_at, currency, prices_at) VALUES (?, ?, ?, 'no-key', 600, ?, ?, ?, 'USD', ?)",
            (number, name, f"https://{name}.example/api/v2", "0.35" if number == 2 else "4210.5",
             until, since, until),
        )  # fmt: skip
    connection.execute("COMMIT")
    insert(connection, "sources", _SOURCE, list(_sources(since)))
    for statement in _STATEMENTS:
        connection.execute(statement.replace("{open}", _OPEN), {"until": until, "of_one": 2})
    lines = max(100, AUDIT_LINES * size.orders // FULL)
    audit = _audit(lines, size, since)
    while part := list(islice(audit, database.BATCH)):
        insert(connection, "audit_lines", _AUDIT_LINE, part)


_SOURCE = (
    "service_id, source_rank, provider_id, provider_service, cost_micros, name, category, "
    "cost_before_micros, risen_at"
)
_AUDIT_LINE = "operator, address, act, outcome, created_at, kind, order_id"


def _sources(since: int) -> Iterator[Row]:
    for service in range(1, SERVICES + 1):
        provider = provider_of(service)
        if provider is None:
            continue
        micros, at = cost(service), since + YEAR_S - DAY_S
        risen = (micros * 9 // 10, at) if service % 40 == 1 else (None, None)
        name, category = f"Service {service} [HQ]", f"Category {service % 100}"
        yield service, 1, provider, str(10_000 + service), micros, name, category, *risen
        if service % 3 == 0:
            other = 1 + provider % len(PROVIDERS)
            yield service, 2, other, str(service), micros, name, category, None, None


def _audit(lines: int, size: Size, since: int) -> Iterator[Row]:
    """What operators did in the year, evenly, and a few wrong passwords."""
    acts = (
        ("order", "order {order}: set status Completed"),
        ("order", "order {order}: refund 0.90 USD"),
        ("customer", "customer account-{account}: fund 25"),
        ("service", "service {service}: set rate 0.9"),
        ("order", "order {order}: resend"),
        ("provider", "provider alpha: sync"),
        ("sign-in", "sign in"),
        ("sign-in", "sign out"),
        ("order", "order {order}: fail"),
        ("customer", "customer account-{account}: discount 5"),
    )
    for line in range(1, lines + 1):
        order = 1 + line * 5 % size.orders
        kind, act = acts[line * 7 % len(acts)]
        act = act.format(
            order=order, account=1 + line % size.accounts, service=1 + line % SERVICES
        )
        outcome = "refused: it is Canceled already" if line % 50 == 0 else "done"
        who = OPERATORS[line * 11 % 13 % len(OPERATORS)]
        address = "" if who.startswith("(") else f"203.0.113.{line % 9}"
        at = since + line * YEAR_S // (lines + 1)
        yield who, address, act, outcome, at, kind, order if kind == "order" else None


_OPEN = "status IN ('Pending', 'Processing', 'In progress')"
_STATEMENTS = (  # {open} is the condition that an order is open
    # Requests: those of the past, and some thousands that wait.
    """
    INSERT INTO cancels (order_id, status, created_at, updated_at, passed_on, restored)
    SELECT id, CASE WHEN {open} THEN 'pending' WHEN id % 3 THEN 'rejected'
        ELSE 'accepted' END, created_at + 600, created_at + 900,
        {open} AND dispatch_state = 'sent', restored AND {open}
    FROM orders
    WHERE quantity > 0 AND part IS NULL AND CASE WHEN {open} THEN id / 7 % 240 IN (8, 11)
        ELSE id % 50 = 12 END
    """,
    """
    INSERT INTO refills (order_id, status, created_at, updated_at, provider_refill, warning,
        restored)
    SELECT id,
        CASE WHEN id % 1750 < 7 THEN CASE WHEN id % 2 THEN 'pending' ELSE 'in progress' END
            WHEN id % 4 = 0 THEN 'rejected' ELSE 'completed' END,
        created_at + 86400, created_at + 90000,
        CASE WHEN dispatch_state = 'sent' AND id % 1750 < 5 THEN id + 500 END,
        CASE WHEN id % 35000 < 7 THEN 'no number for it, twice' ELSE '' END, id % 70000 < 7
    FROM orders
    WHERE status = 'Completed' AND quantity > 0 AND part IS NULL
        AND (id % 1750 IN (1, 2, 3, 4) OR id % 25 = 8)
    """,
    # What happened on the way: of all open orders, and of a fifth of the others.
    """
    INSERT INTO order_events (order_id, kind, text, created_at)
    SELECT orders.id, step.kind,
        CASE step.kind WHEN 'sending' THEN 'as service ' || service_id WHEN 'sent'
            THEN 'the provider''s number is ' || provider_order ELSE warning END,
        created_at + step.nth
    FROM orders CROSS JOIN (
        SELECT 1 AS nth, 'sending' AS kind UNION ALL SELECT 2, 'sent' UNION ALL SELECT 3, 'warning'
    ) AS step
    WHERE ({open} OR orders.id % 5 = 0)
        AND CASE step.kind WHEN 'sending' THEN dispatch_state IN ('sent', 'review')
            WHEN 'sent' THEN dispatch_state = 'sent' ELSE warning <> '' END
    """,
    # Customers and services.
    "UPDATE accounts SET discount_ppm = 50000 WHERE id % 100 = 0",
    "UPDATE accounts SET status = 'suspended' WHERE id % 500 = 3",
    """
    INSERT INTO account_rates (account_id, service_id, rate_micros)
    SELECT accounts.id, services.id, services.rate_micros / 100 * 95
    FROM accounts JOIN services ON services.id % 1000 = 7 OR (accounts.id = :of_one
        AND services.id % 25 = 7)
    WHERE accounts.id % 100 = 2
    """,
    "UPDATE services SET refill = 1, dripfeed = 1 WHERE id % 9 = 4",
    "UPDATE services SET type = 'Custom Comments', refill = 0 WHERE id % 50 = 7",
    "UPDATE services SET active = 0 WHERE id % 20 = 19",
    "UPDATE services SET inactive_because = 'vanished' WHERE id % 40 = 19",
    "UPDATE services SET held = 1 WHERE id IN (SELECT service_id FROM sources WHERE id % 60 = 1)",
    """
    INSERT INTO pending_changes (provider_id, source_id, kind, stops_sale, before, after,
        created_at)
    SELECT provider_id, id, 'rise', 1, cost_micros, cost_micros * 2, :until - 86400
    FROM sources WHERE service_id IN (SELECT id FROM services WHERE held)
    """,
    # The panel's own: alerts that stand and of the past, and its tasks.
    """
    INSERT INTO alerts (kind, subject, text, began_at, told_at, ended_at, end_told_at)
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2000)
    SELECT CASE n % 3 WHEN 0 THEN 'stuck' WHEN 1 THEN 'unreachable' ELSE 'below cost' END,
        CASE WHEN n % 3 = 2 THEN 'service ' || n ELSE 'alpha ' || n END,
        'Something was wrong, for the time being (' || n || ').', :until - n * 4000,
        :until - n * 4000, iif(n > 12, :until - n * 4000 + 1800, NULL),
        iif(n > 12, :until - n * 4000 + 1800, NULL)
    FROM numbers
    """,
    """
    INSERT INTO task_runs (name, succeeded_at) VALUES ('backup', :until), ('ledger check', :until)
    """,
    "INSERT INTO heartbeats (name, seen_at) VALUES ('worker', :until)",
)

CONTENT: Content = Content(COLUMNS, order_row, beside)
"""For bench.database.make()."""


def make(path: Any, size: Size) -> None:
    """Make a database of this size with something for every list."""
    database.make(path, size, CONTENT)
