"""What an operator does with services: add, edit, order, mark up, and choose their source."""

from collections.abc import Callable, Collection
from typing import Any

from models import Provider, Service
from panel import services
from panel.errors import OperatorError
from panel.money import format_exact, format_percent
from panel.operations.audit import Actor, audited
from panel.providers import confirm as confirmations
from panel.providers import import_services, registry, sources
from panel.providers.changes import CatalogueChange
from panel.providers.listing import Listing
from panel.providers.policy import SyncPolicy

AskCatalogue = Callable[[Provider], list[Listing]]
"""Reads a provider's whole catalogue over the network.

Called outside any transaction; it raises ProviderFailed where the provider does not answer, and
OperatorError where its prices are in a currency that cannot be converted.
"""


def add(actor: Actor, **values: Any) -> int:
    """Add a service; the values are those of panel.services.add().

    :returns: its number.
    :raises OperatorError: naming the value that is not allowed.
    """
    with audited(actor, f"service {values['name']}: add"):
        return services.add(**values)


def edit(actor: Actor, service_id: int, changes: dict[str, Any]) -> None:
    """Change some columns of a service; orders keep what they were charged.

    :raises OperatorError: for no such service, nothing to change, or a value that is not allowed.
    """
    if not changes:
        raise OperatorError("nothing to change was given")
    with audited(actor, f"service {service_id}: set {_shown(changes)}"):
        services.edit(service_id, **changes)


def _shown(changes: dict[str, Any]) -> str:
    """Changes in one text, in the order of the table whichever order they were given in."""
    names = [name for name in Service._meta.sorted_field_names if name in changes]
    return ", ".join(_shown_value(name, changes[name]) for name in names)


def _shown_value(name: str, value: Any) -> str:
    """One change as an operator reads it, under the name that the forms and options have."""
    if name == "rate_micros":
        return f"rate {format_exact(value)}"
    if name == "sort_order":
        return f"position {value}"
    if isinstance(value, bool):
        return f"{name} {'yes' if value else 'no'}"
    return f"{name} {value}"


def enable(actor: Actor, service_id: int) -> None:
    """Sell a service again.

    :raises OperatorError: if there is no such service.
    """
    with audited(actor, f"service {service_id}: enable"):
        services.edit(service_id, active=True)


def disable(actor: Actor, service_id: int) -> None:
    """Stop selling a service; its orders go on.

    :raises OperatorError: if there is no such service.
    """
    with audited(actor, f"service {service_id}: disable"):
        services.edit(service_id, active=False)


def move(actor: Actor, service_id: int, before: int | None = None) -> None:
    """Move a service within the catalogue.

    :param before: the service that it is to stand before; None for the end.
    :raises OperatorError: if there is no such service.
    """
    where = "to the end" if before is None else f"before {before}"
    with audited(actor, f"service {service_id}: move {where}"):
        services.move(service_id, before)


def mark_up(
    actor: Actor, service_ids: Collection[int], markup_ppm: int, round_micros: int | None = None
) -> list[CatalogueChange]:
    """Let the rates of services follow their costs with a markup, from now on.

    :param markup_ppm: in millionths of the cost; 250000 is 25 %.
    :param round_micros: rates are rounded up to a multiple of this; None for the exact rate.
    :returns: a change for each service; those without a provider are skipped.
    :raises OperatorError: for no services, no such service, or a markup that is not allowed.
    """
    numbers = ", ".join(map(str, service_ids))
    step = "" if round_micros is None else f", step {format_exact(round_micros)}"
    with audited(actor, f"services {numbers}: markup {format_percent(markup_ppm)}{step}"):
        return import_services.mark_up(service_ids, markup_ppm, round_micros)


def confirm(
    actor: Actor, service_ids: Collection[int], policy: SyncPolicy
) -> list[CatalogueChange]:
    """Take over what providers changed of services and what waits for an operator since.

    :param policy: tells whether a service that costs more than its rate is disabled.
    :returns: a change for each value that changed.
    :raises OperatorError: for no services, no such service, or one of which nothing waits.
    """
    numbers = ", ".join(map(str, service_ids))
    with audited(actor, f"services {numbers}: confirm"):
        return confirmations.confirm_services(service_ids, policy)


def set_source(
    actor: Actor,
    service_id: int,
    provider_name: str,
    provider_service: str,
    ask: AskCatalogue,
    source_rank: int = 1,
) -> Listing:
    """Choose the provider that a service is bought from; its catalogue tells the cost.

    :param source_rank: 1, or 2 for where to turn after the first clearly refuses.
    :returns: the provider's service.
    :raises ProviderFailed: if the provider does not answer.
    :raises OperatorError: for no such service at either side, or a second source without a first.
    """
    which = "second source" if source_rank == 2 else "source"
    act = f"service {service_id}: {which} {provider_name}, service {provider_service}"
    with audited(actor, act):
        services.get(service_id)
        provider = registry.get(provider_name)
        found = [item for item in ask(provider) if item.service == provider_service]
        if not found:
            raise OperatorError(f"{provider_name} has no service {provider_service}")
        sources.set_source(service_id, provider.id, found[0], source_rank)
    return found[0]
