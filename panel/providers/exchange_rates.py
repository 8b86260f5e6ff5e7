"""What an operator says of a provider's currency, and what becomes of the costs there."""

from database.clock import now
from database.transactions import immediate
from models import Provider, Source
from panel import services
from panel.errors import OperatorError
from panel.money import ONE_PPT, format_exact, rescaled
from panel.providers import currency as currencies
from panel.providers import pending, registry, rises
from panel.providers.changes import CatalogueChange
from panel.providers.currency import SANDBOX_URL
from panel.providers.follow import as_changes, follow, waiting_of
from panel.providers.pending import Pending, PendingKind
from panel.providers.policy import SyncPolicy


def set_exchange(
    name: str, ratio_ppt: int, ours: str, policy: SyncPolicy, currency: str = ""
) -> list[CatalogueChange]:
    """Say what a provider's currency is worth in ours, from now on.

    The costs there are converted anew, rounded up, and rates with a markup follow. Where the
    provider changed its currency, the costs stay until its prices are read in the new one.

    :param ratio_ppt: units of ours for one of theirs, in parts per trillion.
    :param currency: theirs, where the provider does not name it; "" for the one that is known.
    :returns: a change for each value that changed.
    :raises OperatorError: for no such provider, a currency that is not known or not the one that
        the provider names, or a rate that cannot be.
    """
    with immediate():
        provider = _priced_provider(name)
        changed = pending.find(provider.id, PendingKind.CURRENCY)
        theirs = currency or (changed.after if changed else provider.currency)
        _check_named(provider, theirs, ours, changed)
        if theirs == ours and ratio_ppt != ONE_PPT:
            raise OperatorError(f"the prices of {name} are in {ours} like ours: their rate is 1")
        is_other = _is_other(provider, theirs, changed)
        before_ppt = currencies.exchange(provider, ours).ratio() or ONE_PPT
        _write(provider, theirs, None if theirs == ours else ratio_ppt)
        if is_other:
            _await_prices(provider.id, theirs)
        pending.remove(provider.id, (PendingKind.CURRENCY,))
        return [] if is_other else _rescale(provider, before_ppt, ratio_ppt, policy)


def set_currency(name: str, currency: str, ours: str) -> None:
    """Say in which currency a provider's prices are, or confirm that it changed to ours.

    :raises OperatorError: for no such provider, another currency than the one that the provider
        names, or a change to one that needs a rate of exchange.
    """
    with immediate():
        provider = _priced_provider(name)
        changed = pending.find(provider.id, PendingKind.CURRENCY)
        _check_named(provider, currency, ours, changed)
        if _is_other(provider, currency, changed) and currency != ours:
            raise OperatorError(
                f"{currencies.what_to_do(name, currency, ours)} --currency {currency}"
            )
        if _is_other(provider, currency, changed):
            _await_prices(provider.id, currency)
        if currency == ours:
            _write(provider, currency, None)
        else:
            Provider.update(currency=currency).where(Provider.id == provider.id).execute()
        currencies.judge(Provider.get_by_id(provider.id), currency, ours)


def _priced_provider(name: str) -> Provider:
    provider = registry.get(name)
    if provider.url == SANDBOX_URL:
        raise OperatorError(f"the prices of {name} are in our currency, whichever that is")
    return provider


def _check_named(provider: Provider, currency: str, ours: str, changed: Pending | None) -> None:
    """Refuse another currency than the one that the provider names: it would name it again.

    :raises OperatorError: naming both, and what works.
    """
    name = provider.name
    if not currency:
        raise OperatorError(f"{name} does not name its currency: say which with --currency CODE")
    named = changed.after if changed and changed.before else currencies.last_named(provider)
    if named and named != currency:
        todo = currencies.what_to_do(name, named, ours)
        raise OperatorError(
            f"{name} says that its prices are in {named}, not in {currency}: {todo}"
        )


def _is_other(provider: Provider, currency: str, changed: Pending | None) -> bool:
    """Whether the present costs came from prices in another currency."""
    if changed is not None:
        return bool(changed.before)
    return provider.currency not in ("", currency)


def _await_prices(provider_id: int, currency: str) -> None:
    """Sell nothing from there until the prices are read in their new currency."""
    if pending.is_anything_bought(provider_id):
        pending.add(provider_id, PendingKind.PRICES, "", currency)


def _write(provider: Provider, currency: str, ratio_ppt: int | None) -> None:
    Provider.update(
        currency=currency,
        exchange_ppt=ratio_ppt,
        exchange_at=None if ratio_ppt is None else now(),
        sync_wanted=True,
    ).where(Provider.id == provider.id).execute()


def _rescale(
    provider: Provider, before_ppt: int, after_ppt: int, policy: SyncPolicy
) -> list[CatalogueChange]:
    """Bring the costs at a provider from one rate of exchange to another."""
    pending.rescale(provider.id, before_ppt, after_ppt)
    rises.forget(provider.id)
    waiting = waiting_of(pending.of_sources(provider.id))
    changes = []
    query = Source.select().where(Source.provider == provider.id)
    for source in list(query.order_by(Source.service, Source.source_rank)):
        cost_micros = rescaled(source.cost_micros, before_ppt, after_ppt)
        if cost_micros > services.MAX_RATE_MICROS:
            raise OperatorError(
                f"service {source.service_id} would cost {format_exact(cost_micros)}: "
                "the rate of exchange is too high"
            )
        service = services.get(source.service_id)
        known = waiting.get(source.id, {})
        findings = follow(service, source, cost_micros, {}, policy, known)
        changes += as_changes(source, findings)
    return changes
