"""action=add: place an order."""

from actions.params import LINK, QUANTITY, SERVICE, Texts, read
from panel import orders, services
from panel.accounts import Caller
from panel.errors import INCORRECT_SERVICE_ID, Refused

PARAMETERS = {parameter.name: parameter for parameter in (LINK, QUANTITY)}
"""What the types of panel.services.TYPES can ask for, by name."""


def run(caller: Caller, texts: Texts) -> int:
    """Place the order and give its number.

    Parameters are judged before existence (contract: Errors), so a service that does not
    exist is judged like one of type Default.
    """
    service_id = read(texts, [SERVICE])["service"]
    offer = services.find(caller, service_id)
    needed = services.TYPES[offer.type if offer else "Default"].parameters
    values = read(texts, [PARAMETERS[name] for name in needed])
    if offer is None:
        raise Refused(INCORRECT_SERVICE_ID)
    return orders.place(caller.id, offer, values["link"], values.get("quantity"))
