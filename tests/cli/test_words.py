"""flask provider word and flask provider words."""

import json

import pytest
from support.commands import FlaskCommand, bad, good
from support.faulty import FaultyProvider

from panel.orders import dispatch, lookup, status_sync
from panel.orders.provider_status import ProviderStatus


@pytest.fixture
def told(reviewed: int) -> int:
    """An order of which the provider says Success, a word that is not known."""
    dispatch.attach(reviewed, "4711")
    status_sync.apply_statuses({reviewed: ProviderStatus(word="Success")}, 3600)
    return reviewed


def test_a_word_is_taught_for_the_orders_that_wait_with_it(flask: FlaskCommand, told: int) -> None:
    assert "flask provider word upstream Success STATUS" in good(flask("attention"))
    assert lookup.get(told).poll_at > 0
    assert good(flask("provider", "word", "upstream", "SUCCESS", "completed")) == (
        "'SUCCESS' of upstream means Completed; orders that waited are asked for again: 1\n"
    )
    assert lookup.get(told).poll_at == 0
    (row,) = json.loads(good(flask("provider", "words", "upstream", "--json")))
    assert (row["word"], row["kind"], row["meaning"]) == ("success", "status", "Completed")


def test_a_word_is_forgotten(flask: FlaskCommand, upstream: FaultyProvider) -> None:
    assert good(flask("provider", "words", "upstream")) == "No words were taught.\n"
    good(flask("provider", "word", "upstream", "Daily limit 3", "wait"))
    assert "daily limit #" in good(flask("provider", "words", "upstream"))
    assert good(flask("provider", "word", "upstream", "Daily limit 5", "--forget")) == (
        "'Daily limit 5' of upstream has no meaning any more.\n"
    )
    assert good(flask("provider", "words", "upstream")) == "No words were taught.\n"


def test_a_word_that_begins_with_a_dash_can_be_taught(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    good(flask("provider", "word", "--", "upstream", "-1", "Canceled"))
    assert "-1" in good(flask("provider", "words", "upstream"))


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["Success"], "Give the word's meaning, or --forget."),
        (["Success", "Completed", "--forget"], "Give the word's meaning, or --forget."),
        (["Success", "Done"], "there is no meaning 'Done'"),
        (["", "Completed"], "the word is empty"),
        (["Success", "--forget"], "nothing was taught of 'Success' at upstream"),
    ],
)
def test_what_cannot_be_taught_is_refused(
    flask: FlaskCommand, upstream: FaultyProvider, args: list[str], told: str
) -> None:
    assert told in bad(flask("provider", "word", "upstream", *args))
