"""The API as OpenAPI 3.1, made from the tables that the API itself uses.

Only the shapes of the answers are written here; they are those of the dialect `sns`.
"""

from typing import Any

from actions import ACTIONS
from actions.add import IDEMPOTENCY_KEY, MAX_IDEMPOTENCY_KEY
from actions.parameters import NOTHING, Parameter
from panel import __version__, errors, service_types
from panel.orders import refills, state
from web.reference import calls
from web.reference.calls import Call

_AMOUNT = {"type": "string", "pattern": r"^[0-9]+\.[0-9]+$"}
_COUNT = {"type": "integer", "minimum": 0}
_ID = {"type": "integer", "minimum": 1}
_SENT_ID = {"type": ["integer", "string"]}
_NOT_SENT = {"enum": ["", None, *NOTHING]}
"""What counts as not sent, where a parameter may be left out."""
_RETRY_HELP = (
    "For `add`: a request that is repeated under the same key gives the same order again, "
    f"charged once. At most {MAX_IDEMPOTENCY_KEY} printable ASCII characters."
)


def _sometimes(name: str, where: str, help: str) -> dict[str, Any]:
    """A parameter in the query or a header that only some actions read."""
    schema = {"type": "string"}
    return {"name": name, "in": where, "required": False, "description": help, "schema": schema}


_RETRY_HEADER = _sometimes("Idempotency-Key", "header", _RETRY_HELP)


_REQUEST_ID = {
    "description": "The request's id: the one that was sent under this name, where it is well "
    "formed.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{8,64}$"},
}
_REPLAYED = {
    "description": "Told with an `add` that repeats one: its order was placed before.",
    "schema": {"const": "true"},
}
_RETRY_AFTER = {"schema": {"type": "integer", "minimum": 1}}


def _object(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


SCHEMAS = {
    "Error": _object({"error": {"type": "string"}}),
    "Order": _object(
        {
            "charge": _AMOUNT,
            "start_count": _COUNT,
            "status": {"enum": list(state.FOLLOWS)},
            "remains": _COUNT,
            "currency": {"type": "string"},
            "posts": {"type": "array", "items": _object({"order": _ID, "quantity": _COUNT})},
        },
        optional=("posts",),
    ),
    "RefillStatus": {"enum": list(refills.REFILL_FOLLOWS)},
    "Service": _object(
        {
            "service": _ID,
            "name": {"type": "string"},
            "category": {"type": "string"},
            "type": {"enum": list(service_types.SERVICE_TYPES)},
            "rate": _AMOUNT,
            "min": _COUNT,
            "max": _COUNT,
            "refill": {"type": "boolean"},
            "cancel": {"type": "boolean"},
            "dripfeed": {"type": "boolean"},
        }
    ),
}
"""The parts of answers, by the name that answers refer to."""


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _or_error(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, _ref("Error")]}


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _by_id(values: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": values}


ANSWERS: dict[str, list[dict[str, Any]]] = {
    "services": [_array(_ref("Service"))],
    "balance": [_object({"balance": _AMOUNT, "currency": {"type": "string"}})],
    "add": [_object({"order": _ID})],
    "status": [_ref("Order"), _by_id(_or_error(_ref("Order")))],
    "refill": [
        _object({"refill": _ID}),
        _array(_object({"order": _SENT_ID, "refill": _or_error(_ID)})),
    ],
    "refill_status": [
        _object({"status": _ref("RefillStatus")}),
        _array(_object({"refill": _SENT_ID, "status": _or_error(_ref("RefillStatus"))})),
    ],
    "cancel": [_by_id(_or_error(_object({"cancel": {"const": "requested"}})))],
}
"""What each action answers: the single form, then the list form."""


def document(currency: str, name: str = "SMM panel") -> dict[str, Any]:
    """The description of /api/v2 as a JSON document, in the panel's name."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{name} API",
            "version": __version__,
            "description": (
                "One endpoint; `action` says what is asked for. The key is sent as a bearer "
                "token, or as the parameter `key` in the body or the query, which wins. "
                "A parameter that is empty counts as not sent, and one that is not described "
                f"is ignored. Amounts are in {currency}. Customers of the dialect "
                "`perfectpanel` are answered in other shapes."
            ),
        },
        "security": [{"bearer": []}, {"key": []}],
        "paths": {"/api/v2": {"post": _post(), "get": _get()}},
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "query", "name": "key"},
            },
        },
    }


def _post() -> dict[str, Any]:
    body = {"schema": {"anyOf": [_form(call) for name in ACTIONS for call in calls.of(name)]}}
    return {
        "operationId": "call",
        "summary": "Any action; parameters in the body.",
        "parameters": [_RETRY_HEADER],
        "requestBody": {
            "required": True,
            "content": {"application/x-www-form-urlencoded": body, "application/json": body},
        },
        "responses": _responses(),
    }


def _get() -> dict[str, Any]:
    helps = {p.name: p.help for a in ACTIONS.values() for p in a.parameters}
    helps[IDEMPOTENCY_KEY] = _RETRY_HELP
    action = {"name": "action", "in": "query", "required": True}
    return {
        "operationId": "callByQuery",
        "summary": "Any action; parameters in the query.",
        "parameters": [
            {**action, "schema": {"enum": list(ACTIONS)}},
            *(_sometimes(name, "query", text) for name, text in helps.items()),
            _RETRY_HEADER,
        ],
        "responses": _responses(),
    }


def _form(call: Call) -> dict[str, Any]:
    """A call's parameters as a schema."""
    needed = {"action": {"const": call.action}, **_described(call.needed)}
    return {
        "type": "object",
        "title": call.title,
        "description": ACTIONS[call.action].help,
        "properties": {**needed, **_optional(call)},
        "required": list(needed),
    }


def _optional(call: Call) -> dict[str, Any]:
    """The optional parameters; an empty text is the same as none."""
    described: dict[str, Any] = {
        name: {"anyOf": [schema, _NOT_SENT]} for name, schema in _described(call.optional).items()
    }
    if call.action == "add":
        described[IDEMPOTENCY_KEY] = {
            "description": _RETRY_HELP,
            "type": ["string", "number", "null"],
            "pattern": "^[ -~]*$",
            "maxLength": MAX_IDEMPOTENCY_KEY,
        }
    return described


def _described(parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    return {
        p.name: {"description": p.help, "examples": [p.example], **p.schema} for p in parameters
    }


def _responses() -> dict[str, Any]:
    good = {"anyOf": [answer for name in ACTIONS for answer in ANSWERS[name]]}
    texts: dict[int, list[str]] = {
        400: ["A request that cannot be read."],
        408: ["A request that did not arrive whole in time."],
        413: ["A body that is too large."],
        500: ["A fault of the panel's own."],
        503: ["The database cannot be written for now; nothing was changed."],
    }
    for problem in errors.catalogue():
        # That one is told within an answer of `cancel` only.
        if problem != errors.CANNOT_CANCEL:
            texts.setdefault(problem.status, []).append(problem.text)
    texts[422].append(errors.incorrect("NAME").text)
    refusals = {
        str(status): _response("; ".join(texts[status]), _ref("Error")) for status in sorted(texts)
    }
    responses = {"200": _response("The answer of the action.", good), **refusals}
    for response in responses.values():
        response["headers"] = {"X-Request-Id": _REQUEST_ID}
    responses["200"]["headers"]["Idempotent-Replayed"] = _REPLAYED
    for status in ("429", "503"):
        responses[status]["headers"]["Retry-After"] = _RETRY_AFTER
    return responses


def _response(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
