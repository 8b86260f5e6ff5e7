"""An operator's confirmation of what a provider changed of a service."""

from collections.abc import Collection

from database.transactions import immediate
from models import Source
from panel import services
from panel.errors import OperatorError
from panel.providers import pending, registry
from panel.providers.changes import CatalogueChange, Finding, Kind
from panel.providers.explain import describe_pending
from panel.providers.follow import Waiting, as_changes, follow, waiting_of
from panel.providers.pending import OF_COST, OF_IDENTITY, PendingKind
from panel.providers.policy import SyncPolicy


def confirm_services(service_ids: Collection[int], policy: SyncPolicy) -> list[CatalogueChange]:
    """Take over what waits for these services: names as they are now, costs with their markup.

    :returns: a change for each value that changed.
    :raises OperatorError: for no services, no such service, or one of which nothing waits; then
        nothing is changed.
    """
    if not service_ids:
        raise OperatorError("no services were given")
    with immediate():
        return [change for number in service_ids for change in _confirm(number, policy)]


def _confirm(service_id: int, policy: SyncPolicy) -> list[CatalogueChange]:
    services.get(service_id)
    items = pending.of_service(service_id)
    waiting = waiting_of(items)
    if not waiting:
        elsewhere = "".join(
            f"; but of {item.provider_name}: {describe_pending(item)}" for item in items
        )
        raise OperatorError(f"nothing of service {service_id} waits to be confirmed{elsewhere}")
    changes = []
    query = Source.select().where(Source.service == service_id).order_by(Source.source_rank)
    for source in list(query):
        if source.id in waiting:
            changes += as_changes(source, _take_over(source, waiting[source.id], policy))
    return changes


def _take_over(source: Source, waiting: Waiting, policy: SyncPolicy) -> list[Finding]:
    """Take over what waits for one source, and have the rest of its listing read."""
    found: list[Finding] = []
    cost_micros = source.cost_micros
    for kind, item in waiting.items():
        if kind in OF_IDENTITY:
            found.append((Kind(kind), item.before, item.after))
            Source.update(**{kind: item.after}).where(Source.id == source.id).execute()
        elif kind in OF_COST:
            cost_micros = int(item.after)
        elif kind == PendingKind.CHARGE:
            found.append((Kind.SETTLED, describe_pending(item), None))
    pending.remove_all_of_source(source.id)
    registry.want_sync(source.provider_id)
    service = services.get(source.service_id)
    return found + follow(service, source, cost_micros, {}, policy, {})
