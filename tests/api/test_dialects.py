"""The dialects: what clients of Perfect Panel and JustAnotherPanel are answered, and others."""

import ast
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask.testing import FlaskClient, FlaskCliRunner
from support.apps import ROOT, make_app

from actions import ACTIONS
from api.dialects import DIALECTS
from database.connection import close_database, database
from panel import accounts, errors, services
from panel.money import MICROS
from panel.orders import refills, subscriptions, transition

Request = dict[str, Any]

ORDER_ID = {"error": "Incorrect order ID"}
REFILL_ID = {"error": "Refill not found"}
CANNOT_REFILL = {"error": "Cannot refill"}
CANNOT_CANCEL = {"error": "Cannot cancel"}
MOVING = {"charge": "2.500000", "status": "In progress", "currency": "USD"}
WAITING = {"charge": "0.000000", "status": "Active", "currency": "USD"}
DONE = {"charge": "0.500000", "status": "Completed", "currency": "USD"}


FOLLOWERS = {
    "service": 1, "name": "Followers", "category": "Social", "type": "Default", "rate": "5.00",
    "refill": True, "cancel": True, "dripfeed": True,
}  # fmt: skip
VIEWS = {
    "service": 2, "name": "Views", "category": "Video", "type": "Default", "rate": "0.015",
    "refill": False, "cancel": True, "dripfeed": False,
}  # fmt: skip
PACK = {
    "service": 3, "name": "Pack", "category": "Video", "type": "Custom Comments Package",
    "rate": "3.90", "refill": False, "cancel": False, "dripfeed": False,
}  # fmt: skip
LIKES = {
    "service": 4, "name": "Likes", "category": "Posts", "type": "Subscriptions",
    "rate": "1.00", "refill": False, "cancel": True, "dripfeed": False,
}  # fmt: skip


class Answer(NamedTuple):
    """A request, and its answer in either dialect."""

    request: Request
    sns: Any
    perfectpanel: Any


SAME = object()
"""Stands for: as in the dialect sns."""

ANSWERS = {
    "services": Answer(
        {"action": "services"},
        [
            {**FOLLOWERS, "min": 10, "max": 1000},
            {**VIEWS, "min": 100, "max": 1_000_000},
            {**PACK, "min": 1, "max": 1},
            {**LIKES, "min": 20, "max": 500},
        ],
        [
            {**FOLLOWERS, "min": "10", "max": "1000"},
            {**VIEWS, "min": "100", "max": "1000000"},
            {**PACK, "min": "1", "max": "1"},
            {**LIKES, "min": "20", "max": "500"},
        ],
    ),
    "balance": Answer({"action": "balance"}, {"balance": "96.4785", "currency": "USD"}, SAME),
    "add": Answer(
        {"action": "add", "service": 1, "link": "https://a.example/", "quantity": 10},
        {"order": 8},
        SAME,
    ),
    "status of one": Answer(
        {"action": "status", "order": 1},
        {**MOVING, "start_count": 37, "remains": 320},
        {**MOVING, "start_count": "37", "remains": "320"},
    ),
    "status of several": Answer(
        {"action": "status", "orders": "2,1,9,x"},
        {
            "2": {**DONE, "start_count": 0, "remains": 0},
            "1": {**MOVING, "start_count": 37, "remains": 320},
            "9": ORDER_ID,
            "x": ORDER_ID,
        },
        {
            "2": {**DONE, "start_count": "0", "remains": "0"},
            "1": {**MOVING, "start_count": "37", "remains": "320"},
            "9": ORDER_ID,
            "x": ORDER_ID,
        },
    ),
    "status of a subscription": Answer(
        {"action": "status", "order": 6},
        {**WAITING, "start_count": 0, "remains": 0, "posts": [{"order": 7, "quantity": 20}]},
        {**WAITING, "start_count": "0", "remains": "0", "posts": [{"order": 7, "quantity": 20}]},
    ),
    "refill of one": Answer({"action": "refill", "order": 2}, {"refill": 2}, {"refill": "2"}),
    "refill of several": Answer(
        {"action": "refill", "orders": "2,1,9,x"},
        [
            {"order": 2, "refill": 2},
            {"order": 1, "refill": CANNOT_REFILL},
            {"order": 9, "refill": ORDER_ID},
            {"order": "x", "refill": ORDER_ID},
        ],
        SAME,
    ),
    "refill_status of one": Answer(
        {"action": "refill_status", "refill": 1}, {"status": "pending"}, {"status": "Pending"}
    ),
    "refill_status of several": Answer(
        {"action": "refill_status", "refills": "1,9,x"},
        [
            {"refill": 1, "status": "pending"},
            {"refill": 9, "status": REFILL_ID},
            {"refill": "x", "status": REFILL_ID},
        ],
        [
            {"refill": 1, "status": "Pending"},
            {"refill": 9, "status": REFILL_ID},
            {"refill": "x", "status": REFILL_ID},
        ],
    ),
    "cancel": Answer(
        {"action": "cancel", "orders": "9,1,2,4,0042"},
        {
            "9": ORDER_ID,
            "1": {"cancel": "requested"},
            "2": CANNOT_CANCEL,
            "4": {"cancel": "requested"},
            "0042": ORDER_ID,
        },
        [
            {"order": 9, "cancel": ORDER_ID},
            {"order": 1, "cancel": 1},
            {"order": 2, "cancel": CANNOT_CANCEL},
            {"order": 4, "cancel": 2},
            {"order": "0042", "cancel": ORDER_ID},
        ],
    ),
    "cancel of one": Answer(
        {"action": "cancel", "order": 4},
        {"4": {"cancel": "requested"}},
        [{"order": 4, "cancel": 1}],
    ),
}

ERRORS: dict[str, tuple[Request, int, str]] = {
    "unknown key": ({"key": "nobody's", "action": "balance"}, 401, "Invalid API key"),
    "no key": ({"key": "", "action": "balance"}, 401, "Invalid API key"),
    "no funds": (
        {"key": "poor", "action": "add", "service": 1, "link": "https://a/", "quantity": 10},
        402,
        "Not enough funds on balance",
    ),
    "suspended": ({"key": "mallory", "action": "balance"}, 403, "Account suspended"),
    "no service": (
        {"action": "add", "service": 99, "link": "https://a/", "quantity": 10},
        404,
        "Incorrect service ID",
    ),
    "no order": ({"action": "status", "order": 99}, 404, "Incorrect order ID"),
    "bob's order": ({"action": "status", "order": 5}, 404, "Incorrect order ID"),
    "no order to refill": ({"action": "refill", "order": 99}, 404, "Incorrect order ID"),
    "no refill": ({"action": "refill_status", "refill": 99}, 404, "Refill not found"),
    "no action": ({}, 422, "Incorrect request"),
    "unknown action": ({"action": "order"}, 422, "Incorrect request"),
    "no parameter": ({"action": "status"}, 422, "Incorrect request"),
    "too many ids": (
        {"action": "status", "orders": ",".join(map(str, range(1, 102)))},
        422,
        "Incorrect request",
    ),
    "wrong link": (
        {"action": "add", "service": 1, "link": "", "quantity": 10},
        422,
        "Incorrect link",
    ),
    "wrong quantity": (
        {"action": "add", "service": 1, "link": "https://a/", "quantity": "x"},
        422,
        "Incorrect quantity",
    ),
    "wrong comments": (
        {"action": "add", "service": 3, "link": "https://a/", "comments": "\n"},
        422,
        "Incorrect comments",
    ),
    "too little": (
        {"action": "add", "service": 1, "link": "https://a/", "quantity": 9},
        422,
        "Quantity less than minimal 10",
    ),
    "too much": (
        {"action": "add", "service": 1, "link": "https://a/", "quantity": 1001},
        422,
        "Quantity more than maximum 1000",
    ),
    "an open refill": ({"action": "refill", "order": 3}, 422, "Cannot refill"),
    "a link with an open order": (
        {"action": "add", "service": 2, "link": "https://a.example/4", "quantity": 100},
        422,
        "You have active order with this link. Please wait until order being completed.",
    ),
    "a used key": (
        {
            "action": "add",
            "service": 1,
            "link": "https://a/",
            "quantity": 10,
            "idempotency_key": "used",
        },
        422,
        "Idempotency key was used with other parameters",
    ),
}


class World(NamedTuple):
    """An app with an order in every state that the tables ask for, and who may ask."""

    client: FlaskClient
    runner: FlaskCliRunner
    keys: dict[str, str]

    def post(self, request: Request) -> tuple[int, Any]:
        """Ask as Alice, or with the key, or as the customer, that the request names."""
        key = request.get("key", "alice")
        form = {**request, "key": self.keys.get(key, key)}
        response = self.client.post("/api/v2", data=form)
        assert response.content_type == "application/json"
        return response.status_code, response.json


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Make a world: every customer with this dialect, on these PANEL_* variables."""

    def build(dialect: str | None = None, **variables: str) -> World:
        app = make_app(tmp_path / "panel.db", **variables)
        keys = {n: accounts.add(n, 100 * MICROS) for n in ("alice", "bob", "poor", "mallory")}
        world = World(app.test_client(), app.test_cli_runner(), keys)
        _furnish(world)
        accounts.fund("poor", -100 * MICROS)
        accounts.set_status("mallory", "suspended")
        for name in keys:
            accounts.set_dialect(name, dialect)
        return world

    yield build
    close_database()


ADDS: list[Request] = [
    {"service": 1, "quantity": 500},
    {"service": 1, "quantity": 100, "idempotency_key": "used"},
    {"service": 1, "quantity": 100},
    {"service": 2, "quantity": 100},
    {"service": 1, "quantity": 100, "key": "bob"},
    {"service": 4, "username": "somebody", "min": 20, "max": 20, "delay": 0},
]


def _furnish(world: World) -> None:
    """Orders 1 to 4 of Alice, 5 of Bob, and Alice's subscription 6 with its post 7."""
    services.add(
        name="Followers", category="Social", rate_micros=5 * MICROS, min=10, max=1000,
        refill=True, cancel=True, dripfeed=True,
    )  # fmt: skip
    services.add(
        name="Views", category="Video", rate_micros=15_000, min=100, max=1_000_000, cancel=True,
        one_per_link=True,
    )  # fmt: skip
    services.add(
        name="Pack", category="Video", rate_micros=3_900_000, min=1, max=1,
        type="Custom Comments Package",
    )  # fmt: skip
    services.add(
        name="Likes", category="Posts", rate_micros=MICROS, min=20, max=500, cancel=True,
        type="Subscriptions",
    )  # fmt: skip
    for number, wanted in enumerate(ADDS, start=1):
        request = {"action": "add", "link": f"https://a.example/{number}", **wanted}
        assert world.post(request)[1] == {"order": number}
    transition.change(1, status="In progress", start_count=37, remains=320)
    transition.change(2, status="Completed")
    transition.change(3, status="Completed")
    assert refills.request(accounts.get("alice").id, [3]) == [1]
    assert subscriptions.add_post(6, 20) == 7


def test_the_tables_have_every_action_and_every_error() -> None:
    assert {answer.request["action"] for answer in ANSWERS.values()} == set(ACTIONS)
    told = {
        (status, text.replace("minimal 10", "minimal N").replace("maximum 1000", "maximum N"))
        for _, status, text in ERRORS.values()
    }
    known = {(problem.status, problem.text) for problem in errors.catalogue()}
    incorrect = (422, "Incorrect comments")  # one for each parameter
    in_their_own_tests = {(422, "Cannot cancel"), (429, "Too many requests")}
    assert told == {*known, incorrect} - in_their_own_tests


WAYS: dict[str, tuple[str | None, dict[str, str], str]] = {
    "sns by default": (None, {}, "sns"),
    "sns by account": ("sns", {"PANEL_DIALECT": "perfectpanel"}, "sns"),
    "perfectpanel by default": (None, {"PANEL_DIALECT": "perfectpanel"}, "perfectpanel"),
    "perfectpanel by account": ("perfectpanel", {}, "perfectpanel"),
}
"""The account's dialect, the panel's, and which of them counts."""

ways = pytest.mark.parametrize(("account", "panel", "dialect"), WAYS.values(), ids=WAYS)


def written(value: Any) -> str:
    """An answer as JSON, which tells 1 from "1" and from true.

    The entries of an answer keep their order; the fields of an entry need none.
    """
    if isinstance(value, dict) and all(isinstance(v, dict) for v in value.values()):
        return json.dumps([[name, json.dumps(v, sort_keys=True)] for name, v in value.items()])
    return json.dumps(value, sort_keys=True)


@ways
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_every_answer_has_the_dialects_shape(
    build: Callable[..., World],
    answer: Answer,
    account: str | None,
    panel: dict[str, str],
    dialect: str,
) -> None:
    world = build(account, **panel)
    status, body = world.post(answer.request)

    same = dialect == "sns" or answer.perfectpanel is SAME
    assert status == 200
    assert written(body) == written(answer.sns if same else answer.perfectpanel)


@ways
def test_every_error_has_the_dialects_status(
    build: Callable[..., World], account: str | None, panel: dict[str, str], dialect: str
) -> None:
    world = build(account, **panel)
    told = {name: world.post(request) for name, (request, _, _) in ERRORS.items()}

    no_account = ("unknown key", "no key")
    kind = dict.fromkeys(ERRORS, dialect)
    kind |= dict.fromkeys(no_account, panel.get("PANEL_DIALECT", "sns"))
    assert told == {
        name: (status if kind[name] == "sns" else 200, {"error": text})
        for name, (_, status, text) in ERRORS.items()
    }


@ways
@pytest.mark.parametrize("status", refills.REFILL_FOLLOWS)
def test_a_refills_status_is_written_in_the_dialects_way(
    build: Callable[..., World],
    account: str | None,
    panel: dict[str, str],
    dialect: str,
    status: str,
) -> None:
    world = build(account, **panel)
    refills.set_status(1, status)

    word = {"sns": status, "perfectpanel": status[0].upper() + status[1:]}[dialect]
    assert world.post({"action": "refill_status", "refill": 1}) == (200, {"status": word})
    listed = world.post({"action": "refill_status", "refills": 1})
    assert listed == (200, [{"refill": 1, "status": word}])


@pytest.mark.parametrize("dialect", DIALECTS)
def test_too_many_requests_keep_their_status(build: Callable[..., World], dialect: str) -> None:
    world = build(dialect, PANEL_DIALECT=dialect, PANEL_RATE_LIMIT="7")
    for key in ("alice", "nobody's"):
        request = {"action": "balance", "key": key}
        while (told := world.post(request))[0] != 429:
            assert told[0] in (200, 401)
        assert told == (429, {"error": "Too many requests"})


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_dialect_hides_a_limit_or_a_fault(dialect: str) -> None:
    problems = [errors.TOO_MANY_REQUESTS, errors.Problem(500, "x"), errors.Problem(503, "x")]

    assert [DIALECTS[dialect].status(problem) for problem in problems] == [429, 500, 503]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_frameworks_errors_keep_their_status(
    build: Callable[..., World], dialect: str
) -> None:
    client = build(dialect, PANEL_DIALECT=dialect).client
    told = [
        client.get("/nothing"),
        client.put("/api/v2"),
        client.post("/api/v2", data={"key": "x" * (1024 * 1024 + 1)}),
    ]

    assert [(response.status_code, response.json) for response in told] == [
        (404, {"error": "Not Found"}),
        (405, {"error": "Method Not Allowed"}),
        (413, {"error": "Request Entity Too Large"}),
    ]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_fault_of_the_panel_keeps_its_status(build: Callable[..., World], dialect: str) -> None:
    world = build(dialect, PANEL_DIALECT=dialect)
    database.execute_sql("ALTER TABLE services RENAME TO gone")

    assert world.post({"action": "services"}) == (500, {"error": "Internal Server Error"})


@pytest.mark.parametrize(
    ("first", "second", "shown", "status"),
    [
        ("perfectpanel", None, "perfectpanel", 200),
        ("perfectpanel", "default", None, 404),
        ("sns", None, "sns", 404),
        ("sns", "perfectpanel", "perfectpanel", 200),
    ],
)
def test_the_operator_sets_a_customers_dialect(
    build: Callable[..., World], first: str, second: str | None, shown: str | None, status: int
) -> None:
    world = build()
    for dialect in filter(None, (first, second)):
        result = world.runner.invoke(args=["user", "dialect", "alice", dialect])
        assert result.exit_code == 0
        assert result.stdout == f"alice is answered in the dialect {dialect}.\n"

    user = json.loads(world.runner.invoke(args=["user", "show", "alice", "--json"]).stdout)
    assert user["dialect"] == shown
    assert world.post({"action": "status", "order": 99}) == (status, ORDER_ID)
    assert world.post({"action": "status", "order": 99, "key": "bob"}) == (404, ORDER_ID)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["alice", "klingon"], "there is no 'klingon', only: sns, perfectpanel, default"),
        (["nobody", "sns"], "there is no user nobody"),
    ],
)
def test_a_dialect_that_cannot_be_is_refused_in_one_line(
    build: Callable[..., World], args: list[str], told: str
) -> None:
    result = build().runner.invoke(args=["user", "dialect", *args])

    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_panel_cannot_start_in_a_dialect_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="PANEL_DIALECT is 'jap': write sns or perfectpanel"):
        make_app(tmp_path / "panel.db", PANEL_DIALECT="jap")


def imports(path: Path) -> set[str]:
    """The modules, and the names in modules, that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or ""}
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_no_action_and_no_rule_knows_of_dialects() -> None:
    folders = [ROOT / name for name in ("actions", "panel", "upstream", "worker", "database")]
    files = [path for folder in folders for path in folder.rglob("*.py")]
    assert {ROOT / "actions" / f"{name}.py" for name in ACTIONS} <= set(files)
    assert ROOT / "panel" / "orders" / "place.py" in files

    knowing = [path.name for path in files if "api.dialects" in imports(path)]
    naming = [path.name for path in files if "perfectpanel" in path.read_text()]
    assert (knowing, naming) == ([], [])
