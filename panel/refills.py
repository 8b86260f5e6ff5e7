"""Refills and cancel requests: what customers ask for after an order was placed."""

from functools import cache
from typing import Any

from models import (
    Account,
    Cancel,
    Order,
    Refill,
    Service,
    Statement,
    immediate,
    literal,
    now,
    rows,
    slot,
)
from panel import orders, progress
from panel.errors import (
    CANNOT_CANCEL,
    CANNOT_REFILL,
    INCORRECT_ORDER_ID,
    REFILL_NOT_FOUND,
    Invalid,
    Problem,
    Refused,
)

REFILL_FOLLOWS: dict[str, tuple[str, ...]] = {
    "pending": ("in progress", "completed", "rejected", "error"),
    "in progress": ("completed", "rejected", "error"),
    "completed": (),
    "rejected": (),
    "error": (),
}
"""Which status of a refill may follow which."""

OPEN_REFILLS = ("pending", "in progress")
_OPEN = Refill.status.in_([literal(status) for status in OPEN_REFILLS])
"""Written as the index refills_one_open has it, so that it is used."""

_ORDER = Statement(
    lambda: (
        Order.select(
            Order.status, Service.refill, Service.cancel, Order.forward, Order.maybe_taken
        )
        .join(Service)
        .where(Order.id == slot("id"), Order.account == slot("account_id"), Order.part.is_null())
    )
)


@cache
def _find_many(count: int) -> Statement:
    ids = [slot(f"id{n}") for n in range(count)]
    return Statement(
        lambda: (
            Refill.select(Refill.id, Refill.status)
            .join(Order)
            # The sum keeps the index of all the account's orders out of the plan.
            .where(Refill.id.in_(ids), Order.account + 0 == slot("account_id"))
        )
    )


def request(account_id: int, order_ids: list[int | None]) -> list[int | Problem]:
    """Ask for refills of completed orders; for each the refill's number or why not."""
    with immediate():
        return [_request(account_id, order_id) for order_id in order_ids]


def _request(account_id: int, order_id: int | None) -> int | Problem:
    row = _ORDER.row(account_id=account_id, id=order_id) if order_id is not None else None
    if row is None:
        return INCORRECT_ORDER_ID
    status, refill, *_ = row
    open_ones = Refill.select().where(Refill.order == order_id, Refill.status.in_(OPEN_REFILLS))
    if not refill or status != "Completed" or open_ones.exists():
        return CANNOT_REFILL
    return Refill.create(order=order_id, status="pending").id


def status(account_id: int, refill_id: int | None) -> str:
    """The status of one refill of this account's orders.

    :raises Refused: Refill not found, for no such refill and for somebody else's alike.
    """
    (found,) = statuses(account_id, [refill_id]).values()
    if isinstance(found, Problem):
        raise Refused(found)
    return found


def statuses(account_id: int, refill_ids: list[int | None]) -> dict[int | None, str | Problem]:
    """The statuses of refills by number, in one query; what is not there has its problem."""
    found: dict[int | None, str | Problem] = dict.fromkeys(refill_ids, REFILL_NOT_FOUND)
    known = [refill_id for refill_id in found if refill_id is not None]
    values = {f"id{n}": refill_id for n, refill_id in enumerate(known)}
    if known:
        found.update(_find_many(len(known)).run(account_id=account_id, **values))
    return found


def request_cancels(account_id: int, order_ids: list[int | None]) -> list[int | Problem]:
    """Ask to cancel orders; for each the number of the cancel request or why not.

    An order that nobody has begun is canceled and refunded at once. Otherwise the request
    waits; asking again while it waits gives the same request.
    """
    with immediate():
        return [_request_cancel(account_id, order_id) for order_id in order_ids]


def _request_cancel(account_id: int, order_id: int | None) -> int | Problem:
    if order_id is None:
        return INCORRECT_ORDER_ID
    row = _ORDER.row(account_id=account_id, id=order_id)
    if row is None:
        return INCORRECT_ORDER_ID
    order_status, _, cancel, forward, maybe_taken = row
    if not cancel or order_status not in orders.OPEN:
        return CANNOT_CANCEL
    waiting = Cancel.get_or_none(Cancel.order == order_id, Cancel.status == "pending")
    if waiting is None:
        waiting = Cancel.create(order=order_id, status="pending")
    nobody_has_it = forward in ("", "waiting") and not maybe_taken
    if order_status in ("Pending", "Active") and nobody_has_it:
        orders.advance(order_id, status="Canceled")
    return waiting.id


def set_refill_status(refill_id: int, status: str) -> None:
    """Move a refill on.

    :raises Invalid: for no such refill, or a status that cannot follow.
    """
    if status not in REFILL_FOLLOWS:
        raise Invalid(f"there is no status {status!r}; there are: {', '.join(REFILL_FOLLOWS)}")
    with immediate():
        refill = Refill.get_or_none(Refill.id == refill_id)
        if refill is None:
            raise Invalid(f"there is no refill {refill_id}")
        if status == refill.status:
            return
        if status not in REFILL_FOLLOWS[refill.status]:
            raise Invalid(f"refill {refill_id} is {refill.status} and cannot become {status}")
        Refill.update(status=status, updated_at=now()).where(
            Refill.id == refill_id, Refill.status == refill.status
        ).execute()


def accept_cancel(cancel_id: int) -> None:
    """Grant a waiting cancel request: its order becomes Canceled, and what remains is refunded.

    :raises Invalid: for no such request, or one that was settled.
    """
    with immediate():
        cancel = _waiting(cancel_id)
        orders.advance(cancel.order_id, status="Canceled")


def reject_cancel(cancel_id: int) -> None:
    """Turn a waiting cancel request down; its order goes on.

    :raises Invalid: for no such request, or one that was settled.
    """
    with immediate():
        cancel = _waiting(cancel_id)
        Cancel.update(status="rejected", updated_at=now()).where(
            Cancel.id == cancel.id, Cancel.status == "pending"
        ).execute()


def _waiting(cancel_id: int) -> Cancel:
    cancel = Cancel.get_or_none(Cancel.id == cancel_id)
    if cancel is None:
        raise Invalid(f"there is no cancel request {cancel_id}")
    if cancel.status != "pending":
        raise Invalid(f"cancel request {cancel_id} was {cancel.status} already")
    return cancel


def cancels_to_pass_on(provider_id: int, limit: int = 100) -> list[tuple[int, str]]:
    """Waiting cancel requests that the provider does not know yet, with its order's number."""
    query = (
        Cancel.select(Cancel.id, Order.provider_order)
        .join(Order)
        .where(Cancel.status == literal("pending"), Cancel.passed_on == 0, Cancel.due_at <= now())
        .where(Order.provider == provider_id, Order.forward == "sent")
        .order_by(Cancel.order)
        .limit(limit)
    )
    return rows(query.tuples())


def cancels_answered(taken: dict[int, bool]) -> None:
    """Keep which cancel requests a provider took; one that it refused is rejected.

    What becomes of an order is told by its status, which is asked for at once.
    """
    with immediate():
        for cancel_id, yes in taken.items():
            values = {"passed_on": True} if yes else {"status": "rejected"}
            cancel = Cancel.get_by_id(cancel_id)
            Cancel.update(**values, updated_at=now()).where(
                Cancel.id == cancel_id, Cancel.status == "pending"
            ).execute()
            progress.ask_now(cancel.order_id)


def put_cancels_off(cancel_ids: list[int], seconds: int) -> None:
    """Pass cancel requests on later."""
    with immediate():
        Cancel.update(due_at=now() + seconds).where(Cancel.id.in_(cancel_ids)).execute()


def refill_to_pass_on(provider_id: int) -> tuple[int, str] | None:
    """The next waiting refill that the provider does not know yet, with its order's number."""
    query = (
        Refill.select(Refill.id, Order.provider_order)
        .join(Order)
        .where(_OPEN, Refill.status == "pending", Refill.provider_refill.is_null())
        .where(Refill.due_at <= now(), Order.provider == provider_id, Order.forward == "sent")
        .order_by(Refill.order)
        .limit(1)
    )
    return query.tuples().first()


def refill_taken(refill_id: int, provider_refill: str, ask_after_s: int) -> None:
    """The provider has the refill, under this number of its own."""
    with immediate():
        Refill.update(
            provider_refill=provider_refill,
            status="in progress",
            due_at=now() + ask_after_s,
            updated_at=now(),
        ).where(Refill.id == refill_id, Refill.status == "pending").execute()


def put_refill_off(refill_id: int, seconds: int) -> None:
    """Pass a refill on later."""
    ask_refills_again([refill_id], seconds)


def refills_to_ask(provider_id: int, limit: int = 100) -> list[tuple[int, str]]:
    """The open refills whose status is due, as our number and the provider's."""
    query = (
        Refill.select(Refill.id, Refill.provider_refill)
        .join(Order)
        .where(_OPEN, Refill.provider_refill.is_null(False))
        .where(Refill.due_at <= now(), Order.provider == provider_id)
        .order_by(Refill.order)
        .limit(limit)
    )
    return rows(query.tuples())


def ask_refills_again(refill_ids: list[int], seconds: int) -> None:
    """Ask for refills again after some time."""
    with immediate():
        Refill.update(due_at=now() + seconds).where(Refill.id.in_(refill_ids)).execute()


def refills_reported(statuses: dict[int, str]) -> None:
    """Apply what a provider said of refills; what cannot follow is late, and changes nothing."""
    with immediate():
        for refill_id, status in statuses.items():
            before = [old for old, after in REFILL_FOLLOWS.items() if status in after]
            Refill.update(status=status, updated_at=now()).where(
                Refill.id == refill_id, Refill.status.in_(before)
            ).execute()


def listing(
    table: type[Refill] | type[Cancel], status: str | None = None, limit: int | None = None
) -> list[dict[str, Any]]:
    """The newest refills or cancel requests with their order's account and service."""
    query: Any = (
        table.select(
            table,
            Account.name.alias("account_name"),
            Order.service.alias("service_id"),
            Order.link,
        )
        .join(Order)
        .join(Account)
        .order_by(table.id.desc())
        .limit(limit)
    )
    if status is not None:
        query = query.where(table.status == status)
    return rows(query.dicts())
