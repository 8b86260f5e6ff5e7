"""The cancel requests and refills that customers asked for, as an operator looks through them.

No list is counted, but what waits for an operator: up to MOST_COUNTED, by partial indexes.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from heapq import merge
from itertools import islice, takewhile
from typing import Any, NamedTuple

from peewee import JOIN, SQL, fn

from database.compiled_query import literal, rows
from models import Account, Cancel, KeptExchange, Order, OrderEvent, Provider, Refill, Service
from panel.orders import forecast, lookup, state
from panel.orders.lookup import StoredOrder
from panel.orders.refills import OPEN_REFILLS, REFILL_FOLLOWS
from panel.paging import PAGE

MOST_COUNTED = 99
"""More are told as so many and more."""
SCAN = 1_000
"""How many refills that no provider has are looked at to count those that wait for a person."""
MOST_OF_AN_ORDER = 20
"""So many requests of a kind are on an order's own page."""
MOST_SAID = 5
"""The newest of what a provider said of a request that are shown."""


class Kind(StrEnum):
    """What a customer asks for."""

    CANCEL = "cancel"
    REFILL = "refill"


class Which(StrEnum):
    """Which requests are listed: those that wait for an operator, all open ones, or all."""

    WAITING = "waiting"
    OPEN = "open"
    ALL = "all"


class Said(NamedTuple):
    """What happened to a request at its provider, in one line, and the answer as it came."""

    created_at: int
    text: str
    answer: str = ""


class Request(NamedTuple):
    """A cancel request or a refill, with what decides on it.

    waits: whether an operator must decide; a refill that a provider has, or will be asked for in
        a moment, does not.
    refund_micros: what accepting a cancel request pays back now, or in why_not why it cannot be
        accepted.
    follows: the statuses of a refill that an operator can set.
    provider_refill: the provider's number of the refill.
    said: what the provider was asked and said, oldest first.
    """

    kind: Kind
    id: int
    status: str
    created_at: int
    updated_at: int
    waits: bool
    passed_on: bool
    restored: bool
    warning: str
    account_name: str
    service_name: str
    order: StoredOrder
    provider: str
    provider_refill: str
    refund_micros: int
    why_not: str
    follows: tuple[str, ...]
    said: tuple[Said, ...] = ()


class Cursor(NamedTuple):
    """Where a page of requests begins: after this cancel request and after this refill."""

    cancel: int
    refill: int


class RequestPage(NamedTuple):
    """A part of the list; `next` tells where the next part begins, None at the end."""

    rows: list[Request]
    next: Cursor | None


# Written as the indexes cancels_by_status, refills_open and refills_by_hand have them.
_CANCEL_OPEN = Cancel.status == literal("pending")
_OF_A_CUSTOMER = Order.part.is_null()
"""Not the panel's own, which passes the request for a drip-feed on to the run that goes on."""
_REFILL_OPEN = SQL(f"+status IN ({', '.join(repr(status) for status in OPEN_REFILLS)})")
_NOT_AT_PROVIDER = SQL("(provider_refill IS NULL OR warning <> '' OR restored = 1)")

_WILL_BE_SENT = (
    (Refill.status == "pending")
    & (Refill.warning == "")
    & (Refill.restored == 0)
    & (Order.dispatch_state == state.SENT)
    & Provider.active
)
"""What the worker asks a provider for by itself; of those that are not at one."""


def waiting_count() -> int:
    """How many requests wait for an operator; at most MOST_COUNTED + 1.

    It is asked on every page: cheap however many orders and requests there are.
    """
    most = MOST_COUNTED + 1
    cancels = Cancel.select(SQL("1")).join(Order).where(_CANCEL_OPEN, _OF_A_CUSTOMER)
    found = cancels.limit(most).count()
    if found < most:
        found += _waiting_refills(_by_hand().limit(SCAN)).limit(most - found).count()
    return found


def waiting_requests(limit: int) -> list[Request]:
    """The requests that wait for an operator, those that wait longest first."""
    return request_page(Which.WAITING, limit=limit).rows


def request_page(
    which: Which,
    kind: Kind | None = None,
    after: Cursor | None = None,
    newest_first: bool = False,
    limit: int = PAGE,
) -> RequestPage:
    """Requests by their age.

    :param kind: only cancel requests, or only refills; None for both.
    :param after: only what comes after these.
    """
    start = after or Cursor(2**62, 2**62) if newest_first else after or Cursor(0, 0)
    found = {
        of: _keys(of, which, start, newest_first, limit) if kind in (None, of) else Keys([], None)
        for of in Kind
    }
    merged = merge(
        *([(at, of, number) for number, at in keys.found] for of, keys in found.items()),
        key=lambda row: -row[0] if newest_first else row[0],
    )
    # Beyond where the search for one kind ended, nothing of the other is told yet.
    border = min(
        (-keys.seen[1] if newest_first else keys.seen[1] for keys in found.values() if keys.seen),
        default=None,
    )
    within = takewhile(
        lambda row: border is None or (-row[0] if newest_first else row[0]) <= border, merged
    )
    chosen = list(islice(within, limit))
    listed = _requests((of, number) for _, of, number in chosen)
    return RequestPage(listed, _next(chosen, found, start, limit))


def named(wanted: Iterable[tuple[Kind, int]]) -> list[Request]:
    """The requests of these kinds and numbers; one that is not there is left out."""
    return _requests(wanted)


def of_order(order_id: int) -> list[Request]:
    """The newest requests about an order, MOST_OF_AN_ORDER of each kind, newest first."""
    wanted = [
        (of, number)
        for of, table in ((Kind.CANCEL, Cancel), (Kind.REFILL, Refill))
        for (number,) in rows(
            table.select(table.id)
            .where(table.order == order_id)
            .order_by(table.id.desc())
            .limit(MOST_OF_AN_ORDER)
            .tuples()
        )
    ]
    return _requests(wanted)


class Keys(NamedTuple):
    """The numbers and times of requests; `seen` is the last that was looked at, if more follow."""

    found: list[tuple[int, int]]
    seen: tuple[int, int] | None


def _next(
    chosen: list[tuple[int, Kind, int]], found: dict[Kind, Keys], start: Cursor, limit: int
) -> Cursor | None:
    """Where the next page begins: in each table after the last that is on this one."""
    ends, more = [], False
    for of, (keys, seen) in found.items():
        shown = [number for _, chosen_kind, number in chosen if chosen_kind is of]
        end = shown[-1] if shown else getattr(start, of)
        if len(shown) < len(keys):
            more = True
        elif seen is not None:
            end, more = seen[0], True
        ends.append(end)
    return Cursor(*ends) if more else None


def _keys(of: Kind, which: Which, start: Cursor, newest_first: bool, limit: int) -> Keys:
    """The next requests of a kind, one more than a page has."""
    table = Cancel if of is Kind.CANCEL else Refill
    number = getattr(start, of)

    def window(query: Any) -> Any:
        query = query.where(table.id < number if newest_first else table.id > number)
        return query.order_by(table.id.desc() if newest_first else table.id)

    if of is Kind.REFILL and which is Which.WAITING:
        return _waiting_keys(window, limit)
    query: Any = table.select(table.id, table.created_at)
    if of is Kind.CANCEL:
        query = query.join(Order).where(_OF_A_CUSTOMER)
    if which is not Which.ALL:
        query = query.where(_CANCEL_OPEN if of is Kind.CANCEL else _REFILL_OPEN)
    return Keys(rows(window(query).limit(limit + 1).tuples()), None)


def _waiting_keys(window: Callable[[Any], Any], limit: int) -> Keys:
    candidates = window(_by_hand())
    found = rows(window(_waiting_refills(candidates.limit(SCAN))).limit(limit + 1).tuples())
    ends = candidates.select(Refill.id, Refill.created_at).offset(SCAN - 1).limit(1)
    last = rows(ends.tuples()) if len(found) <= limit else []
    return Keys(found, last[0] if last else None)


def _by_hand() -> Any:
    """The open refills that no provider has, or of which an operator should know something."""
    return Refill.select(Refill.id).where(_REFILL_OPEN, _NOT_AT_PROVIDER)


def _waiting_refills(candidates: Any) -> Any:
    """Those of some refills that the worker does not pass on by itself."""
    return (
        Refill.select(Refill.id, Refill.created_at)
        .join(Order)
        .join(Provider, JOIN.LEFT_OUTER)
        .where(Refill.id.in_(candidates), fn.COALESCE(_WILL_BE_SENT, 0) == 0)
    )


# What decides on a request


def _requests(wanted: Iterable[tuple[Kind, int]]) -> list[Request]:
    """Requests with all that decides on them, in the order given."""
    keys = list(wanted)
    found: dict[tuple[Kind, int], dict[str, Any]] = {}
    for of, table in ((Kind.CANCEL, Cancel), (Kind.REFILL, Refill)):
        numbers = [number for kind, number in keys if kind is of]
        if numbers:
            found |= {(of, row["id"]): row for row in _with_orders(table, numbers)}
    order_ids = sorted({row["order"] for row in found.values()})
    orders = {order.id: order for order in lookup.get_many(order_ids)} if order_ids else {}
    told = _told(order_ids)
    return [
        _request(of, found[of, number], orders[found[of, number]["order"]], told)
        for of, number in keys
        if (of, number) in found
    ]


def _with_orders(table: type[Cancel] | type[Refill], numbers: list[int]) -> list[dict[str, Any]]:
    query: Any = (
        table.select(
            table,
            Account.name.alias("account_name"),
            Service.name.alias("service_name"),
            Provider.name.alias("provider_name"),
            Provider.active.alias("provider_active"),
        )
        .join(Order)
        .join(Account, JOIN.LEFT_OUTER)
        .switch(Order)
        .join(Service, JOIN.LEFT_OUTER)
        .switch(Order)
        .join(Provider, JOIN.LEFT_OUTER)
        .where(table.id.in_(numbers))
    )
    return rows(query.dicts())


def _request(
    of: Kind, row: dict[str, Any], order: StoredOrder, told: dict[int, list[Said]]
) -> Request:
    accepted = forecast.of_order("cancel", order)
    is_cancel = of is Kind.CANCEL
    begins = f"{'cancel request' if is_cancel else 'refill'} {row['id']}: "
    said = [
        line._replace(text=line.text.removeprefix(begins))
        for line in told.get(order.id, ())
        if line.text.startswith(begins)
    ]
    return Request(
        kind=of,
        id=row["id"],
        status=row["status"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        waits=row["status"] == "pending" if is_cancel else _refill_waits(row, order),
        passed_on=bool(row["passed_on"] if is_cancel else row["provider_refill"]),
        restored=bool(row["restored"]),
        warning=row.get("warning", ""),
        account_name=row["account_name"] or "",
        service_name=row["service_name"] or "",
        order=order,
        provider=row["provider_name"] or "",
        provider_refill=row.get("provider_refill") or "",
        refund_micros=accepted.refund_micros if is_cancel else 0,
        why_not=accepted.why_not if is_cancel and row["status"] == "pending" else "",
        follows=() if is_cancel else REFILL_FOLLOWS[row["status"]],
        said=tuple(said[-MOST_SAID:]),
    )


def _refill_waits(row: dict[str, Any], order: StoredOrder) -> bool:
    """Whether an operator must see to a refill: what _waiting_refills() asks the database."""
    if row["status"] not in OPEN_REFILLS:
        return False
    if row["warning"] or row["restored"]:
        return True
    if row["provider_refill"] is not None:
        return False
    is_sent = order.dispatch_state == state.SENT and bool(row["provider_active"])
    return row["status"] != "pending" or not is_sent


def _told(order_ids: list[int]) -> dict[int, list[Said]]:
    """What was said of the requests about these orders, oldest first, by order."""
    if not order_ids:
        return {}
    answers = KeptExchange.select(
        KeptExchange.order,
        KeptExchange.event,
        KeptExchange.created_at,
        KeptExchange.understood,
        KeptExchange.answer,
    ).where(KeptExchange.order.in_(order_ids))
    by_event, found = {}, []
    for order_id, event_id, at, understood, answer in rows(answers.tuples()):
        if event_id is not None:
            by_event[event_id] = answer
        elif understood.startswith("refill "):
            found.append((order_id, Said(at, understood, answer)))
    events = OrderEvent.select(
        OrderEvent.id, OrderEvent.order, OrderEvent.created_at, OrderEvent.text
    ).where(
        OrderEvent.order.in_(order_ids),
        OrderEvent.text.startswith("cancel request ") | OrderEvent.text.startswith("refill "),
    )
    for number, order_id, at, text in rows(events.order_by(OrderEvent.id).tuples()):
        found.append((order_id, Said(at, text, by_event.get(number, ""))))
    told: dict[int, list[Said]] = {}
    for order_id, line in sorted(found, key=lambda one: one[1].created_at):
        told.setdefault(order_id, []).append(line)
    return told
