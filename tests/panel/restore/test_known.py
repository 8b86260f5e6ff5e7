"""What the database before a restore knows for certain is as it was there, from file to file."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.apps import listed
from support.orders import account_id, balance, new_order, offer_of
from support.trouble import add_up, sent, subscription

from database.backup import backup
from database.connection import close_database
from database.migrate import open_database
from models import Cancel, Order, Provider, Refill
from panel import accounts, ledger, services
from panel.errors import OperatorError
from panel.money import MICROS
from panel.operations.audit import Actor
from panel.orders import (
    cancels,
    dispatch,
    dripfeed,
    lookup,
    refills,
    restored,
    status_sync,
    transition,
)
from panel.orders.cancels import CancelAnswer
from panel.orders.place import OrderRequest, place_order
from panel.orders.provider_status import ProviderStatus
from panel.providers import registry, sources
from panel.restore.notice import notice
from panel.restore.replace import Restored, restore

ME = Actor("(test)")


class Panel:
    """A panel with its provider `up`; `copy()` and `restore()` as an operator does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.copied = path.with_name("copy.db")
        open_database(path, "OFF")
        notice()
        accounts.add("alice", 100 * MICROS)
        service = services.add(
            name="S", category="C", rate_micros=MICROS, min=1, max=1000, refill=True,
            cancel=True, dripfeed=True,
        )  # fmt: skip
        self.up = add_up(SimpleNamespace(followers=service, views=0))
        self.service = service

    def copy(self) -> None:
        self.copied.unlink(missing_ok=True)
        backup(self.copied)

    def restore(self, copy: Path | None = None) -> Restored:
        """Restore the copy, and start again."""
        close_database()
        done = restore(ME, copy or self.copied, self.path)
        close_database()
        open_database(self.path, "OFF")
        assert notice() == []
        assert list(ledger.check()) == []
        return done

    def work(self) -> list[int]:
        """What the worker sends by itself, everything being due."""
        Order.update(poll_at=0, created_at=0).execute()
        dripfeed.run_due(15)
        found = []
        while order := dispatch.claim(self.up.id):
            found.append(order.order_id)
        return found

    def drip_feed(self) -> int:
        wanted = OrderRequest("https://a.example/d", 10, runs=3, interval=1)
        return place_order(account_id(), offer_of(self.service), wanted)

    def part(self, number: str, status: str = "Completed") -> int:
        """Have the provider take the next part of the drip-feed."""
        (part,) = self.work()
        dispatch.record_accepted(part, number, 0)
        transition.change(part, status=status)
        return part


@pytest.fixture
def panel(tmp_path: Path) -> Panel:
    return Panel(tmp_path / "panel.db")


def release_all() -> list[str]:
    """What is refused."""
    refused = []
    for order_id in restored.orders_to_release():
        try:
            restored.release(order_id)
        except OperatorError as error:
            refused.append(str(error))
    return refused


@pytest.mark.parametrize("before_the_copy", [0, 1, 2])
def test_no_part_of_a_drip_feed_is_bought_twice(panel: Panel, before_the_copy: int) -> None:
    panel.drip_feed()
    assert dispatch.claim(panel.up.id) is None
    for number in range(before_the_copy):
        panel.part(f"50{number}")
    panel.copy()
    parts = [panel.part(f"50{number}") for number in range(before_the_copy, 2)]
    Order.update(status="In progress", remains=10).where(Order.id.in_(parts[-1:])).execute()
    done = panel.restore()
    assert done.counts.orders == 1
    assert done.lost is not None
    assert done.lost.orders == []
    orders = [lookup.get(part) for part in parts]
    assert [order.provider_order for order in orders] == ["500", "501"][before_the_copy:]
    assert release_all() == []
    if parts:
        assert panel.work() == []
        transition.change(parts[-1], status="Completed")
    (third,) = panel.work()
    assert lookup.get(third).part == 3


def test_a_drip_feed_that_waited_whole_goes_on_after_its_parts(panel: Panel) -> None:
    whole = panel.drip_feed()
    panel.copy()
    assert dispatch.claim(panel.up.id) is None
    panel.part("500")
    panel.restore()
    assert lookup.get(whole).dispatch_state == "parts"
    assert [part.provider_order for part in lookup.parts_of(whole)] == ["500"]
    assert release_all() == []
    (second,) = panel.work()
    assert lookup.get(second).part == 2


def test_a_part_that_was_just_being_sent_is_in_review(panel: Panel) -> None:
    whole = panel.drip_feed()
    assert dispatch.claim(panel.up.id) is None
    panel.part("500")
    panel.copy()
    (second,) = panel.work()
    panel.restore()
    assert lookup.get(second).dispatch_state == "review"
    assert [why.partition(":")[0] for why in release_all()] == [
        f"the database before the restore has order {second} being sent"
    ]
    assert panel.work() == []
    dispatch.attach(second, "501")
    assert len(lookup.parts_of(whole)) == 2


def test_a_restore_after_a_restore_knows_what_the_first_knew(panel: Panel) -> None:
    """As where the first file was the wrong one."""
    order, whole = new_order(panel.service), panel.drip_feed()
    panel.copy()
    assert dispatch.claim(panel.up.id) is not None
    dispatch.record_accepted(order, "70003", 0)
    dispatch.claim(panel.up.id)
    part = panel.part("500")
    for _ in range(3):
        panel.restore()
        assert lookup.get(order).provider_order == "70003"
        assert lookup.get(part).provider_order == "500"
        assert [row.id for row in lookup.parts_of(whole)] == [part]
    (refused,) = release_all()
    assert "the provider has order 1 as 70003" in refused


def test_what_was_held_by_a_restore_alone_is_released_after_the_next(panel: Panel) -> None:
    order = new_order(panel.service)
    panel.copy()
    panel.restore()
    panel.restore()
    assert release_all() == []
    assert panel.work() == [order]


def fail(order_id: int) -> None:
    """The provider refuses it, and the operator gives it up."""
    dispatch.claim(1)
    dispatch.mark_in_doubt(order_id, "no answer")
    dispatch.fail(order_id)


CANCELED: dict[str, Callable[[int], object]] = {
    "by the customer": lambda order_id: cancels.request(account_id(), [order_id]),
    "by the operator": fail,
    "by hand": lambda order_id: transition.change(order_id, status="Canceled"),
}


@pytest.mark.parametrize("how", CANCELED)
def test_an_order_that_was_paid_back_is_not_bought(panel: Panel, how: str) -> None:
    order = new_order(panel.service)
    panel.copy()
    CANCELED[how](order)
    paid_back = balance()
    assert panel.restore().counts == (0, 0, 0)
    assert lookup.get(order).status == "Canceled"
    assert balance() == paid_back
    assert panel.work() == []


def test_an_order_that_was_sent_to_a_provider_that_is_new_is_not_bought_again(
    panel: Panel,
) -> None:
    order = new_order(panel.service)
    panel.copy()
    row = registry.add("new", "https://new.example/api/v2", "key", 60, currency="USD")
    sources.set_source(panel.service, row.id, listed("9", 900_000), 2)
    Order.update(provider=row.id, source_rank=2).execute()
    assert dispatch.claim(row.id) is not None
    dispatch.record_accepted(order, "n1", 0)
    panel.restore()
    assert Provider.get_or_none(Provider.name == "new") is None
    (refused,) = release_all()
    assert "at new under the number n1" in refused
    assert panel.work() == []


def test_an_order_that_was_sent_to_its_second_source_is_attached_there(panel: Panel) -> None:
    row = registry.add("second", "https://new.example/api/v2", "key", 60, currency="USD")
    sources.set_source(panel.service, row.id, listed("9", 800_000), 2)
    order = new_order(panel.service)
    panel.copy()
    Order.update(provider=row.id, source_rank=2).execute()
    assert dispatch.claim(row.id) is not None
    dispatch.record_accepted(order, "n1", 0)
    panel.restore()
    dispatch.attach(order, "n1")
    found = lookup.get(order)
    assert (found.provider_id, found.source_rank, found.cost_micros) == (row.id, 2, 80_000)


@pytest.mark.parametrize("because", ["funds", "cost", "refusal"])
def test_an_order_that_is_held_again_is_sent_once_when_it_is_released(
    panel: Panel, because: str
) -> None:
    order = new_order(panel.service)
    panel.copy()
    Order.update(held_because=because, held_text="why", send_at=2**40).execute()
    panel.restore()
    dispatch.release_for_funds(panel.up.id)
    assert (panel.work(), dispatch.expire_held()) == ([], 0)
    assert release_all() == []
    assert panel.work() == [order]


def test_refills_and_cancel_requests_are_passed_on_once(panel: Panel) -> None:
    done, running = sent(panel.up, "600"), sent(panel.up, "601")
    transition.change(done, status="Completed")
    (refill,) = refills.request(account_id(), [done])
    (cancel,) = cancels.request(account_id(), [running])
    panel.copy()
    refills.record_accepted(int(str(refill)), "r7", 0)
    cancels.record_answers({int(str(cancel)): CancelAnswer(True)})
    assert panel.restore().counts == (0, 0, 0)
    assert refills.next_for_provider(panel.up.id) is None
    assert refills.due_for_status(panel.up.id) == [(refill, "r7")]
    assert cancels.due_for_provider(panel.up.id) == []
    assert (Refill.get().status, Cancel.get().passed_on) == ("in progress", True)


def tell(order_id: int, *posts: str) -> None:
    status = ProviderStatus(status="Active", posts=tuple((number, 20) for number in posts))
    status_sync.apply_statuses({order_id: status}, 15)


def test_the_posts_of_a_subscription_are_charged_once(panel: Panel) -> None:
    order = subscription(panel.up)
    tell(order, "p1")
    panel.copy()
    tell(order, "p1", "p2")
    charged = balance()
    panel.restore()
    assert balance() > charged  # the copy does not know the second post
    for _ in range(2):
        tell(order, "p1", "p2")
        assert balance() == charged
    assert [post.provider_order for post in lookup.parts_of(order)] == ["p1", "p2"]


def test_a_subscription_that_waited_in_the_copy_is_attached_and_charges_its_posts_once(
    panel: Panel,
) -> None:
    order = subscription(panel.up)
    Order.update(dispatch_state="waiting", provider_order=None).execute()
    panel.copy()
    assert dispatch.claim(panel.up.id) is not None
    dispatch.record_accepted(order, "900", 0)
    tell(order, "p1")
    charged = balance()
    panel.restore()
    assert len(release_all()) == 1
    dispatch.attach(order, "900")
    for _ in range(2):
        tell(order, "p1")
        assert balance() == charged
