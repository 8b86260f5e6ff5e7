"""What an order's page shows beside its row: what was ordered, what is known, and the choices."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from api.context import current_settings
from models import IdempotencyKey, Provider, Service
from panel import money
from panel.errors import OperatorError
from panel.orders import forecast, purchases, state
from panel.orders.forecast import Forecast
from panel.orders.history import Line
from panel.orders.lookup import StoredOrder
from panel.orders.parts import PartSums
from web.dashboard import at_provider

MOST_LINES = 1_000
MOST_CHARACTERS = 50_000
"""So much of a list or a text is on the page; all of it is a download away."""
SHORT = 3
"""A list of so many lines is shown as it is, a longer one is folded."""

LABELS = {
    "keywords": "Keywords",
    "comments": "Comments",
    "username": "User name",
    "usernames": "User names",
    "hashtags": "Hashtags",
    "hashtag": "Hashtag",
    "media": "Media",
    "answer_number": "Answer of the poll",
    "groups": "Groups",
    "country": "Country",
    "device": "Device",
    "type_of_traffic": "Type of traffic",
    "google_keyword": "Google keyword",
    "referring_url": "Referrer",
    "min": "Smallest quantity of a post",
    "max": "Largest quantity of a post",
    "delay": "Delay after a post, in minutes",
    "posts": "New posts",
    "old_posts": "Old posts",
    "expiry": "Last day",
}
"""The parameters of the service types, in the trade's words."""

LABELS_OF_TYPE = {
    ("Comment Likes", "username"): "Author of the comment",
    ("Comment Replies", "username"): "Author of the comment",
    ("Mentions User Followers", "username"): "Followers of",
    ("Mentions Media Likers", "media"): "Likers of",
}

MEANINGS = {
    ("device", "1"): "desktop",
    ("device", "2"): "mobile, Android",
    ("device", "3"): "mobile, iOS",
    ("device", "4"): "mobile, both",
    ("device", "5"): "desktop and mobile",
    ("type_of_traffic", "1"): "from a Google keyword",
    ("type_of_traffic", "2"): "from a referrer",
    ("type_of_traffic", "3"): "blank referrer",
}
"""What the numbers stand for that a parameter may be."""


class Item(NamedTuple):
    """One parameter of an order.

    lines: how many, where it is a list, else 0. text: what is shown; is_cut: whether that is not
    all of it. size: its characters.
    """

    name: str
    label: str
    text: str
    lines: int
    size: int
    is_cut: bool
    meaning: str = ""


def ordered(parameters: str, service_type: str) -> list[Item]:
    """What was ordered beside link and quantity, in the order in which it was kept."""
    return [
        _item(name, str(value), service_type) for name, value in json.loads(parameters).items()
    ]


def _item(name: str, text: str, service_type: str) -> Item:
    lines = text.split("\n")
    shown = "\n".join(lines[:MOST_LINES])[:MOST_CHARACTERS]
    label = LABELS_OF_TYPE.get((service_type, name)) or LABELS.get(name, name)
    is_list = len(lines) > 1 or name in ("comments", "usernames", "hashtags", "keywords", "groups")
    return Item(
        name,
        label,
        shown,
        len(lines) if is_list else 0,
        len(text),
        shown != text,
        MEANINGS.get((name, text), ""),
    )


def whole_text(order: StoredOrder, name: str) -> str:
    """All of one parameter.

    :raises OperatorError: if the order has no such parameter.
    """
    parameters = json.loads(order.parameters)
    if name not in parameters:
        raise OperatorError(f"order {order.id} has no {name}")
    return str(parameters[name])


def service_type(service_id: int) -> str:
    """The type of a service; "" for one that is gone."""
    service = Service.get_or_none(Service.id == service_id)
    return service.type if service else ""


def provider_of(order: StoredOrder) -> Provider | None:
    """The provider of an order, also one that was removed since."""
    return Provider.get_or_none(Provider.id == order.provider_id) if order.provider_id else None


def idempotency_key(order_id: int) -> str:
    """The key under which a customer's program placed an order; "" if there was none."""
    row = IdempotencyKey.get_or_none(IdempotencyKey.order == order_id)
    return row.key if row else ""


# What can be done


class Offer(NamedTuple):
    """An act that is possible now.

    label: what it does, with the amount. says: what follows. is_dangerous: whether money moves, or
    something may be bought twice.
    """

    name: str
    label: str
    says: str
    is_dangerous: bool


def offers(
    order: StoredOrder, provider: Provider | None, sums: PartSums | None = None
) -> dict[str, Offer]:
    """What can be done with an order as it is now, by the rules that would do it.

    :param sums: of its runs or posts, if it has some.
    """
    possible = {
        act: found
        for act in forecast.CHANGES
        if not (found := forecast.of_order(act, order)).why_not
    }
    for act in _needless(order, possible):
        possible.pop(act, None)
    build = _Build(order, provider, current_settings().currency, sums)
    return {act: build.offer(act, found) for act, found in possible.items()}


def _needless(order: StoredOrder, possible: dict[str, Forecast]) -> list[str]:
    """The acts that would do no other thing than one that is offered, too."""
    acts = []
    refunds = {act: found.refund_micros for act, found in possible.items()}
    if state.is_subscription(order.quantity) or refunds.get("refund") == refunds.get("cancel"):
        acts.append("refund")
    if order.remains == order.quantity:
        acts.append("partial")  # of which nothing was delivered
    if refunds.get("fail", -1) == refunds.get("cancel"):
        acts.append("cancel")
    return acts


class _Build:
    """Words for the acts on one order."""

    def __init__(
        self,
        order: StoredOrder,
        provider: Provider | None,
        currency: str,
        sums: PartSums | None,
    ) -> None:
        self.order = order
        self.provider = provider.name if provider else ""
        self.currency = currency
        self.sums = sums

    def _amount(self, micros: int) -> str:
        return f"{money.format_exact(micros)} {self.currency}"

    def offer(self, act: str, found: Forecast) -> Offer:
        """An act in words."""
        if act in ("processing", "in-progress", "completed"):
            return self._status(act)
        if act == "resend":
            return self._resend()
        if act == "release":
            return Offer(
                act,
                "Release after the restore",
                "You have looked at the provider: it goes on as though nothing had happened, and "
                "what waits to be sent is sent.",
                is_dangerous=True,
            )
        return self._paying_back(act, found.refund_micros)

    def _status(self, act: str) -> Offer:
        status = forecast.STATUSES[act]
        says = f"The customer sees {status}. Nothing is paid back."
        if act == "completed":
            kept = self._amount(self.order.charge_micros)
            says = f"The order ends, nothing remains, and its charge of {kept} stays."
            if state.is_subscription(self.order.quantity):
                says = f"The order ends.{self._posts()}"
            says += self._runs() + self._not_followed()
        elif self.order.dispatch_state == state.WAITING:
            says += " It is sent to no provider: you deliver it."
        return Offer(act, f"Set {status}", says, is_dangerous=False)

    def _resend(self) -> Offer:
        costs = self._amount(purchases.cost(self.order))
        where = f" to {self.provider}" if self.provider else ""
        says = "It is sent once more, as a new order."
        if at_provider.in_doubt([self.order]):
            twice = at_provider.bought_twice(costs)
            says += f" If they have the first one after all, it is {twice}"
        elif self.order.held_because == "cost":
            kept = self._amount(self.order.charge_micros)
            says += f" The customer was charged {kept}: it is sent at a loss."
        elif self.order.held_because == "funds":
            says += " Where our balance there does not cover it, they refuse it again."
        label = f"Send again{where} (costs about {costs})"
        return Offer("resend", label, says, is_dangerous=True)

    def _paying_back(self, act: str, micros: int) -> Offer:
        order, amount = self.order, self._amount(micros)
        back = f"{amount} is paid back to the customer." if micros else "Nothing is paid back."
        delivered = order.quantity - order.remains
        if act == "refund":
            given = f", though {delivered} of {order.quantity} were delivered" if delivered else ""
            label = f"Refund everything: {amount}"
            says = f"The order ends as Canceled. {amount}, its whole charge, is paid back{given}."
        elif act == "partial":
            label = f"Set Partial and refund {amount}" if micros else "Set Partial, refund nothing"
            says = f"The order ends as Partial: {order.remains} remain. {back}"
        elif act == "fail":
            label = f"Give up and refund {amount}" if micros else "Give up, refund nothing"
            says = f"{self._ends()} {back} It is not sent any more."
        else:
            label = f"Cancel and refund {amount}" if micros else "Cancel, refund nothing"
            of = f" for the {order.remains} that remain" if micros and delivered else ""
            says = f"The order ends as Canceled. {back.removesuffix('.')}{of}."
        says += self._posts() + self._runs()
        return Offer(act, label, says + self._not_told(act), is_dangerous=True)

    def _ends(self) -> str:
        if state.is_open(self.order.status):
            return "The order ends as Canceled."
        return f"The order stays {self.order.status}."

    def _posts(self) -> str:
        """What becomes of the posts of a subscription, which are orders of their own."""
        if not state.is_subscription(self.order.quantity):
            return ""
        if self.sums is None or not self.sums.total:
            return " No post of it was charged."
        return self._charged(self.sums) + self._open_posts(self.sums)

    def _charged(self, sums: PartSums) -> str:
        kept = self._amount(sums.charge_micros - sums.refunded_micros)
        if sums.is_more:
            return f" Its posts stay charged; the newest {sums.total} of them at {kept}."
        posts = "post stays" if sums.total == 1 else f"{sums.total} posts stay"
        return f" Its {posts} charged at {kept}."

    def _open_posts(self, sums: PartSums) -> str:
        count = sum(n for status, n in sums.statuses.items() if state.is_open(status))
        if not count:
            return ""
        if count == 1:
            return " One of them is still open: it goes on as an order of its own."
        return f" {count} of them are still open: they go on as orders of their own."

    def _runs(self) -> str:
        """That the runs of a drip-feed which were not begun are not sent."""
        is_left = self.order.dispatch_state == state.IN_PARTS and state.is_open(self.order.status)
        return " No further run is sent." if is_left else ""

    def _not_told(self, act: str) -> str:
        """That a provider which may be delivering learns nothing of it."""
        if act == "fail" or not self.provider or not at_provider.going_on([self.order]):
            return ""
        if state.is_subscription(self.order.quantity):
            return " " + at_provider.not_told(self.provider, "", "posts that it finds")
        cost = self.order.cost_micros
        return " " + at_provider.not_told(self.provider, self._amount(cost) if cost else "")

    def _not_followed(self) -> str:
        is_followed = self.provider and at_provider.followed([self.order])
        return " " + at_provider.asked_no_more(self.provider) if is_followed else ""


# An order in doubt


def not_again(order: StoredOrder) -> str:
    """Why an order in doubt is not sent again, and what can be done if no provider has it."""
    if state.is_untouched(order.status):
        return "It is not sent again, because its customer asked to cancel it. Give it up instead."
    if not state.is_open(order.status):
        return f"It is {order.status}: there is nothing to send."
    return (
        f"It is {order.status}, so it counts as begun, and is not sent again. If they do not have "
        "it, deliver it yourself, or give it up."
    )


class Known(NamedTuple):
    """What is known of an order of which nobody knows whether a provider has it.

    since: when the last try became unclear; tries: how often it was sent.
    sent, answered: the last line that tells each, with its exchange; None where nothing does.
    takes_keys: whether the provider has said that it takes an order under one key once.
    cost_micros: what it costs there.
    """

    since: int
    tries: int
    sent: Line | None
    answered: Line | None
    takes_keys: bool
    cost_micros: int


def known(order: StoredOrder, provider: Provider | None, lines: list[Line]) -> Known:
    """What is known of an order in doubt, from its story."""
    sending = [line for line in lines if line.kind == "sending"]
    ended = [line for line in lines if line.kind in ("unknown", "refused", "warning")]
    answered = ended[-1] if ended else None
    return Known(
        answered.created_at if answered else order.updated_at,
        len(sending),
        sending[-1] if sending else None,
        answered,
        provider is not None and bool(provider.idempotent),
        purchases.cost(order),
    )


def stored(row: Mapping[str, Any]) -> StoredOrder:
    """An order's row as the rules have it.

    :param row: an order as panel.queries has it.
    """
    return StoredOrder(*(row[name.removesuffix("_id")] for name in StoredOrder._fields))
