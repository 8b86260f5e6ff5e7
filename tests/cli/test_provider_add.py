"""flask provider add: nobody is added who does not answer, unless that is wished."""

import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from support.apps import free_port, make_app
from support.commands import FlaskCommand, audit, bad, commands_of, good
from support.faulty import HTML, KEY, Fault, FaultyProvider, cut, hang, says
from support.servers import required_program

import upstream.http
from database.connection import database
from models import Provider
from panel.operations import providers
from panel.operations.audit import Actor
from panel.providers import registry
from panel.providers.registry import ProviderAccount
from panel_testing import PanelServer

HINT = " (--unchecked adds it without asking)"
NO_PATH = " Does its address end in /api/v2?"
IS_API = " Is this the address of its API?"


@pytest.fixture
def hasty(app: Flask, tmp_path: Any, caplog: pytest.LogCaptureFixture) -> FlaskCommand:
    """Commands of a panel that waits a second for a provider."""
    return commands_of(make_app(tmp_path / "panel.db", PANEL_PROVIDER_TIMEOUT="1"), caplog)


def add(flask: FlaskCommand, url: str, *options: str) -> Any:
    return flask("provider", "add", "upstream", url, *options, typed=f"{KEY}\n")


ANSWERS = {
    "a wrong key": (says({"error": "Invalid API key"}, 401), "Invalid API key. Check the key."),
    "a wrong key, told with 200": (says({"error": "Wrong token"}), "Wrong token. Check the key."),
    "a suspended account": (
        says({"error": "Account suspended"}, 403),
        "Account suspended. Check the key, and that our account there is active.",
    ),
    "a page for visitors of 403": (
        says(HTML, 403, "text/html"),
        "HTTP 403 without readable JSON. Is this the address of its API?",
    ),
    "no such page, in JSON": (says({"error": "Not Found"}, 404), f"Not Found.{IS_API}"),
    "no such page": (
        says(HTML, 404, "text/html"), f"HTTP 404 without readable JSON.{IS_API}",
    ),
    "no POST, in JSON": (
        says({"message": "Method Not Allowed"}, 405), f"Method Not Allowed.{IS_API}",
    ),
    "no POST": (says(b"", 405), f"HTTP 405 without readable JSON.{IS_API}"),
    "a page": (says(HTML, 200, "text/html"), f"HTTP 200 without readable JSON.{IS_API}"),
    "nothing": (says(b""), f"HTTP 200 without readable JSON.{IS_API}"),
    "another API": (
        says({"ok": True}), f'an answer that was not understood: {{"ok": true}}.{IS_API}',
    ),
    "no balance": (
        says({"balance": None, "currency": "USD"}),
        f'an answer that was not understood: {{"balance": null, "currency": "USD"}}.{IS_API}',
    ),
    "a list": (says([]), f"an answer that was not understood: [].{IS_API}"),
    "out of order": (says(HTML, 503), "HTTP 503. Check the address, or try again later."),
    "too many requests": (says({}, 429), "Too many requests."),
    "no such action": (says({"error": "Incorrect request"}), "Incorrect request."),
    "a closed connection": (
        cut, "no whole answer (ProtocolError). Check the address, or try again later.",
    ),
    "silence": (hang, "no whole answer within 1 s. Check the address, or try again later."),
    "a redirect": (
        says(b"", 301, Location="https://new.example/api/v2"),
        "it redirects to https://new.example/api/v2, nothing was taken. Use that address.",
    ),
    "a redirect with our key": (
        says(b"", 308, Location=f"https://new.example/api/v2?key={KEY}"),
        "it redirects to https://new.example/api/v2, nothing was taken. Use that address.",
    ),
    "a sign-in page": (says(b"", 302, Location="/login"), f"HTTP 302 to URL/login.{IS_API}"),
}  # fmt: skip
"""How a provider answers the question for our balance, and why it is not added then."""


@pytest.mark.parametrize("kind", ANSWERS)
def test_who_does_not_answer_as_a_provider_is_not_added(
    hasty: FlaskCommand, faulty: FaultyProvider, kind: str
) -> None:
    reply, why = ANSWERS[kind]
    faulty.plan("balance", Fault(reply))
    why = why.replace("URL", faulty.url.removesuffix("/api/v2"))
    assert bad(add(hasty, faulty.url), exit_code=1) == f"upstream is not added: {why}{HINT}"
    assert list(Provider.select()) == []
    assert [(act, outcome) for *_, act, outcome in audit()] == [
        (f"provider upstream: add {faulty.url}", f"failed: upstream is not added: {why}")
    ]
    assert good(add(hasty, faulty.url)) == (
        "Provider upstream is added.\nOur balance there: 12.5000 USD\n"
    )


@pytest.mark.parametrize("path", ["", "/", "/api", "/api/v1", "/api/v2/x", "/healthz", "/admin"])
def test_a_wrong_path_is_asked_about(
    flask: FlaskCommand, panel_server: PanelServer, path: str
) -> None:
    url = panel_server.url.removesuffix("/api/v2")
    why = bad(add(flask, f"{url}{path}"), exit_code=1)
    assert why.endswith(f".{NO_PATH}{HINT}"), why
    assert registry.listing() == []
    assert bad(add(flask, panel_server.url), exit_code=1) == (
        f"upstream is not added: Invalid API key. Check the key.{HINT}"
    )


NETWORK = {
    "a closed port": ("http://127.0.0.1:PORT/api/v2", "connection refused"),
    "a name that nobody has": ("http://nobody.invalid/api/v2", "its name cannot be resolved"),
}


@pytest.mark.parametrize("kind", NETWORK)
def test_who_cannot_be_reached_is_not_added(flask: FlaskCommand, kind: str) -> None:
    url, why = NETWORK[kind]
    assert bad(add(flask, url.replace("PORT", str(free_port()))), exit_code=1) == (
        f"upstream is not added: the provider cannot be reached: {why}. "
        f"Check the address, or try again later.{HINT}"
    )
    assert registry.listing() == []


def test_who_takes_no_connection_is_not_added(
    flask: FlaskCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream.http, "CONNECT_TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]  # nobody accepts them
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(address)
        result = add(flask, f"http://127.0.0.1:{address[1]}/api/v2")
        for client in waiting:
            client.close()
    assert "cannot be reached: no connection within 0.1 s" in bad(result, exit_code=1)
    assert registry.listing() == []


@pytest.mark.server
def test_a_certificate_that_nobody_vouches_for_is_refused(
    flask: FlaskCommand, tmp_path: Path
) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [required_program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes",
         "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=shake_hands, args=(listener, context))
        thread.start()
        result = add(flask, f"https://127.0.0.1:{listener.getsockname()[1]}/api/v2")
        thread.join()
    assert bad(result, exit_code=1) == (
        "upstream is not added: the provider's certificate is not valid. "
        f"Check the address, or try again later.{HINT}"
    )


def shake_hands(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Offer one client a certificate."""
    connection, _ = listener.accept()
    with connection, suppress(OSError), context.wrap_socket(connection, server_side=True):
        pass


def test_https_where_there_is_none_is_refused(flask: FlaskCommand, faulty: FaultyProvider) -> None:
    result = add(flask, faulty.url.replace("http:", "https:"))
    assert "the encrypted connection broke" in bad(result, exit_code=1)
    assert faulty.requests == []


# Unchecked


def test_unchecked_a_provider_is_added_without_a_question(
    flask: FlaskCommand, faulty: FaultyProvider
) -> None:
    assert good(add(flask, faulty.url, "--unchecked")) == (
        "Provider upstream is added. It was not asked: whether its address and key are right, "
        "our balance there and its currency are not known. To ask it: flask provider balance "
        "upstream\n"
    )
    assert faulty.requests == []
    row = registry.get("upstream")
    assert (row.key, row.balance, row.currency) == (KEY, "", "")
    assert [(act, outcome) for *_, act, outcome in audit()] == [
        (f"provider upstream: add {faulty.url}, unchecked", "done")
    ]
    assert good(flask("provider", "balance", "upstream")) == "12.5000 USD\n"


def test_unchecked_what_cannot_be_a_provider_is_refused_nevertheless(flask: FlaskCommand) -> None:
    assert "cannot be used" in bad(add(flask, "ftp://a.example", "--unchecked"))
    result = flask("provider", "add", "up", "http://a.example/", "--unchecked", typed="\n")
    assert "the key must be" in bad(result)
    assert registry.listing() == []


@pytest.mark.parametrize("options", [[], ["--unchecked"]], ids=str)
def test_the_sandbox_is_there_always(flask: FlaskCommand, options: list[str]) -> None:
    assert good(flask("provider", "add", "sandbox", "sandbox:", *options)) == (
        "Provider sandbox is added.\nOur balance there: unlimited\n"
    )
    assert [act for *_, act, _ in audit()] == ["provider sandbox: add sandbox:"]


# Again


def test_a_removed_provider_comes_back_only_if_it_answers(
    flask: FlaskCommand, faulty: FaultyProvider
) -> None:
    good(add(flask, faulty.url))
    good(flask("provider", "remove", "upstream"))
    faulty.plan("balance", Fault(says({"error": "Invalid API key"}, 401)))
    assert "Check the key" in bad(add(flask, faulty.url), exit_code=1)
    assert registry.listing() == []
    assert [(row.name, row.active, row.key) for row in Provider.select()] == [
        ("upstream", False, "")
    ]
    good(add(flask, faulty.url))
    assert [(row.name, row.active, row.key) for row in Provider.select()] == [
        ("upstream", True, KEY)
    ]


def test_it_is_asked_outside_any_transaction_and_not_yet_there(app: Flask) -> None:
    def ask(row: Provider) -> ProviderAccount:
        assert not database.in_transaction()
        assert registry.listing() == []
        assert (row.name, row.url, row.key) == ("up", "https://up.example/api/v2", KEY)
        return ProviderAccount("7.00 EUR", True, "EUR")

    row = providers.add(
        Actor("olga"), "up", "https://up.example/api/v2", KEY, 60, ask=ask, ours="USD"
    )
    assert (row.balance, row.currency, row.idempotent) == ("7.00 EUR", "EUR", True)


# A currency that is not ours: it is added, and says what to do first.


def test_a_provider_whose_currency_is_not_known_is_added_with_a_warning(
    flask: FlaskCommand, faulty: FaultyProvider
) -> None:
    faulty.plan("balance", Fault(says({"balance": "7"})))
    result = add(flask, faulty.url)
    assert (result.exit_code, result.stdout) == (
        0, "Provider upstream is added.\nOur balance there: 7\n"
    )  # fmt: skip
    assert result.stderr == (
        "Nothing can be bought there yet: the provider does not name its currency, and ours is "
        "USD: say which it is with: flask provider currency upstream CODE\n"
    )
