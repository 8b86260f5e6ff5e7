"""The operator's commands for providers, prices, orders in doubt and the report."""

import csv
import io
import json
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from support.apps import free_port, listed, make_app
from support.faulty import KEY, Fault, FaultyProvider, says

from models import Order, Provider
from panel import accounts, ledger, pricing, queries, services
from panel.orders import dispatch, lookup, status_sync
from panel.orders.place import OrderRequest, place_order
from panel.orders.status_sync import ProviderStatus
from panel.providers import registry, sources

ENV = {"UPSTREAM_KEY": KEY}

FlaskCommand = Callable[..., Result]


@pytest.fixture
def flask(app: Flask, caplog: pytest.LogCaptureFixture) -> FlaskCommand:
    """Run a command; whatever it does, it shows no key and no traceback."""
    return commands_of(app, caplog)


def commands_of(app: Flask, caplog: pytest.LogCaptureFixture) -> FlaskCommand:
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, "urllib3")

    def run(*args: Any, typed: str = "", env: dict[str, str] | None = None) -> Result:
        with app.app_context():
            result = app.test_cli_runner().invoke(
                args=[str(arg) for arg in args], input=typed, env=env
            )
        said = result.stdout + result.stderr + caplog.text
        assert KEY not in said
        assert "Traceback" not in said
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return run


@pytest.fixture
def upstream(faulty: FaultyProvider, flask: FlaskCommand) -> FaultyProvider:
    """A provider that was added as `upstream`."""
    assert flask("provider", "add", "upstream", faulty.url, typed=f"{KEY}\n").exit_code == 0
    return faulty


def good(result: Result) -> str:
    assert (result.stderr, result.exit_code) == ("", 0)
    return result.stdout


def bad(result: Result, exit_code: int = 2) -> str:
    """What a command that failed said: one line, and nothing on stdout."""
    assert (result.stdout, result.exit_code) == ("", exit_code)
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("Error: ").rstrip("\n")


# provider add


@pytest.mark.parametrize(
    ("options", "typed", "env"),
    [
        ([], f"{KEY}\n", None),
        ([], f"  {KEY}", None),
        (["--key-env", "UPSTREAM_KEY"], "", ENV),
        (["--key-env", "UPSTREAM_KEY"], "", {"UPSTREAM_KEY": f"{KEY}\n"}),
    ],
    ids=["a line on stdin", "stdin without a line's end", "a variable", "a variable with a line"],
)
def test_a_provider_is_added_with_a_key_that_nobody_sees(
    flask: FlaskCommand,
    faulty: FaultyProvider,
    options: list[str],
    typed: str,
    env: dict[str, str] | None,
) -> None:
    result = flask("provider", "add", "upstream", faulty.url, *options, typed=typed, env=env)
    assert good(result) == "Provider upstream is added.\nOur balance there: 12.5000 USD\n"
    assert registry.get("upstream").key == KEY
    assert faulty.sent("balance")[0]["key"] == KEY


def test_the_sandbox_needs_no_key(flask: FlaskCommand) -> None:
    result = flask("provider", "add", "sandbox", "sandbox:", "--requests-per-minute", 6000)
    assert good(result) == "Provider sandbox is added.\nOur balance there: unlimited\n"
    assert registry.get("sandbox").requests_per_minute == 6000


def test_a_provider_that_does_not_answer_is_added_nevertheless(flask: FlaskCommand) -> None:
    url = f"http://127.0.0.1:{free_port()}/api/v2"
    result = flask("provider", "add", "upstream", url, typed=f"{KEY}\n")
    assert (result.exit_code, result.stdout) == (0, "Provider upstream is added.\n")
    assert result.stderr.startswith("Its balance could not be read: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("args", "typed", "text"),
    [
        (["upstream"], KEY, "Missing argument 'URL'"),
        (["up stream", "http://a.example/api/v2"], KEY, "the name 'up stream' cannot be used"),
        (["-x", "http://a.example/api/v2"], KEY, "No such option"),
        (["x" * 65, "http://a.example/api/v2"], KEY, "cannot be used"),
        (["upstream", "a.example/api/v2"], KEY, "the address 'a.example/api/v2' cannot be used"),
        (["upstream", "ftp://a.example"], KEY, "cannot be used"),
        (["upstream", "http://a.example/api/v2?key=5"], KEY, "cannot be used"),
        (["upstream", "http://user:pass@a.example/"], KEY, "cannot be used"),
        (["upstream", "http://a.example/\n"], KEY, "cannot be used"),
        (["upstream", "http://a.example/", "--requests-per-minute", "0"], KEY, "from 1 to"),
        (["upstream", "http://a.example/", "--requests-per-minute", "-5"], KEY, "from 1 to"),
        (["upstream", "http://a.example/", "--requests-per-minute", "x"], KEY, "not a valid int"),
        (["upstream", "http://a.example/", "--key-env", "NO_SUCH"], "", "NO_SUCH is not set"),
        (["upstream", "http://a.example/", "--key-env", ""], "", "is not set"),
        (["upstream", "http://a.example/"], "", "the key must be"),
        (["upstream", "http://a.example/"], "\n", "the key must be"),
        (["upstream", "http://a.example/"], f"{KEY}\x1b\n", "the key must be"),
        (["upstream", "http://a.example/"], f"{KEY}ä\n", "the key must be"),
    ],
    ids=str,
)
def test_what_cannot_be_a_provider_is_not_added(
    flask: FlaskCommand, args: list[str], typed: str, text: str
) -> None:
    assert text in bad(flask("provider", "add", *args, typed=typed))
    assert registry.listing() == []


def test_a_name_is_given_once(flask: FlaskCommand, upstream: FaultyProvider) -> None:
    result = flask("provider", "add", "upstream", "sandbox:")
    assert bad(result) == "there is a provider upstream already"
    assert registry.get("upstream").url == upstream.url


# provider list, show, balance, remove


def test_providers_are_listed_and_shown_without_their_keys(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    (row,) = json.loads(good(flask("provider", "list", "--json")))
    assert row == json.loads(good(flask("provider", "show", "upstream", "--json")))
    assert list(row) == ["name", "url", "requests_per_minute", "balance", "balance_at", "added"]
    assert (row["name"], row["url"], row["balance"]) == ("upstream", upstream.url, "12.5000 USD")
    for table in (flask("provider", "list"), flask("provider", "show", "upstream")):
        assert upstream.url in good(table)


def test_a_panel_without_providers_says_so(flask: FlaskCommand) -> None:
    assert good(flask("provider", "list")) == "No providers yet.\n"
    assert good(flask("provider", "list", "--json")) == "[]\n"


def test_a_balance_is_asked_for_and_kept(flask: FlaskCommand, upstream: FaultyProvider) -> None:
    upstream.plan("balance", Fault(says({"balance": "7.01", "currency": "EUR"})))
    assert good(flask("provider", "balance", "upstream")) == "7.01 EUR\n"
    assert json.loads(good(flask("provider", "show", "upstream", "--json")))["balance"] == (
        "7.01 EUR"
    )


def test_a_removed_provider_is_gone_with_its_key(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    good(flask("provider", "import", "upstream", "--markup", "25%"))
    result = good(flask("provider", "remove", "upstream"))
    assert result == "Provider upstream is removed; 3 services were disabled.\n"
    assert good(flask("provider", "list")) == "No providers yet.\n"
    assert [row.key for row in Provider.select()] == [""]
    assert bad(flask("provider", "remove", "upstream")) == "there is no provider upstream"


def test_a_provider_with_orders_on_their_way_stays(
    flask: FlaskCommand, upstream: FaultyProvider, reviewed: int
) -> None:
    assert bad(flask("provider", "remove", "upstream")) == (
        "1 order is not finished at upstream yet"
    )
    assert registry.get("upstream").key == KEY


# provider services, import, sync


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], ["Followers", "Views", "Starter pack", "Poll votes"]),
        (["VIDEO"], ["Views", "Starter pack"]),
        (["video", "pack"], ["Starter pack"]),
        (["4"], ["Poll votes"]),
        (["nothing", "such"], []),
    ],
    ids=str,
)
def test_their_catalogue_is_searched(
    flask: FlaskCommand, upstream: FaultyProvider, words: list[str], names: list[str]
) -> None:
    rows = json.loads(good(flask("provider", "services", "upstream", *words, "--json")))
    assert [row["name"] for row in rows] == names
    table = good(flask("provider", "services", "upstream", *words))
    assert all(name in table for name in names or ["No such services."])


def test_their_catalogue_is_shown_as_they_sell_it(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    (row,) = json.loads(good(flask("provider", "services", "upstream", "views", "--json")))
    assert row == {
        "service": "2", "name": "Views", "category": "Video", "type": "Default",
        "rate": "0.0033", "min": 100, "max": 1_000_000, "refill": False, "cancel": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "rates"),
    [
        (["--markup", "25%"], {"Followers": "1.125", "Views": "0.004125", "Starter pack": "3.75"}),
        (["--markup", "25", "--round", "0.01"],
         {"Followers": "1.13", "Views": "0.01", "Starter pack": "3.75"}),
        (["--markup", "12.5%", "--category", "Video"],
         {"Views": "0.003713", "Starter pack": "3.375"}),
        (["--markup", "0", "--category", "Video", "--category", "Social", "--id", "1"],
         {"Followers": "0.90"}),
        (["--markup", "0%", "--id", "1", "--id", "3"],
         {"Followers": "0.90", "Starter pack": "3.00"}),
    ],
    ids=str,
)  # fmt: skip
def test_services_are_imported_with_a_markup(
    flask: FlaskCommand, upstream: FaultyProvider, options: list[str], rates: dict[str, str]
) -> None:
    report = good(flask("provider", "import", "upstream", *options))
    rows = json.loads(good(flask("service", "list", "--json")))
    assert {row["name"]: row["rate"] for row in rows} == rates
    assert all(name in report and f"added at {rate}" in report for name, rate in rates.items())


def test_what_is_not_sold_here_is_named_at_the_import(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    report = good(flask("provider", "import", "upstream", "--id", "4", "--markup", "25%"))
    assert "Poll votes" in report
    assert "skipped: the type 'Live Views' is not supported" in report
    assert services.listing() == []


def test_a_dry_run_only_shows(flask: FlaskCommand, upstream: FaultyProvider) -> None:
    report = good(flask("provider", "import", "upstream", "--markup", "25%", "--dry-run"))
    assert "added at 1.125, cost 0.90" in report
    assert services.listing() == []


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["upstream"], "Missing option '--markup'"),
        (["upstream", "--markup", "-5%"], "the markup cannot be negative"),
        (["upstream", "--markup", "much"], "'much' is not a percentage"),
        (["upstream", "--markup", "1.00001"], "more than 4 decimals"),
        (["upstream", "--markup", "nan"], "is not a percentage"),
        (["upstream", "--markup", "25%", "--round", "0"], "the step must be above 0"),
        (["upstream", "--markup", "25%", "--round", "-1"], "the step must be above 0"),
        (["upstream", "--markup", "25%", "--round", "1e3"], "not an amount"),
        (
            ["upstream", "--markup", "25%", "--id", "99"],
            "the provider has no service that matches",
        ),
        (
            ["upstream", "--markup", "25%", "--category", "No"],
            "the provider has no service that matches",
        ),
        (["nobody", "--markup", "25%"], "there is no provider nobody"),
    ],
    ids=str,
)
def test_what_cannot_be_imported_changes_nothing(
    flask: FlaskCommand, upstream: FaultyProvider, args: list[str], text: str
) -> None:
    assert text in bad(flask("provider", "import", *args))
    assert services.listing() == []


def test_a_sync_follows_and_tells_what_changed(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    good(flask("provider", "import", "upstream", "--markup", "25%"))
    assert good(flask("provider", "sync", "upstream")) == "Nothing has changed.\n"
    upstream.services[0]["rate"] = "1.00"
    del upstream.services[1]
    report = good(flask("provider", "sync", "upstream"))
    for change in (
        "cost 0.90 → 1.00",
        "rate 1.125 → 1.25",
        "disabled: the provider no longer offers it",
    ):
        assert change in report
    rows = json.loads(good(flask("service", "list", "--json")))
    assert [(row["name"], row["active"], row["note"]) for row in rows] == [
        ("Followers", True, ""), ("Views", False, "vanished"), ("Starter pack", True, "")
    ]  # fmt: skip


def test_a_service_below_its_cost_is_flagged(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    good(flask("provider", "import", "upstream", "--id", "1", "--markup", "0%"))
    good(flask("service", "edit", "1", "--rate", "0.95"))
    upstream.services[0]["rate"] = "1.00"
    assert "its rate 0.95 is below its cost 1.00" in good(flask("provider", "sync", "upstream"))
    assert "below cost" in good(flask("service", "list"))
    row = json.loads(good(flask("service", "show", "1", "--json")))
    assert (row["note"], row["active"], row["cost"]) == ("below cost", True, "1.00")


def test_a_service_below_its_cost_is_disabled_where_that_is_set(
    app: Flask, faulty: FaultyProvider, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    strict = make_app(tmp_path / "panel.db", PANEL_BELOW_COST="disable")
    flask = commands_of(strict, caplog)
    flask("provider", "add", "upstream", faulty.url, "--key-env", "UPSTREAM_KEY", env=ENV)
    good(flask("provider", "import", "upstream", "--id", "1", "--markup", "0%"))
    good(flask("service", "edit", "1", "--rate", "0.95"))
    faulty.services[0]["rate"] = "1.00"
    assert "disabled: its rate is below its cost" in good(flask("provider", "sync", "upstream"))
    assert not services.get(1).active


def test_an_empty_catalogue_is_refused(flask: FlaskCommand, upstream: FaultyProvider) -> None:
    good(flask("provider", "import", "upstream", "--markup", "25%"))
    upstream.services.clear()
    assert "empty catalogue; nothing was changed" in bad(flask("provider", "sync", "upstream"))
    assert all(service.active for service in services.listing())


ASKING = [
    ("balance", ["provider", "balance", "upstream"]),
    ("services", ["provider", "services", "upstream"]),
    ("services", ["provider", "import", "upstream", "--markup", "25%"]),
    ("services", ["provider", "sync", "upstream"]),
    ("services", ["service", "source", "1", "upstream", "1"]),
]


@pytest.mark.parametrize(("action", "args"), ASKING, ids=lambda value: str(value))
@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (says({"error": "Invalid API key"}, 401), "upstream: Invalid API key"),
        (says({"error": f"no user has {KEY}\nat\tall"}), "upstream: no user has [key]atall"),
        (says(b"<html>", 502, "text/html"), "upstream: HTTP 502"),
        (says(b"<html>"), "upstream: HTTP 200 without readable JSON"),
        (says("text"), 'upstream: an answer that was not understood: "text"'),
    ],
    ids=["a refusal", "a refusal with the key", "502", "HTML", "a text"],
)
def test_a_provider_that_does_not_answer_is_told_in_one_line(
    flask: FlaskCommand,
    upstream: FaultyProvider,
    action: str,
    args: list[str],
    reply: Any,
    text: str,
) -> None:
    services.add(name="Mine", category="Social", rate_micros=1, min=1, max=10)
    upstream.plan(action, Fault(reply))
    assert bad(flask(*args), exit_code=1) == text


@pytest.mark.parametrize(
    "args",
    [
        ["provider", "show"], ["provider", "balance"], ["provider", "remove"],
        ["provider", "services"], ["provider", "sync"],
    ],
    ids=str,
)  # fmt: skip
def test_a_provider_must_be_named_and_known(flask: FlaskCommand, args: list[str]) -> None:
    assert bad(flask(*args, "nobody")) == "there is no provider nobody"
    assert "Missing argument 'NAME'" in bad(flask(*args))


# service source


def test_a_service_is_bought_first_here_then_there(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    services.add(name="Mine", category="Social", rate_micros=2_000_000, min=1, max=10)
    good(flask("provider", "add", "sandbox", "sandbox:"))
    assert good(flask("service", "source", "1", "upstream", "1")) == (
        "Service 1 is bought from upstream, service 1, at 0.90.\n"
    )
    assert good(flask("service", "source", "1", "sandbox", "3", "--second")) == (
        "Service 1 is bought from sandbox, service 3, at 2.00.\n"
    )
    row = json.loads(good(flask("service", "show", "1", "--json")))
    assert row["bought_from"] == ["upstream 1 at 0.90", "sandbox 3 at 2.00"]
    assert row["cost"] == "2.00"
    assert "upstream 1 at 0.90, then sandbox 3 at 2.00" in good(flask("service", "show", "1"))


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["99", "upstream", "1"], "there is no service 99"),
        (["1", "nobody", "1"], "there is no provider nobody"),
        (["1", "upstream", "99"], "upstream has no service 99"),
        (["1", "upstream", "1", "--second"], "service 1 has no first source yet"),
        (["0", "upstream", "1"], "0 is not in the range"),
        (["one", "upstream", "1"], "'one' is not a valid integer"),
        (["1", "upstream"], "Missing argument 'THEIR_SERVICE'"),
    ],
    ids=str,
)
def test_what_cannot_be_a_source_changes_nothing(
    flask: FlaskCommand, upstream: FaultyProvider, args: list[str], text: str
) -> None:
    services.add(name="Mine", category="Social", rate_micros=1, min=1, max=10)
    assert text in bad(flask("service", "source", *args))
    assert sources.sources(1) == []


# user discount, user rate


@pytest.mark.parametrize(
    ("percent", "shown"),
    [
        ("5", "5.00%"),
        ("5%", "5.00%"),
        ("12.5%", "12.50%"),
        ("0.0001%", "0.0001%"),
        ("100", "100.00%"),
    ],
)
def test_a_discount_is_given_and_taken_away(
    flask: FlaskCommand, cast: SimpleNamespace, percent: str, shown: str
) -> None:
    assert good(flask("user", "discount", "alice", percent)) == f"alice now gets {shown} off.\n"
    assert json.loads(good(flask("user", "show", "alice", "--json")))["discount"] == shown
    assert good(flask("user", "discount", "alice", "0")) == "alice now gets 0.00% off.\n"


def test_an_own_rate_is_given_and_taken_away(flask: FlaskCommand, cast: SimpleNamespace) -> None:
    number = cast.followers
    assert good(flask("user", "rate", "alice", number, "0.95")) == (
        f"alice now pays 0.95 for service {number}.\n"
    )
    assert json.loads(good(flask("user", "show", "alice", "--json")))["rates"] == {
        str(number): "0.95"
    }
    assert f"{number}: 0.95" in good(flask("user", "show", "alice"))
    assert good(flask("user", "rate", "alice", number, "none")) == (
        f"alice pays the usual rate of service {number} again.\n"
    )
    assert json.loads(good(flask("user", "show", "alice", "--json")))["rates"] == {}


def test_a_price_below_the_cost_is_a_warning(
    flask: FlaskCommand, cast: SimpleNamespace, upstream: FaultyProvider
) -> None:
    good(flask("service", "source", cast.followers, "upstream", "1"))
    low = flask("user", "rate", "alice", cast.followers, "0.89")
    assert (low.exit_code, low.stderr) == (
        0, f"Service {cast.followers}: 0.89 is below its cost 0.90.\n"
    )  # fmt: skip
    good(flask("user", "rate", "alice", cast.followers, "0.90"))
    good(flask("user", "discount", "bob", "82%"))
    low = flask("user", "discount", "bob", "82.1%")
    assert (low.exit_code, low.stderr) == (
        0, f"Service {cast.followers}: 0.895 is below its cost 0.90.\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["discount", "nobody", "5"], "there is no user nobody"),
        (["discount", "alice", "101"], "from 0 to 100 percent"),
        (["discount", "alice", "five"], "'five' is not a percentage"),
        (["discount", "alice", "5.00001"], "more than 4 decimals"),
        (["discount", "alice"], "Missing argument 'PERCENT'"),
        (["rate", "nobody", "1", "0.95"], "there is no user nobody"),
        (["rate", "alice", "99", "0.95"], "there is no service 99"),
        (["rate", "alice", "99", "none"], "there is no service 99"),
        (["rate", "alice", "1", "cheap"], "'cheap' is not an amount"),
        (["rate", "alice", "1", "0.0000001"], "is not an amount"),
        (["rate", "alice", "1", "1000001"], "the rate must be from 0 to 1000000"),
        (["rate", "alice", "1"], "Missing argument 'RATE'"),
        (["rate", "alice", "x", "1"], "'x' is not a valid integer"),
    ],
    ids=str,
)
def test_what_cannot_be_a_price_changes_nothing(
    flask: FlaskCommand, cast: SimpleNamespace, args: list[str], text: str
) -> None:
    assert text in bad(flask("user", *args))
    alice = accounts.get("alice")
    assert (alice.discount_ppm, pricing.account_rates(alice.id)) == (0, {})


# order review, resend, attach, fail


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


def test_orders_in_doubt_are_listed_with_what_is_known(flask: FlaskCommand, reviewed: int) -> None:
    (row,) = json.loads(good(flask("order", "review", "--json")))
    assert (row["id"], row["user"], row["forward"]) == (reviewed, "alice", "review")
    assert (row["link"], row["quantity"]) == ("https://a.example/1", 100)
    assert row["warning"] == "no whole answer (ReadTimeoutError)"
    assert "no whole answer (ReadTimeoutError)" in good(flask("order", "review"))
    shown = json.loads(good(flask("order", "show", reviewed, "--json")))
    assert [(event["what"], event["text"]) for event in shown["events"]] == [
        ("sending", "as service 1"), ("unknown", "no whole answer (ReadTimeoutError)")
    ]  # fmt: skip


def test_without_orders_in_doubt_nothing_is_listed(flask: FlaskCommand) -> None:
    assert good(flask("order", "review")) == "No order needs review.\n"
    assert good(flask("order", "review", "--json")) == "[]\n"


def test_an_order_in_doubt_is_sent_again(flask: FlaskCommand, reviewed: int) -> None:
    assert good(flask("order", "resend", reviewed)) == f"Order {reviewed} will be sent again.\n"
    assert lookup.get(reviewed).dispatch_state == "waiting"
    assert bad(flask("order", "resend", reviewed)) == f"order {reviewed} does not need review"


def test_an_order_in_doubt_is_attached(flask: FlaskCommand, reviewed: int) -> None:
    assert good(flask("order", "attach", reviewed, "4711")) == (
        f"Order {reviewed} is the provider's order 4711.\n"
    )
    row = json.loads(good(flask("order", "show", reviewed, "--json")))
    assert (row["forward"], row["provider_order"], row["cost"]) == ("sent", "4711", "0.09")
    assert good(flask("order", "review")) == "No order needs review.\n"


def test_an_order_in_doubt_is_given_up(flask: FlaskCommand, reviewed: int) -> None:
    assert good(flask("order", "fail", reviewed)) == (
        f"Order {reviewed} is Canceled, 0.50 refunded.\n"
    )
    assert accounts.get("alice").balance_micros == 100_000_000
    assert good(flask("ledger", "check")).startswith("The ledger is consistent")


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["resend", "99"], "there is no order 99"),
        (["attach", "99", "5"], "there is no order 99"),
        (["fail", "99"], "there is no order 99"),
        (["resend"], "Missing argument 'ID'"),
        (["attach", "1"], "Missing argument 'PROVIDER_ORDER'"),
        (["attach", "1", "not a number"], "cannot be a provider's order number"),
        (["fail", "-1"], "No such option"),
        (["fail", "x"], "'x' is not a valid integer"),
        (["fail", "0"], "0 is not in the range"),
        (["review", "1"], "unexpected extra argument"),
    ],
    ids=str,
)
def test_what_cannot_be_settled_changes_nothing(
    flask: FlaskCommand, reviewed: int, args: list[str], text: str
) -> None:
    before = queries.order_details(reviewed)
    assert text in bad(flask("order", *args))
    assert queries.order_details(reviewed) == before


# report


@pytest.fixture
def earned(reviewed: int) -> int:
    """The order of 1970-01-02, of which half was delivered."""
    dispatch.attach(reviewed, "4711")
    status_sync.apply_statuses({reviewed: ProviderStatus("Partial", 5, 50)}, 15)
    Order.update(created_at=86_400).execute()
    return reviewed


SUMS = {"orders": 1, "revenue": "0.50", "refunds": "0.25", "cost": "0.045", "profit": "0.205"}


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ([], [{"service": "1 Followers", **SUMS}]),
        (["--by", "service"], [{"service": "1 Followers", **SUMS}]),
        (["--by", "user"], [{"user": "alice", **SUMS}]),
        (["--by", "provider"], [{"provider": "upstream", **SUMS}]),
        (["--by", "day"], [{"day": "1970-01-02", **SUMS}]),
        (["--by", "day", "--since", "1970-01-02"], [{"day": "1970-01-02", **SUMS}]),
        (["--by", "day", "--since", "1970-01-03"], []),
    ],
    ids=str,
)
def test_what_was_earned_is_reported(
    flask: FlaskCommand, earned: int, options: list[str], rows: list[dict[str, Any]]
) -> None:
    assert json.loads(good(flask("report", *options, "--json"))) == rows
    read = list(csv.DictReader(io.StringIO(good(flask("report", *options, "--csv")))))
    assert read == [{name: str(value) for name, value in row.items()} for row in rows]
    table = good(flask("report", *options))
    if not rows:
        assert table == "No orders in that time.\n"
        return
    assert table.splitlines()[-1].split() == ["total", "1", "0.50", "0.25", "0.045", "0.205"]
    assert next(iter(rows[0].values())) in table


def test_a_name_that_a_spreadsheet_would_run_is_harmless_in_csv(
    flask: FlaskCommand, upstream: FaultyProvider, earned: int
) -> None:
    Provider.update(name="=1+1").where(Provider.name == "upstream").execute()
    (row,) = csv.DictReader(io.StringIO(good(flask("report", "--by", "provider", "--csv"))))
    assert row["provider"] == "'=1+1"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--json", "--csv"], "Give --json or --csv, not both."),
        (["--by", "week"], "'week' is not one of"),
        (["--since", "yesterday"], "'yesterday' does not match the format"),
        (["--since", "2026-13-01"], "does not match the format"),
        (["now"], "unexpected extra argument"),
    ],
    ids=str,
)
def test_a_report_that_cannot_be_is_refused(
    flask: FlaskCommand, options: list[str], text: str
) -> None:
    assert text in bad(flask("report", *options))


def test_the_books_are_right_after_all_of_it(flask: FlaskCommand, earned: int) -> None:
    assert list(ledger.check()) == []
