"""The public reference page, and the table of services that it shows.

What it says of the API comes from the tables that the API itself uses (web.reference.calls,
panel.errors), and its answers are shaped by the dialects.
"""

import gzip
import hashlib
import json
from typing import Any, NamedTuple

import limits
from flask import Blueprint, Flask, Response, current_app, render_template, request, url_for
from werkzeug.exceptions import NotFound

from actions import ACTIONS
from actions.add import DETAILS, DRIPFEED, MAX_IDEMPOTENCY_KEY
from actions.parameters import MAX_IDS, MAX_LINK, Parameter
from api.context import current_settings, public_url
from api.dialects import DIALECTS
from panel import errors
from panel.orders import refills, state
from panel.orders.lookup import OrderState, Post
from panel.service_types import SERVICE_TYPES
from settings import Settings
from web import headers
from web.reference import calls, samples
from web.reference.calls import Call
from web.reference.pricelist import Found, Pricelist

bp = Blueprint("reference", __name__)

_SUBSCRIPTION = OrderState(
    1_250_000, 0, "Active", 0, (Post(order=4301, quantity=150), Post(order=4307, quantity=100))
)
"""What `status` could give for a subscription."""

TABLE_MAX_AGE_S = 10
"""How long a browser may use the table of services without asking again."""


class Shown(NamedTuple):
    """A call as the page shows it.

    requests: by language. answers: by dialect, the panel's own first, each that differs.
    """

    call: Call
    requests: dict[str, str]
    answers: dict[str, str]


def register(app: Flask, currency: str) -> None:
    """Add the page to the app."""
    app.extensions["pricelist"] = Pricelist(currency)
    app.register_blueprint(bp)


def _pricelist() -> Pricelist:
    return current_app.extensions["pricelist"]


@bp.get("/")
def page() -> Response:
    """The page; `q` and `page` are the search of visitors without scripts."""
    settings = current_settings()
    url = public_url() + url_for("api")
    wanted = request.args.get("q", "")
    html = render_template(
        "reference.html",
        url=url,
        wanted=wanted,
        found=_found(settings, wanted),
        actions=ACTIONS,
        shown={name: [_shown(call, url, settings) for call in calls.of(name)] for name in ACTIONS},
        types=SERVICE_TYPES,
        dripfeed=DRIPFEED,
        details=DETAILS,
        fields=_fields(),
        problems=_problems(),
        dialects=list(DIALECTS),
        dialect=settings.dialect,
        subscription=_answers("status", _SUBSCRIPTION, settings)[settings.dialect],
        order_statuses=list(state.FOLLOWS),
        refill_statuses=list(refills.REFILL_FOLLOWS),
        limit=_limit(settings.rate_limit),
        max_ids=MAX_IDS,
        max_link=MAX_LINK,
        max_body=current_app.config["MAX_CONTENT_LENGTH"] // 1024,
        max_key=MAX_IDEMPOTENCY_KEY,
    )
    packed = _accepts_gzip()
    body = html.encode()
    response = Response(gzip.compress(body, 5, mtime=0) if packed else body)
    response.headers.update(headers.PAGE)
    response.cache_control.no_cache = True
    return _with_caching(response, packed, hashlib.sha256(body).hexdigest()[:32])


def _found(settings: Settings, wanted: str) -> Found | None:
    """The page of the services that are looked for; None where they are not shown to everybody."""
    if not settings.public_services:
        return None
    return _pricelist().search(wanted, request.args.get("page", 1, int))


@bp.get("/services.json")
def services_json() -> Response:
    """The whole table of services, for the search on the page.

    :raises NotFound: where it is not shown to everybody.
    """
    if not current_settings().public_services:
        raise NotFound
    table = _pricelist().table()
    packed = _accepts_gzip()
    response = Response(table.packed if packed else table.body, mimetype="application/json")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.cache_control.public = True
    response.cache_control.max_age = TABLE_MAX_AGE_S
    return _with_caching(response, packed, table.etag)


def _accepts_gzip() -> bool:
    return request.accept_encodings["gzip"] > 0


def _with_caching(response: Response, packed: bool, etag: str) -> Response:
    """Add the headers of compression and caching; 304 for a client that has the body already."""
    if packed:
        response.content_encoding = "gzip"
    response.vary.add("Accept-Encoding")
    response.set_etag(etag, weak=True)  # weak: it stands for both, compressed or not
    response.make_conditional(request)
    return response


def _shown(call: Call, url: str, settings: Settings) -> Shown:
    answers = _answers(call.action, call.example, settings)
    return Shown(call, samples.of(url, call.sent), answers)


def _answers(action: str, example: Any, settings: Settings) -> dict[str, str]:
    """An example as each dialect writes it: the panel's own, and those that differ from it."""
    names = sorted(DIALECTS, key=lambda name: name != settings.dialect)
    texts = {
        name: json.dumps(
            DIALECTS[name].shapes[action](example, settings.currency), indent=2, ensure_ascii=False
        )
        for name in names
    }
    own = texts[settings.dialect]
    return {n: text for n, text in texts.items() if n == settings.dialect or text != own}


def _problems() -> list[tuple[errors.Problem, list[int]]]:
    """Every refusal with its HTTP status in each dialect."""
    of_a_type = errors.incorrect("NAME")._replace(
        when="The parameter of that name, which the service's type needs, cannot be used."
    )
    return [
        (problem, [dialect.status(problem) for dialect in DIALECTS.values()])
        for problem in [*errors.catalogue(), of_a_type]
    ]


def _fields() -> list[tuple[Parameter, list[str]]]:
    """Every parameter once, with the calls that take it, for the form that tries them."""
    fields: dict[str, tuple[Parameter, list[str]]] = {}
    for name in ACTIONS:
        for call in calls.of(name):
            for parameter in call.needed + call.optional:
                _, takers = fields.setdefault(parameter.name, (parameter, []))
                taker = call.title if call.kind else name
                if taker not in takers:
                    takers.append(taker)
    return list(fields.values())


def _limit(notation: str) -> str:
    """The rate limit in words."""
    item = limits.parse(notation)
    unit = item.GRANULARITY.name
    span = unit if item.multiples == 1 else f"{item.multiples} {unit}s"
    return f"{item.amount} request{'' if item.amount == 1 else 's'} in each {span}"
