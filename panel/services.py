"""The catalogue of services: adding, editing and moving them."""

from collections.abc import Iterable
from typing import Any

from database.compiled_query import rows
from database.connection import database
from database.transactions import immediate
from models import Service, Source
from panel import money, submitted
from panel.errors import OperatorError
from panel.service_types import SERVICE_TYPES
from panel.submitted import Form

MAX_TEXT = 500
"""The most characters of a name or a category."""
MAX_DESCRIPTION = 10_000
MAX_QUANTITY = 10**9
MAX_RATE_MICROS = 10**12
MAX_SORT_ORDER = 10**9
NO_NUMBER = 10**18
"""No service has this number, or one above."""
"""The sort order of a service that was never moved: at the end of the catalogue."""

IN_ORDER = (Service.sort_order, Service.id)
"""The order of the catalogue."""


def add(**values: Any) -> int:
    """Add a service, as insert() does, in a transaction of its own."""
    with immediate():
        return insert(**values)


def insert(
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
    description: str = "",
    form_token: str = "",
) -> int:
    """Add a service; to be called inside immediate().

    :param rate_micros: per 1000, or per package.
    :param description: what customers read of it; lines may be broken.
    :param form_token: of the form that asks for it, which adds one however often it is sent.
    :returns: its number.
    :raises OperatorError: naming the value that is not allowed.
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
        "description": plain_description(description),
    }
    submitted.refuse_repeated(Form.SERVICE, form_token)
    _check(values)
    service_id: int = Service.create(**values).id
    submitted.remember(Form.SERVICE, form_token, service_id)
    return service_id


def of_numbers(service_ids: Iterable[int]) -> list[Service]:
    """The services of these numbers, in the order of their numbers."""
    return list(Service.select().where(Service.id.in_(list(service_ids))).order_by(Service.id))


def plain_description(text: str) -> str:
    """A description as it is kept: its lines end alike, and nothing stands around it."""
    return "\n".join(text.splitlines()).strip()


def edit(service_id: int, **changes: Any) -> None:
    """Change some fields of a service, as update() does, in a transaction of its own."""
    with immediate():
        update(service_id, **changes)


def update(service_id: int, **changes: Any) -> None:
    """Change some fields of a service; orders that exist keep what they were charged.

    A rate that is set here no longer follows the cost. To be called inside immediate().

    :raises OperatorError: for no such service, nothing to change, or a value that is not allowed.
    """
    if not changes:
        raise OperatorError("nothing to change was given")
    if "rate_micros" in changes:
        changes.setdefault("markup_ppm", None)
    if "active" in changes:
        changes.setdefault("inactive_because", "")
    if "description" in changes:
        changes["description"] = plain_description(changes["description"])
    service = get(service_id)
    _check({**service.__data__, **changes})
    check_not_given_away(service_id, changes.get("rate_micros"))
    Service.update(**changes).where(Service.id == service_id).execute()


def check_not_given_away(service_id: int, rate_micros: int | None) -> None:
    """Refuse a rate of 0 for a service that costs us something; None is no rate.

    :raises OperatorError: naming the service.
    """
    costs_something = (Source.service == service_id) & (Source.cost_micros > 0)
    if rate_micros == 0 and Source.select().where(costs_something).exists():
        raise OperatorError(
            f"service {service_id} costs something, and is not sold at 0", "rate_micros"
        )


def move(service_id: int, before: int | None = None) -> None:
    """Move a service within the catalogue; the others keep their order.

    :param before: the service that it is to stand before; None for the end.
    :raises OperatorError: for no such service.
    """
    with immediate():
        get(service_id)
        database.execute_sql(_NUMBER)
        sort_order = MAX_SORT_ORDER if before is None else get(before).sort_order - 1
        if before != service_id:
            Service.update(sort_order=sort_order).where(Service.id == service_id).execute()
            database.execute_sql(_NUMBER)


# In steps of ten, so that a position set by hand fits between two services.
_NUMBER = """
UPDATE services SET sort_order = numbered.sort_order
FROM (
    SELECT id, 10 * ROW_NUMBER() OVER (ORDER BY sort_order, id) AS sort_order FROM services
) AS numbered
WHERE numbered.id = services.id AND numbered.sort_order <> services.sort_order
"""


def get(service_id: int) -> Service:
    """The service of this number, active or not.

    :raises OperatorError: if there is none.
    """
    may_be = 0 < service_id < NO_NUMBER  # SQLite takes no larger one
    service = Service.get_or_none(Service.id == service_id) if may_be else None
    if service is None:
        raise OperatorError(f"there is no service {service_id}")
    return service


def listing() -> list[Service]:
    """All services, active or not, in the catalogue's order."""
    return list(Service.select().order_by(*IN_ORDER))


def descriptions() -> dict[int, str]:
    """What customers read of the services that have a description, by number."""
    query = Service.select(Service.id, Service.description).where(Service.description != "")
    return dict(rows(query.tuples()))


def _check(values: dict[str, Any]) -> None:
    """Refuse values that a service cannot have.

    :raises OperatorError: naming the first one.
    """
    for field in ("name", "category"):
        text = values[field]
        if not text.strip() or len(text) > MAX_TEXT or not text.isprintable():
            raise OperatorError(f"the {field} must be 1 to {MAX_TEXT} printable characters", field)
    _check_type(values)
    _check_description(values["description"])
    if not 0 <= values["rate_micros"] <= MAX_RATE_MICROS:
        raise OperatorError(
            f"the rate must be from 0 to {MAX_RATE_MICROS // money.MICROS}", "rate_micros"
        )
    if not 1 <= values["min"] <= values["max"] <= MAX_QUANTITY:
        at_fault = "max" if values["min"] >= 1 else "min"
        raise OperatorError(f"min must be 1 or more, and max from min to {MAX_QUANTITY}", at_fault)
    if not 0 <= values.get("sort_order", 0) <= MAX_SORT_ORDER:
        raise OperatorError(f"the position must be from 0 to {MAX_SORT_ORDER}", "sort_order")


def _check_description(text: str) -> None:
    if len(text) > MAX_DESCRIPTION:
        raise OperatorError(
            f"the description must be at most {MAX_DESCRIPTION} characters", "description"
        )
    if not text.replace("\n", "").replace("\t", "").isprintable():
        raise OperatorError("the description must be printable characters", "description")


def _check_type(values: dict[str, Any]) -> None:
    """Refuse an unknown type, and what services of a type cannot offer."""
    name = values["type"]
    if name not in SERVICE_TYPES:
        raise OperatorError(
            f"there is no type {name!r}; there are: {', '.join(SERVICE_TYPES)}", "type"
        )
    if values["dripfeed"] and not SERVICE_TYPES[name].dripfeed:
        raise OperatorError(f"services of type {name} have no drip-feed", "dripfeed")
    if values["one_per_link"] and "link" not in SERVICE_TYPES[name].parameters:
        raise OperatorError(f"services of type {name} have no link", "one_per_link")
