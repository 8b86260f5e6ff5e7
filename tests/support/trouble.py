"""Everything that can wait for an operator, made to happen at one provider."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from database.transactions import immediate
from models import Order, Provider, Refill, Service, Source
from panel import services
from panel.money import MICROS
from panel.orders import cancels, dispatch, refills, status_sync, transition
from panel.orders.doubts import NOTHING, mark_all
from panel.orders.place import OrderRequest, place_order
from panel.orders.provider_status import ProviderStatus
from panel.orders.refusal import Refusal
from panel.providers import pending, registry, sources
from panel.providers.pending import PendingKind
from support.apps import listed
from support.orders import account_id, new_order, offer_of

HOLD_S = 7200


def add_up(cast: SimpleNamespace) -> SimpleNamespace:
    """The provider `up`, which sells us followers at 0.90."""
    row = registry.add("up", "https://up.example/api/v2", "key", 60, currency="USD")
    sources.set_source(cast.followers, row.id, listed("7", 900_000), 1)
    source = Source.get(Source.service == cast.followers)
    return SimpleNamespace(id=row.id, source=source.id, followers=cast.followers, views=cast.views)


def sent(up: SimpleNamespace, number: str) -> int:
    """An order that the provider has under this number."""
    order_id = new_order(up.followers)
    assert dispatch.claim(up.id) is not None
    dispatch.record_accepted(order_id, number, 0)
    return order_id


def refused(up: SimpleNamespace, why: str, refusal: Refusal = Refusal.UNKNOWN) -> int:
    order_id = new_order(up.followers)
    assert dispatch.claim(up.id) is not None
    dispatch.record_rejected(order_id, why, refusal, HOLD_S)
    return order_id


def says(order_id: int, **status: Any) -> None:
    status_sync.apply_statuses({order_id: ProviderStatus(**status)}, 15)


def change(kind: PendingKind, before: str, after: str) -> Callable[[SimpleNamespace], None]:
    """What makes a change of the provider, or of the source of followers, pending."""

    def make(up: SimpleNamespace) -> None:
        source = None if kind in pending.OF_PROVIDER else up.source
        pending.add(up.id, kind, before, after, source)

    return make


def provider(**columns: Any) -> Callable[[SimpleNamespace], None]:
    return lambda up: Provider.update(**columns).where(Provider.id == up.id).execute()


def in_review(up: SimpleNamespace) -> None:
    order_id = new_order(up.followers)
    assert dispatch.claim(up.id) is not None
    dispatch.mark_in_doubt(order_id, "no whole answer (ReadTimeoutError)")


def subscription(up: SimpleNamespace) -> int:
    service = services.add(
        name="Likes", category="Posts", rate_micros=MICROS, min=1, max=90, type="Subscriptions"
    )
    sources.set_source(service, up.id, listed("8", 900_000), 1)
    wanted = OrderRequest("", details={"username": "x", "min": 20, "max": 50, "delay": 5})
    order_id = place_order(account_id(), offer_of(service), wanted)
    assert dispatch.claim(up.id) is not None
    dispatch.record_accepted(order_id, "900", 0)
    return order_id


def refill_without_number(up: SimpleNamespace) -> None:
    order_id = sent(up, "500")
    transition.change(order_id, status="Completed")
    refills.request(account_id(), [order_id])
    Refill.update(warning="up gave no number for it, 2 times").execute()


def refill_by_hand(up: SimpleNamespace) -> None:
    Source.delete().execute()
    order_id = new_order(up.followers)
    transition.change(order_id, status="Completed")
    refills.request(account_id(), [order_id])


def cancel_by_hand(up: SimpleNamespace) -> None:
    Source.delete().execute()
    order_id = new_order(up.followers)
    transition.change(order_id, status="In progress")
    cancels.request(account_id(), [order_id])


def became_dearer(up: SimpleNamespace) -> None:
    """An order waits while cost and rate of its service rise tenfold."""
    new_order(up.followers)
    Source.update(cost_micros=9 * MICROS).execute()
    Service.update(rate_micros=11 * MICROS).execute()
    assert dispatch.claim(up.id) is None


def waits_long(up: SimpleNamespace) -> None:
    """An order was refused for a reason that passes, two hours ago."""
    refused(up, "Invalid API key", Refusal.TEMPORARY)
    Order.update(created_at=Order.created_at - 7200).execute()


def paused(up: SimpleNamespace) -> None:
    """A provider that an operator has paused, with a refill and two orders that wait."""
    done = sent(up, "500")
    transition.change(done, status="Completed")
    refills.request(account_id(), [done])
    new_order(up.followers)
    new_order(up.followers)
    provider(paused_at=86_400)(up)


def restored(up: SimpleNamespace) -> None:
    """A refill and a cancel request that waited in a copy which was put back."""
    done, running = sent(up, "500"), sent(up, "501")
    transition.change(done, status="Completed")
    refills.request(account_id(), [done])
    cancels.request(account_id(), [running])
    with immediate():
        mark_all(NOTHING)
