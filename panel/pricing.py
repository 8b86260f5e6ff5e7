"""What each account pays for each service."""

from typing import Any, NamedTuple

from peewee import JOIN, fn

from database.compiled_query import CompiledQuery, param, rows
from database.transactions import immediate
from models import Account, AccountRate, Service, Source
from panel import money
from panel.accounts import Caller
from panel.errors import OperatorError
from panel.service_types import SERVICE_TYPES
from panel.services import IN_ORDER, MAX_RATE_MICROS, check_not_given_away, get, listing


class Offer(NamedTuple):
    """A service as one account sees it: the rate is what that account pays.

    The flags are 0 or 1; `provider_id` is the provider it is bought from, if it is.
    """

    id: int
    name: str
    category: str
    type: str
    rate_micros: int
    min: int
    max: int
    refill: int
    cancel: int
    dripfeed: int
    one_per_link: int
    provider_id: int | None


_OFFER = (
    Service.id,
    Service.name,
    Service.category,
    Service.type,
    Service.rate_micros,
    Service.min,
    Service.max,
    Service.refill,
    Service.cancel,
    Service.dripfeed,
    Service.one_per_link,
    Source.provider,
    AccountRate.rate_micros,
)


def _offer_query() -> Any:
    own_rate = (AccountRate.service == Service.id) & (AccountRate.account == param("account_id"))
    first_source = (Source.service == Service.id) & (Source.source_rank == 1)
    return (
        Service.select(*_OFFER)
        .join(AccountRate, JOIN.LEFT_OUTER, on=own_rate)
        .join_from(Service, Source, JOIN.LEFT_OUTER, on=first_source)
    )


_ANYBODY = Caller(
    id=0,
    status="",
    balance_micros=0,
    discount_ppm=0,
    dialect=None,
    catalogue_version=0,
    has_own_rates=False,
)
"""No account has this number, hence no rates of its own."""


_ON_SALE = Service.active & (Service.held == 0)

_FIND = CompiledQuery(lambda: _offer_query().where(Service.id == param("id"), _ON_SALE))


_PRICE = CompiledQuery(lambda: _offer_query().where(Service.id == param("id")))


_ALL = CompiledQuery(lambda: _offer_query().where(_ON_SALE).order_by(*IN_ORDER))


_COST = CompiledQuery(
    lambda: Source.select(fn.MAX(Source.cost_micros)).where(
        Source.service == param("service_id"), Source.source_rank.in_((1, 2))
    )
)


def find_offer(caller: Caller, service_id: int | None) -> Offer | None:
    """The service of this number at this account's rate, or None where it is not sold.

    One that costs us something is not sold at 0.
    """
    if service_id is None:
        return None
    row = _FIND.row(id=service_id, account_id=caller.id)
    offer = _offer(caller, row) if row else None
    return None if offer is None or _is_given_away(offer) else offer


def _is_given_away(offer: Offer) -> bool:
    """Whether a service is free at this rate, though it costs us something."""
    if offer.rate_micros:
        return False
    (cost_micros,) = _COST.row(service_id=offer.id)
    return bool(cost_micros)


def offer_for(caller: Caller, service_id: int) -> Offer:
    """A service at this account's rate, active or not: for what was ordered before.

    :raises OperatorError: if there is no such service.
    """
    row = _PRICE.row(id=service_id, account_id=caller.id)
    if row is None:
        raise OperatorError(f"there is no service {service_id}")
    return _offer(caller, row)


def offers(caller: Caller) -> list[Offer]:
    """All services that are sold, at this account's rates, in the catalogue's order."""
    found = [_offer(caller, row) for row in _ALL.run(account_id=caller.id)]
    return [offer for offer in found if not _is_given_away(offer)]


def public() -> list[Offer]:
    """All active services at the catalogue's own rates, as anybody may see them."""
    return offers(_ANYBODY)


def version(caller: Caller) -> tuple[int, int] | None:
    """What offers() depends on, whoever asks: while this stays the same, so do they.

    :returns: None for an account with rates of its own, whose offers are only its own.
    """
    return None if caller.has_own_rates else (caller.catalogue_version, caller.discount_ppm)


def _offer(caller: Caller, row: tuple[Any, ...]) -> Offer:
    """The account's own rate where it has one, else the rate less its discount."""
    *fields, own_rate = row
    offer = Offer(*fields)
    if own_rate is not None:
        return offer._replace(rate_micros=own_rate)
    if caller.discount_ppm:
        return offer._replace(rate_micros=money.less(offer.rate_micros, caller.discount_ppm))
    return offer


def charge(offer: Offer, quantity: int) -> int:
    """What ordering this quantity costs, in micros."""
    if SERVICE_TYPES[offer.type].charged == "package":
        return offer.rate_micros
    return money.charge(offer.rate_micros, quantity)


def set_account_rate(account_id: int, service_id: int, rate_micros: int | None) -> None:
    """Give an account its own rate for a service, or with None take it away.

    :raises OperatorError: for no such service, or a rate that cannot be.
    """
    if rate_micros is not None and not 0 <= rate_micros <= MAX_RATE_MICROS:
        raise OperatorError(f"the rate must be from 0 to {MAX_RATE_MICROS // money.MICROS}")
    with immediate():
        get(service_id)
        check_not_given_away(service_id, rate_micros)
        if rate_micros is None:
            AccountRate.delete().where(
                AccountRate.account == account_id, AccountRate.service == service_id
            ).execute()
        else:
            AccountRate.replace(
                account=account_id, service=service_id, rate_micros=rate_micros
            ).execute()


def account_rates(account_id: int) -> dict[int, int]:
    """An account's own rates in micros, by service."""
    query = AccountRate.select(AccountRate.service, AccountRate.rate_micros)
    return dict(rows(query.where(AccountRate.account == account_id).tuples()))


def rates_for(account: Account) -> dict[int, int]:
    """What an account pays for every service, active or not, in micros, by service."""
    rates = {
        service.id: money.less(service.rate_micros, account.discount_ppm) for service in listing()
    }
    return {**rates, **account_rates(account.id)}
