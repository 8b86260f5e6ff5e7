"""Following a provider's prices and ranges with the services that we buy there."""

from collections.abc import Iterable
from typing import Any

from database.clock import now
from database.transactions import immediate
from models import Provider, Service, Source
from panel import services
from panel.errors import OperatorError
from panel.providers import pending, rises
from panel.providers.changes import VANISHED, CatalogueChange, Finding, Kind
from panel.providers.explain import describe
from panel.providers.follow import (
    Waiting,
    as_changes,
    follow,
    settle,
    settle_charge,
    wait,
    waiting_of,
)
from panel.providers.identity import is_same, renamings
from panel.providers.import_services import unusable
from panel.providers.listing import NO_CATEGORY, Listing
from panel.providers.pending import OF_COST, OF_IDENTITY, PendingKind
from panel.providers.policy import SyncPolicy as SyncPolicy
from panel.providers.policy import is_loss, judge_cost
from panel.providers.renumbering import count_moved, new_numbers

LOSS_STAYS_S = 86400
"""A loss that has lasted so long is believed."""


def sync_prices(
    provider_id: int, listings: Iterable[Listing], policy: SyncPolicy, confirmed: bool = False
) -> list[CatalogueChange]:
    """Follow a provider's catalogue with the services that we buy there.

    A changed cost moves the rate where the service has a markup. A service that the provider no
    longer offers is disabled, and enabled when it is offered again. One whose rate is below its
    cost is reported, and with the policy's `disable_below_cost` disabled until that ends.

    What can hardly be true waits for an operator: a cost that falls or rises too far, another
    service under the same number, many services that vanished at once, or that moved to other
    numbers (see pending.py for what is held meanwhile).

    :param confirmed: whether an operator says that services that moved or vanished did so.
    :returns: a change for each value that changed or waits, and for each service below its cost.
    :raises OperatorError: for an empty catalogue, which is more likely a fault than the truth; or
        for a confirmation where nothing is to be confirmed.
    """
    offered = {listing.service: listing for listing in listings}
    if not offered:
        raise OperatorError("the provider answered with an empty catalogue; nothing was changed")
    with immediate():
        changes: list[CatalogueChange] = []
        if confirmed:
            changes += _confirm(provider_id, offered)
        elif moved := _judge_move(provider_id, offered):
            return moved
        missing = _missing(provider_id, offered)
        keep_missing, told = _judge_loss(provider_id, missing, policy, confirmed)
        changes += told
        waiting = waiting_of(pending.of_sources(provider_id))
        for source in _sources(provider_id):
            listing = offered.get(source.provider_service)
            if listing is None and keep_missing:
                continue
            findings = _sync_source(source, listing, policy, waiting.get(source.id, {}))
            changes += as_changes(source, findings)
        if pending.remove(provider_id, (PendingKind.PRICES,)):
            rises.forget(provider_id)  # they are other numbers in another currency
        Provider.update(prices_at=now()).where(Provider.id == provider_id).execute()
    return changes


def _sources(provider_id: int) -> list[Source]:
    query = Source.select().where(Source.provider == provider_id)
    return list(query.order_by(Source.service, Source.source_rank))


def _as_provider_change(kind: Kind, before: Any, after: Any) -> CatalogueChange:
    return CatalogueChange(None, "", "", kind, before, after)


# The catalogue as a whole


def _judge_move(provider_id: int, offered: dict[str, Listing]) -> list[CatalogueChange]:
    """One alarm where many names stand under other numbers; [] where they do not."""
    moved = count_moved(provider_id, offered)
    if not moved:
        pending.remove(provider_id, (PendingKind.MOVED,))
        return []
    pending.add(provider_id, PendingKind.MOVED, "", str(moved))
    told = describe(PendingKind.MOVED, "", str(moved))
    return [_as_provider_change(Kind.PENDING, None, told)]


def _missing(provider_id: int, offered: dict[str, Listing]) -> tuple[int, int]:
    """How many active services are bought first at a provider, and how many it does not list."""
    query = (
        Source.select(Source.provider_service)
        .join(Service)
        .where(Source.provider == provider_id, Source.source_rank == 1, Service.active)
    )
    numbers = [source.provider_service for source in query]
    return len(numbers), sum(number not in offered for number in numbers)


def _judge_loss(
    provider_id: int, missing: tuple[int, int], policy: SyncPolicy, confirmed: bool
) -> tuple[bool, list[CatalogueChange]]:
    """Whether services that vanished are kept on sale for now, and what is told of that."""
    bought, gone = missing
    if not is_loss(bought, gone, policy):
        pending.remove(provider_id, (PendingKind.LOSS,))
        return False, []
    known = pending.find(provider_id, PendingKind.LOSS)
    if known is not None and (confirmed or known.created_at <= now() - LOSS_STAYS_S):
        pending.remove(provider_id, (PendingKind.LOSS,))
        return False, []
    texts = str(bought), str(bought - gone)
    pending.add(provider_id, PendingKind.LOSS, *texts)
    told = describe(PendingKind.LOSS, *texts)
    return True, [_as_provider_change(Kind.PENDING, None, told)]


def _confirm(provider_id: int, offered: dict[str, Listing]) -> list[CatalogueChange]:
    """Follow services to their new numbers, where a move waits for that.

    :raises OperatorError: if neither a move nor a loss waits.
    """
    kinds = {item.kind for item in pending.of_provider(provider_id)}
    if not kinds & {PendingKind.MOVED, PendingKind.LOSS}:
        name = Provider.get_by_id(provider_id).name
        raise OperatorError(f"nothing of {name} as a whole waits to be confirmed")
    if PendingKind.MOVED not in kinds:
        return []
    sources = _sources(provider_id)
    changes = []
    for source_id, number in new_numbers(sources, offered).items():
        source = next(source for source in sources if source.id == source_id)
        Source.update(provider_service=number).where(Source.id == source_id).execute()
        changes += as_changes(source, [(Kind.RENUMBERED, source.provider_service, number)])
    pending.remove(provider_id, (PendingKind.MOVED,))
    return changes


# One source


def _sync_source(
    source: Source, listing: Listing | None, policy: SyncPolicy, waiting: Waiting
) -> list[Finding]:
    service = services.get(source.service_id)
    if listing is None:
        settle(source, (*OF_IDENTITY, *OF_COST), waiting)  # judged anew if it returns
        return follow(
            service, source, source.cost_micros, _vanish(service, source), policy, waiting
        )
    is_doubtful, found = _judge_identity(service, source, listing, waiting)
    if is_doubtful:
        # The cost is not followed, but judged: what it is now is confirmed with the name.
        return found + _judge_cost(source, listing, policy, waiting)[1]
    if listing.dripfeed != source.dripfeed:
        Source.update(dripfeed=listing.dripfeed).where(Source.id == source.id).execute()
    if not _is_sellable(service, listing):
        settle(source, OF_COST, waiting)
        gone = _vanish(service, source)
        return found + follow(service, source, source.cost_micros, gone, policy, waiting)
    cost, told = _judge_cost(source, listing, policy, waiting)
    told += settle_charge(source, cost, waiting)
    rises.remember(source, cost)
    taken = _take(service, listing) if source.source_rank == 1 else {}
    return found + told + follow(service, source, cost, taken, policy, waiting)


def _judge_identity(
    service: Service, source: Source, listing: Listing, waiting: Waiting
) -> tuple[bool, list[Finding]]:
    """Whether another service may stand under the number now, and what is told of that.

    Names that differ in decoration are taken over at once, and told.
    """
    if not source.name and not is_same(service.name, listing.name):
        # Ours may have been chosen by an operator, so it goes on: but somebody has to look.
        texts = service.name, listing.name
        if PendingKind.NAME in waiting and waiting[PendingKind.NAME].after == listing.name:
            return False, []
        pending.add(source.provider_id, PendingKind.NAME, *texts, source.id, stops_sale=False)
        return False, [(Kind.NAME, *texts)]
    renamed = renamings(source, listing)
    found = [wait(source, *item[:3]) for item in renamed if item.is_doubtful]
    told = [(Kind(item.kind.value), *item[1:3]) for item in renamed if not item.is_doubtful]
    doubtful = {item.kind for item in renamed if item.is_doubtful}
    if listing.category == NO_CATEGORY and PendingKind.CATEGORY in waiting:
        doubtful.add(PendingKind.CATEGORY)  # what it was called last is still to be confirmed
    told += settle(source, tuple(kind for kind in OF_IDENTITY if kind not in doubtful), waiting)
    _adopt(source, listing, doubtful)
    return bool(doubtful), [*told, *found]


def _adopt(source: Source, listing: Listing, doubtful: set[PendingKind]) -> None:
    """Keep what a listing is called, as far as it is no other service by that."""
    values = {}
    if PendingKind.NAME not in doubtful and listing.name != source.name:
        values["name"] = listing.name
    says_nothing = listing.category == NO_CATEGORY and source.category
    if PendingKind.CATEGORY not in doubtful and not says_nothing:
        values["category"] = listing.category
    if values.get("category") == source.category:
        del values["category"]
    if values:
        Source.update(**values).where(Source.id == source.id).execute()


def _judge_cost(
    source: Source, listing: Listing, policy: SyncPolicy, waiting: Waiting
) -> tuple[int, list[Finding]]:
    """The cost to go on with: the listed one, or the present one while the other waits."""
    before, after = source.cost_micros, listing.rate_micros
    kind = judge_cost(before, after, policy)
    found = settle(source, tuple(other for other in OF_COST if other != kind), waiting)
    if kind is None:
        return after, found
    return before, [*found, wait(source, kind, str(before), str(after))]


def _is_sellable(service: Service, listing: Listing) -> bool:
    """Whether the service can still be sold as its listing says."""
    return listing.type == service.type and unusable(listing, listing.rate_micros) is None


def _vanish(service: Service, source: Source) -> dict[str, Any]:
    """What becomes of a service that one of its sources no longer offers."""
    disabled_by_hand = not service.active and not service.inactive_because
    if source.source_rank != 1 or disabled_by_hand:
        return {}
    return {"active": False, "inactive_because": VANISHED}


def _take(service: Service, listing: Listing) -> dict[str, Any]:
    """What a service takes from its first source's listing, beside the cost."""
    taken: dict[str, Any] = {
        "min": listing.min,
        "max": listing.max,
        "refill": listing.refill,
        "cancel": listing.cancel,
    }
    if service.inactive_because == VANISHED:
        taken |= {"active": True, "inactive_because": ""}
    return taken
