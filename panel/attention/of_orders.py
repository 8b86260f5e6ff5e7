"""What waits for an operator about orders, and about the requests for refills and cancels."""

import shlex
from collections.abc import Iterator
from typing import Any

from database.clock import now
from panel import queries
from panel.attention.items import (
    Item,
    Kind,
    count_of,
    is_are,
    line,
    listed,
    moment,
    orders_that,
    said,
)
from panel.orders import restored, waiting
from panel.orders.waiting import WaitingWord

WARNINGS_S = 7 * 86400
"""Warnings of orders that ended and were placed longer ago are left out."""


def of_orders(limit: int) -> Iterator[Item]:
    """Lines about orders and requests.

    :param limit: how many of each kind are enough.
    """
    yield from funds()
    yield from _review(limit)
    yield from _words()
    yield from _unclear(limit)
    yield from _refills(limit)
    yield from _cancels(limit)
    yield from _warnings()


def since_a_restore() -> Iterator[Item]:
    """What is in doubt since the database was restored from a copy, as one line."""
    counts = restored.counts()
    if not any(counts):
        return
    named = (("order", "orders"), ("refill", "refills"), ("cancel request", "cancel requests"))
    parts = [count_of(count, *names) for count, names in zip(counts, named, strict=True) if count]
    verb = is_are(sum(counts))
    yield Item(
        Kind.RESTORED,
        f"The database was restored from a copy, and {listed(parts)} {verb} in doubt: "
        "what waited then may have been sent since. Look at the provider first: what it has is "
        "to be attached or set, and the rest released.",
        ("flask restored list", "flask restored release --all"),
        sum(counts),
    )


def funds() -> Iterator[Item]:
    """The providers at which orders wait for funds."""
    for name, balance, count, first_order, newest in waiting.waiting_for_funds():
        orders = orders_that(count, first_order, "waits", "wait")
        yield Item(
            Kind.FUNDS,
            f"{orders} for funds at {name}, where we have {balance or 'an unknown balance'}. "
            "Add funds there: the orders go out when the balance has risen.",
            (f"flask provider resume {name}",),
            count,
            provider=name,
            newest=newest,
        )


def _review(limit: int) -> Iterator[Item]:
    names = queries.provider_names()
    for order in queries.orders_in_review(limit):
        order_id = order["id"]
        name = names.get(order["provider"], "a provider")
        yield Item(
            Kind.REVIEW,
            f"Nobody knows whether {name} has order {order_id}: {said(order['warning'])}. "
            "Look it up there.",
            (
                f"flask order attach {order_id} NUMBER",
                f"flask order resend {order_id}",
                f"flask order fail {order_id}",
            ),
            provider=names.get(order["provider"], ""),
            order_id=order_id,
        )


def _words() -> Iterator[Item]:
    for word in waiting.unknown_words():
        yield _refusal(word) if word.kind == "refusal" else _status_word(word)


def _refusal(word: WaitingWord) -> Item:
    orders = orders_that(word.orders, word.first_order, "waits", "wait")
    until = f" until {moment(word.due_at)} UTC" if word.due_at else ""
    teach = _teach(word)
    chosen = str(word.first_order)
    if word.orders > 1:
        chosen = f"--provider {word.provider} --with-word={shlex.quote(line(word.word))}"
    return Item(
        Kind.REFUSAL,
        f"{word.provider} refused with words that are not known: “{said(word.word)}”. "
        f"{orders} for you{until}, and {is_are(word.orders)} then canceled and paid back.",
        (
            f"{teach} wait",
            f"{teach} cancel",
            f"flask order resend {chosen}",
            f"flask order fail {chosen}",
        ),
        word.orders,
        provider=word.provider,
        newest=word.newest_order,
    )


def _status_word(word: WaitingWord) -> Item:
    orders = orders_that(word.orders, word.first_order, "waits", "wait")
    return Item(
        Kind.WORD,
        f"{word.provider} tells a status that is not known: “{said(word.word)}”. "
        f"{orders} until you say what it means.",
        (f"{_teach(word)} STATUS",),
        word.orders,
        provider=word.provider,
        newest=word.newest_order,
    )


def _teach(word: WaitingWord) -> str:
    """The command that teaches a word, but for its meaning; safe to paste, whatever the word."""
    text = line(word.word)
    end_of_options = "-- " if text.startswith("-") else ""
    return f"flask provider word {end_of_options}{word.provider} {shlex.quote(text)}"


def _unclear(limit: int) -> Iterator[Item]:
    for order in waiting.unclear_orders(limit):
        order_id, name = order["id"], order["provider_name"]
        if order["held_because"] == "cost":
            yield _dearer(order)
            continue
        if order["held_because"] == "posts":
            kind, command = Kind.POSTS, f"flask order post {order_id} QUANTITY --theirs NUMBER"
            what = f"Posts of order {order_id} at {name} cannot be charged"
        else:
            kind, command = Kind.STATUS, f"flask order set {order_id} --status STATUS --remains N"
            what = f"What {name} says of order {order_id} is not clear"
        yield Item(
            kind,
            f"{what}: {said(_why_unclear(order))}.",
            (command, f"flask order show {order_id}"),
            provider=name,
            order_id=order_id,
        )


def _dearer(order: dict[str, Any]) -> Item:
    order_id, name = order["id"], order["provider_name"]
    return Item(
        Kind.COST,
        f"Order {order_id} is not sent to {name}: {said(order['held_text'])}.",
        (f"flask order resend {order_id}", f"flask order fail {order_id}"),
        provider=name,
        order_id=order_id,
    )


def _why_unclear(order: dict[str, Any]) -> str:
    """Why an order is held; of posts what was said of them, whatever was said since."""
    return order["held_text"] if order["held_because"] == "posts" else order["warning"]


# Requests


def _refills(limit: int) -> Iterator[Item]:
    for refill in waiting.refills_to_settle(limit):
        number, order_id = refill["id"], refill["order"]
        why = said(refill["warning"]) or "it is fulfilled by hand"
        yield Item(
            Kind.REFILL,
            f"Refill {number} of order {order_id} is {refill['status']}: {why}.",
            (f"flask refill set {number} --status STATUS",),
            order_id=order_id,
        )


def _cancels(limit: int) -> Iterator[Item]:
    for cancel in waiting.cancels_to_answer(limit):
        number, order_id = cancel["id"], cancel["order"]
        yield Item(
            Kind.CANCEL,
            f"A customer asks to cancel order {order_id}, which is fulfilled by hand.",
            (f"flask cancel accept {number}", f"flask cancel reject {number}"),
            order_id=order_id,
        )


# Warnings


def _warnings() -> Iterator[Item]:
    """What is odd about orders that go on or ended all the same: to look at, not to settle."""
    for name, count, newest in waiting.with_warnings(now() - WARNINGS_S):
        yield Item(
            Kind.WARNING,
            f"{count_of(count, 'order', 'orders')} at {name}, open or of the last 7 days, "
            f"{'has' if count == 1 else 'have'} a warning; the newest is {newest}.",
            ("flask order list --warnings", f"flask order show {newest}"),
            count,
            provider=name,
            order_id=newest,
        )
