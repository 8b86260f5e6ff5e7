"""A provider in this process: orders progress by the clock.

Nothing is random: a link says how its order ends. `sandbox=partial`, `sandbox=canceled`,
`sandbox=slow` (ten times as long), `sandbox=fail` (rejected) or `sandbox=busy` (rejected with a
temporary error), anywhere in the link; every other order is completed. A subscription has its
posts one after the other, and each is delivered like an order.
"""

import json
import time
from typing import Any

from peewee import PeeweeException

from database import unavailable
from database.transactions import immediate
from models import SandboxOrder
from panel.money import MICROS
from panel.orders.dispatch import Outgoing
from panel.orders.provider_status import ProviderStatus
from panel.orders.refills import ProviderRefill
from panel.providers.listing import Listing
from panel.providers.registry import ProviderAccount
from upstream import tape
from upstream.provider import ProviderRejected, ProviderUnreachable

START_COUNT = 1000
POSTS = 3
"""What a subscription without a number of posts has."""
SLOWER = 10
PENDING_PER_MILLE = 100
"""For which part of its life an order is pending."""
CATALOGUE = (
    Listing("1", "Channel members", "Telegram", "Default", 900_000, 10, 50_000, True, True),
    Listing("2", "Post views", "Telegram", "Default", 10_000, 100, 1_000_000, False, True),
    Listing("3", "Page followers", "Instagram", "Default", 2_000_000, 50, 20_000, True, True),
    Listing(
        "4", "Starter pack: 1000 views and 50 likes", "YouTube", "Package", 3 * MICROS,
        1, 1, False, False,
    ),
    Listing("5", "Comments", "Instagram", "Custom Comments", 8 * MICROS, 5, 500, False, True),
    Listing(
        "6", "Likes on new posts", "Instagram", "Subscriptions", 600_000, 20, 5_000, False, True
    ),
)  # fmt: skip


class SandboxProvider:
    """Accepts every order of its catalogue, and completes it within some seconds."""

    idempotent = False

    def __init__(self, seconds: int, currency: str) -> None:
        self._currency = currency
        self._life_ms = max(seconds * 1000, 1)

    def services(self) -> list[Listing]:
        """A small catalogue."""
        return list(CATALOGUE)

    def account(self) -> ProviderAccount:
        """The sandbox asks for no money; its prices are in our currency."""
        return ProviderAccount("unlimited", self.idempotent, self._currency)

    def add(self, order: Outgoing) -> str:
        """Accept the order, or reject it where its link says so."""
        wanted = order.parameters
        if why := _refusal(wanted.get("link", "")):
            _note({"action": "add", **wanted}, {"error": why})
            raise ProviderRejected(why)
        posts = int(wanted.get("posts", POSTS)) if "delay" in wanted else 0
        try:
            with immediate():
                row = SandboxOrder.create(
                    link=wanted.get("link", ""),
                    quantity=_quantity(wanted),
                    added_at_ms=_now_ms(),
                    posts=posts,
                )
        except PeeweeException as error:
            # Its orders are in the panel's own database: then it has certainly not taken this.
            if reason := unavailable.reason(error):
                raise ProviderUnreachable(reason) from None
            raise
        _note({"action": "add", **wanted}, {"order": str(row.id)})
        return str(row.id)

    def statuses(
        self, provider_orders: list[str], alone: bool = False
    ) -> dict[str, ProviderStatus]:
        """The statuses of the orders by now."""
        wanted = {number: number.partition("p") for number in provider_orders}
        ids = {order for order, _, _ in wanted.values()}
        found = {str(row.id): row for row in SandboxOrder.select().where(SandboxOrder.id.in_(ids))}
        statuses = {
            number: self._status(found[order], int(post or 0))
            for number, (order, _, post) in wanted.items()
            if order in found
        }
        told = {number: _told(status) for number, status in statuses.items()}
        _note({"action": "status", "orders": ",".join(provider_orders)}, told)
        return statuses

    def cancel(self, provider_orders: list[str], alone: bool = False) -> dict[str, bool]:
        """Cancel the orders that are not over; one that was canceled before is accepted again."""
        answers = {}
        with immediate():
            for number in provider_orders:
                row = SandboxOrder.get_or_none(SandboxOrder.id == number)
                if row is None or not number.isdigit():
                    continue
                stops = self._status(row, 0).status in ("Pending", "In progress", "Active")
                if stops:
                    SandboxOrder.update(canceled_at_ms=_now_ms()).where(
                        SandboxOrder.id == row.id
                    ).execute()
                answers[number] = stops or row.canceled_at_ms is not None
        told = {n: {"cancel": 1} if yes else {"error": "over"} for n, yes in answers.items()}
        _note({"action": "cancel", "orders": ",".join(provider_orders)}, told)
        return answers

    def refill(self, provider_order: str, listed: bool = False) -> str:
        """Accept the refill; its number is the time, which is all that its progress needs."""
        number = str(_now_ms())
        _note({"action": "refill", "order": provider_order}, {"refill": number})
        return number

    def refill_statuses(
        self, provider_refills: list[str], alone: bool = False
    ) -> dict[str, ProviderRefill]:
        """Refills take as long as orders."""
        now = _now_ms()
        statuses = {
            refill: "completed" if now - int(refill) >= self._life_ms else "in progress"
            for refill in provider_refills
        }
        told = {refill: {"status": status} for refill, status in statuses.items()}
        _note({"action": "refill_status", "refills": ",".join(provider_refills)}, told)
        return {refill: ProviderRefill(status) for refill, status in statuses.items()}

    def _status(self, row: SandboxOrder, post: int) -> ProviderStatus:
        """The status of an order, or of the post of this number of a subscription."""
        if row.posts and not post:
            return self._subscription(row)
        life_ms = self._life_ms * (SLOWER if "sandbox=slow" in row.link else 1)
        began_at_ms = row.added_at_ms + post * life_ms
        canceled_at_ms = None if post else row.canceled_at_ms
        per_mille = 1000 * ((canceled_at_ms or _now_ms()) - began_at_ms) // life_ms
        if canceled_at_ms is not None:
            return ProviderStatus("Canceled", START_COUNT, _remains(row, per_mille))
        early_end = _early_end(row) if per_mille >= 500 else None
        if early_end is not None:
            return early_end
        if per_mille >= 1000:
            return ProviderStatus("Completed", START_COUNT, 0)
        status = "Pending" if per_mille < PENDING_PER_MILLE else "In progress"
        return ProviderStatus(status, START_COUNT, _remains(row, per_mille))

    def _subscription(self, row: SandboxOrder) -> ProviderStatus:
        """A new post in each lifetime of an order, until there are enough."""
        age_ms = (row.canceled_at_ms or _now_ms()) - row.added_at_ms
        count = min(age_ms // self._life_ms, row.posts)
        status = "Completed" if count == row.posts else "Active"
        if row.canceled_at_ms is not None:
            status = "Canceled"
        posts = tuple((f"{row.id}p{n}", row.quantity) for n in range(1, count + 1))
        return ProviderStatus(status, posts=posts)


def _refusal(link: str) -> str:
    """Why an order is rejected, where its link says so; or ''."""
    if "sandbox=fail" in link:
        return "Incorrect link"
    if "sandbox=busy" in link:
        return "You have active order with this link. Please wait until order being completed."
    return ""


def _note(params: dict[str, str], answer: dict[str, Any]) -> None:
    """Let a request be seen as one over HTTP is, though none was made."""
    tape.note(params, None, json.dumps(answer).encode())


def _told(status: ProviderStatus) -> dict[str, Any]:
    """A status as /api/v2 would tell it."""
    told: dict[str, Any] = {"status": status.status}
    if status.start_count is not None:
        told |= {"start_count": status.start_count, "remains": status.remains}
    if status.posts:
        told["posts"] = [{"order": number, "quantity": many} for number, many in status.posts]
    return told


def _remains(row: SandboxOrder, per_mille: int) -> int:
    """What remains: after its time as pending, an order progresses evenly to its end."""
    delivering = 1000 - PENDING_PER_MILLE
    return (
        row.quantity
        - row.quantity * min(max(per_mille - PENDING_PER_MILLE, 0), delivering) // delivering
    )


def _early_end(row: SandboxOrder) -> ProviderStatus | None:
    """How an order ends halfway, where its link says so."""
    if "sandbox=canceled" in row.link:
        return ProviderStatus("Canceled", START_COUNT, row.quantity)
    if "sandbox=partial" in row.link and row.quantity > 1:
        return ProviderStatus("Partial", START_COUNT, row.quantity - row.quantity // 2)
    return None


def _quantity(wanted: dict[str, str]) -> int:
    """An order's quantity: as given, or its lines, or the least of a subscription's posts."""
    if "delay" in wanted:
        return int(wanted["min"])
    if "quantity" in wanted:
        return int(wanted["quantity"])
    lines = wanted.get("comments") or wanted.get("usernames") or ""
    return lines.count("\n") + 1


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
