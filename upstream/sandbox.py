"""A provider in this process: orders move through their life by the clock.

Nothing is random: a link says how its order ends. `sandbox=partial`, `sandbox=canceled`,
`sandbox=slow` (ten times as long), `sandbox=fail` (refused) or `sandbox=busy` (refused for
something that passes), anywhere in the link; every other order is completed.
"""

import time

from models import SandboxOrder, immediate, rows
from panel.catalogue import Listing
from panel.forwarding import Outgoing
from panel.money import MICROS
from panel.progress import Report
from upstream.provider import RefusedError

START_COUNT = 1000
CATALOGUE = (
    Listing("1", "Channel members", "Telegram", "Default", 900_000, 10, 50_000, True, True),
    Listing("2", "Post views", "Telegram", "Default", 10_000, 100, 1_000_000, False, True),
    Listing("3", "Page followers", "Instagram", "Default", 2_000_000, 50, 20_000, True, True),
    Listing(
        "4", "Starter pack: 1000 views and 50 likes", "YouTube", "Package", 3 * MICROS,
        1, 1, False, False,
    ),
)  # fmt: skip
SLOWER = 10


class SandboxProvider:
    """Takes every order that it can sell, and completes it within some seconds."""

    def __init__(self, seconds: int) -> None:
        self._life_ms = max(seconds * 1000, 1)

    def services(self) -> list[Listing]:
        """A small catalogue."""
        return list(CATALOGUE)

    def balance(self) -> str:
        """The sandbox asks for no money."""
        return "unlimited"

    def add(self, order: Outgoing) -> str:
        """Take the order, or refuse it where its link says so."""
        if "sandbox=fail" in order.link:
            raise RefusedError("Incorrect link")
        if "sandbox=busy" in order.link:
            raise RefusedError(
                "You have active order with this link. Please wait until order being completed."
            )
        with immediate():
            row = SandboxOrder.create(
                link=order.link, quantity=order.quantity, added_at_ms=_now_ms()
            )
        return str(row.id)

    def statuses(self, provider_orders: list[str]) -> dict[str, Report]:
        """How far the orders are by now."""
        found = SandboxOrder.select().where(SandboxOrder.id.in_(provider_orders))
        return {str(row.id): self._report(row) for row in found}

    def cancel(self, provider_orders: list[str]) -> dict[str, bool]:
        """Stop the orders that are not through; one that was stopped before is stopped."""
        answers = {}
        with immediate():
            for row in rows(SandboxOrder.select().where(SandboxOrder.id.in_(provider_orders))):
                stops = self._report(row).status in ("Pending", "In progress")
                if stops:
                    SandboxOrder.update(canceled_at_ms=_now_ms()).where(
                        SandboxOrder.id == row.id
                    ).execute()
                answers[str(row.id)] = stops or row.canceled_at_ms is not None
        return answers

    def refill(self, provider_order: str) -> str:
        """Take the refill; its number is the time, which is all that its progress needs."""
        return str(_now_ms())

    def refill_statuses(self, provider_refills: list[str]) -> dict[str, str]:
        """Refills take as long as orders."""
        now = _now_ms()
        return {
            refill: "completed" if now - int(refill) >= self._life_ms else "in progress"
            for refill in provider_refills
        }

    def _report(self, row: SandboxOrder) -> Report:
        """A tenth of its life an order is pending, then it progresses evenly to its end."""
        life_ms = self._life_ms * (SLOWER if "sandbox=slow" in row.link else 1)
        until = row.canceled_at_ms or _now_ms()
        share = min(1000 * (until - row.added_at_ms) // life_ms, 1000)
        delivered = row.quantity * max(share - 100, 0) // 900
        if row.canceled_at_ms is not None:
            return Report("Canceled", START_COUNT, row.quantity - delivered)
        if share < 100:
            return Report("Pending", START_COUNT, row.quantity)
        if share >= 500 and "sandbox=canceled" in row.link:
            return Report("Canceled", START_COUNT, row.quantity)
        if share >= 500 and "sandbox=partial" in row.link and row.quantity > 1:
            return Report("Partial", START_COUNT, row.quantity - row.quantity // 2)
        if share < 1000:
            return Report("In progress", START_COUNT, row.quantity - delivered)
        return Report("Completed", START_COUNT, 0)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
