"""The API as OpenAPI 3.1, drawn from the tables that dispatch and judge its requests.

Only the shapes of the answers stand here; they are those of the default dialect.
"""

from typing import Any

from actions import ACTIONS
from actions.params import Parameter
from panel import errors, orders, refills, services
from web import calls
from web.calls import Call

VERSION = "2"

_AMOUNT = {"type": "string", "pattern": r"^[0-9]+\.[0-9]+$"}
_COUNT = {"type": "integer", "minimum": 0}
_ID = {"type": "integer", "minimum": 1}
_SENT_ID = {"type": ["integer", "string"]}


def _object(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


_ERROR = _object({"error": {"type": "string"}})
_ORDER = _object(
    {
        "charge": _AMOUNT,
        "start_count": _COUNT,
        "status": {"enum": list(orders.FOLLOWS)},
        "remains": _COUNT,
        "currency": {"type": "string"},
        "posts": {"type": "array", "items": _object({"order": _ID, "quantity": _COUNT})},
    },
    optional=("posts",),
)
_REFILL_STATUS = {"enum": list(refills.REFILL_FOLLOWS)}
_SERVICE = _object(
    {
        "service": _ID,
        "name": {"type": "string"},
        "category": {"type": "string"},
        "type": {"enum": list(services.TYPES)},
        "rate": _AMOUNT,
        "min": _COUNT,
        "max": _COUNT,
        "refill": {"type": "boolean"},
        "cancel": {"type": "boolean"},
        "dripfeed": {"type": "boolean"},
    }
)


def _list_of(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": _object(properties)}


ANSWERS: dict[str, list[dict[str, Any]]] = {
    "services": [{"type": "array", "items": _SERVICE}],
    "balance": [_object({"balance": _AMOUNT, "currency": {"type": "string"}})],
    "add": [_object({"order": _ID})],
    "status": [_ORDER, {"type": "object", "additionalProperties": {"anyOf": [_ORDER, _ERROR]}}],
    "refill": [
        _object({"refill": _ID}),
        _list_of({"order": _SENT_ID, "refill": {"anyOf": [_ID, _ERROR]}}),
    ],
    "refill_status": [
        _object({"status": _REFILL_STATUS}),
        _list_of({"refill": _SENT_ID, "status": {"anyOf": [_REFILL_STATUS, _ERROR]}}),
    ],
    "cancel": [
        {
            "type": "object",
            "additionalProperties": {
                "anyOf": [_object({"cancel": {"const": "requested"}}), _ERROR]
            },
        }
    ],
}
"""What each action answers: the single form, then the list form."""


def document(currency: str, name: str = "SMM panel") -> dict[str, Any]:
    """The description of /api/v2 as a JSON document, in the panel's name."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{name} API",
            "version": VERSION,
            "description": (
                "One endpoint; `action` says what is asked for. The key is sent as a bearer "
                "token, or as the parameter `key` in the body or the query, which wins. "
                f"Amounts are in {currency}."
            ),
        },
        "security": [{"bearer": []}, {"key": []}],
        "paths": {"/api/v2": {"post": _post(), "get": _get()}},
        "components": {
            "schemas": {"Error": _ERROR, "Order": _ORDER, "Service": _SERVICE},
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
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "For add, at most 255 characters: the same key is the same order.",
                "schema": {"type": "string"},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {"application/x-www-form-urlencoded": body, "application/json": body},
        },
        "responses": _responses(),
    }


def _get() -> dict[str, Any]:
    named = {p.name: p for action in ACTIONS.values() for p in action.parameters}
    action = {
        "name": "action",
        "in": "query",
        "required": True,
        "schema": {"enum": list(ACTIONS)},
    }
    rest = [
        {
            "name": p.name,
            "in": "query",
            "required": False,
            "description": p.help,
            "schema": {"type": "string"},
        }
        for p in named.values()
    ]
    return {
        "operationId": "callByQuery",
        "summary": "Any action; parameters in the query.",
        "parameters": [action, *rest],
        "responses": _responses(),
    }


def _form(call: Call) -> dict[str, Any]:
    """A call's parameters as a schema."""
    needed = {"action": {"const": call.action}, **_described(call.needed)}
    return {
        "type": "object",
        "title": call.title,
        "description": ACTIONS[call.action].help,
        "properties": {**needed, **_described(call.optional)},
        "required": list(needed),
    }


def _described(parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    return {
        p.name: {"description": p.help, "examples": [p.example], **p.schema} for p in parameters
    }


def _responses() -> dict[str, Any]:
    by_status: dict[int, list[str]] = {}
    for problem in errors.catalogue():
        by_status.setdefault(problem.status, []).append(problem.text)
    good = {"anyOf": [answer for name in ACTIONS for answer in ANSWERS[name]]}
    bad = {"$ref": "#/components/schemas/Error"}
    described = {
        str(status): _response("; ".join(texts), bad)
        for status, texts in sorted(by_status.items())
    }
    framework = {
        "400": _response("A request that cannot be read.", bad),
        "413": _response("A body that is too large.", bad),
    }
    return {"200": _response("The answer of the action.", good), **framework, **described}


def _response(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
