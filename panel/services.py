"""The catalogue of services, and the table of service types."""

from typing import Any, NamedTuple

from models import Service, Statement, immediate, slot
from panel import money
from panel.errors import Invalid

MAX_QUANTITY = 10**9
MAX_RATE_MICROS = 10**12


class ServiceType(NamedTuple):
    """What `add` needs for a type of service beside its number, and what it charges.

    parameters: the names of what must be sent, in the order of judging.
    package: one package is charged, at the service's rate; otherwise the quantity, per 1000.
    """

    parameters: tuple[str, ...]
    package: bool = False


TYPES = {
    "Default": ServiceType(("link", "quantity")),
    "Package": ServiceType(("link",), package=True),
}
"""The types that can be sold (contract: Service types). A further one is a further entry."""


class Offer(NamedTuple):
    """A service as a customer sees it; the flags are 0 or 1."""

    id: int
    name: str
    category: str
    type: str
    rate_micros: int
    min: int
    max: int
    refill: int
    cancel: int


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
)
_FIND = Statement(lambda: Service.select(*_OFFER).where(Service.id == slot("id"), Service.active))
_ALL = Statement(lambda: Service.select(*_OFFER).where(Service.active).order_by(Service.id))


def find(service_id: int | None) -> Offer | None:
    """The active service of this number, or None."""
    row = _FIND.row(id=service_id) if service_id is not None else None
    return Offer(*row) if row else None


def offers() -> list[Offer]:
    """All active services, by number."""
    return [Offer(*row) for row in _ALL.run()]


def charge(offer: Offer, quantity: int) -> int:
    """What ordering this quantity costs, in micros."""
    if TYPES[offer.type].package:
        return offer.rate_micros
    return money.charge(offer.rate_micros, quantity)


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
    }
    _check(values)
    with immediate():
        return Service.create(**values).id


def edit(service_id: int, **changes: Any) -> None:
    """Change some fields of a service; orders that exist keep what they were charged.

    :raises Invalid: for no such service, nothing to change, or a field that cannot be.
    """
    if not changes:
        raise Invalid("nothing to change was given")
    with immediate():
        service = get(service_id)
        _check({**service.__data__, **changes})
        Service.update(**changes).where(Service.id == service_id).execute()


def get(service_id: int) -> Service:
    """The service of this number, active or not.

    :raises Invalid: if there is none.
    """
    service = Service.get_or_none(Service.id == service_id)
    if service is None:
        raise Invalid(f"there is no service {service_id}")
    return service


def listing() -> list[Service]:
    """All services, active or not, by number."""
    return list(Service.select().order_by(Service.id))


def _check(values: dict[str, Any]) -> None:
    for field in ("name", "category"):
        text = values[field]
        if not text.strip() or len(text) > 500 or not text.isprintable():
            raise Invalid(f"the {field} must be 1 to 500 printable characters")
    if values["type"] not in TYPES:
        raise Invalid(f"there is no type {values['type']!r}; there are: {', '.join(TYPES)}")
    if not 0 <= values["rate_micros"] <= MAX_RATE_MICROS:
        raise Invalid(f"the rate must be from 0 to {MAX_RATE_MICROS // money.MICROS}")
    if not 1 <= values["min"] <= values["max"] <= MAX_QUANTITY:
        raise Invalid(f"min and max must be 1 <= min <= max <= {MAX_QUANTITY}")
