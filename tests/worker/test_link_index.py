"""The worker adds links to the search's index behind the orders, and nobody waits for it."""

from collections.abc import Callable
from types import SimpleNamespace

from support.apps import Server, add_cast
from support.dashboard import place
from support.orders import everything, new_order
from support.servers import at_the_desk, wait_until

from database import link_index
from database.backup import damage
from database.connection import database
from panel import accounts, order_lists
from panel.money import MICROS
from panel.orders import link_index as links


def test_a_worker_indexes_the_links_that_there_are_and_those_that_come(
    make_server: Callable[..., Server],
) -> None:
    server = make_server(WEB_CONCURRENCY="1")
    with at_the_desk(server):
        service = add_cast().followers
        accounts.fund("alice", 10_000 * MICROS)
        for number in range(3 * link_index.BLOCK):
            new_order(service, link=f"https://t.me/first/{number}")
    server.worker()

    def indexed() -> int:
        with at_the_desk(server):
            return link_index.last_block()

    wait_until(lambda: indexed() == 2)  # number 192 begins block 3
    with at_the_desk(server):
        for number in range(link_index.BLOCK):
            new_order(service, link=f"https://t.me/second/{number}")
    wait_until(lambda: indexed() == 3)
    with at_the_desk(server):
        page = order_lists.order_page(order_lists.OrderFilter(text="me/second/6"))
        assert [row["link"][-2:] for row in page.rows] == ["63", "62", "61", "60", "/6"]
        assert damage(database.connection()) == []


def test_an_index_that_is_up_to_date_writes_nothing(cast: SimpleNamespace) -> None:
    accounts.fund("alice", 10_000 * MICROS)
    for _ in range(link_index.BLOCK + 3):
        place(cast, "alice")
    assert not links.index_next()
    before = everything()
    changes = database.connection().total_changes
    assert not links.index_next()
    assert database.connection().total_changes == changes
    assert everything() == before


def test_many_orders_are_indexed_in_batches_of_whole_blocks(cast: SimpleNamespace) -> None:
    accounts.fund("alice", 10_000 * MICROS)
    for _ in range(links.BATCH + link_index.BLOCK * 3):
        new_order(cast.followers, 10)
    assert links.index_next()
    assert link_index.last_block() == links.BATCH // link_index.BLOCK - 1
    assert not links.index_next()
    assert link_index.last_block() == links.BATCH // link_index.BLOCK + 2
