"""How much waits for an operator, by what it is: what the overview counts."""

from typing import NamedTuple

from database.clock import now
from database.compiled_query import literal
from models import Order, Service
from panel import figures
from panel.attention.of_orders import WARNINGS_S
from panel.orders import waiting


class Tallies(NamedTuple):
    """So many wait: orders in review, held and with a warning; services held and below cost."""

    in_review: int
    held_orders: int
    warnings: int
    held_services: int
    below_cost: int


def tallies() -> Tallies:
    """What waits now; each is an index look-up, however many orders there are."""
    held = Order.select().where(Order.held_because != literal(""))
    return Tallies(
        in_review=figures.orders_in_review(),
        held_orders=held.count(),
        warnings=sum(count for _, count, _ in waiting.with_warnings(now() - WARNINGS_S)),
        held_services=Service.select().where(Service.active, Service.held).count(),
        below_cost=figures.services_below_cost(),
    )
