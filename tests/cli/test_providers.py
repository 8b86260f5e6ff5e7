"""flask provider."""

import json
from typing import Any

import pytest
from flask import Flask
from support.apps import listed, make_app
from support.clock import Clock
from support.commands import FlaskCommand, bad, commands_of, good
from support.faulty import KEY, Fault, FaultyProvider, says
from support.orders import new_order

from models import Order, Provider
from panel import services
from panel.orders import lookup
from panel.providers import registry, sources

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


@pytest.mark.parametrize(
    ("args", "typed", "text"),
    [
        (["upstream"], KEY, "the argument URL is missing"),
        (["up stream", "http://a.example/api/v2"], KEY, "the name 'up stream' cannot be used"),
        (["-x", "http://a.example/api/v2"], KEY, "there is no option"),
        (["x" * 65, "http://a.example/api/v2"], KEY, "cannot be used"),
        (["upstream", "a.example/api/v2"], KEY, "the address cannot be used"),
        (["upstream", "ftp://a.example"], KEY, "cannot be used"),
        (["upstream", "http://a.example/api/v2?key=5"], KEY, "cannot be used"),
        (["upstream", "http://user:pass@a.example/"], KEY, "cannot be used"),
        (["upstream", "http://a.example/\n"], KEY, "cannot be used"),
        (["upstream", "http://a.example/", "--requests-per-minute", "0"], KEY, "from 1 to"),
        (["upstream", "http://a.example/", "--requests-per-minute", "-5"], KEY, "from 1 to"),
        (
            ["upstream", "http://a.example/", "--requests-per-minute", "x"],
            KEY,
            "not a whole number",
        ),
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
    assert list(row) == [
        "name", "url", "requests_per_minute", "balance", "balance_at", "added", "currency",
        "exchange", "exchange_at", "note",
    ]  # fmt: skip
    assert (row["name"], row["url"], row["balance"]) == ("upstream", upstream.url, "12.5000 USD")
    assert (row["currency"], row["exchange"], row["note"]) == ("USD", None, "")
    for table in (flask("provider", "list"), flask("provider", "show", "upstream")):
        assert upstream.url in good(table)


def test_a_panel_without_providers_says_so(flask: FlaskCommand) -> None:
    assert good(flask("provider", "list")) == "No providers yet.\n"
    assert good(flask("provider", "list", "--json")) == "[]\n"


def test_a_balance_is_asked_for_and_kept(flask: FlaskCommand, upstream: FaultyProvider) -> None:
    upstream.plan("balance", Fault(says({"balance": "7.01", "currency": "USD"})))
    assert good(flask("provider", "balance", "upstream")) == "7.01 USD\n"
    assert json.loads(good(flask("provider", "show", "upstream", "--json")))["balance"] == (
        "7.01 USD"
    )


def test_a_balance_in_another_currency_is_told_with_what_to_do(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    upstream.plan("balance", Fault(says({"balance": "7.01", "currency": "EUR"})))
    result = flask("provider", "balance", "upstream")
    assert (result.exit_code, result.stdout) == (0, "7.01 EUR\n")
    assert "in USD and are in EUR now" in result.stderr
    assert "flask provider exchange upstream RATE" in result.stderr


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
        "rate": "0.0033", "currency": "USD", "cost": "0.0033", "min": 100, "max": 1_000_000,
        "refill": False, "cancel": False, "dripfeed": False, "ours": "",
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
        (["upstream"], "the option --markup is missing"),
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
        "disabled: the provider no longer offers it as it was",
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


# Another currency than ours


@pytest.fixture
def in_rupees(
    app: Flask, faulty: FaultyProvider, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> FlaskCommand:
    """Commands of a panel that counts in rupees, on the test's database."""
    return commands_of(make_app(tmp_path / "panel.db", PANEL_CURRENCY="INR"), caplog)


def add(flask: FlaskCommand, faulty: FaultyProvider, *options: str) -> Any:
    return flask("provider", "add", "up", faulty.url, *options, typed=f"{KEY}\n")


NO_RATE = (
    "the provider's prices are in USD and ours in INR: give the rate of exchange, INR for 1 USD, "
    "with: flask provider exchange up RATE"
)
NO_NAME = (
    "the provider does not name its currency, and ours is INR: say which it is with: "
    "flask provider currency up CODE"
)


@pytest.mark.parametrize(
    ("answer", "why"),
    [({"balance": "1.00", "currency": "USD"}, NO_RATE), ({"balance": "1.00"}, NO_NAME)],
    ids=["another", "none"],
)
def test_nothing_is_bought_in_a_currency_that_cannot_be_converted(
    in_rupees: FlaskCommand, faulty: FaultyProvider, answer: dict[str, str], why: str
) -> None:
    faulty.plan("balance", Fault(says(answer)), forever=True)
    added = add(in_rupees, faulty)
    assert (added.exit_code, added.stderr) == (
        0, f"Nothing can be bought there yet: {why}\n"
    )  # fmt: skip
    services.add(name="Mine", category="Social", rate_micros=1, min=1, max=10)
    for args in (
        ["provider", "import", "up", "--markup", "25"],
        ["provider", "import", "up", "--markup", "25", "--dry-run"],
        ["provider", "sync", "up"],
        ["service", "source", "1", "up", "1"],
    ):
        assert bad(in_rupees(*args)) == why
    assert [row.name for row in services.listing()] == ["Mine"]
    assert faulty.sent("services") == []


def test_a_rate_of_exchange_makes_their_prices_ours(
    in_rupees: FlaskCommand, faulty: FaultyProvider
) -> None:
    add(in_rupees, faulty)
    assert good(in_rupees("provider", "exchange", "up", "83.20")) == "1 USD of up is 83.2 INR.\n"
    good(in_rupees("provider", "import", "up", "--markup", "25", "--id", "1"))
    row = json.loads(good(in_rupees("service", "show", "1", "--json")))
    assert (row["cost"], row["rate"]) == ("74.88", "93.60")
    assert "cost 74.88 → 83.20" not in good(in_rupees("provider", "sync", "up"))
    assert "rate 93.60 → 101.25" in good(in_rupees("provider", "exchange", "up", "90"))
    assert good(in_rupees("provider", "sync", "up")) == "Nothing has changed.\n"
    (theirs,) = json.loads(good(in_rupees("provider", "services", "up", "followers", "--json")))
    assert (theirs["rate"], theirs["currency"]) == ("0.90", "USD")


def test_a_currency_and_its_rate_can_be_said_when_a_provider_is_added(
    in_rupees: FlaskCommand, faulty: FaultyProvider
) -> None:
    faulty.plan("balance", Fault(says({"balance": "1.00"})), forever=True)
    good(add(in_rupees, faulty, "--currency", "usd", "--exchange", "83.20"))
    good(in_rupees("provider", "import", "up", "--markup", "25", "--id", "1"))
    assert services.get(1).rate_micros == 93_600_000


def test_a_currency_that_the_provider_does_not_name_is_said_later(
    in_rupees: FlaskCommand, faulty: FaultyProvider
) -> None:
    faulty.plan("balance", Fault(says({"balance": "1.00"})), forever=True)
    add(in_rupees, faulty)
    assert good(in_rupees("provider", "currency", "up", "inr")) == "The prices of up are in INR.\n"
    good(in_rupees("provider", "import", "up", "--markup", "25", "--id", "1"))
    assert services.get(1).rate_micros == 1_125_000


def test_a_provider_that_tells_no_balance_is_believed_in_the_currency_that_was_said(
    in_rupees: FlaskCommand, faulty: FaultyProvider
) -> None:
    faulty.plan("balance", Fault(says({"error": "Incorrect request"})), forever=True)
    assert "Incorrect request" in bad(add(in_rupees, faulty), 1)
    good(add(in_rupees, faulty, "--unchecked"))
    assert "Incorrect request" in bad(in_rupees("provider", "sync", "up"), 1)
    good(in_rupees("provider", "currency", "up", "INR"))
    good(in_rupees("provider", "import", "up", "--markup", "25", "--id", "1"))


def test_a_currency_that_changes_holds_what_is_bought_there(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    good(flask("provider", "import", "upstream", "--markup", "25%"))
    upstream.plan("balance", Fault(says({"balance": "900", "currency": "INR"})), forever=True)
    for _ in range(2):
        assert bad(flask("provider", "sync", "upstream")) == (
            "the provider's prices were in USD and are in INR now, ours are in USD: give the rate "
            "of exchange, USD for 1 INR, with: flask provider exchange upstream RATE"
        )
        assert all(service.held for service in services.listing())
    row = json.loads(good(flask("provider", "show", "upstream", "--json")))
    assert row["note"] == (
        "its prices are in INR now, and were in USD: nothing is sold from there: "
        "flask provider exchange upstream RATE"
    )
    good(flask("provider", "exchange", "upstream", "0.012"))
    upstream.services[0]["rate"] = "75"
    assert good(flask("provider", "sync", "upstream")).count("cost 0.90 → 0.90") == 0
    assert not services.get(1).held


def test_a_sign_for_a_currency_is_told_with_the_rate_that_settles_it(
    flask: FlaskCommand, faulty: FaultyProvider
) -> None:
    faulty.plan("balance", Fault(says({"balance": "7.01", "currency": "$"})), forever=True)
    todo = "if its $ is USD: flask provider exchange up 1; if not, give the rate of exchange"
    assert todo in add(flask, faulty).stderr
    assert bad(flask("provider", "currency", "up", "usd")).startswith(
        f"up says that its prices are in $, not in USD: {todo}"
    )
    good(flask("provider", "exchange", "up", "1"))
    good(flask("provider", "import", "up", "--markup", "25", "--id", "1"))
    assert services.get(1).rate_micros == 1_125_000


def test_an_old_rate_of_exchange_is_warned_about(
    in_rupees: FlaskCommand, faulty: FaultyProvider, clock: Clock
) -> None:
    add(in_rupees, faulty, "--exchange", "83.20")
    assert json.loads(good(in_rupees("provider", "show", "up", "--json")))["note"] == ""
    clock.move(seconds=31 * 86400)
    assert "older than 30 days: flask provider exchange up RATE" in good(
        in_rupees("provider", "list", "--wide")
    )


# What waits for the operator


def test_what_waits_is_confirmed_for_a_service_and_for_a_provider(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    good(flask("provider", "import", "upstream", "--markup", "25%"))
    upstream.services[0]["rate"] = "9.00"
    upstream.services[1]["rate"] = "0"
    report = good(flask("provider", "sync", "upstream"))
    assert "not sold from there until you confirm it: cost 0.90 → 9.00" in report
    assert "not followed until you confirm it: cost 0.0033 → 0.00" in report
    rows = json.loads(good(flask("service", "list", "--json")))
    assert [row["note"] for row in rows] == [
        "held; not sold from there until you confirm it: cost 0.90 → 9.00",
        "not followed until you confirm it: cost 0.0033 → 0.00",
        "",
    ]
    row = json.loads(good(flask("service", "show", "1", "--json")))
    assert row["to_settle"] == ["flask service confirm 1"]
    assert "rate 1.125 → 11.25" in good(flask("service", "confirm", "1"))
    assert "cost 0.0033 → 0.00" in good(flask("service", "confirm", "--provider", "upstream"))
    assert bad(flask("service", "confirm", "1")) == "nothing of service 1 waits to be confirmed"
    assert bad(flask("service", "confirm")) == "no services were given"
    assert bad(flask("provider", "confirm", "upstream")) == (
        "nothing of upstream as a whole waits to be confirmed"
    )


def test_what_was_disabled_by_hand_is_confirmed_by_its_number_alone(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    good(flask("provider", "import", "upstream", "--markup", "25%"))
    for item in upstream.services[:2]:
        item["name"] = "Other"
    good(flask("provider", "sync", "upstream"))
    good(flask("service", "disable", "1"))
    good(flask("service", "confirm", "--provider", "upstream"))
    notes = [row["note"] for row in json.loads(good(flask("service", "list", "--json")))]
    assert [note.partition(":")[0] for note in notes] == [
        "held; not sold from there until you confirm it", "", "",
    ]  # fmt: skip
    assert "their name" in good(flask("service", "confirm", "1"))


def test_a_catalogue_that_moved_is_confirmed_as_a_whole(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    plain = upstream.services[0]
    upstream.services[:] = [{**plain, "service": n, "name": f"Likes {n}"} for n in range(1, 8)]
    good(flask("provider", "import", "upstream", "--markup", "25%"))
    for item in upstream.services:
        item["service"] += 100
    assert good(flask("provider", "sync", "upstream")).count("7 names stand under other") == 1
    assert bad(flask("service", "confirm", "1")).startswith(
        "nothing of service 1 waits to be confirmed; but of upstream: 7 names stand under other"
    )
    row = json.loads(good(flask("service", "show", "1", "--json")))
    assert row["to_settle"] == ["flask provider confirm upstream"]
    assert good(flask("provider", "confirm", "upstream")).count("their number") == 7
    assert good(flask("provider", "sync", "upstream")) == "Nothing has changed.\n"


def test_a_catalogue_that_moved_is_not_imported_a_second_time(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    plain = upstream.services[0]
    upstream.services[:] = [{**plain, "service": n, "name": f"Likes {n}"} for n in range(1, 8)]
    good(flask("provider", "import", "upstream", "--markup", "25%"))
    for item in upstream.services:
        item["service"] += 100
    category = upstream.services[0]["category"]
    for options in ([], ["--dry-run"], ["--category", category]):
        assert bad(flask("provider", "import", "upstream", "--markup", "25%", *options)) == (
            "7 services of upstream stand under other numbers there, and would be added a second "
            "time: follow them with: flask provider sync upstream, then flask provider confirm "
            "upstream"
        )
    assert len(services.listing()) == 7
    chosen = good(flask("provider", "import", "upstream", "--markup", "25%", "--id", "101"))
    assert chosen.count("added at") == 1
    good(flask("provider", "sync", "upstream"))
    good(flask("provider", "confirm", "upstream"))
    again = good(flask("provider", "import", "upstream", "--markup", "25%"))
    assert again.count("added at") == 0


def test_a_few_services_under_other_numbers_are_imported(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    good(flask("provider", "import", "upstream", "--markup", "25%"))
    upstream.services[0]["service"] += 100
    again = good(flask("provider", "import", "upstream", "--markup", "25%"))
    assert again.count("added at") == 1


def test_a_provider_that_was_stopped_is_resumed_at_its_new_address(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    new = upstream.url
    Provider.update(url="https://old.example/api/v2").execute()
    registry.stop(registry.get("upstream").id, "it redirects to another address", new)
    row = json.loads(good(flask("provider", "show", "upstream", "--json")))
    assert row["note"] == (
        f"it redirects to another address: flask provider resume upstream --url {new}"
    )
    assert "cannot be used" in bad(flask("provider", "resume", "upstream", "--url", "new"))
    elsewhere = bad(flask("provider", "resume", "upstream", "--url", "https://b.example/api"))
    assert "did not redirect to that host" in elsewhere
    assert "flask provider edit upstream --url ADDRESS" in elsewhere
    upstream.plan("balance", Fault(says({"error": "Invalid API key"}, 401)))
    refused = bad(flask("provider", "resume", "upstream", "--url", new), 1)
    assert "upstream is not changed: Invalid API key" in refused
    assert registry.get("upstream").stopped_because
    assert good(flask("provider", "resume", "upstream", "--url", new)) == (
        "Provider upstream is in use; 0 orders that waited for funds are sent now.\n"
    )
    row = registry.get("upstream")
    assert (row.url, row.stopped_because, row.moved_to, row.key) == (new, "", "", KEY)
    again = bad(flask("provider", "resume", "upstream", "--url", "https://b.example/api"))
    assert "upstream is not stopped by a redirect" in again


def test_orders_that_wait_for_funds_are_sent_when_their_provider_is_resumed(
    flask: FlaskCommand, upstream: FaultyProvider, cast: Any
) -> None:
    provider = registry.get("upstream")
    sources.set_source(cast.followers, provider.id, listed("1", 900_000), 1)
    waits, other = new_order(cast.followers), new_order(cast.followers)
    Order.update(send_at=2**40).execute()
    Order.update(held_because="funds").where(Order.id == waits).execute()
    assert "1 orders that waited" in good(flask("provider", "resume", "upstream"))
    assert lookup.get(waits).send_at < lookup.get(other).send_at == 2**40


@pytest.mark.parametrize("rate", ["0", "-1", "83,20", "1e2", "", "0.0000000000001", "9000001"])
def test_what_is_no_rate_of_exchange_is_refused(
    flask: FlaskCommand, upstream: FaultyProvider, rate: str
) -> None:
    assert "rate" in bad(flask("provider", "exchange", "upstream", "--", rate))


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
    assert "the argument NAME is missing" in bad(flask(*args))
