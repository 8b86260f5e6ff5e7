"""An order's story: what its customer asked for, what came of it at providers, who did what.

Merged and in the order of time, each thing said once.
"""

from collections.abc import Iterable
from heapq import merge
from typing import Any, NamedTuple

from database.compiled_query import rows
from models import AuditLine, Cancel, Order, OrderEvent, Refill
from panel.orders import exchanges

MOST_EVENTS = 200
MOST_LINES = 100
"""The newest so many events, and lines of the audit, are told."""

CUSTOMER = "customer"
WORKER = "worker"
OPERATOR = "operator"

_FROM_PROVIDER = ("sent", "refused", "unknown", "warning")
_RELEASED = "released after a restore"
"""How the event of an act is worded that the audit words otherwise."""


class Line(NamedTuple):
    """One thing that happened.

    kind: as of order_events; "placed", "refill" and "cancel" for what a customer asked for;
        "status" for a status that a provider told; "operator" for what a person did.
    who: an operator's name, or as the audit has it; the provider's name; or CUSTOMER, WORKER.
    exchange: what was sent and what came back, as panel.orders.exchanges keeps it; or None.
    """

    created_at: int
    kind: str
    who: str
    text: str
    exchange: dict[str, Any] | None = None


class Story(NamedTuple):
    """The lines, oldest first; is_cut: whether there are older ones that are not told."""

    lines: list[Line]
    is_cut: bool = False


def history(order_id: int) -> Story:
    """The story of an order.

    What no request of a customer asked for, such as a part of a drip-feed, has no such line.
    """
    kept = exchanges.exchanges(order_id)
    done, lines_cut = _audit_lines(order_id)
    happened, events_cut = _events(order_id, kept)
    told = [
        *_asked(order_id),
        *_with_acts(happened, done),
        *(_status(row) for row in kept if row["event"] is None),
    ]
    # Things of one second stay in this order.
    return Story(sorted(told, key=lambda line: line.created_at), lines_cut or events_cut)


def _asked(order_id: int) -> list[Line]:
    """What the customer asked for."""
    return [
        *_requests(Order, Order.id == order_id, "placed", "request {}"),
        *_requests(Refill, Refill.order == order_id, "refill", "asked for a refill (request {})"),
        *_requests(Cancel, Cancel.order == order_id, "cancel", "asked to cancel (request {})"),
    ]


def _requests(table: Any, of_order: Any, kind: str, text: str) -> list[Line]:
    query = table.select(table.created_at, table.request_id).where(of_order)
    newest = rows(query.order_by(table.id.desc()).limit(MOST_LINES).tuples())
    return [
        Line(created_at, kind, CUSTOMER, text.format(request_id))
        for created_at, request_id in reversed(newest)
        if request_id
    ]


def _audit_lines(order_id: int) -> tuple[list[Line], bool]:
    """Who did what; and whether there is more."""
    query = AuditLine.select().where(AuditLine.order_id == order_id).order_by(AuditLine.id.desc())
    found = rows(query.limit(MOST_LINES + 1).dicts())
    lines = [
        Line(row["created_at"], OPERATOR, row["operator"], _act(row, order_id))
        for row in reversed(found[:MOST_LINES])
    ]
    return lines, len(found) > MOST_LINES


def _act(row: dict[str, Any], order_id: int) -> str:
    """An act on this order with what came of it, where that is not only that it was done."""
    text = row["act"].removeprefix(f"order {order_id}: ")
    outcome = row["outcome"].removeprefix("done").removeprefix(": ")
    return f"{text}: {outcome}" if outcome else text


def _events(order_id: int, kept: list[dict[str, Any]]) -> tuple[list[Line], bool]:
    """What happened between the panel and providers; and whether there is more."""
    by_event = {row["event"]: row for row in kept if row["event"] is not None}
    query = OrderEvent.select().where(OrderEvent.order == order_id).order_by(OrderEvent.id.desc())
    found = rows(query.limit(MOST_EVENTS + 1).dicts())
    lines = [_event(row, by_event.get(row["id"])) for row in reversed(found[:MOST_EVENTS])]
    return lines, len(found) > MOST_EVENTS


def _event(row: dict[str, Any], exchange: dict[str, Any] | None) -> Line:
    who = OPERATOR if row["kind"] == "operator" else WORKER
    if exchange and row["kind"] in _FROM_PROVIDER:
        who = exchange["provider_name"] or who
    return Line(row["created_at"], row["kind"], who, row["text"], exchange)


def _status(row: dict[str, Any]) -> Line:
    """A status that a provider told."""
    kind = "refill" if row["action"].startswith("refill") else "status"
    return Line(row["created_at"], kind, row["provider_name"] or WORKER, row["understood"], row)


def _with_acts(events: list[Line], done: list[Line]) -> list[Line]:
    """Events and the audit's lines in one, each in its own order.

    An event that says the same as a line of the audit gives way to it.
    """
    lines: list[Line] = []
    acts, waiting = done, []
    for event in events:
        same = next((n for n, act in enumerate(acts) if _is_same(event, act)), None)
        if same is None:
            waiting.append(event)
            continue
        lines += [*_merged(acts[:same], waiting), acts[same]]
        acts, waiting = acts[same + 1 :], []
    return [*lines, *_merged(acts, waiting)]


def _merged(acts: list[Line], events: list[Line]) -> Iterable[Line]:
    """Two parts of a story by time; in the same second a person acts first."""
    return merge(acts, events, key=lambda line: line.created_at)


def _is_same(event: Line, act: Line) -> bool:
    """Whether an event of an operator is this act: the audit's line comes first."""
    text = "release" if event.text == _RELEASED else event.text
    is_act = event.kind == OPERATOR and act.text.startswith(text)
    return is_act and ": refused" not in act.text and act.created_at <= event.created_at
