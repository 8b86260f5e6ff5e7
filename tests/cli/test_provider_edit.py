"""flask provider edit, pause and resume; and what a service's commands say of its sources."""

import json
from types import SimpleNamespace

import pytest
from support.apps import listed
from support.commands import FlaskCommand, audit, bad, good
from support.faulty import HTML, KEY, Fault, FaultyProvider, says
from support.orders import new_order

from models import Provider
from panel import services
from panel.providers import registry, sources

NEW_KEY = "the-rotated-key"


@pytest.mark.parametrize(
    ("options", "typed", "env"),
    [
        (["--key"], f"{NEW_KEY}\n", None),
        (["--key-env", "NEW_KEY"], "", {"NEW_KEY": f"{NEW_KEY}\n"}),
    ],
    ids=["typed", "a variable"],
)
def test_a_rotated_key_is_asked_and_taken_and_never_shown(
    flask: FlaskCommand,
    upstream: FaultyProvider,
    options: list[str],
    typed: str,
    env: dict[str, str] | None,
) -> None:
    upstream.keys = {NEW_KEY}
    told = good(flask("provider", "edit", "upstream", *options, typed=typed, env=env))
    assert told == "Provider upstream is changed.\nOur balance there: 12.5000 USD\n"
    assert registry.get("upstream").key == NEW_KEY
    assert upstream.requests[-1]["key"] == NEW_KEY
    assert NEW_KEY not in str(audit())
    shown = good(flask("provider", "show", "upstream", "--json"))
    assert NEW_KEY not in shown


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (says({"error": "Invalid API key"}, 401), "Invalid API key. Check the key."),
        (says(HTML, 404, "text/html"), "Is this the address of its API?"),
    ],
)
def test_a_key_that_is_not_answered_changes_nothing_unless_unchecked(
    flask: FlaskCommand, upstream: FaultyProvider, answer: object, told: str
) -> None:
    upstream.plan("balance", Fault(answer))  # type: ignore[arg-type]
    line = bad(flask("provider", "edit", "upstream", "--key", typed=f"{NEW_KEY}\n"), 1)
    assert "upstream is not changed: " in line
    assert told in line
    assert line.endswith("(--unchecked changes it without asking)")
    assert registry.get("upstream").key == KEY
    asked = len(upstream.requests)
    good(flask("provider", "edit", "upstream", "--key", "--unchecked", typed=f"{NEW_KEY}\n"))
    assert registry.get("upstream").key == NEW_KEY
    assert len(upstream.requests) == asked


def test_name_and_limit_are_changed_without_asking(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    asked = len(upstream.requests)
    row = json.loads(
        good(
            flask(
                "provider", "edit", "upstream", "--name", "dear", "--requests-per-minute", "9",
                "--json",
            )
        )
    )  # fmt: skip
    assert (row["name"], row["requests_per_minute"]) == ("dear", 9)
    assert len(upstream.requests) == asked


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ([], "nothing to change was given"),
        (["--name", "upstream"], "nothing to change was given"),
        (["--name", "a b"], "the name 'a b' cannot be used"),
        (["--url", "a.example"], "the address cannot be used"),
        (["--requests-per-minute", "0"], "must be from 1 to 1000000"),
        (["--key", "--key-env", "K"], "Give --key-env or --key, not both."),
        (["--key-env", "NOT_SET"], "the environment variable NOT_SET is not set"),
        (["--url", "https://far.example/api/v2"], "--same-panel"),
    ],
    ids=str,
)
def test_what_cannot_be_changed_is_refused(
    flask: FlaskCommand, upstream: FaultyProvider, args: list[str], told: str
) -> None:
    service = services.add(name="Mine", category="Social", rate_micros=1, min=1, max=10)
    sources.set_source(service, registry.get("upstream").id, listed("1", 1), 1)
    before = Provider.get().__data__
    assert told in bad(flask("provider", "edit", "upstream", *args))
    assert Provider.get().__data__ == before


def test_another_host_is_taken_only_with_its_key(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    Provider.update(url="https://old.example/api/v2").execute()
    line = bad(flask("provider", "edit", "upstream", "--url", upstream.url))
    assert "give the key again: the address is another host (--key asks for it)" in line
    assert upstream.requests[1:] == []  # it was asked when it was added
    good(flask("provider", "edit", "upstream", "--url", upstream.url, "--key", typed=f"{KEY}\n"))
    assert registry.get("upstream").url == upstream.url


def test_nobody_that_is_not_there_is_changed(flask: FlaskCommand) -> None:
    for command in (["edit", "nobody", "--name", "x"], ["pause", "nobody"], ["resume", "nobody"]):
        assert "there is no provider nobody" in bad(flask("provider", *command))


def test_a_provider_is_paused_and_resumed(
    flask: FlaskCommand, upstream: FaultyProvider, cast: SimpleNamespace
) -> None:
    sources.set_source(cast.followers, registry.get("upstream").id, listed("1", 1), 1)
    assert good(flask("provider", "pause", "upstream")) == (
        "Provider upstream is paused; to send again: flask provider resume upstream\n"
    )
    new_order(cast.followers)
    assert "upstream is paused already" in bad(flask("provider", "pause", "upstream"))
    row = json.loads(good(flask("provider", "show", "upstream", "--json")))
    assert row["note"].startswith("paused since ")
    told = " ".join(good(flask("attention")).split())
    assert "nothing new is sent there. 1 order waits." in told
    assert "flask provider resume upstream" in told
    good(flask("provider", "resume", "upstream"))
    assert "paused" not in good(flask("attention"))
    assert json.loads(good(flask("provider", "show", "upstream", "--json")))["note"] == ""


# Services


def test_a_source_is_removed_and_the_second_takes_its_place(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    number = good(
        flask(
            "service", "add", "--name", "Mine", "--category", "C", "--rate", "9", "--min", "1",
            "--max", "9", "--description", "Quick.\nNo drops.", "--source", "upstream", "1",
            "--second-source", "upstream", "3",
        )
    ).strip()  # fmt: skip
    assert services.get(int(number)).description == "Quick.\nNo drops."
    assert good(flask("service", "source", number, "--remove")) == (
        f"Service {number} is bought from upstream, service 3, now.\n"
    )
    assert "has no second source" in bad(
        flask("service", "source", number, "--remove", "--second")
    )
    assert good(flask("service", "source", number, "--remove")) == (
        f"Service {number} is fulfilled by hand now.\n"
    )
    assert "has no source" in bad(flask("service", "source", number, "--remove"))
    assert "--remove needs no provider" in bad(
        flask("service", "source", number, "upstream", "1", "--remove")
    )


def test_a_service_whose_provider_fails_is_not_added(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    upstream.plan("services", Fault(says({"error": "Maintenance"}, 503)))
    bad(
        flask(
            "service", "add", "--name", "Mine", "--category", "C", "--rate", "9", "--min", "1",
            "--max", "9", "--source", "upstream", "1",
        ),
        1,
    )  # fmt: skip
    assert services.listing() == []


def test_a_rate_is_fixed_again(flask: FlaskCommand, upstream: FaultyProvider) -> None:
    good(flask("provider", "import", "upstream", "--id", "1", "--markup", "50%"))
    rate = services.get(1).rate_micros
    assert good(flask("service", "markup", "none", "--id", "1")) == (
        "Services with a fixed rate now: 1.\n"
    )
    assert (services.get(1).markup_ppm, services.get(1).rate_micros) == (None, rate)
    assert "no services were given" in bad(flask("service", "markup", "none"))
    assert "there is no service 99" in bad(flask("service", "markup", "none", "--id", "99"))


def test_a_description_is_shown_and_taken_away(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    good(flask("provider", "import", "upstream", "--id", "1", "--markup", "50%"))
    good(flask("service", "edit", "1", "--description", "Quick."))
    row = json.loads(good(flask("service", "show", "1", "--json")))
    assert (row["description"], row["markup"]) == ("Quick.", "50%")
    good(flask("service", "edit", "1", "--description", ""))
    assert json.loads(good(flask("service", "show", "1", "--json")))["description"] == ""


def test_their_catalogue_says_what_is_ours(flask: FlaskCommand, upstream: FaultyProvider) -> None:
    good(flask("provider", "import", "upstream", "--id", "2", "--markup", "50%"))

    def shown(*args: str) -> list[tuple[str, str]]:
        rows = json.loads(good(flask("provider", "services", "upstream", *args, "--json")))
        return [(row["service"], row["ours"]) for row in rows]

    assert shown("--only", "imported") == [("2", "1")]
    assert ("2", "1") not in shown("--only", "new")
    assert shown("views", "--category", "Video") == [("2", "1")]
    assert shown("views", "--category", "Social") == []
