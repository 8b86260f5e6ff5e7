"""Acts on several orders at once: what is asked before, and what is told after."""

from typing import NamedTuple

from peewee import PeeweeException

from api.context import current_settings
from database import unavailable
from panel import account_queries
from panel.errors import OperatorError, RequestRejected
from panel.money import MICROS, format_exact
from panel.orders import forecast, lookup
from panel.orders.forecast import Forecast
from panel.orders.lookup import StoredOrder
from web.dashboard import at_provider
from web.dashboard.common import actor
from web.dashboard.order_acts import ACTS, Act

MOST = 500
"""The most orders that are acted on at once."""
WORD_ABOVE_ORDERS = 50
WORD_ABOVE_MICROS = 100 * MICROS
"""Above one of these, in orders or in the panel's currency, a word must be typed."""


MAX_DIGITS = 19
"""No sum in micros has so many: SQLite's integers end before."""

PAYING_BACK = ("cancel", "refund", "partial", "fail")
"""The acts that pay back: they end orders which a provider may deliver all the same."""


class Question(NamedTuple):
    """What is asked before a bulk act.

    possible, refused: the orders as they are now, with which it can be done or not.
    sum_micros: what is paid back at most; of an act that pays nothing back, the charge of the
        orders less what was paid back before.
    says: what becomes of them at their providers; "" where they have none of them.
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
    says: str
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
        _at_providers(name, [one.order for one in possible]),
        name if needs_word else "",
        is_all,
    )


def _kept(order: StoredOrder) -> int:
    return order.charge_micros - order.refunded_micros


def _at_providers(name: str, orders: list[StoredOrder]) -> str:
    """What becomes of orders at their providers: for how many of them, and what that costs."""
    if name == "resend" and (doubtful := at_provider.in_doubt(orders)):
        twice = at_provider.bought_twice(_costs(doubtful))
        return f"A provider may have {_those(doubtful, orders)} already. What it has is {twice}"
    if name == "completed" and (followed := at_provider.followed(orders)):
        about = "it" if len(followed) == 1 else "them"
        no_more = at_provider.asked_no_more("It", about)
        return f"A provider has {_those(followed, orders)}. {no_more}"
    if name in PAYING_BACK and (open_there := at_provider.going_on(orders)):
        not_told = at_provider.not_told("It", _costs(open_there))
        return f"A provider has {_those(open_there, orders)}, or may have. {not_told}"
    return ""


def _those(some: list[StoredOrder], of: list[StoredOrder]) -> str:
    if len(of) == 1:
        return "this order"
    if len(some) == len(of):
        return f"each of these {len(of)} orders"
    return f"{len(some)} of these {len(of)} orders"


def _costs(orders: list[StoredOrder]) -> str:
    """What orders cost at their providers, together; "" for nothing."""
    micros = sum(at_provider.cost(order) for order in orders)
    return f"{format_exact(micros)} {current_settings().currency}" if micros else ""


def is_answered(word: str, typed: str) -> bool:
    """Whether the word that is asked for was typed, in capitals or not; "" asks for none."""
    return typed.strip().lower() == word or not word


def has_grown(sum_micros: int, told: str) -> bool:
    """Whether more would be paid back than was told when the act was confirmed.

    :param told: the sum of the question's form, in micros.
    """
    return told.isascii() and told.isdigit() and len(told) < MAX_DIGITS and sum_micros > int(told)


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
