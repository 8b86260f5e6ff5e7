"""What was sent to providers about an order, and what came back: kept for some time, and bounded.

An order's page shows it. Nothing secret is in it: our key is no parameter, and upstream/tape.py
takes keys out of answers.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from database.clock import now
from database.compiled_query import CompiledQuery, param, rows
from database.transactions import immediate
from models import KeptExchange, Order, Provider
from panel.orders import state

KEPT_S = 30 * 86400
"""So long it is kept; of an order in doubt until a person has decided."""
MOST_OF_AN_ORDER = 50
"""Only the newest of an order are kept: a provider may change its mind all day."""
MAX_ANSWER = 2_000
MAX_VALUE = 500
MAX_UNDERSTOOD = 500
"""So many characters are kept of an answer, of a parameter, and of what it meant. Those that
cannot be seen are written out."""

A_TRANSACTION = 500
MOST_FORGOTTEN = 5_000
"""So many are deleted before others may write, and before the worker does something else."""


class Exchange(NamedTuple):
    """A request to a provider, and its answer.

    sent: the parameters but for our key; empty where another line tells them.
    http_status: of the answer; None where there was none, or no HTTP.
    answer: as it came, but with nothing secret in it.
    """

    provider_id: int | None
    action: str
    sent: Mapping[str, str]
    http_status: int | None = None
    answer: str = ""


Asked = Callable[[str | None], Exchange | None]
"""What was asked about one of a provider's numbers, and answered."""


def not_known(number: str | None) -> Exchange | None:
    """Nothing was kept of what was asked."""
    return None


_INSERT = CompiledQuery(
    lambda: KeptExchange.insert(
        order=param("order_id"),
        event=param("event_id"),
        provider=param("provider_id"),
        action=param("action"),
        sent=param("sent"),
        http_status=param("http_status"),
        answer=param("answer"),
        understood=param("understood"),
        created_at=param("now"),
    )
)
_CUT = CompiledQuery(
    lambda: (
        KeptExchange.select(KeptExchange.id)
        .where(KeptExchange.order == param("order_id"))
        .order_by(KeptExchange.id.desc())
        .limit(1)
        .offset(MOST_OF_AN_ORDER)
    )
)


def record(
    order_id: int, exchange: Exchange, understood: str = "", event_id: int | None = None
) -> None:
    """Write down what was sent and answered; to be called inside immediate().

    :param understood: what it meant; "" where an event says that.
    :param event_id: that event.
    """
    sent = {name: kept(value, MAX_VALUE) for name, value in exchange.sent.items()}
    _INSERT.run(
        order_id=order_id,
        event_id=event_id,
        provider_id=exchange.provider_id,
        action=exchange.action,
        sent=json.dumps(sent, ensure_ascii=False) if sent else "",
        http_status=exchange.http_status,
        answer=kept(exchange.answer, MAX_ANSWER),
        understood=kept(understood, MAX_UNDERSTOOD),
        now=now(),
    )
    if last := _CUT.row(order_id=order_id):
        KeptExchange.delete().where(
            KeptExchange.order == order_id, KeptExchange.id <= last[0]
        ).execute()


def kept(text: str, most: int) -> str:
    """The beginning of a text in readable characters, with its length where it is longer."""
    begins = readable(text[:most])[:most]
    return begins if len(text) <= most else f"{begins} … ({len(text):,} characters in all)"


def readable(text: str) -> str:
    r"""A text whose control and invisible characters are written out, such as \x1b or \u202e."""
    text = text.replace("\r\n", "\n")
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def exchanges(order_id: int) -> list[dict[str, Any]]:
    """What is kept of an order, oldest first, with the providers' names."""
    query = (
        KeptExchange.select(KeptExchange, Provider.name.alias("provider_name"))
        .left_outer_join(Provider)
        .where(KeptExchange.order == order_id)
        .order_by(KeptExchange.id)
    )
    return [{**row, "sent": json.loads(row["sent"] or "{}")} for row in rows(query.dicts())]


def forget_old() -> int:
    """Delete what is older than KEPT_S, but of orders in doubt; tell how many there were.

    At most MOST_FORGOTTEN, so that other things go on between.
    """
    forgotten, last = 0, 0
    while forgotten < MOST_FORGOTTEN:
        with immediate():
            found = _oldest_after(last)
            old = [row for row in found if row[2] < now() - KEPT_S]
            in_doubt = {order_id for (order_id,) in rows(_in_doubt())} if old else set()
            gone = [number for number, order_id, _ in old if order_id not in in_doubt]
            KeptExchange.delete().where(KeptExchange.id.in_(gone)).execute()
        forgotten += len(gone)
        if len(old) < A_TRANSACTION:
            break
        last = old[-1][0]
    return forgotten


def _oldest_after(number: int) -> list[tuple[int, int, int]]:
    query = KeptExchange.select(
        KeptExchange.id, KeptExchange.order, KeptExchange.created_at
    ).where(KeptExchange.id > number)
    return rows(query.order_by(KeptExchange.id).limit(A_TRANSACTION).tuples())


def _in_doubt() -> Any:
    return Order.select(Order.id).where(state.orders_in_doubt()).tuples()
