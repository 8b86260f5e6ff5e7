"""What a provider's status means for an order: pure functions from both to a Change.

Nothing is paid back on a guess. What contradicts itself or is not understood holds the order,
with the provider's own words, until it makes sense or an operator decides.
"""

from panel import money
from panel.orders import charges, state
from panel.orders.lookup import StoredOrder
from panel.orders.provider_status import ProviderStatus
from panel.orders.transition import Change

MAX_HELD_TEXT = 300

_DECIDE = "set the order by hand (flask order set)"


class Unclear(Exception):
    """What was said does not tell what is to be paid back; the text says why."""


def interpret(order: StoredOrder, reported: ProviderStatus) -> Change:
    """What a provider's status means for an order.

    :returns: held_because and held_text are in it where the order is held now, and empty where
        the status was understood.
    """
    change = _status_change(order, reported)
    return change if _is_subscription(order) else charges.with_cost(order, reported, change)


def _is_subscription(order: StoredOrder) -> bool:
    return state.is_subscription(order.quantity)


def _status_change(order: StoredOrder, reported: ProviderStatus) -> Change:
    start_count, remains, odd = _plausible_numbers(order, reported)
    if reported.status is None:
        return _not_known(order, reported, start_count, remains, odd)
    status = _for_kind(order, reported.status)
    if status is None:
        warning = f"the provider says {said(reported)}: {_DECIDE}"
        return hold(order, "status", said(reported), warning)
    if status == "Pending" or not state.may_follow(status, order.status):
        return _late(order, status, odd)
    if state.is_refunded(order.status):
        return {}
    try:
        status, remains, odd = _end(order, status, remains, reported, odd)
    except Unclear as why:
        warning = "; ".join([f"{status}, {why}: {_DECIDE}", *odd])
        return hold(order, "status", said(reported), warning)
    return {
        "status": status,
        "start_count": order.start_count if start_count is None else start_count,
        "remains": remains,
        "warning": "; ".join(odd),
        "held_because": "",
        "held_text": "",
    }


def hold(order: StoredOrder, because: str, text: str, warning: str) -> Change:
    """Hold an order for the operator; one that has ended gets the warning alone."""
    if not state.is_open(order.status):
        return {"warning": warning}
    # As words.plain() does it, so that what is shown of a long word is still the same word.
    held_text = " ".join(text.split())[:MAX_HELD_TEXT].rstrip()
    return {"held_because": because, "held_text": held_text, "warning": warning}


def said(reported: ProviderStatus) -> str:
    """What a provider said, in its own words, as far as it decides on money."""
    parts = [reported.word or reported.status or ""]
    if reported.remains is not None:
        parts.append(f"remains {reported.remains}")
    if reported.charge is not None:
        parts.append(f"charge {reported.charge.text or reported.charge.micros}")
    if reported.runs is not None:
        parts.append(f"runs {reported.runs}")
    if reported.children:
        parts.append(f"orders {', '.join(reported.children)}")
    return ", ".join(part for part in parts if part)


def _not_known(
    order: StoredOrder,
    reported: ProviderStatus,
    start_count: int | None,
    remains: int | None,
    odd: list[str],
) -> Change:
    """A word that is not known holds the order; an answer without one is a warning."""
    change: Change = {"warning": "; ".join(odd) or order.warning}
    if state.is_refunded(order.status):
        return change
    if reported.word.strip():
        warning = f"status {reported.word[:50]!r} is not known: teach it (flask provider word)"
        change = hold(order, "word", reported.word.strip(), "; ".join([warning, *odd]))
    is_open = state.is_open(order.status) and not state.is_untouched(order.status)
    if is_open and not _is_subscription(order):
        if start_count is not None:
            change["start_count"] = start_count
        if remains is not None:
            change["remains"] = remains
    return change


def _for_kind(order: StoredOrder, status: str) -> str | None:
    """The status as this kind of order has it; None for one that it cannot have."""
    if _is_subscription(order):
        if status in ("Pending", "Processing", "In progress"):
            return "Active"
        return None if status == "Partial" else status
    if status == "Active":
        return "In progress"
    return None if status in state.SUBSCRIPTION_ONLY else status


def _plausible_numbers(
    order: StoredOrder, reported: ProviderStatus
) -> tuple[int | None, int | None, list[str]]:
    """Start count and remains, None for what is missing or cannot be; and what was odd."""
    odd = [reported.odd] if reported.odd else []
    start_count, remains = reported.start_count, reported.remains
    if start_count is not None and not 0 <= start_count <= state.MAX_START_COUNT:
        odd.append(f"start count {start_count}")
        start_count = None
    if remains is not None and not 0 <= remains <= order.quantity:
        odd.append(f"{remains} remain of {order.quantity}")
        remains = None
    return start_count, remains, odd


def _late(order: StoredOrder, status: str, odd: list[str]) -> Change:
    """What an older status than ours means, or one that contradicts the end of an order."""
    contradicts = state.is_refunded(order.status) and status not in (*state.OPEN, order.status)
    if contradicts:
        return {"warning": f"the provider now says {status}"}
    if order.held_because:
        return {"warning": "; ".join(odd), "held_because": "", "held_text": ""}
    return {"warning": "; ".join(odd) or order.warning}


def _end(
    order: StoredOrder, status: str, remains: int | None, reported: ProviderStatus, odd: list[str]
) -> tuple[str, int, list[str]]:
    """The status that is meant, what remains, and what was odd.

    :param remains: what the provider says, if it can be.
    :raises Unclear: where it is not clear what is to be paid back.
    """
    _check_is_read(order, status, reported)
    if _is_subscription(order):
        return status, order.remains, odd
    if order.runs is not None:
        remains = _by_runs(order, status, remains, reported)
    if status == "Partial" and remains == 0:
        _check_kept_all(order, reported)
        return "Completed", 0, ["Partial, but nothing remains"]
    if state.is_refunded(status):
        return status, _undelivered(order, status, remains, reported), odd
    if remains is None:
        remains = 0 if status == "Completed" else order.remains
    elif status == "Completed" and remains > 0:
        odd = [*odd, f"Completed, though {remains} remain"]
    return status, remains, odd


def _check_is_read(order: StoredOrder, status: str, reported: ProviderStatus) -> None:
    """Refuse an end of which something stands there that cannot be read, and that it needs."""
    has_parts = _is_subscription(order) or order.runs is not None
    if has_parts and reported.unread and not state.is_open(status):
        raise Unclear(f"though its {reported.unread} cannot be read")
    needs_remains = state.is_refunded(status) and not _is_subscription(order)
    if needs_remains and reported.has_unread_remains:
        raise Unclear("though its remains cannot be read")


def _undelivered(
    order: StoredOrder, status: str, remains: int | None, reported: ProviderStatus
) -> int:
    """What a refunding status pays back.

    :raises Unclear: where it does not say so, or contradicts itself.
    """
    charge = reported.charge
    if status == "Canceled" and charges.is_nothing(charge, order.cost_micros):
        if order.runs is not None and (reported.runs or reported.children or reported.posts):
            raise Unclear("though runs were delivered, at no charge")
        return order.quantity
    if remains is None:
        return _without_remains(order, status, reported)
    if remains == 0:
        raise Unclear("but nothing remains to pay back")
    if not _is_same_quantity(order, reported):
        raise Unclear(f"of {reported.quantity}, and {order.quantity} were ordered")
    _check_kept(order, remains, reported)
    return remains


def _without_remains(order: StoredOrder, status: str, reported: ProviderStatus) -> int:
    """Many panels leave the remains of a canceled order out: then what we know stands."""
    if status == "Partial" or reported.remains is not None:
        raise Unclear("without remains to pay back")
    if charges.is_something(reported.charge):
        raise Unclear("with a charge but without remains to pay back")
    if order.runs is not None and order.status != "Pending" and order.remains == order.quantity:
        raise Unclear("without the runs that were delivered")
    if order.remains == 0:
        raise Unclear("but nothing remains to pay back")
    return order.remains


def _is_same_quantity(order: StoredOrder, reported: ProviderStatus) -> bool:
    """Whether the remains are of what we ordered: the whole, or one run as it was sent."""
    return reported.quantity in (None, order.quantity, order.quantity // (order.runs or 1))


def _check_kept(order: StoredOrder, remains: int, reported: ProviderStatus) -> None:
    """Refuse remains of which a charge says that more was kept than was delivered."""
    charge = reported.charge
    if charge is None:
        return
    nothing_delivered = remains == order.quantity
    if charge.micros is None and nothing_delivered:
        raise Unclear(f"{remains} of {order.quantity} remain, but {charge.text} was kept")
    kept = charge.micros if nothing_delivered else charges.believed(charge, order.cost_micros)
    if kept is None or (order.cost_micros == 0 and not nothing_delivered):
        return
    delivered = charges.delivered_cost(order, remains)
    most = delivered + charges.allowance(charge, order.cost_micros) + order.cost_micros // 20
    if kept > most:
        amount = charge.text or money.format_exact(kept)
        raise Unclear(f"{remains} of {order.quantity} remain, but {amount} was kept")


def _check_kept_all(order: StoredOrder, reported: ProviderStatus) -> None:
    """Refuse an end where nothing remains, but only a part of the cost was kept."""
    charge = reported.charge
    if charge is None or charge.micros is None:
        return
    least = order.cost_micros - order.cost_micros // 20
    if charge.micros + charges.allowance(charge, order.cost_micros) < least:
        raise Unclear("though nothing remains, and not all was kept")


def _by_runs(
    order: StoredOrder, status: str, remains: int | None, reported: ProviderStatus
) -> int | None:
    """What remains of a drip-feed by the runs that were delivered; None where none are told.

    :raises Unclear: at the end of an order, where runs, their numbers and remains disagree.
    """
    runs, total = order.runs or 1, order.quantity
    count, told = len(reported.children) + len(reported.posts), reported.runs
    if told is None and not count:
        return remains
    at_end = not state.is_open(status)
    agree = told in (None, count) and count <= runs
    if status == "Completed":
        # `runs` alone may be those that were ordered, or those that are left.
        if count not in (0, runs) or (not count and told not in (0, runs)):
            raise Unclear(f"after {count or told} of {runs} runs")
        return remains
    if not agree:
        if at_end:
            raise Unclear(f"{told} runs, of which {count} are named, of {runs}")
        return remains
    rest, share = total // runs * (runs - count), total // runs
    if not remains:
        return rest
    if at_end and not rest <= remains < rest + (share if count else 1):
        raise Unclear(f"{remains} remain after {count} of {runs} runs")
    return remains
