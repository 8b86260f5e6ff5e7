"""One order at a time on a link, where a service says so."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient, FlaskCliRunner
from support.apps import Server
from support.recorder import PATIENCE_S

from database.connection import close_database
from database.driver import sqlite3
from database.migrate import open_database
from models import Order
from panel import accounts, ledger, services
from panel.money import MICROS
from panel.orders import dripfeed, transition

LINK = "https://a.example/p?x=1"
TAKEN = (
    422,
    {"error": "You have active order with this link. Please wait until order being completed."},
)

Add = Callable[..., tuple[int, Any]]


@pytest.fixture
def add(client: FlaskClient, cast: SimpleNamespace) -> Add:
    """Alice orders 100 followers, which allow a link one open order, unlike views."""
    services.edit(cast.followers, one_per_link=True)

    def add(link: str = LINK, **params: Any) -> tuple[int, Any]:
        form = {"key": cast.alice, "action": "add", "service": cast.followers, "link": link}
        response = client.post("/api/v2", data={**form, "quantity": 100, **params})
        return response.status_code, response.json

    return add


def test_a_second_order_waits_for_the_end_of_the_first(add: Add) -> None:
    assert add() == (200, {"order": 1})
    before = accounts.get("alice").balance_micros
    assert [add(), add()] == [TAKEN, TAKEN]

    assert (Order.select().count(), accounts.get("alice").balance_micros) == (1, before)
    assert list(ledger.check()) == []


@pytest.mark.parametrize("status", ["Pending", "Processing", "In progress"])
def test_an_open_order_holds_its_link(add: Add, status: str) -> None:
    add()
    transition.change(1, status=status)

    assert add() == TAKEN


@pytest.mark.parametrize("status", ["Completed", "Partial", "Canceled"])
def test_a_final_order_frees_its_link_for_one_more(add: Add, status: str) -> None:
    add()
    transition.change(1, status=status, remains=0 if status == "Completed" else 50)

    assert [add(), add()] == [(200, {"order": 2}), TAKEN]


def test_another_link_is_free(add: Add) -> None:
    others = [LINK, LINK + "&", LINK + "/", LINK.upper(), "https://a.example/p"]

    assert [add(link)[1] for link in others] == [{"order": n} for n in (1, 2, 3, 4, 5)]
    assert [add(link) for link in others] == [TAKEN] * 5


def test_another_service_is_free(add: Add, cast: SimpleNamespace) -> None:
    assert add() == (200, {"order": 1})
    assert add(service=cast.views) == (200, {"order": 2})
    assert add(service=cast.views) == (200, {"order": 3}), "views have no such rule"
    services.edit(cast.views, one_per_link=True)
    assert add(service=cast.views) == TAKEN


def test_the_link_is_the_services_whoever_orders(add: Add, cast: SimpleNamespace) -> None:
    add()

    assert add(key=cast.bob) == TAKEN


def test_it_is_told_before_the_lack_of_funds_and_after_the_range(
    add: Add, cast: SimpleNamespace
) -> None:
    add()

    assert add(key=cast.poor) == TAKEN
    assert add(quantity=9) == (422, {"error": "Quantity less than minimal 10"})
    accounts.set_status("bob", "suspended")
    assert add(key=cast.bob) == (403, {"error": "Account suspended"})


def test_a_retry_under_its_key_is_no_second_order(add: Add) -> None:
    answers = [add(idempotency_key="k"), add(idempotency_key="k"), add(idempotency_key="l")]

    assert answers == [(200, {"order": 1}), (200, {"order": 1}), TAKEN]


def test_a_drip_feed_is_one_order_that_holds_its_link(add: Add, cast: SimpleNamespace) -> None:
    services.edit(cast.followers, dripfeed=True)
    assert add(runs=2, interval=60) == (200, {"order": 1})
    Order.update(dispatch_state="parts").where(Order.id == 1).execute()
    dripfeed.run_due(0)
    assert Order.select().where(Order.parent == 1).count() == 1, "its own parts are not refused"

    assert add() == TAKEN


def test_the_operator_sets_and_lifts_the_rule(
    add: Add, cast: SimpleNamespace, runner: FlaskCliRunner
) -> None:
    def flask(*args: str) -> str:
        with runner.app.app_context():
            result = runner.invoke(args=args)
        assert result.exit_code == 0, result.output
        return result.stdout

    add()
    flask("service", "edit", str(cast.followers), "--no-one-per-link")
    assert add() == (200, {"order": 2})
    flask("service", "edit", str(cast.followers), "--one-per-link")
    assert add() == TAKEN
    fields = ["--name", "x", "--category", "x", "--rate", "1", "--min", "1", "--max", "100"]
    ruled = flask("service", "add", *fields, "--one-per-link").strip()
    free = flask("service", "add", *fields).strip()
    assert [add(service=ruled), add(service=ruled)] == [(200, {"order": 3}), TAKEN]
    assert [add(service=free), add(service=free)] == [(200, {"order": n}) for n in (4, 5)]
    shown = [json.loads(flask("service", "show", n, "--json")) for n in (ruled, free)]
    assert [service["one_per_link"] for service in shown] == [True, False]


def test_a_type_without_a_link_cannot_have_the_rule(
    cast: SimpleNamespace, runner: FlaskCliRunner
) -> None:
    args = ["service", "edit", str(cast.followers), "--one-per-link", "--type", "Subscriptions"]
    result = runner.invoke(args=args)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "Error: services of type Subscriptions have no link\n"


def test_of_eight_at_the_same_moment_one_is_taken(make_server: Callable[..., Server]) -> None:
    server = make_server(WEB_CONCURRENCY="4")
    open_database(server.folder / "panel.db")
    try:
        service = services.add(
            name="Followers", category="Social", rate_micros=5 * MICROS, min=10, max=1000,
            one_per_link=True,
        )  # fmt: skip
        keys = [accounts.add(f"customer-{n}", MICROS) for n in range(2)]
    finally:
        close_database()
    barrier = threading.Barrier(8)
    answers: list[tuple[int, str]] = []

    def order(key: str, link: str) -> None:
        barrier.wait(PATIENCE_S)
        status, answer = server.call(key, "add", service=service, link=link, quantity=10)
        answers.append((status, answer.get("error", "taken")))

    for link in ("https://a.example/1", "https://a.example/2", "https://a.example/3"):
        answers.clear()
        threads = [threading.Thread(target=order, args=(keys[n % 2], link)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert Counter(answers) == {(200, "taken"): 1, (422, TAKEN[1]["error"]): 7}

    with closing(sqlite3.connect(server.folder / "panel.db")) as connection:
        assert connection.execute("SELECT COUNT(*) FROM orders").fetchone() == (3,)
        assert list(ledger.check(connection.execute)) == []
