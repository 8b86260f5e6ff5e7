"""Keeping the index of links up to the orders: the worker adds what has come, bit by bit.

Placing an order does not touch the index. Whoever searches looks through the newest orders, which
it does not have yet, by themselves: see panel/order_lists.py.
"""

from itertools import groupby

from database import link_index
from database.compiled_query import rows
from database.link_index import BLOCK
from database.transactions import immediate
from models import Order

BATCH = 512
"""The most orders that are added in one transaction, which others wait for."""


def first_unindexed() -> int:
    """The number from which on the index has no orders."""
    return (link_index.last_block() + 1) * BLOCK


def index_next() -> bool:
    """Add the oldest blocks that the index lacks and that are complete.

    A block is complete when there is an order with a higher number: numbers only grow.

    :returns: whether there may be more to add.
    """
    if not _links(first_unindexed(), 1):
        return False
    with immediate():
        found = _links(first_unindexed(), BATCH + 1)
        is_cut = len(found) > BATCH
        blocks = [
            (block, [link for _, link in part])
            for block, part in groupby(found, key=lambda row: row[0] // BLOCK)
        ]
        # The last one of many may go on; the next batch begins with it.
        link_index.add(blocks[:-1] if is_cut else blocks)
    return is_cut


def _links(first: int, limit: int) -> list[tuple[int, str]]:
    """The numbers and links of orders from this number on whose blocks are complete."""
    newest = Order.select(Order.id).order_by(Order.id.desc()).limit(1).tuples().first()
    end = newest[0] // BLOCK * BLOCK if newest else 0
    query = Order.select(Order.id, Order.link).where(Order.id >= first, Order.id < end)
    return rows(query.order_by(Order.id).limit(limit).tuples())
