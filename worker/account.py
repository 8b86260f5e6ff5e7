"""Our account at a provider and its catalogue, as they are read once in a while."""

import logging

from database.transactions import immediate
from models import Provider as ProviderRow
from panel.errors import OperatorError
from panel.orders import dispatch
from panel.providers import currency, price_sync, registry
from panel.providers.changes import describe
from panel.providers.policy import SyncPolicy
from upstream import vocabulary
from upstream.provider import ProviderRejected
from worker.contact import Contact

log = logging.getLogger("panel.worker")


def read_account(contact: Contact, name: str, ours: str) -> None:
    """Record what is left there; where it has risen, send what waited for that.

    :param name: what the log calls the provider.
    """
    if not contact.wait():
        return
    risen = registry.record_account(contact.provider_id, contact.provider.account(), ours)
    if risen and (released := dispatch.release_for_funds(contact.provider_id)):
        log.info("%s: funds have risen; orders that waited for them: %d", name, released)


def sync_prices(contact: Contact, row: ProviderRow, ours: str, policy: SyncPolicy) -> None:
    """Follow the provider's prices, if they can be converted into our currency.

    Where the currency or its rate of exchange is another one by now, the next lane does it.

    :param row: as it was when the provider was connected to.
    """
    _want(row.id, False)
    try:
        _read_currency(contact, row.name, ours)
        known = currency.require(row.id, ours)
        if (known.currency, known.exchange_ppt) != (row.currency, row.exchange_ppt):
            _want(row.id, True)
            return
        if not contact.wait():
            return
        changes = price_sync.sync_prices(row.id, contact.provider.services(), policy)
    except OperatorError as error:
        log.warning("%s: %s", row.name, error)
        return
    except Exception:
        _want(row.id, True)
        raise
    for change in changes:
        log.info("%s: service %s: %s", row.name, change.service_id, describe(change))


def _read_currency(contact: Contact, name: str, ours: str) -> None:
    """Have the account read before the prices; some providers tell no balance."""
    try:
        read_account(contact, name, ours)
    except ProviderRejected as error:
        if vocabulary.is_temporary(str(error)):
            raise
        log.warning("%s: it tells no balance: %s", name, error)


def _want(provider_id: int, wanted: bool) -> None:
    with immediate():
        registry.want_sync(provider_id, wanted)
