"""flask service."""

import json
from types import SimpleNamespace

import pytest
from flask.testing import FlaskCliRunner
from support.apps import listed
from support.commands import FlaskCommand, bad, good
from support.faulty import FaultyProvider

from models import Source
from panel import services
from panel.providers import pending, registry, sources
from panel.providers.pending import PendingKind


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
        (["0", "upstream", "1"], "0 is not from"),
        (["one", "upstream", "1"], "'one' is not a whole number"),
        (["1", "upstream"], "the argument THEIR_SERVICE is missing"),
    ],
    ids=str,
)
def test_what_cannot_be_a_source_changes_nothing(
    flask: FlaskCommand, upstream: FaultyProvider, args: list[str], text: str
) -> None:
    services.add(name="Mine", category="Social", rate_micros=1, min=1, max=10)
    assert text in bad(flask("service", "source", *args))
    assert sources.sources(1) == []


def test_a_rate_below_the_cost_is_warned_of(flask: FlaskCommand, upstream: FaultyProvider) -> None:
    add = ["--name", "Mine", "--category", "C", "--rate", "0.01", "--min", "1", "--max", "10"]
    warned = flask("service", "add", *add, "--source", "upstream", "1")
    assert (warned.exit_code, warned.stdout) == (0, "1\n")
    assert warned.stderr.startswith("Service 1 is sold at 0.01, below its cost of ")
    assert flask("service", "edit", "1", "--rate", "0.02").stderr.startswith("Service 1 is sold")
    assert flask("service", "edit", "1", "--rate", "1000").stderr == ""
    assert flask("service", "source", "1", "upstream", "1").stderr == ""


def test_the_commands_move_and_mark_up_services(
    runner: FlaskCliRunner, cast: SimpleNamespace, in_review: int
) -> None:
    assert runner.invoke(args=["service", "move", "3", "--before", "1"]).exit_code == 0
    assert [service.id for service in services.listing()] == [3, 1, 2, 4]
    result = runner.invoke(args=["service", "markup", "50%", "--category", "Social"])
    assert (result.exit_code, "1.50" in result.output) == (0, True)
    assert services.get(cast.followers).rate_micros == 1_500_000
    assert runner.invoke(args=["service", "markup", "50%"]).exit_code == 2


def test_a_held_service_that_is_enabled_is_said_to_be_held_still(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    good(flask("provider", "import", "upstream", "--markup", "25%"))
    upstream.services[0]["name"] = "Other"
    upstream.services[1]["rate"] = "0"
    good(flask("provider", "sync", "upstream"))
    before = services.get(1).name
    good(flask("service", "disable", "1"))
    assert good(flask("service", "enable", "1")) == (
        "Service 1 is enabled, but still held, and not sold until you settle what "
        "waits (flask service confirm 1): upstream: not sold from there until you confirm it: "
        f"their name {before!r} → 'Other'.\n"
    )
    assert good(flask("service", "enable", "2")) == "Service 2 is enabled.\n"


def test_what_holds_a_service_is_told_of_its_first_source_alone(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    good(flask("provider", "import", "upstream", "--markup", "25%"))
    other = registry.add("other", "https://other.example/api/v2", "key", 60, currency="USD").id
    sources.set_source(1, other, listed("1", 900_000), 2)
    second = Source.get(Source.provider == other).id
    pending.add(other, PendingKind.NAME, "A", "B", second)
    pending.add(other, PendingKind.CURRENCY, "USD", "INR")
    assert good(flask("service", "enable", "1")) == "Service 1 is enabled.\n"
    first = registry.get("upstream").id
    pending.add(first, PendingKind.CURRENCY, "USD", "$")
    pending.add(first, PendingKind.RISE, "900000", "9000000", Source.get().id)
    told = good(flask("service", "enable", "1"))
    assert (
        "(flask provider exchange upstream 1 or flask provider exchange upstream RATE, and "
        "flask service confirm 1): upstream: its prices are in $ now, and were in USD: nothing "
        "is sold from there; upstream: not sold from there until you confirm it: cost 0.90 → 9.00"
    ) in told
    assert "other" not in told


def test_whoever_confirms_a_name_is_told_that_ours_stays(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    good(flask("provider", "import", "upstream", "--markup", "25%"))
    names = [service.name for service in services.listing()]
    for changes in ({"name": "Other"}, {"name": "Third", "category": "Other"}):
        upstream.services[0].update(changes)
        good(flask("provider", "sync", "upstream"))
        assert good(flask("service", "confirm", "1")).endswith(
            "\nOur own name and category of service 1 stay as they are; flask service edit 1 "
            "--name NAME changes the name.\n"
        )
    for item in upstream.services[:2]:
        item["name"] += " of cats"
    good(flask("provider", "sync", "upstream"))
    assert good(flask("service", "confirm", "--provider", "upstream")).endswith(
        "\nOur own names and categories of these 2 services stay as they are; flask service edit "
        "ID --name NAME changes one.\n"
    )
    upstream.services[0]["rate"] = "90"
    good(flask("provider", "sync", "upstream"))
    assert "Our own name" not in good(flask("service", "confirm", "1"))
    assert [service.name for service in services.listing()] == names
