"""What becomes of an order at its provider, which is told of nothing that is done by hand."""

from collections.abc import Iterable

from panel.orders import parts, purchases, state
from panel.orders.lookup import StoredOrder


def going_on(orders: Iterable[StoredOrder]) -> list[StoredOrder]:
    """Those of some orders that a provider may deliver, though they are ended here."""
    found = [
        order
        for order in orders
        if order.provider_id is not None
        and state.is_open(order.status)
        and state.may_be_at_provider(order.dispatch_state, order.may_be_at_provider)
    ]
    # Of a drip-feed that is sent run by run, there is what its runs are; since a restore, a run
    # may be there that is not known.
    in_parts = [
        order.id
        for order in found
        if order.dispatch_state == state.IN_PARTS and not order.restored
    ]
    with_parts = parts.with_open_parts(in_parts)
    return [order for order in found if order.id not in in_parts or order.id in with_parts]


def followed(orders: Iterable[StoredOrder]) -> list[StoredOrder]:
    """Those of some orders about which their provider is asked until they end."""
    is_sent = (state.SENT, state.IN_PARTS)
    return [order for order in going_on(orders) if order.dispatch_state in is_sent]


def in_doubt(orders: Iterable[StoredOrder]) -> list[StoredOrder]:
    """Those of some orders that a provider may have already when they are sent again."""
    return [
        order
        for order in orders
        if order.dispatch_state == state.IN_REVIEW or order.may_be_at_provider
    ]


def cost(order: StoredOrder) -> int:
    """What an order costs there at most, in micros: as it was booked, or else as it is offered.

    Runs that are orders of their own have their own costs.
    """
    is_known = order.cost_micros or order.dispatch_state == state.IN_PARTS
    return order.cost_micros if is_known else purchases.cost(order)


# The sentences, for one order and for many.


def not_told(who: str, costs: str, what: str = "what it delivers") -> str:
    """That a provider goes on.

    :param costs: what is lost at most, with the currency; "" if that is not known.
    """
    lost = f", at a cost of up to {costs}" if costs else ""
    verb = "is" if what.startswith("what") else "are"
    return f"{who} is not told: {what} from now on {verb} for nothing{lost}."


def asked_no_more(who: str, about: str = "it") -> str:
    """That a status is followed no more."""
    return f"{who} is asked about {about} no more."


def bought_twice(costs: str) -> str:
    """What becomes of an order that is sent again though the provider has it.

    :param costs: what is paid once more, with the currency; "" if that is not known.
    """
    another = f", for about another {costs}" if costs else ""
    return f"bought and delivered twice{another}."
