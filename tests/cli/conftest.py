"""Commands on a database of their own: as a shell would split them, or as a list of arguments."""

import shlex
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskCliRunner
from support.apps import listed
from support.commands import Call, FlaskCommand, commands_of
from support.dashboard import put_in_review
from support.faulty import KEY, FaultyProvider

from panel import accounts, operators, pricing
from panel.orders import cancels, dispatch, refills, transition
from panel.orders.place import OrderRequest, place_order
from panel.providers import registry, sources


@pytest.fixture
def call(app: Flask, runner: FlaskCliRunner) -> Iterator[Call]:
    """Run a command as a shell would split it."""

    def call(line: str, *more: str) -> Result:
        return runner.invoke(args=[*shlex.split(line), *more])

    with app.app_context():  # the flask command pushes it too
        yield call


@pytest.fixture
def filled(cast: SimpleNamespace) -> SimpleNamespace:
    """The cast, with Alice's orders 1 (new), 2 (waits for cancel 1), 3 (for refill 1); 4 is Bob's.

    Alice has 92.50 left, after three orders of 500 followers.
    """
    alice, bob = accounts.get("alice").id, accounts.get("bob").id
    followers = pricing.find_offer(accounts.caller(alice), cast.followers)
    assert followers is not None
    for name, account_id, quantity in (
        ("one", alice, 500), ("two", alice, 500), ("three", alice, 500), ("four", bob, 10),
    ):  # fmt: skip
        wanted = OrderRequest(f"https://a.example/{name}?x=1&y=2", quantity)
        place_order(account_id, followers, wanted)
    transition.change(2, status="In progress", start_count=70, remains=200)
    transition.change(3, status="Completed")
    cancels.request(alice, [2])
    refills.request(alice, [3])
    registry.add("shop", registry.SANDBOX_URL, "", 60)
    operators.add("olga", "correct horse battery")
    return cast


@pytest.fixture
def flask(app: Flask, caplog: pytest.LogCaptureFixture) -> FlaskCommand:
    """Run a command; whatever it does, it shows no key and no traceback."""
    return commands_of(app, caplog)


@pytest.fixture
def upstream(faulty: FaultyProvider, flask: FlaskCommand) -> FaultyProvider:
    """A provider that was added as `upstream`."""
    assert flask("provider", "add", "upstream", faulty.url, typed=f"{KEY}\n").exit_code == 0
    return faulty


@pytest.fixture
def reviewed(upstream: FaultyProvider, cast: SimpleNamespace) -> int:
    """Alice's order of 100 followers, of which nobody knows whether the provider has it."""
    provider = registry.get("upstream").id
    sources.set_source(cast.followers, provider, listed("1", 900_000), 1)
    account = accounts.get("alice")
    offer = pricing.find_offer(accounts.caller(account.id), cast.followers)
    assert offer is not None
    order_id = place_order(account.id, offer, OrderRequest("https://a.example/1", 100))
    dispatch.claim(provider)
    dispatch.mark_in_doubt(order_id, "no whole answer (ReadTimeoutError)")
    return order_id


@pytest.fixture
def in_review(cast: SimpleNamespace) -> int:
    """An order that was being sent to the sandbox when nobody answered any more."""
    return put_in_review(cast)
