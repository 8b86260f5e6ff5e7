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
from support.faulty import KEY, FaultyProvider
from support.orders import account_id, new_order

from models import Alert, AuditLine, Refill
from panel import operators
from panel.orders import cancels, dispatch, refills, transition
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
    for link, name, quantity in (
        ("one", "alice", 500), ("two", "alice", 500), ("three", "alice", 500), ("four", "bob", 10),
    ):  # fmt: skip
        new_order(cast.followers, quantity, f"https://a.example/{link}?x=1&y=2", name)
    alice = account_id("alice")
    transition.change(2, status="In progress", start_count=70, remains=200)
    transition.change(3, status="Completed")
    cancels.request(alice, [2])
    refills.request(alice, [3])
    Refill.update(restored=True).execute()  # for flask restored list
    registry.add("shop", registry.SANDBOX_URL, "", 60)
    operators.add("olga", "correct horse battery")
    AuditLine.create(operator="olga", address="192.0.2.1", act="sign in", outcome="done")
    Alert.create(kind="balance", subject="shop", text="shop has 1.00 left.\nflask attention")
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
    order_id = new_order(cast.followers, link="https://a.example/1")
    dispatch.claim(provider)
    dispatch.mark_in_doubt(order_id, "no whole answer (ReadTimeoutError)")
    return order_id
