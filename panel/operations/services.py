"""What an operator does with services: add, edit, order, mark up, and choose their source."""

from collections.abc import Callable, Collection, Sequence
from textwrap import shorten
from typing import Any, NamedTuple

from database.transactions import immediate
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

MAX_SHOWN = 100
"""So much of a description stands in the audit."""


class SourceChange(NamedTuple):
    """Where a service is to be bought, first (1) or second (2); no provider: there no longer."""

    source_rank: int
    provider: str = ""
    provider_service: str = ""

    @property
    def field(self) -> str:
        """What the forms call it."""
        return "second" if self.source_rank == 2 else "source"

    def __str__(self) -> str:
        """As the audit has it."""
        what = sources.RANKS[self.source_rank]
        if not self.provider:
            return f"no {what}"
        return f"{what} {self.provider}, service {self.provider_service}"


def add(
    actor: Actor,
    *,
    bought_from: Sequence[SourceChange] = (),
    ask: AskCatalogue | None = None,
    **values: Any,
) -> int:
    """Add a service; the values are those of panel.services.insert().

    :param bought_from: its sources; their providers are asked for the costs.
    :returns: its number.
    :raises ProviderFailed: if a provider does not answer; then nothing is added.
    :raises OperatorError: naming the value that is not allowed.
    """
    act = f"service {values['name']}: {', '.join(['add', *map(str, bought_from)])}"
    with audited(actor, act) as result:
        found = _listings(bought_from, ask)
        with immediate():
            number = services.insert(**values)
            _put_sources(number, bought_from, found)
        result.text = f"it is service {number}"
        return number


def edit(
    actor: Actor,
    service_id: int,
    changes: dict[str, Any],
    bought_from: Sequence[SourceChange] = (),
    ask: AskCatalogue | None = None,
) -> None:
    """Change some columns of a service, and where it is bought; all of it or nothing.

    Orders keep what they were charged.

    :param bought_from: the sources that change; their providers are asked for the costs.
    :raises ProviderFailed: if a provider does not answer.
    :raises OperatorError: for no such service, nothing to change, or a value that is not allowed.
    """
    if not changes and not bought_from:
        raise OperatorError("nothing to change was given")
    acts = [f"set {_shown(changes)}"] if changes else []
    with audited(actor, f"service {service_id}: {', '.join([*acts, *map(str, bought_from)])}"):
        services.get(service_id)
        found = _listings(bought_from, ask)
        with immediate():
            _put_sources(service_id, bought_from, found)
            if changes:
                services.update(service_id, **changes)


def _listings(
    bought_from: Sequence[SourceChange], ask: AskCatalogue | None
) -> dict[int, tuple[int, Listing]]:
    """The providers' services that are chosen, with their providers' numbers, by rank.

    :raises OperatorError: naming the field of the source that cannot be used.
    """
    catalogues: dict[int, list[Listing]] = {}
    found = {}
    for wanted in bought_from:
        if not wanted.provider:
            continue
        try:
            provider = registry.get(wanted.provider)
            if provider.id not in catalogues:
                assert ask is not None
                catalogues[provider.id] = ask(provider)
        except OperatorError as error:
            error.field = wanted.field
            raise
        same = [i for i in catalogues[provider.id] if i.service == wanted.provider_service]
        if not same:
            text = f"{wanted.provider} has no service {wanted.provider_service}"
            raise OperatorError(text, f"{wanted.field}_theirs")
        found[wanted.source_rank] = (provider.id, same[0])
    return found


def _put_sources(
    service_id: int,
    bought_from: Sequence[SourceChange],
    found: dict[int, tuple[int, Listing]],
) -> None:
    """Change a service's sources; inside immediate(). A second one goes before the first does."""
    for gone in sorted((w.source_rank for w in bought_from if not w.provider), reverse=True):
        sources.remove(service_id, gone)
    for rank, (provider_id, listing) in sorted(found.items()):
        try:
            sources.put(service_id, provider_id, listing, rank)
        except OperatorError as error:
            error.field = error.field or SourceChange(rank).field
            raise
    if found and sources.are_the_same(service_id):
        field = f"{SourceChange(max(found)).field}_theirs"
        raise OperatorError("the first and the second source are the same", field)


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
    if name == "description":
        return f"description {shorten(value, MAX_SHOWN, placeholder=' …')!r}"
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
    wanted = (SourceChange(source_rank, provider_name, provider_service),)
    with audited(actor, f"service {service_id}: {wanted[0]}"):
        services.get(service_id)
        found = _listings(wanted, ask)
        with immediate():
            _put_sources(service_id, wanted, found)
    return found[source_rank][1]


def remove_source(actor: Actor, service_id: int, source_rank: int = 1) -> None:
    """Buy a service there no longer: a second source takes the place of the first.

    A service without any is fulfilled by hand.

    :raises OperatorError: for no such service, or one that has no such source.
    """
    edit(actor, service_id, {}, (SourceChange(source_rank),))


def fix_rates(actor: Actor, service_ids: Collection[int]) -> None:
    """Let the rates of services stay as they are now, whatever their costs do.

    :raises OperatorError: for no services, or no such service.
    """
    numbers = ", ".join(map(str, service_ids))
    with audited(actor, f"services {numbers}: fixed rate"):
        import_services.fix_rates(service_ids)
