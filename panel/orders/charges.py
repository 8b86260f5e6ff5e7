"""What a provider's charge says of an order's cost: pure functions on amounts in micros.

A charge is believed where it can be what we owe. One that cannot be is never taken as the cost,
but the order's warning names it.
"""

from panel import money
from panel.orders import state
from panel.orders.lookup import StoredOrder
from panel.orders.provider_status import Charge, ProviderStatus
from panel.orders.transition import Change

TOO_HIGH = "the provider charges"
"""How the warning of a charge begins that is more than the order should cost."""


def allowance(charge: Charge, cost_micros: int) -> int:
    """By how much a charge may exceed a cost: half a unit of its last digit, and a hundredth."""
    return charge.step_micros // 2 + cost_micros // 100


def is_nothing(charge: Charge | None, cost_micros: int) -> bool:
    """Whether a charge says that nothing of a cost was kept, and is not only rounded to that."""
    return charge is not None and charge.micros == 0 and 2 * cost_micros > charge.step_micros


def believed(
    charge: Charge | None, cost_micros: int, expected_micros: int | None = None
) -> int | None:
    """The charge in micros, if it is believed.

    Nothing is nothing in every currency. A charge whose currency is named is believed; one
    without must be near what is expected.

    :param cost_micros: of the whole order: it is not to be exceeded.
    :param expected_micros: of what was delivered: it must be at least a half of that.
    """
    if charge is None or charge.micros is None:
        return None
    if charge.is_named or charge.micros == 0:
        return charge.micros
    is_near = 2 * charge.micros >= (expected_micros or 0)
    return charge.micros if is_near and not _exceeds(charge.micros, charge, cost_micros) else None


def _exceeds(micros: int, charge: Charge, cost_micros: int) -> bool:
    """Whether a charge is more than a cost, also where it was rounded up to its last digit."""
    return micros > cost_micros + charge.step_micros + cost_micros // 100


def _is_near(charge: Charge | None, micros: int, expected_micros: int) -> bool:
    """Whether a charge is at least half of what is expected, or as near as its digits tell."""
    step_micros = charge.step_micros if charge else 1
    return 2 * micros + step_micros >= expected_micros


def _exact(charge: Charge | None, micros: int, expected_micros: int) -> int:
    """The cost that a charge stands for: the expected one, where that is rounded to nothing."""
    if micros == 0 and charge is not None and 2 * expected_micros <= charge.step_micros:
        return expected_micros
    return micros


def is_something(charge: Charge | None) -> bool:
    """Whether a provider charged anything, in whatever currency."""
    return charge is not None and charge.micros != 0


def too_high(order: StoredOrder, reported: ProviderStatus) -> int | None:
    """A believed charge that is more than an open order should cost, in micros."""
    charge = reported.charge
    micros = believed(charge, order.cost_micros)
    if charge is None or micros is None or not state.is_open(order.status):
        return None
    if state.is_subscription(order.quantity):
        return None
    return micros if _exceeds(micros, charge, order.cost_micros) else None


def is_foreign(charge: Charge | None) -> bool:
    """Whether a charge is in a currency that cannot be converted."""
    return charge is not None and charge.is_amount and charge.micros is None


def delivered_cost(order: StoredOrder, remains: int) -> int:
    """What the delivered part of an order costs, in micros."""
    return order.cost_micros - money.refund(order.cost_micros, remains, order.quantity)


def with_cost(order: StoredOrder, reported: ProviderStatus, change: Change) -> Change:
    """A change of an order that is no subscription, with its cost and what is to be said of it.

    A charge that is too high is the cost at once; any other one when the order ends.
    """
    status = change.get("status", order.status)
    ends = status != order.status and not state.is_open(status)
    if not (ends or state.is_open(order.status)):
        return change
    expected = order.cost_micros
    if state.is_refunded(status):
        expected = delivered_cost(order, change.get("remains", order.remains))
    charge = reported.charge
    micros = believed(charge, order.cost_micros, expected if ends else None)
    result: Change = {**change}
    if ends and micros is not None and (status == "Completed" or micros == 0):
        # Nothing cannot be what something delivered has cost.
        micros = micros if _is_near(charge, micros, expected) else None
    high = too_high(order, reported)
    if ends:
        result["cost_micros"] = expected if micros is None else _exact(charge, micros, expected)
    elif high is not None:
        result["cost_micros"] = high
    said = _kept_warning(order)
    if high is not None and charge is not None:
        expected_cost = money.format_exact(order.cost_micros)
        said = f"{TOO_HIGH} {_shown(charge)} for what should cost {expected_cost}"
    elif charge is not None and micros is None:
        said = not_taken(charge)
    result["warning"] = _joined(change.get("warning", ""), said)
    return result


def not_taken(charge: Charge) -> str:
    """What is said of a charge that is not believed."""
    why = "it names no currency, and is not near what is expected"
    if charge.is_named:
        why = "it is far below what is expected"
    if not charge.is_amount:
        why = "it is no amount"
    elif charge.micros is None:
        why = "there is no rate of exchange for its currency (flask provider exchange)"
    return f"the charge {_shown(charge)} is not taken as the cost: {why}"


def _kept_warning(order: StoredOrder) -> str:
    """The warning of a charge that was too high before: the cost has become that charge."""
    return next((part for part in order.warning.split("; ") if part.startswith(TOO_HIGH)), "")


def _joined(*texts: str) -> str:
    parts = [part for text in texts for part in text.split("; ") if part]
    return "; ".join(dict.fromkeys(parts))


def _shown(charge: Charge) -> str:
    if charge.text or charge.micros is None:
        return charge.text
    return money.format_exact(charge.micros)
