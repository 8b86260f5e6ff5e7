"""The page of what is in doubt since a restore, when there is more than a page of it."""

import re
from types import SimpleNamespace

import pytest
from support.dashboard import Operator
from support.orders import new_order

from models import Cancel, Order, Refill
from panel import paging


@pytest.fixture
def doubts(olga: Operator, cast: SimpleNamespace) -> list[str]:
    """Three orders, two refills and two cancel requests, as the list names them."""
    for _ in range(3):
        number = new_order(cast.followers)
        Order.update(restored=True).where(Order.id == number).execute()
    for table, status in ((Refill, "pending"), (Cancel, "pending")):
        for number in (1, 2):
            table.create(order=number, status=status, restored=True)
    Refill.create(order=3, status="completed", restored=True)
    Cancel.create(order=3, status="rejected", restored=True)
    return ["order", "order", "order", "refill 1", "refill 2", "cancel 1", "cancel 2"]


def told(page: str) -> list[str]:
    return re.findall(r'data-label="What">([a-z]+ ?\d*)</td>', page)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7, 50])
def test_each_page_goes_on_where_the_one_before_ended(
    olga: Operator, doubts: list[str], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(paging, "PAGE", size)
    found: list[str] = []
    path = "/admin/restored"
    while path:
        page = olga.text(path)
        assert "7 in all." in page
        part = told(page)
        assert len(part) == min(size, len(doubts) - len(found))
        found += part
        link = re.search(r'<a rel="next" href="([^"]+)"', page)
        path = link[1] if link else ""
    assert found == doubts


@pytest.mark.parametrize(
    ("after", "first"),
    [
        ("", "order"), ("order-3", "refill 1"), ("refill-1", "refill 2"), ("refill-2", "cancel 1"),
        ("nonsense", "order"), ("payment-1", "order"), ("order-x", "order"),
        ("order-" + "9" * 19, "order"),
    ],
)  # fmt: skip
def test_an_address_says_where_the_page_begins(
    olga: Operator, doubts: list[str], after: str, first: str
) -> None:
    assert told(olga.text(f"/admin/restored?after={after}"))[0] == first


def test_behind_the_end_there_is_a_way_back_and_the_release(
    olga: Operator, doubts: list[str]
) -> None:
    page = olga.text("/admin/restored?after=cancel-2")
    assert told(page) == []
    assert "Nothing more waits." in page
    assert 'href="/admin/restored"' in page


def test_all_pages_are_released_at_once(
    olga: Operator, doubts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Cancel.delete().execute()  # who asked to cancel an order is answered first
    Order.update(dispatch_state="review").execute()
    monkeypatch.setattr(paging, "PAGE", 1)
    olga.post("/admin/restored/release")
    assert "Nothing waits since a restore." in olga.text("/admin/restored")
