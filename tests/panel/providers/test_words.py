"""A provider's words: taught once, compared as people write them, kept for each provider."""

from pathlib import Path

import pytest
from support.clock import Clock

from panel.errors import OperatorError
from panel.orders.refusal import Refusal
from panel.providers import registry, words


@pytest.fixture(autouse=True)
def provider(panel_file: Path) -> int:
    registry.add("other", registry.SANDBOX_URL, "", 60)
    return registry.add("up", registry.SANDBOX_URL, "", 60).id


@pytest.mark.parametrize(
    ("taught", "said"),
    [("Success", "success"), ("In  Work", " in work "), ("2", "2"), ("STRASSE", "straße")],
)
def test_a_status_is_compared_without_regard_to_case_and_spacing(
    provider: int, taught: str, said: str
) -> None:
    words.teach("up", taught, "completed")
    assert words.status_meanings(provider)[words.plain(said)] == "Completed"


@pytest.mark.parametrize(
    ("taught", "said"),
    [
        ("Daily limit reached", "daily  limit reached"),
        ("Limit 500 of 1000", "limit 7 of 99"),
        ("order 1 failed", "Order 23 failed"),
    ],
)
def test_a_refusal_is_compared_without_regard_to_its_numbers(
    provider: int, taught: str, said: str
) -> None:
    words.teach("up", taught, "wait")
    assert words.refusal_meaning(provider, said) == Refusal.TEMPORARY
    assert words.refusal_meaning(provider, f"{said}!") is None


@pytest.mark.parametrize("word", ["\0", "\0abc", "abc\0", "\x01", "a\x1b[31m", "a\u202eb"])
@pytest.mark.parametrize("meaning", ["Completed", "wait"])
def test_a_word_with_control_characters_is_refused(provider: int, word: str, meaning: str) -> None:
    with pytest.raises(OperatorError, match="the word must be printable") as refused:
        words.teach("up", word, meaning)
    assert refused.value.field == "word"
    assert words.listing("up") == []
    with pytest.raises(OperatorError, match="nothing was taught"):
        words.forget("up", word)


def test_numbers_make_a_difference_in_a_status(provider: int) -> None:
    words.teach("up", "2", "Completed")
    words.teach("up", "3", "Partial")
    assert words.status_meanings(provider) == {"2": "Completed", "3": "Partial"}


def test_each_provider_has_its_own_words(provider: int) -> None:
    words.teach("other", "Success", "Canceled")
    words.teach("other", "no", "cancel")
    assert words.status_meanings(provider) == {}
    assert words.refusal_meaning(provider, "no") is None


def test_a_word_that_is_taught_again_means_what_was_said_last(provider: int, clock: Clock) -> None:
    words.teach("up", "Success", "Partial")
    clock.move(seconds=5)
    words.teach("up", "SUCCESS", "Completed")
    words.teach("up", "no", "cancel")
    assert words.listing("up") == [
        ("refusal", "no", "cancel", clock.seconds),
        ("status", "success", "Completed", clock.seconds),
    ]


def test_a_word_is_forgotten(provider: int) -> None:
    words.teach("up", "Success", "Completed")
    words.teach("up", "Limit 5", "wait")
    words.forget("up", "success")
    words.forget("up", "limit 9")
    assert words.listing("up") == []
    with pytest.raises(OperatorError, match="nothing was taught of 'Success' at up"):
        words.forget("up", "Success")


@pytest.mark.parametrize(
    ("name", "word", "meaning", "why"),
    [
        ("nobody", "Success", "Completed", "there is no provider nobody"),
        ("up", "Success", "Done", "there is no meaning 'Done'; there are: Pending, "),
        ("up", "Success", "", "there is no meaning ''"),
        ("up", "  ", "Completed", "the word is empty"),
        ("up", "", "wait", "the word is empty"),
    ],
)
def test_what_cannot_be_taught_is_refused(name: str, word: str, meaning: str, why: str) -> None:
    with pytest.raises(OperatorError, match=why):
        words.teach(name, word, meaning)
    assert words.listing("up") == []


def test_a_word_of_any_length_is_taught(provider: int) -> None:
    words.teach("up", "x" * 1000, "wait")
    assert words.refusal_meaning(provider, "x" * 1000) == Refusal.TEMPORARY
