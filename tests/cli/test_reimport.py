"""flask provider import, of services that we have already."""

import json
from typing import Any

import pytest
from support import reimport
from support.commands import FlaskCommand, good
from support.faulty import FaultyProvider

from panel import services
from panel.service_queries import last_changes

IMPORT = ("provider", "import", "north", "--markup", "50%")
THREE = ("--id", "1", "--id", "2", "--id", "3")


def told(flask: FlaskCommand, *options: str) -> list[str]:
    """What an import says of each service."""
    rows = json.loads(good(flask(*IMPORT, *options, "--json")))
    return [row["change"] for row in rows]


def last_line(flask: FlaskCommand, *options: str) -> str:
    return good(flask(*IMPORT, *options)).splitlines()[-1]


def test_an_import_tells_each_value_that_changes_and_keeps_our_own_words(
    flask: FlaskCommand, faulty: FaultyProvider
) -> None:
    number = reimport.add_handmade(faulty)
    assert told(flask, "--id", "1", "--dry-run") == reimport.HANDMADE_CHANGES
    assert (services.get(number).rate_micros, last_changes(number)) == (2_500_000, [])
    assert told(flask, "--id", "1") == reimport.HANDMADE_CHANGES
    ours = services.get(number)
    assert (ours.name, ours.category, ours.description) == (
        "Handmade name", "Mine", "Our own words.",
    )  # fmt: skip
    assert (ours.rate_micros, ours.min, ours.max, ours.refill) == (1_350_000, 10, 5000, True)
    (line,) = last_changes(number)
    assert (line["operator"], line["act"]) == (
        "(command line)",
        f"service {number}: import from north, service 1: " + ", ".join(reimport.HANDMADE_CHANGES),
    )


def test_an_import_that_changes_nothing_says_so_and_leaves_no_line(
    flask: FlaskCommand, faulty: FaultyProvider
) -> None:
    number = reimport.add_handmade(faulty)
    good(flask(*IMPORT, "--id", "1"))
    for options, end in (
        (("--dry-run",), "Preview: nothing to import."), ((), "Nothing was imported."),
    ):  # fmt: skip
        assert told(flask, "--id", "1", *options) == ["unchanged"]
        assert last_line(flask, "--id", "1", *options) == end
    assert len(last_changes(number)) == 1


def test_an_import_counts_what_it_imports_and_what_it_will_hold(
    flask: FlaskCommand, faulty: FaultyProvider
) -> None:
    numbers = reimport.add_three(faulty)
    preview = told(flask, *THREE, "--dry-run")
    assert preview[-2:] == reimport.WILL_BE_HELD
    assert last_line(flask, *THREE, "--dry-run") == f"{reimport.PREVIEW}."
    assert reimport.held(numbers) == [False] * 3
    assert last_line(flask, *THREE) == f"{reimport.IMPORTED_AND_HELD}."
    assert reimport.held(numbers) == [False, True, True]
    (line,) = last_changes(numbers[1])
    assert line["act"].endswith(f"import from north, service 2: {reimport.ARE_HELD[0]}")


@pytest.mark.parametrize("options", [(), ("--dry-run",)], ids=str)
def test_what_is_held_already_is_skipped(
    flask: FlaskCommand, faulty: FaultyProvider, options: Any
) -> None:
    numbers = reimport.add_three(faulty)
    assert told(flask, *THREE)[-2:] == reimport.ARE_HELD
    assert told(flask, *THREE, *options) == [*reimport.STAY_HELD, "unchanged"]
    assert len(last_changes(numbers[1])) == 1
