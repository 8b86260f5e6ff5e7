"""The catalogue of services, and the table of service types."""

from typing import Any, NamedTuple

from peewee import JOIN

from models import (
    Account,
    AccountRate,
    Service,
    Source,
    Statement,
    database,
    immediate,
    rows,
    slot,
)
from panel import money
from panel.accounts import Caller
from panel.errors import Invalid

MAX_QUANTITY = 10**9
MAX_RATE_MICROS = 10**12
MAX_POSITION = 10**9
"""Where a new service stands: at the end."""


class ServiceType(NamedTuple):
    """What `add` needs for a type of service beside its number, and what it charges.

    parameters: the names of what must be sent, in the order of judging.
    charged: "quantity" per 1000; "package", at the service's rate; "posts", each as it comes;
        or the name of the parameter whose lines are counted, per 1000.
    optional: what may be sent.
    needed_with: what else must be sent where a parameter has a certain value.
    dripfeed: whether services of this type can offer drip-feed.
    """

    parameters: tuple[str, ...]
    charged: str = "quantity"
    optional: tuple[str, ...] = ()
    needed_with: tuple[tuple[str, int, str], ...] = ()
    dripfeed: bool = False


TYPES = {
    "Default": ServiceType(("link", "quantity"), dripfeed=True),
    "SEO": ServiceType(("link", "quantity", "keywords")),
    "Package": ServiceType(("link",), "package"),
    "Custom Comments": ServiceType(("link", "comments"), "comments"),
    "Custom Comments Package": ServiceType(("link", "comments"), "package"),
    "Comment Replies": ServiceType(("link", "username", "comments"), "comments"),
    "Comment Likes": ServiceType(("link", "quantity", "username")),
    "Mentions": ServiceType(("link", "quantity", "usernames")),
    "Mentions with Hashtags": ServiceType(("link", "quantity", "usernames", "hashtags")),
    "Mentions Custom List": ServiceType(("link", "usernames"), "usernames"),
    "Mentions Hashtag": ServiceType(("link", "quantity", "hashtag")),
    "Mentions User Followers": ServiceType(("link", "quantity", "username")),
    "Mentions Media Likers": ServiceType(("link", "quantity", "media")),
    "Poll": ServiceType(("link", "quantity", "answer_number")),
    "Invites from Groups": ServiceType(("link", "quantity", "groups")),
    "Web Traffic": ServiceType(
        ("link", "quantity", "country", "device", "type_of_traffic"),
        needed_with=(
            ("type_of_traffic", 1, "google_keyword"),
            ("type_of_traffic", 2, "referring_url"),
        ),
        dripfeed=True,
    ),
    "Subscriptions": ServiceType(
        ("username", "min", "max", "delay"), "posts", optional=("posts", "old_posts", "expiry")
    ),
}
"""The types that can be sold (contract: Service types). A further one is a further entry."""


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
    own_rate = (AccountRate.service == Service.id) & (AccountRate.account == slot("account_id"))
    first_source = (Source.service == Service.id) & (Source.position == 1)
    return (
        Service.select(*_OFFER)
        .join(AccountRate, JOIN.LEFT_OUTER, on=own_rate)
        .join_from(Service, Source, JOIN.LEFT_OUTER, on=first_source)
    )


IN_ORDER = (Service.position, Service.id)
"""How the catalogue stands."""

_ANYBODY = Caller(
    id=0,
    status="",
    balance_micros=0,
    discount_micros=0,
    dialect=None,
    catalogue_version=0,
    has_own_rates=False,
)
"""No account has this number, hence no rates of its own."""

_FIND = Statement(lambda: _offer_query().where(Service.id == slot("id"), Service.active))
_PRICE = Statement(lambda: _offer_query().where(Service.id == slot("id")))
_ALL = Statement(lambda: _offer_query().where(Service.active).order_by(*IN_ORDER))


def find(caller: Caller, service_id: int | None) -> Offer | None:
    """The active service of this number at this account's rate, or None."""
    if service_id is None:
        return None
    row = _FIND.row(id=service_id, account_id=caller.id)
    return _offer(caller, row) if row else None


def price(caller: Caller, service_id: int) -> Offer:
    """A service at this account's rate, active or not: for what was ordered before.

    :raises Invalid: if there is no such service.
    """
    row = _PRICE.row(id=service_id, account_id=caller.id)
    if row is None:
        raise Invalid(f"there is no service {service_id}")
    return _offer(caller, row)


def offers(caller: Caller) -> list[Offer]:
    """All active services at this account's rates, in the catalogue's order."""
    return [_offer(caller, row) for row in _ALL.run(account_id=caller.id)]


def public() -> list[Offer]:
    """All active services at the catalogue's own rates, as anybody may see them."""
    return offers(_ANYBODY)


def version(caller: Caller) -> tuple[int, int] | None:
    """What offers() depends on, whoever asks: while this stays the same, so do they.

    :returns: None for an account with rates of its own, whose offers are only its own.
    """
    return None if caller.has_own_rates else (caller.catalogue_version, caller.discount_micros)


def _offer(caller: Caller, row: tuple[Any, ...]) -> Offer:
    """The account's own rate where it has one, else the rate less its discount."""
    *fields, own_rate = row
    offer = Offer(*fields)
    if own_rate is not None:
        return offer._replace(rate_micros=own_rate)
    if caller.discount_micros:
        return offer._replace(rate_micros=money.less(offer.rate_micros, caller.discount_micros))
    return offer


def charge(offer: Offer, quantity: int) -> int:
    """What ordering this quantity costs, in micros."""
    if TYPES[offer.type].charged == "package":
        return offer.rate_micros
    return money.charge(offer.rate_micros, quantity)


def takes_quantity(type: str) -> bool:
    """Whether orders of a type say a quantity."""
    return TYPES[type].charged == "quantity"


def add(
    *,
    name: str,
    category: str,
    rate_micros: int,
    min: int,
    max: int,
    type: str = "Default",
    refill: bool = False,
    cancel: bool = False,
    dripfeed: bool = False,
    one_per_link: bool = False,
) -> int:
    """Add a service.

    :param rate_micros: per 1000, or per package.
    :returns: its number.
    :raises Invalid: naming the field that cannot be.
    """
    values = {
        "name": name,
        "category": category,
        "type": type,
        "rate_micros": rate_micros,
        "min": min,
        "max": max,
        "refill": refill,
        "cancel": cancel,
        "dripfeed": dripfeed,
        "one_per_link": one_per_link,
    }
    _check(values)
    with immediate():
        return Service.create(**values).id


def edit(service_id: int, **changes: Any) -> None:
    """Change some fields of a service; orders that exist keep what they were charged.

    A rate that is set here no longer follows the cost.

    :raises Invalid: for no such service, nothing to change, or a field that cannot be.
    """
    if not changes:
        raise Invalid("nothing to change was given")
    if "rate_micros" in changes:
        changes.setdefault("markup_micros", None)
    if "active" in changes:
        changes.setdefault("inactive_because", "")
    with immediate():
        service = get(service_id)
        _check({**service.__data__, **changes})
        Service.update(**changes).where(Service.id == service_id).execute()


def move(service_id: int, before: int | None = None) -> None:
    """Move a service within the catalogue; the others keep their order.

    :param before: the service that it is to stand before; None for the end.
    :raises Invalid: for no such service.
    """
    with immediate():
        get(service_id)
        database.execute_sql(_NUMBER)
        position = MAX_POSITION if before is None else get(before).position - 1
        if before != service_id:
            Service.update(position=position).where(Service.id == service_id).execute()
            database.execute_sql(_NUMBER)


# Tens, so that a number set by hand finds room between two services.
_NUMBER = """
UPDATE services SET position = numbered.position
FROM (
    SELECT id, 10 * ROW_NUMBER() OVER (ORDER BY position, id) AS position FROM services
) AS numbered
WHERE numbered.id = services.id AND numbered.position <> services.position
"""


def set_account_rate(account_id: int, service_id: int, rate_micros: int | None) -> None:
    """Give an account its own rate for a service, or with None take it away.

    :raises Invalid: for no such service, or a rate that cannot be.
    """
    if rate_micros is not None and not 0 <= rate_micros <= MAX_RATE_MICROS:
        raise Invalid(f"the rate must be from 0 to {MAX_RATE_MICROS // money.MICROS}")
    with immediate():
        get(service_id)
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
        service.id: money.less(service.rate_micros, account.discount_micros)
        for service in listing()
    }
    return {**rates, **account_rates(account.id)}


def get(service_id: int) -> Service:
    """The service of this number, active or not.

    :raises Invalid: if there is none.
    """
    service = Service.get_or_none(Service.id == service_id)
    if service is None:
        raise Invalid(f"there is no service {service_id}")
    return service


def listing() -> list[Service]:
    """All services, active or not, in the catalogue's order."""
    return list(Service.select().order_by(*IN_ORDER))


def _check(values: dict[str, Any]) -> None:
    for field in ("name", "category"):
        text = values[field]
        if not text.strip() or len(text) > 500 or not text.isprintable():
            raise Invalid(f"the {field} must be 1 to 500 printable characters")
    if values["type"] not in TYPES:
        raise Invalid(f"there is no type {values['type']!r}; there are: {', '.join(TYPES)}")
    if values["dripfeed"] and not TYPES[values["type"]].dripfeed:
        raise Invalid(f"services of type {values['type']} have no drip-feed")
    if values["one_per_link"] and "link" not in TYPES[values["type"]].parameters:
        raise Invalid(f"services of type {values['type']} have no link")
    if not 0 <= values["rate_micros"] <= MAX_RATE_MICROS:
        raise Invalid(f"the rate must be from 0 to {MAX_RATE_MICROS // money.MICROS}")
    if not 1 <= values["min"] <= values["max"] <= MAX_QUANTITY:
        raise Invalid(f"min and max must be 1 <= min <= max <= {MAX_QUANTITY}")
    if not 0 <= values.get("position", 0) <= MAX_POSITION:
        raise Invalid(f"the position must be from 0 to {MAX_POSITION}")
