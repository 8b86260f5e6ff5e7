"""Refills: what customers ask for when a completed order has lost something."""

from functools import cache
from typing import NamedTuple

from database.clock import now
from database.compiled_query import CompiledQuery, literal, param, rows
from database.transactions import immediate
from models import Order, Refill
from panel.errors import (
    CANNOT_REFILL,
    INCORRECT_ORDER_ID,
    REFILL_NOT_FOUND,
    OperatorError,
    Problem,
    RequestRejected,
)
from panel.orders import exchanges, lookup, purchases, state
from panel.orders.events import record_event
from panel.orders.exchanges import Asked, Exchange, not_known

REFILL_FOLLOWS: dict[str, tuple[str, ...]] = {
    "pending": ("in progress", "completed", "rejected", "error"),
    "in progress": ("completed", "rejected", "error"),
    "completed": (),
    "rejected": (),
    "error": (),
}
"""Which status of a refill may follow which."""


OPEN_REFILLS = ("pending", "in progress")


MAX_UNNUMBERED = 2
MAX_UNCLEAR = 10
"""A refill that was asked for so often without a number, or without any answer, waits for a
person: the provider may have taken each."""


class ProviderRefill(NamedTuple):
    """What a provider says of a refill.

    status: one of ours; None for a word that is not known, or where it says that it has none.
    odd: then, what it says.
    """

    status: str | None
    odd: str = ""


_OPEN = Refill.status.in_([literal(status) for status in OPEN_REFILLS])
"""Written as the index refills_one_open has it, so that it is used."""


@cache
def _find_many(count: int) -> CompiledQuery:
    ids = [param(f"id{n}") for n in range(count)]
    return CompiledQuery(
        lambda: (
            Refill.select(Refill.id, Refill.status)
            .join(Order)
            # The sum keeps the index of all the account's orders out of the plan.
            .where(Refill.id.in_(ids), Order.account + 0 == param("account_id"))
        )
    )


def request(
    account_id: int, order_ids: list[int | None], request_id: str = ""
) -> list[int | Problem]:
    """Ask for refills of completed orders; for each the refill's number or why not.

    :param request_id: of the request that asks for them.
    """
    with immediate():
        return [_request(account_id, order_id, request_id) for order_id in order_ids]


def _request(account_id: int, order_id: int | None, request_id: str) -> int | Problem:
    order = lookup.find_requested(account_id, order_id)
    if order is None:
        return INCORRECT_ORDER_ID
    open_ones = Refill.select().where(Refill.order == order_id, Refill.status.in_(OPEN_REFILLS))
    if not order.offers_refill or order.status != "Completed" or open_ones.exists():
        return CANNOT_REFILL
    return Refill.create(order=order_id, status="pending", request_id=request_id).id


def status(account_id: int, refill_id: int | None) -> str:
    """The status of one refill of this account's orders.

    :raises RequestRejected: Refill not found, for no such refill and for somebody else's alike.
    """
    (found,) = statuses(account_id, [refill_id]).values()
    if isinstance(found, Problem):
        raise RequestRejected(found)
    return found


def statuses(account_id: int, refill_ids: list[int | None]) -> dict[int | None, str | Problem]:
    """The statuses of refills by number, in one query; what is not there has its problem."""
    found: dict[int | None, str | Problem] = dict.fromkeys(refill_ids, REFILL_NOT_FOUND)
    known = [refill_id for refill_id in found if refill_id is not None]
    values = {f"id{n}": refill_id for n, refill_id in enumerate(known)}
    if known:
        found.update(_find_many(len(known)).run(account_id=account_id, **values))
    return found


def order_of(refill_id: int) -> int | None:
    """The order that a refill is about; None if there is no such refill."""
    refill = Refill.get_or_none(Refill.id == refill_id)
    return refill.order_id if refill else None


def set_status(refill_id: int, status: str) -> None:
    """Move a refill on, as a person says; what the person should know of it is known then.

    :raises OperatorError: for no such refill, or a status that cannot follow.
    """
    if status not in REFILL_FOLLOWS:
        raise OperatorError(
            f"there is no status {status!r}; there are: {', '.join(REFILL_FOLLOWS)}"
        )
    with immediate():
        refill = Refill.get_or_none(Refill.id == refill_id)
        if refill is None:
            raise OperatorError(f"there is no refill {refill_id}")
        if status == refill.status:
            # Seen to, and to be asked for again where that is what it waits for.
            Refill.update(warning="", attempts=0, restored=False).where(
                Refill.id == refill_id, Refill.warning != ""
            ).execute()
            return
        if status not in REFILL_FOLLOWS[refill.status]:
            raise OperatorError(
                f"refill {refill_id} is {refill.status} and cannot become {status}"
            )
        Refill.update(status=status, warning="", restored=False, updated_at=now()).where(
            Refill.id == refill_id, Refill.status == refill.status
        ).execute()


def next_for_provider(provider_id: int) -> tuple[int, str] | None:
    """The next waiting refill that the provider does not know yet, with its order's number.

    None while nothing new is sent there.
    """
    if purchases.is_stopped(provider_id):
        return None
    query = (
        Refill.select(Refill.id, Order.provider_order)
        .join(Order)
        .where(_OPEN, Refill.status == "pending", Refill.provider_refill.is_null())
        .where(
            Refill.send_at <= now(),
            Refill.warning == "",
            Refill.restored == 0,
            Order.provider == provider_id,
            Order.dispatch_state == state.SENT,
        )
        .order_by(Refill.order)
        .limit(1)
    )
    return query.tuples().first()


def record_accepted(
    refill_id: int, provider_refill: str, ask_after_s: int, answer: Exchange | None = None
) -> None:
    """The provider has the refill, under this number of its own."""
    with immediate(leaves=True):
        Refill.update(
            provider_refill=provider_refill,
            status="in progress",
            warning="",
            poll_at=now() + ask_after_s,
            updated_at=now(),
        ).where(Refill.id == refill_id, Refill.status == "pending").execute()
        _record_passed_on(refill_id, f"the provider's number is {provider_refill}", answer)


def _record_passed_on(refill_id: int, what: str, answer: Exchange | None) -> None:
    refill = Refill.get_by_id(refill_id)
    record_event(refill.order_id, "sent", f"refill {refill_id}: {what}", answer)


def record_rejected(refill_id: int, why: str, answer: Exchange | None = None) -> None:
    """The provider refuses a refill for good: it is rejected here, too."""
    with immediate(leaves=True):
        _record_passed_on(refill_id, f"refused: {why}", answer)
        Refill.update(status="rejected", warning="", restored=False, updated_at=now()).where(
            Refill.id == refill_id, Refill.status == "pending"
        ).execute()


def record_unnumbered(
    refill_id: int, why: str, retry_s: int, answer: Exchange | None = None
) -> None:
    """The provider took a refill, as it seems, but gave no number to ask for it by.

    It is asked once more. From then on nothing tells what became of it: a person must see.
    """
    _record_attempt(refill_id, why, retry_s, MAX_UNNUMBERED, answer)


def record_unclear(refill_id: int, why: str, retry_s: int, answer: Exchange | None = None) -> None:
    """Nobody knows whether the provider took a refill: it is asked again, but not for ever."""
    _record_attempt(refill_id, why, retry_s, MAX_UNCLEAR, answer)


def _record_attempt(
    refill_id: int, why: str, retry_s: int, most: int, answer: Exchange | None
) -> None:
    with immediate(leaves=True):
        _record_passed_on(refill_id, why, answer)
        attempts = Refill.get_by_id(refill_id).attempts + 1
        warning = f"asked for {attempts} times, without a number: {why}"
        Refill.update(
            attempts=attempts,
            warning=warning if attempts >= most else "",
            send_at=now() + retry_s,
        ).where(Refill.id == refill_id, Refill.status == "pending").execute()


def retry_later(refill_id: int, seconds: int) -> None:
    """Send a refill to the provider later."""
    with immediate():
        Refill.update(send_at=now() + seconds).where(Refill.id == refill_id).execute()


def due_for_status(provider_id: int, limit: int = 100) -> list[tuple[int, str]]:
    """The open refills whose status is due, as our number and the provider's."""
    query = (
        Refill.select(Refill.id, Refill.provider_refill)
        .join(Order)
        .where(_OPEN, Refill.provider_refill.is_null(False))
        .where(Refill.poll_at <= now(), Order.provider == provider_id)
        .order_by(Refill.order)
        .limit(limit)
    )
    return rows(query.tuples())


def poll_later(refill_ids: list[int], seconds: int) -> None:
    """Ask for refills again after some time."""
    with immediate():
        Refill.update(poll_at=now() + seconds).where(Refill.id.in_(refill_ids)).execute()


def apply_statuses(reported: dict[int, ProviderRefill], asked: Asked = not_known) -> None:
    """Apply what a provider said of refills; what cannot follow is late, and changes nothing.

    What is not understood becomes the warning of a refill that is open.

    :param asked: tells the answer about a provider's number; kept where something changed.
    """
    with immediate():
        for refill_id, (status, odd) in reported.items():
            this = Refill.id == refill_id
            warned = Refill.update(warning=odd).where(this, _OPEN, Refill.warning != odd).execute()
            before = [old for old, after in REFILL_FOLLOWS.items() if status in after]
            moved = (
                before
                and Refill.update(status=status, updated_at=now())
                .where(this, Refill.status.in_(before))
                .execute()
            )
            if moved or (warned and odd):
                _record_status(refill_id, str(status) if moved else odd, asked)


def _record_status(refill_id: int, what: str, asked: Asked) -> None:
    refill = Refill.get_by_id(refill_id)
    if exchange := asked(refill.provider_refill):
        exchanges.record(refill.order_id, exchange, f"refill {refill_id}: {what}")
