"""flask provider."""

import json
from typing import Any

import pytest
from flask import Flask
from support.apps import free_port, make_app
from support.commands import FlaskCommand, bad, commands_of, good
from support.faulty import KEY, Fault, FaultyProvider, says

from models import Provider
from panel import services
from panel.providers import registry

ENV = {"UPSTREAM_KEY": KEY}


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
