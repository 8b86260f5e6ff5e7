"""/openapi.json is valid, says what the code does, and holds when schemathesis tries it."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema_rs
import pytest
from flask.testing import FlaskClient
from support.apps import Server

from actions import ACTIONS
from actions.add import DETAILS, DRIPFEED, IDEMPOTENCY_KEY
from database.connection import close_database
from database.migrate import open_database
from panel import (
    __version__,
    accounts,
    errors,
    ledger,
    queries,
    service_types,
    services,
)
from panel.errors import CANNOT_CANCEL, Problem
from panel.money import MICROS
from panel.orders import refills, state, transition
from web import openapi

Document = dict[str, Any]
FORM = "application/x-www-form-urlencoded"
each_type = pytest.mark.parametrize("kind", service_types.SERVICE_TYPES)


@pytest.fixture(scope="module")
def document() -> Document:
    return openapi.document("USD")


def forms(document: Document, media: str = "application/json") -> dict[str, Document]:
    """The forms that a body can have, by title."""
    content = document["paths"]["/api/v2"]["post"]["requestBody"]["content"]
    return {form["title"]: form for form in content[media]["schema"]["anyOf"]}


def responses(document: Document, method: str) -> dict[int, Document]:
    described = document["paths"]["/api/v2"][method]["responses"]
    return {int(status): response for status, response in described.items()}


def examples(form: Document) -> dict[str, str]:
    """A form filled in with its own examples, nothing but what is required."""
    needed = {name: form["properties"][name] for name in form["required"]}
    return {n: p["const"] if "const" in p else p["examples"][0] for n, p in needed.items()}


# What it is.


def test_it_is_served_to_everybody_as_json(client: FlaskClient, document: Document) -> None:
    response = client.get("/openapi.json")
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert response.json == document


VALIDATE = """
import json, sys
import jsonschema_rs, schemathesis

for line in sys.stdin:
    try:
        schemathesis.openapi.from_dict(json.loads(line)).validate()
        print("valid")
    except jsonschema_rs.ValidationError as error:
        print(error.message)
"""
"""In a process of its own: pytest would rewrite all of schemathesis's assertions, for seconds."""


@pytest.mark.server
def test_it_is_valid_openapi_3_1_and_a_fault_would_be_seen(document: Document) -> None:
    assert document["openapi"].startswith("3.1.")
    broken = json.loads(json.dumps(document))
    del broken["paths"]["/api/v2"]["get"]["parameters"][0]["in"]
    done = subprocess.run(
        [sys.executable, "-c", VALIDATE],
        input=f"{json.dumps(document)}\n{json.dumps(broken)}\n",
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["valid", '"in" is a required property']


def test_every_part_that_it_refers_to_is_there(document: Document) -> None:
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert named == set(document["components"]["schemas"])


# It agrees with the tables.


def test_its_version_is_the_panels(document: Document) -> None:
    assert document["info"]["version"] == __version__


def test_the_actions_are_those_of_the_code(document: Document) -> None:
    consts = {form["properties"]["action"]["const"] for form in forms(document).values()}
    assert consts == set(ACTIONS) == set(openapi.ANSWERS)
    (action,) = [p for p in query(document) if p["name"] == "action"]
    assert (action["schema"], action["required"]) == ({"enum": list(ACTIONS)}, True)


def query(document: Document) -> list[Document]:
    parameters = document["paths"]["/api/v2"]["get"]["parameters"]
    return [parameter for parameter in parameters if parameter["in"] == "query"]


def test_a_form_and_json_are_described_alike(document: Document) -> None:
    assert forms(document, FORM) == forms(document)


@pytest.mark.parametrize(
    ("title", "required"),
    [
        ("services", []),
        ("balance", []),
        ("status order", ["order"]),
        ("status orders", ["orders"]),
        ("refill order", ["order"]),
        ("refill orders", ["orders"]),
        ("refill_status refill", ["refill"]),
        ("refill_status refills", ["refills"]),
        ("cancel order", ["order"]),
        ("cancel orders", ["orders"]),
    ],
)
def test_an_action_needs_what_its_form_needs(
    document: Document, title: str, required: list[str]
) -> None:
    form = forms(document)[title]
    assert form["required"] == ["action", *required] == list(form["properties"])
    assert form["description"] == ACTIONS[title.split()[0]].help


def test_there_is_no_other_form(document: Document) -> None:
    others = {title for title in forms(document) if not title.startswith("add ")}
    assert len(others) == 2 + 2 * sum(action.one_of for action in ACTIONS.values())
    assert set(forms(document)) - others == {f"add {kind}" for kind in service_types.SERVICE_TYPES}


@each_type
def test_add_needs_and_takes_what_the_type_of_service_says(document: Document, kind: str) -> None:
    form, rules = forms(document)[f"add {kind}"], service_types.SERVICE_TYPES[kind]
    assert form["required"] == ["action", "service", *rules.parameters]
    sometimes = {*rules.optional, *(name for _, _, name in rules.needed_with), IDEMPOTENCY_KEY}
    sometimes |= set(DRIPFEED) if rules.dripfeed else set()
    assert form["properties"].keys() - set(form["required"]) == sometimes


def test_whatever_an_action_reads_can_stand_in_a_query(document: Document) -> None:
    named = {name for form in forms(document).values() for name in form["properties"]}
    assert {parameter["name"] for parameter in query(document)} == named
    assert named >= {"action", "service", IDEMPOTENCY_KEY, *DETAILS}


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_add_can_be_repeated_under_a_key_in_a_header(document: Document, method: str) -> None:
    parameters = document["paths"]["/api/v2"][method]["parameters"]
    (header,) = [parameter for parameter in parameters if parameter["in"] == "header"]
    assert (header["name"], header["required"]) == ("Idempotency-Key", False)


def test_the_key_is_a_bearer_token_or_a_parameter(document: Document) -> None:
    schemes = document["components"]["securitySchemes"]
    assert document["security"] == [{"bearer": []}, {"key": []}]
    assert schemes["bearer"] == {"type": "http", "scheme": "bearer"}
    assert schemes["key"] == {"type": "apiKey", "in": "query", "name": "key"}


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("problem", errors.catalogue(), ids=lambda problem: problem.text)
def test_every_error_is_described_under_its_status(
    document: Document, method: str, problem: Problem
) -> None:
    texts = responses(document, method)[problem.status]["description"].split("; ")
    # What cannot be canceled is told within an answer, never as the whole of one.
    assert (problem.text in texts) == (problem != CANNOT_CANCEL)


@pytest.mark.parametrize("method", ["get", "post"])
def test_no_other_status_is_described_and_every_error_has_one_form(
    document: Document, method: str
) -> None:
    described = responses(document, method)
    assert set(described) == {
        200,
        400,
        408,
        413,
        500,
        503,
        *(p.status for p in errors.catalogue()),
    }
    for status in set(described) - {200}:
        schema = described[status]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Error"}
    for status, response in described.items():
        headers = {"X-Request-Id"}
        headers |= {"Retry-After"} if status in (429, 503) else set()
        headers |= {"Idempotent-Replayed"} if status == 200 else set()
        assert set(response["headers"]) == headers


def test_the_statuses_are_those_of_orders_and_refills(document: Document) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["Order"]["properties"]["status"]["enum"] == list(state.FOLLOWS)
    assert schemas["RefillStatus"]["enum"] == list(refills.REFILL_FOLLOWS)
    assert schemas["Service"]["properties"]["type"]["enum"] == list(service_types.SERVICE_TYPES)


# It agrees with what the API answers.


@each_type
def test_an_add_filled_in_with_the_examples_is_accepted(
    document: Document, client: FlaskClient, cast: SimpleNamespace, kind: str
) -> None:
    service = services.add(
        name=kind, category="All", rate_micros=MICROS, min=1, max=10_000, type=kind
    )
    form = forms(document)[f"add {kind}"]
    sent = {**examples(form), "service": service}
    # Of what is needed only where another parameter has a value, the example of the first.
    sent |= {
        name: DETAILS[name].example
        for given, value, name in service_types.SERVICE_TYPES[kind].needed_with
        if sent[given] == str(value)
    }
    jsonschema_rs.validate(form, sent)
    assert sent.pop("action") == "add"
    assert call(client, document, cast.alice, "add", **sent) == (200, {"order": 1})

    for name in sent:
        less = {n: value for n, value in sent.items() if n != name}
        assert call(client, document, cast.alice, "add", **less)[0] == 422, name


@pytest.mark.parametrize(
    ("action", "form", "params"),
    [
        ("services", 0, {}),
        ("balance", 0, {}),
        ("add", 0, {"service": "{followers}", "link": "https://t.me/x", "quantity": 10}),
        ("status", 0, {"order": "{order}"}),
        ("status", 0, {"order": "{subscription}"}),
        ("status", 1, {"orders": "{order},{subscription},999,x"}),
        ("refill", 0, {"order": "{completed}"}),
        ("refill", 1, {"orders": "{order},{completed},999,x"}),
        ("refill_status", 0, {"refill": "{refill}"}),
        ("refill_status", 1, {"refills": "{refill},999,x"}),
        ("cancel", 0, {"orders": "{order},{completed},999,x"}),
    ],
    ids=str,
)
def test_a_good_answer_has_the_form_that_is_described(
    document: Document,
    client: FlaskClient,
    cast: SimpleNamespace,
    action: str,
    form: int,
    params: dict[str, Any],
) -> None:
    numbers = fill(client, document, cast)
    sent = {name: str(value).format(**numbers) for name, value in params.items()}
    status, answer = call(client, document, cast.alice, action, **sent)
    assert status == 200
    assert fits(document, openapi.ANSWERS[action][form], answer)
    assert not fits(document, openapi.ANSWERS[action][form], {"error": "something"})


def fill(client: FlaskClient, document: Document, cast: SimpleNamespace) -> dict[str, int]:
    """An order of each kind and a refill: their numbers, and the service's that they are of."""

    def add(**params: Any) -> int:
        return call(client, document, cast.alice, "add", **params)[1]["order"]

    posts = services.add(
        name="Posts", category="All", rate_micros=MICROS, min=1, max=10, type="Subscriptions"
    )
    link = "https://t.me/x"
    numbers = {
        "followers": cast.followers,
        "order": add(service=cast.followers, link=link, quantity=10),
        "subscription": add(service=posts, username="somebody", min=1, max=10, delay=0),
        "completed": add(service=cast.followers, link=link, quantity=10),
        "refilled": add(service=cast.followers, link=link, quantity=10),
    }
    for name in ("completed", "refilled"):
        transition.change(numbers[name], status="Completed")
    asked = call(client, document, cast.alice, "refill", order=numbers["refilled"])
    return {**numbers, "refill": asked[1]["refill"]}


def call(
    client: FlaskClient, document: Document, key: str, action: str, **params: Any
) -> tuple[int, Any]:
    """POST an action where the document says so: status and decoded answer."""
    (path,) = document["paths"]
    response = client.post(path, data={"key": key, **params, "action": action})
    return response.status_code, response.json


def fits(document: Document, schema: Document, answer: Any) -> bool:
    whole = {**schema, "components": document["components"]}
    return jsonschema_rs.validator_for(whole).is_valid(answer)


# It holds when it is tried.

ALLOWED = """
[checks.positive_data_acceptance]
# What is well-formed may still be refused: for what it names, its range, and the funds.
expected-statuses = ["2xx", 401, 402, 403, 404, 413, 422, 429]
"""
EXAMPLES = 20
SEED = 1


def test_schemathesis_finds_no_fault(make_server: Callable[..., Server], tmp_path: Path) -> None:
    server = make_server(WEB_CONCURRENCY="1")
    database = server.folder / "panel.db"
    open_database(database)
    key = accounts.add("alice", 1_000_000 * MICROS)
    services.add(
        name="All", category="All", rate_micros=MICROS, min=10, max=10_000,
        refill=True, cancel=True, dripfeed=True,
    )  # fmt: skip
    close_database()

    (tmp_path / "schemathesis.toml").write_text(ALLOWED)
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli",
            "--config-file", "schemathesis.toml",
            "run", f"http://127.0.0.1:{server.port}/openapi.json",
            "--header", f"Authorization: Bearer {key}",
            "--phases", "examples,coverage,fuzzing",
            "--checks", "all",
            "--max-examples", str(EXAMPLES),
            "--seed", str(SEED),
            "--suppress-health-check", "too_slow",  # a loaded machine is no fault
            "--no-color",
        ],
        cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "Tested: 2\n" in done.stdout, "GET and POST"

    log = server.log.read_text()
    assert "Traceback" not in log
    for method, status in [("GET", 200), ("GET", 401), ("POST", 200), ("POST", 401)]:
        assert f'"{method} /api/v2" {status} ' in log
    open_database(database)
    try:
        assert list(ledger.check()) == []
        assert queries.order_listing(), "no order was placed, so little was tried"
    finally:
        close_database()
