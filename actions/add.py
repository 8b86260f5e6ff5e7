"""action=add: place an order."""

import hashlib
import json

from actions.parameters import DETAILS, SERVICE, Texts, read, read_sent
from panel import pricing, service_types
from panel.accounts import Caller
from panel.errors import INCORRECT_REQUEST, INCORRECT_SERVICE_ID, RequestRejected, incorrect
from panel.orders.place import OrderRequest, Retry, place_order, placed_before
from panel.pricing import Offer
from panel.service_types import ServiceType

DRIPFEED = ("runs", "interval")
IDEMPOTENCY_KEY = "idempotency_key"
MAX_IDEMPOTENCY_KEY = 255


def run(caller: Caller, texts: Texts) -> int:
    """Place the order and give its number.

    Parameters are judged before existence (contract: Errors), so a service that does not
    exist is judged like one of type Default.
    """
    retry = _retry(texts)
    if retry is not None and (order_id := placed_before(caller.id, retry)):
        return order_id
    service_id = read(texts, [SERVICE])["service"]
    offer = pricing.find_offer(caller, service_id)
    wanted = _wanted(service_types.SERVICE_TYPES[offer.type if offer else "Default"], offer, texts)
    if offer is None:
        raise RequestRejected(INCORRECT_SERVICE_ID)
    return place_order(caller.id, offer, wanted, retry)


def _retry(texts: Texts) -> Retry | None:
    """The request's idempotency key, with a hash of what it asks for."""
    key = texts.get(IDEMPOTENCY_KEY)
    if not key:
        return None
    if len(key) > MAX_IDEMPOTENCY_KEY or not (key.isascii() and key.isprintable()):
        raise RequestRejected(incorrect(IDEMPOTENCY_KEY))
    asked = {n: texts[n] for n in sorted(texts) if texts[n] and (n in DETAILS or n == "service")}
    digest = hashlib.sha256(json.dumps(asked).encode()).digest()
    return Retry(key, digest)


def _wanted(type: ServiceType, offer: Offer | None, texts: Texts) -> OrderRequest:
    """What the customer wants of a service of this type.

    :raises Refused: for what is missing or wrong.
    """
    values = read(texts, [DETAILS[name] for name in type.parameters])
    needed = [name for given, value, name in type.needed_with if values.get(given) == value]
    values |= read(texts, [DETAILS[name] for name in needed])
    values |= read_sent(texts, [DETAILS[name] for name in type.optional])
    drip = {}
    if type.dripfeed and offer is not None and offer.dripfeed:
        drip = read_sent(texts, [DETAILS[name] for name in DRIPFEED])
        if len(drip) == 1:
            raise RequestRejected(INCORRECT_REQUEST)
    return OrderRequest(
        link=values.pop("link", ""),
        quantity=values.pop("quantity", None),
        details=values,
        runs=drip.get("runs"),
        interval=drip.get("interval"),
    )
