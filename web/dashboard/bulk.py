"""Acts on several orders at once: what is asked before, and what is told after."""

from typing import NamedTuple

from peewee import PeeweeException

from database import unavailable
from panel import account_queries
from panel.errors import OperatorError, RequestRejected
from panel.money import MICROS
from panel.orders import forecast, lookup
from panel.orders.forecast import Forecast
from panel.orders.lookup import StoredOrder
from web.dashboard.common import actor
from web.dashboard.order_acts import ACTS, Act

MOST = 500
"""The most orders that are acted on at once."""
WORD_ABOVE_ORDERS = 50
WORD_ABOVE_MICROS = 100 * MICROS
"""Above one of these, in orders or in the panel's currency, a word must be typed."""


PAYING_BACK = ("cancel", "refund", "partial", "fail")
"""The acts that pay back."""


class Question(NamedTuple):
    """What is asked before a bulk act.

    possible, refused: the orders as they are now, with which it can be done or not.
    sum_micros: what is paid back at most; of an act that pays nothing back, the charge of the
        orders less what was paid back before.
    word: what must be typed; "" if nothing must.
    is_all: whether these are all the orders that were asked for.
    """

    name: str
    act: Act
    selected: list[int]
    possible: list[Forecast]
    refused: list[Forecast]
    missing: list[int]
    customers: dict[int, str]
    pays_back: bool
    sum_micros: int
    word: str
    is_all: bool


class Done(NamedTuple):
    """What came of an act on one order.

    text: why it was refused; "" if it was done.
    """

    order_id: int
    is_done: bool
    text: str
    status: str = ""
    refund_micros: int = 0


class Result(NamedTuple):
    """What came of a bulk act: with each order, and in sum."""

    act: Act
    orders: list[Done]

    @property
    def done(self) -> int:
        """With how many orders it was done."""
        return sum(order.is_done for order in self.orders)

    @property
    def refund_micros(self) -> int:
        """What was paid back."""
        return sum(order.refund_micros for order in self.orders)


def ask(name: str, selected: list[int], is_all: bool = True) -> Question:
    """What is to be asked before an act on these orders, as they are now."""
    found = forecast.forecast(name, selected)
    possible = [one for one in found if not one.why_not]
    known = {one.order.id for one in found}
    pays_back = name in PAYING_BACK
    total = sum(one.refund_micros if pays_back else _kept(one.order) for one in possible)
    needs_word = len(possible) > WORD_ABOVE_ORDERS or total > WORD_ABOVE_MICROS
    return Question(
        name,
        ACTS[name],
        selected,
        possible,
        [one for one in found if one.why_not],
        [order_id for order_id in selected if order_id not in known],
        account_queries.names({one.order.account_id for one in found}),
        pays_back,
        total,
        name if needs_word else "",
        is_all,
    )


def _kept(order: StoredOrder) -> int:
    return order.charge_micros - order.refunded_micros


def is_answered(question: Question, typed: str) -> bool:
    """Whether the word that is asked for was typed, in capitals or not."""
    return typed.strip().lower() == question.word or not question.word


def do(question: Question) -> Result:
    """Do it with each order for itself: what is refused stops no other.

    Where the database cannot be written any more, the rest is left, and is told as not done.
    """
    done: list[Done] = []
    for order_id in question.selected:
        try:
            done.append(_do(question, order_id))
        except PeeweeException as error:
            why = unavailable.reason(error)
            if why is None or not done:
                raise
            left = question.selected[len(done) :]
            done += [Done(number, False, f"not tried: {why}") for number in left]
            break
    return Result(question.act, done)


def _do(question: Question, order_id: int) -> Done:
    try:
        before = lookup.get(order_id)
        paid_micros = question.act.operation(actor(), order_id) or 0
    except (OperatorError, RequestRejected) as error:
        return Done(order_id, False, str(error))
    after = lookup.get(order_id)
    if after == before and question.name != "release":  # which may change its requests alone
        return Done(order_id, False, f"nothing to do: it is {before.status} already")
    return Done(order_id, True, "", after.status, paid_micros)
