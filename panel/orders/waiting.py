"""What waits for an operator among orders, refills and cancel requests.

Orders that wait for the same answer are one entry.
"""

from typing import Any, NamedTuple

from peewee import JOIN, fn

from database.compiled_query import literal, rows, unindexed
from models import Cancel, Order, Provider, Refill
from panel.orders import state
from panel.orders.refills import OPEN_REFILLS
from panel.providers import words


class WaitingWord(NamedTuple):
    """A provider's words that are not known, and the orders that wait for their meaning.

    kind: "status", or "refusal".
    word: as the provider wrote it; for a refusal, of one of the orders.
    orders: how many wait with them; first_order is the oldest, newest_order the newest.
    due_at: when the first of them is canceled and paid back, in seconds since 1970; None where
        they wait until something is taught.
    """

    provider: str
    kind: str
    word: str
    orders: int
    first_order: int
    newest_order: int
    due_at: int | None


def unknown_words(provider_id: int | None = None) -> list[WaitingWord]:
    """The words that orders wait with, refusals first; of one provider or of all."""
    query = (
        _held("refusal", "word")
        .select(
            Provider.name,
            Order.held_because,
            Order.held_text,
            fn.COUNT(Order.id),
            fn.MIN(Order.id),
            fn.MAX(Order.id),
            fn.MIN(Order.send_at),
        )
        .join(Provider)
        .group_by(Provider.name, Order.held_because, Order.held_text)
        .order_by(Order.held_because, Provider.name, fn.MIN(Order.id))
    )
    if provider_id is not None:
        query = query.where(Order.provider == provider_id)
    found: dict[tuple[str, str, str], WaitingWord] = {}
    for name, because, text, count, first_order, newest_order, due_at in rows(query.tuples()):
        is_refusal = because == "refusal"
        plain = words.plain_refusal(text) if is_refusal else words.plain(text)
        kind = "refusal" if is_refusal else "status"
        due_at = due_at if is_refusal else None
        word = WaitingWord(name, kind, text, count, first_order, newest_order, due_at)
        known = found.get((name, kind, plain))
        found[name, kind, plain] = word if known is None else _merged(known, word)
    return list(found.values())


def _merged(one: WaitingWord, other: WaitingWord) -> WaitingWord:
    """Two spellings of the same words as one."""
    due = [moment for moment in (one.due_at, other.due_at) if moment is not None]
    return one._replace(
        orders=one.orders + other.orders,
        first_order=min(one.first_order, other.first_order),
        newest_order=max(one.newest_order, other.newest_order),
        due_at=min(due, default=None),
    )


def waiting_for_funds() -> list[tuple[str, str, int, int, int]]:
    """The providers at which orders wait for funds, but for those that an operator has paused.

    :returns: for each its name, our balance there as it writes it, how many orders wait, and the
        oldest and the newest of them.
    """
    query = (
        _held("funds")
        .select(
            Provider.name, Provider.balance, fn.COUNT(Order.id), fn.MIN(Order.id), fn.MAX(Order.id)
        )
        .join(Provider)
        .where(Provider.paused_at.is_null())
        .group_by(Provider.id)
        .order_by(Provider.name)
    )
    return rows(query.tuples())


def unclear_orders(limit: int) -> list[dict[str, Any]]:
    """The oldest orders whose cost, status or posts wait for an operator."""
    columns = (Order.id, Order.held_because, Order.held_text, Order.warning)
    query = (
        _held("cost", "status", "posts")
        .select(*columns, Provider.name.alias("provider_name"))
        .join(Provider)
    )
    return rows(query.order_by(Order.id).limit(limit).dicts())


def unmoved(since: int, limit: int) -> list[tuple[int, int, str | None]]:
    """Open orders that have not moved since a time; in no order, or all would have to be sorted.

    Not those that wait for a person by name or for a provider that is paused, and not what has
    times of its own: subscriptions, the whole of a drip-feed, one whose runs are farther apart.

    :returns: for each its number, when it moved last, and its provider's name; None by hand.
    """
    statuses = [literal(status) for status in ("Pending", "Processing", "In progress")]
    query = (
        Order.select(Order.id, Order.updated_at, Provider.name)
        .join(Provider, JOIN.LEFT_OUTER)
        .where(
            Order.status.in_(statuses),
            Order.updated_at < since,
            Order.held_because == "",
            Order.restored == 0,
            Order.dispatch_state.not_in((state.IN_REVIEW, state.IN_PARTS)),
            Order.interval.is_null() | (Order.updated_at + Order.interval * 60 < since),
            Provider.paused_at.is_null() | (Order.dispatch_state != state.WAITING),
        )
        .limit(limit)
    )
    return rows(query.tuples())


def waiting_long(since: int) -> list[tuple[str, int, int, str]]:
    """The providers for which orders wait that were placed before a time, and are not held.

    Not those that are stopped or paused.

    :returns: for each its name, how many wait, the oldest, and the warning of that one.
    """
    oldest = fn.MIN(Order.id).alias("first_order")
    warned = _warned(state.WAITING, oldest).where(unindexed(Order.created_at) < since)
    columns = (Provider.name, warned.c.orders, warned.c.first_order, Order.warning)
    query = (
        Provider.select(*columns)
        .join(warned, on=warned.c.provider_id == Provider.id)
        .join(Order, on=warned.c.first_order == Order.id)
        .where(Provider.stopped_because == "", Provider.paused_at.is_null())
        .order_by(Provider.name)
    )
    return rows(query.tuples())


def with_warnings(since: int) -> list[tuple[str, int, int]]:
    """The providers whose orders have a warning, though they are followed and not held.

    :param since: seconds since 1970: orders that were placed before and ended are left out.
    :returns: for each its name, how many orders, and the newest of them.
    """
    newest = fn.MAX(Order.id).alias("newest")
    found = _warned(state.SENT, newest).where(open_or_since(since))
    query = (
        Provider.select(Provider.name, found.c.orders, found.c.newest)
        .join(found, on=found.c.provider_id == Provider.id)
        .order_by(Provider.name)
    )
    return rows(query.tuples())


def open_or_since(since: int) -> Any:
    """The condition that an order is open, or was placed since a time."""
    # Not MIN(id), which would walk through all orders that are older.
    recent_orders = Order.select(Order.id).where(Order.created_at >= since)
    first = recent_orders.order_by(Order.created_at, Order.id).limit(1)
    return (Order.id >= first) | unindexed(Order.status).in_(state.OPEN)


def unheld(dispatch_state: str) -> Any:
    """The condition that an order has this dispatch state, and is not held."""
    has_state = unindexed(Order.dispatch_state) == dispatch_state
    return (unindexed(Order.held_because) == "") & has_state


def _warned(dispatch_state: str, *figures: Any) -> Any:
    """A query of the orders with a warning that are not held: how many of each provider.

    What it compares stands in the index of orders with a warning, so that none of them is read.

    :param figures: what else to select of each provider's.
    """
    return (
        Order.select(Order.provider, fn.COUNT(Order.id).alias("orders"), *figures)
        .where(Order.warning != literal(""), unheld(dispatch_state))
        .group_by(unindexed(Order.provider))
    )


def _held(*because: str) -> Any:
    """A query of orders that are held for one of these; the rest is to be chosen."""
    reasons = [literal(reason) for reason in because]
    # The first condition lets SQLite use the index of held orders.
    return Order.select().where(Order.held_because != literal(""), Order.held_because.in_(reasons))


def refills_to_settle(limit: int) -> list[dict[str, Any]]:
    """The oldest refills that nobody but an operator moves on.

    Those of orders that no provider has as one order, and those that a provider gave no number.
    """
    # As the index refills_open has it: in the order of their numbers, until there are enough.
    is_open = unindexed(Refill.status).in_([literal(status) for status in OPEN_REFILLS])
    query = (
        Refill.select(Refill.id, Refill.order, Refill.status, Refill.warning)
        .join(Order)
        .where(is_open, (Order.dispatch_state != state.SENT) | (Refill.warning != ""))
        .where(Refill.restored == 0)  # those are told of in one line
    )
    return rows(query.order_by(Refill.id).limit(limit).dicts())


def cancels_to_answer(limit: int) -> list[dict[str, Any]]:
    """The oldest cancel requests of orders that are fulfilled by hand."""
    query = (
        Cancel.select(Cancel.id, Cancel.order)
        .join(Order)
        .where(
            Cancel.status == literal("pending"),
            Order.dispatch_state.in_((state.NOT_FORWARDED, state.FAILED)),
        )
    )
    return rows(query.order_by(Cancel.id).limit(limit).dicts())
