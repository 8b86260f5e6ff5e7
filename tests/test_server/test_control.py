"""The remote control: every answer is a JSON object, every error a sentence."""

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
from support.documents import code, section, table
from werkzeug.test import Client

import settings
from app import create_api_app
from database.connection import close_database
from panel.orders import refills
from test_server.control import Control
from test_server.instructions import INSTRUCTIONS

DOCUMENTED = table(
    section("docs/test-your-client.md", "Without pytest"), "`do`", "parameters", "answer"
)


class Remote:
    """A remote control, and the API behind it."""

    def __init__(self, file: Path) -> None:
        app = create_api_app(settings.read({"PANEL_DATABASE": f"sqlite:///{file}"}))
        self.control = Control(app.wsgi_app, "sns")
        self.client = Client(self.control)

    def send(self, body: bytes | str, method: str = "POST") -> tuple[int, dict[str, Any]]:
        """The status and the answer to a body."""
        answer = self.client.open(self.control.path, method=method, data=body)
        assert answer.mimetype == "application/json"
        assert re.fullmatch(r"\{[^\n]+\}\n", answer.text)
        return answer.status_code, json.loads(answer.text)

    def do(self, name: str, **parameters: Any) -> dict[str, Any]:
        """What an instruction is answered with that can be followed."""
        status, answer = self.send(json.dumps({"do": name, **parameters}))
        assert status == 200, answer
        return answer

    def add(self, kind: str = "Default", **more: Any) -> int:
        """Place an order."""
        form = {
            "key": self.control.key, "action": "add", "service": self.control.services[kind],
            "link": "https://t.me/example", "quantity": 100, **more,
        }  # fmt: skip
        return self.ask(form)["order"]

    def ask(self, form: dict[str, Any]) -> Any:
        """What the API answers."""
        return json.loads(self.client.post("/api/v2", data=form).text)


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Any:
    yield Remote(tmp_path_factory.mktemp("control") / "panel.db")
    close_database()


def test_every_answer_is_the_object_that_is_documented(remote: Remote) -> None:
    order = remote.add()
    wish = {"username": "somebody", "min": 10, "max": 20, "delay": 0}
    subscription = remote.add("Subscriptions", **wish)
    answers = {
        "order": remote.do("order", order=order, status="Partial", start_count=7, remains=40),
        "post": remote.do("post", order=subscription, quantity=15),
        "fund": remote.do("fund", amount="12.50"),
        "service": remote.do("service", service=1, rate="2.50", active=False),
        "fail": remote.do("fail", error="Account suspended", times=2),
    }
    assert remote.do("fail", silence="before") == {"failures": 3}
    refilled = remote.control.services["Default"]
    answers["account"] = remote.do("account", balance="5", dialect="perfectpanel")
    done = remote.add(service=refilled)
    remote.do("order", order=done, status="Completed")
    form = {"key": remote.control.key, "action": "refill", "order": done}
    refill = remote.ask(form)["refill"]
    answers["refill"] = remote.do("refill", refill=refill, status="completed")
    answers["suspend"] = remote.do("suspend", account=answers["account"]["account"])

    assert answers["order"] == {
        "order": order, "status": "Partial", "start_count": 7, "remains": 40, "refunded": "0.04",
    }  # fmt: skip
    assert answers["post"] == {"order": subscription + 1, "subscription": subscription}
    assert answers["fund"] == {"account": "sandbox", "balance": "1012.425"}
    assert answers["service"]["service"] == 1
    assert (answers["service"]["rate"], answers["service"]["active"]) == ("2.50", False)
    assert answers["fail"] == {"failures": 2}
    assert answers["refill"] == {"refill": refill, "status": "completed"}
    assert answers["account"]["balance"] == "5.00"
    assert len(answers["account"]["key"]) == 48

    assert answers.keys() == INSTRUCTIONS.keys()
    for row, parameters, answer in DOCUMENTED:
        (name,) = code(row)
        documented = {*code(answer)}
        if name == "service":
            documented = {*code(parameters)}
        assert answers[name].keys() == documented, name


def test_the_table_has_every_instruction_with_its_parameters() -> None:
    documented = {code(name)[0]: code(parameters) for name, parameters, _ in DOCUMENTED}
    for values in documented.values():
        values[:] = [name for name in values if name not in ("before", "after")]
    assert documented == {
        name: [*inspect.signature(function).parameters][1:]
        for name, function in INSTRUCTIONS.items()
    }


ALL = ", ".join(INSTRUCTIONS)
FIRST = "place one first, with action=add, and take the number of the answer"
SUCH = 'send a JSON object such as {"do": "fund", "amount": "12.50"}'

WRONG = {
    "": f"the body is empty: {SUCH}",
    "   ": f"the body is empty: {SUCH}",
    "do=fund&amount=5": f"the body is no JSON (line 1, column 1): {SUCH}",
    '{"do": "fund"\n"amount"}': f"the body is no JSON (line 2, column 1): {SUCH}",
    "[" * 100_000: f"the body is no JSON: {SUCH}",
    b"\xff\xfe\xff": f"the body is no JSON: {SUCH}",
    "[]": f"the body is a list: {SUCH}",
    '"fund"': f"the body is a text: {SUCH}",
    "5": f"the body is a number: {SUCH}",
    "null": f"the body is null: {SUCH}",
    "true": f"the body is true or false: {SUCH}",
    "{}": f"'do' is missing, which says what to do, one of: {ALL}",
    '{"amount": "5"}': f"'do' is missing, which says what to do, one of: {ALL}",
    '{"do": "dance"}': f"'do' is \"dance\", and must be one of: {ALL}",
    '{"do": ["fund"]}': f"'do' is [\"fund\"], and must be one of: {ALL}",
    '{"do": null}': f"'do' is null, and must be one of: {ALL}",
    '{"do": "fund"}': "'fund' needs the parameter 'amount'",
    '{"do": "fund", "amount": null}': "'fund' needs the parameter 'amount'",
    '{"do": "fund", "amount": "5", "to": "me"}':
        "'fund' takes no parameter 'to', only: amount, account",
    '{"do": "fund", "amount": "5", "state": 1}':
        "'fund' takes no parameter 'state', only: amount, account",
    '{"do": "fund", "amount": "abc"}':
        "'amount': 'abc' is not an amount such as 12.50, with at most 6 decimals",
    '{"do": "fund", "amount": true}':
        "'amount' is true, and must be an amount such as \"12.50\"",
    '{"do": "fund", "amount": ["5"]}':
        "'amount' is [\"5\"], and must be an amount such as \"12.50\"",
    '{"do": "fund", "amount": NaN}':
        "'amount': 'NaN' is not an amount such as 12.50, with at most 6 decimals",
    '{"do": "fund", "amount": "0"}': "an amount of zero changes nothing",
    '{"do": "fund", "amount": "5", "account": "nobody"}': "there is no user nobody",
    '{"do": "fund", "amount": "5", "account": 7}': "'account' is 7, and must be a text",
    '{"do": "fund", "amount": "5", "account": "\\ud800"}':
        "'account' is \"\ud800\", and must be a text",
    '{"do": "suspend", "account": "nobody"}': "there is no user nobody",
    '{"do": "order", "order": 99, "status": "Completed"}':
        f"there is no order 99: {FIRST}",
    '{"do": "post", "order": 99, "quantity": 5}':
        f"there is no order 99: {FIRST}",
    '{"do": "order", "order": "x", "status": "Completed"}':
        "'order' is \"x\", and must be a whole number of at most 15 digits",
    '{"do": "order", "order": 1.5, "status": "Completed"}':
        "'order' is \"1.5\", and must be a whole number of at most 15 digits",
    '{"do": "order", "order": true, "status": "Completed"}':
        "'order' is true, and must be a whole number of at most 15 digits",
    '{"do": "order", "order": 1000000000000000, "status": "Completed"}':
        "'order' is 1000000000000000, and must be a whole number of at most 15 digits",
    '{"do": "order", "order": 1}': "'order' needs the parameter 'status'",
    '{"do": "refill", "refill": 99, "status": "completed"}': "there is no refill 99",
    '{"do": "refill", "refill": 99, "status": "done"}':
        "there is no status 'done'; there are: pending, in progress, completed, rejected, error",
    '{"do": "service", "service": 1}': "nothing to change was given",
    '{"do": "service", "service": 99, "min": 1}': "there is no service 99",
    '{"do": "service", "service": 1, "active": "no"}':
        "'active' is \"no\", and must be true or false",
    '{"do": "service", "service": 1, "colour": "red"}':
        "'service' takes no parameter 'colour', only: service, name, category, type, rate, min, "
        "max, active, refill, cancel, dripfeed, one_per_link",
    '{"do": "fail"}': 'either an error, or a silence "before" or "after"',
    '{"do": "fail", "silence": "later"}': 'either an error, or a silence "before" or "after"',
    '{"do": "fail", "error": "Out of paper"}':
        "'Out of paper' is no error of the API; its errors are listed at the panel's address",
    '{"do": "fail", "silence": "before", "times": 0}':
        "'times' is 0, and must be from 1 to 10000",
    '{"do": "fail", "silence": "before", "dialect": "x"}':
        "there is no dialect 'x', only: sns, perfectpanel",
    '{"do": "account", "dialect": "x"}': "there is no dialect 'x', only: sns, perfectpanel",
    '{"do": "account", "balance": "-1"}': "'balance' must not be negative",
}  # fmt: skip


@pytest.mark.parametrize("body", WRONG, ids=lambda body: ascii(body[:60]))
def test_what_cannot_be_followed_is_told_in_a_sentence(remote: Remote, body: str | bytes) -> None:
    assert remote.send(body) == (422, {"error": WRONG[body]})


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_a_post_is_an_instruction(remote: Remote, method: str) -> None:
    status, answer = remote.send(b"", method)
    assert status == 405
    assert re.fullmatch(
        r"the remote control takes a POST: curl http://localhost/control/\w+ "
        r"""-d '\{"do": "fund", "amount": "12.50"\}'""",
        answer["error"],
    )
    assert remote.client.open(remote.control.path, method=method).headers["Allow"] == "POST"


def test_a_body_of_any_size_is_not_read(remote: Remote) -> None:
    assert remote.send(b" " * (1024 * 1024 + 1)) == (
        413, {"error": "the body is larger than 1048576 bytes"}
    )  # fmt: skip


@pytest.mark.parametrize("number", ["1", 1])
def test_a_number_may_be_a_text(remote: Remote, number: Any) -> None:
    assert remote.do("service", service=number, min=5)["service"] == 1


@pytest.mark.parametrize(("amount", "micros"), [("2.5", "2.50"), (2, "2.00"), (2.5, "2.50")])
def test_an_amount_may_be_a_number(remote: Remote, amount: Any, micros: str) -> None:
    account = remote.do("account", balance="0")["account"]
    assert remote.do("fund", account=account, amount=amount)["balance"] == micros


def test_a_fault_of_the_test_server_is_no_page_and_no_traceback(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(refill: int, status: str) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(refills, "set_status", fail)
    assert remote.send('{"do": "refill", "refill": 1, "status": "completed"}') == (
        500, {"error": "the test server failed; its output on stderr says why"}
    )  # fmt: skip
