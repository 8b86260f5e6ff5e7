"""action=add: place an order."""

import hashlib
import json
from typing import Any

from actions.parameters import (
    NOTHING,
    SERVICE,
    WHOLE,
    Parameter,
    Texts,
    parse_expiry,
    parse_line,
    parse_lines,
    parse_link,
    parse_quantity,
    read_optional,
    read_required,
    whole_number,
)
from panel import pricing, service_types
from panel.accounts import Caller
from panel.errors import INCORRECT_REQUEST, INCORRECT_SERVICE_ID, RequestRejected, incorrect
from panel.orders.place import OrderRequest, Placed, Retry, place_once, place_order, placed_before
from panel.pricing import Offer
from panel.service_types import ServiceType

IDEMPOTENCY_KEY = "idempotency_key"
MAX_IDEMPOTENCY_KEY = 255

DRIPFEED = ("runs", "interval")
LINK_ALIAS = "url"
"""What some clients call the link."""

_MINUTES_IN_A_YEAR = 366 * 24 * 60
_MINUTES = whole_number(1, _MINUTES_IN_A_YEAR)
_DELAY = whole_number(0, _MINUTES_IN_A_YEAR)
_PER_POST = whole_number(0, 10**10 - 1)

DETAILS = {
    parameter.name: parameter
    for parameter in (
        Parameter(
            "link", parse_link, "Where to deliver: at most 2048 characters.", "https://t.me/x"
        ),
        Parameter(
            "quantity", parse_quantity, "How many, within the service's range.", "500", WHOLE
        ),
        Parameter(
            "runs",
            whole_number(1, 10_000),
            "Drip-feed: how often to deliver the quantity.",
            "3",
            WHOLE,
        ),
        Parameter("interval", _MINUTES, "Drip-feed: minutes between two runs.", "60", WHOLE),
        Parameter("keywords", parse_lines, "Keywords, one a line.", "first\nsecond"),
        Parameter("comments", parse_lines, "Comments, one a line.", "Great!\nLovely"),
        Parameter("username", parse_line, "A user name, or the address of a profile.", "somebody"),
        Parameter("usernames", parse_lines, "User names, one a line.", "first\nsecond"),
        Parameter("hashtags", parse_lines, "Hashtags, one a line.", "first\nsecond"),
        Parameter("hashtag", parse_line, "One hashtag.", "first"),
        Parameter("media", parse_line, "The address of a post.", "https://t.me/x/1"),
        Parameter("answer_number", whole_number(1, 1000), "Which answer of the poll.", "2", WHOLE),
        Parameter("groups", parse_lines, "Groups, one a line.", "first\nsecond"),
        Parameter("country", parse_line, "Where the visitors come from.", "US"),
        Parameter(
            "device", whole_number(1, 5), "1 to 5: which devices the visitors use.", "1", WHOLE
        ),
        Parameter(
            "type_of_traffic",
            whole_number(1, 3),
            "1 from a keyword, 2 from a referrer, 3 blank.",
            "1",
            WHOLE,
        ),
        Parameter("google_keyword", parse_line, "The keyword, for type_of_traffic 1.", "panel"),
        Parameter(
            "referring_url",
            parse_line,
            "The referrer, for type_of_traffic 2.",
            "https://example.com/",
        ),
        Parameter("min", _PER_POST, "The smallest quantity for a post.", "100", WHOLE),
        Parameter("max", _PER_POST, "The largest quantity for a post.", "200", WHOLE),
        Parameter("delay", _DELAY, "Minutes to wait after a post.", "5", WHOLE),
        Parameter(
            "posts",
            whole_number(0, 10**6),
            "How many future posts; without it, all. 0 with old_posts: none.",
            "10",
            WHOLE,
        ),
        Parameter(
            "old_posts", whole_number(0, 10**6), "How many posts that exist already.", "5", WHOLE
        ),
        Parameter("expiry", parse_expiry, "The last day, as d/m/Y.", "31/12/2099"),
    )
}
"""Everything that a type of service may ask for, by name (panel.service_types says which)."""

PARAMETERS = (SERVICE, *DETAILS.values())


def run(caller: Caller, texts: Texts) -> Placed:
    """Place the order; a request that repeats another is given the order of that one.

    Parameters are checked before existence (contract: Errors), so those of a service that does
    not exist are checked as for one of type Default.

    :raises RequestRejected: for parameters that are missing or wrong, for no such service, and
        as place_order() does.
    """
    if texts.get(LINK_ALIAS) and texts.get("link", "").lower() in ("", *NOTHING):
        texts = {**texts, "link": texts[LINK_ALIAS]}
    retry = _read_retry(texts)
    if retry is not None and (order_id := placed_before(caller.id, retry)):
        return Placed(order_id, is_repeated=True)
    service_id = read_required(texts, [SERVICE])["service"]
    offer = pricing.find_offer(caller, service_id)
    service_type = service_types.SERVICE_TYPES[offer.type if offer else "Default"]
    order_request = _read_order_request(service_type, offer, texts)
    if offer is None:
        raise RequestRejected(INCORRECT_SERVICE_ID)
    if retry is None:
        return Placed(place_order(caller.id, offer, order_request, caller.request_id))
    return place_once(caller.id, offer, order_request, retry, caller.request_id)


def _read_retry(texts: Texts) -> Retry | None:
    """The request's idempotency key, with a hash of the order that is asked for."""
    key = texts.get(IDEMPOTENCY_KEY)
    if not key:
        return None
    if len(key) > MAX_IDEMPOTENCY_KEY or not (key.isascii() and key.isprintable()):
        raise RequestRejected(incorrect(IDEMPOTENCY_KEY))
    asked = {n: texts[n] for n in sorted(texts) if texts[n] and (n in DETAILS or n == "service")}
    digest = hashlib.sha256(json.dumps(asked).encode()).digest()
    return Retry(key, digest)


def _read_order_request(type: ServiceType, offer: Offer | None, texts: Texts) -> OrderRequest:
    """The parameters that a service of this type takes, as one request.

    :raises RequestRejected: for what is missing or wrong.
    """
    values = read_required(texts, [DETAILS[name] for name in type.parameters])
    needed = [name for given, value, name in type.needed_with if values.get(given) == value]
    values |= read_required(texts, [DETAILS[name] for name in needed])
    values |= read_optional(texts, [DETAILS[name] for name in type.optional])
    if values.get("posts") == 0 and not values.get("old_posts"):
        _drop_no_posts(values)
    drip = {}
    if type.dripfeed and offer is not None and offer.dripfeed:
        drip = _read_dripfeed(texts)
    return OrderRequest(
        link=values.pop("link", ""),
        quantity=values.pop("quantity", None),
        details=values,
        runs=drip.get("runs"),
        interval=drip.get("interval"),
    )


def _drop_no_posts(values: dict[str, Any]) -> None:
    """Read `posts` of 0 without old posts as no limit of posts, until a subscription's last day.

    :raises RequestRejected: Incorrect posts where it has none: it would never end.
    """
    if "expiry" not in values:
        raise RequestRejected(incorrect("posts"))
    del values["posts"]


def _read_dripfeed(texts: Texts) -> dict[str, int]:
    """Runs and interval in minutes; nothing if neither was sent, or for a single run.

    A zero was not sent: forms that have drip-feed switched off send it.

    :raises RequestRejected: Incorrect request for one without the other, or for a wrong one.
    """
    sent = {name: text for name in DRIPFEED if (text := texts.get(name, "")) != "0"}
    runs = read_optional(sent, [DETAILS["runs"]])
    if runs.get("runs") == 1:
        return {}
    drip = runs | read_optional(sent, [DETAILS["interval"]])
    if len(drip) == 1:
        raise RequestRejected(INCORRECT_REQUEST)
    return drip
