"""What a provider's answer means, without a provider: errors among answers of every shape."""

from typing import Any

import pytest

from upstream import answers
from upstream.provider import OutcomeUnknown


@pytest.mark.parametrize(
    ("answer", "http_status", "error"),
    [
        ({"balance": "1"}, 200, None),
        ([], 200, None),
        ("text", 200, None),
        ({"error": "Bad link"}, 200, "Bad link"),
        ({"error": {"message": "Bad link"}}, 200, "Bad link"),
        ({"error": {"text": "Bad link"}}, 200, "Bad link"),
        ({"error": "Bad link", "order": "7"}, 200, None),
        ({"error": "Bad link", "refill": "7"}, 200, None),
        ({"error": ["Bad link"]}, 200, None),
        ({"error": "\x07"}, 200, "refused with an unprintable text"),
        ({"error": "x" * 400}, 200, "x" * 300),
        ({"message": "Done"}, 200, None),
        ({"message": "Bad link"}, 400, "Bad link"),
        ({"message": "Bad link", "success": False}, 200, "Bad link"),
        ({"message": "Bad link", "status": "FAIL"}, 200, "Bad link"),
        ({"status": "error"}, 200, "refused without a reason"),
        ({"status": "Completed"}, 200, None),
        ({}, 429, "Too many requests"),
        ([], 429, "Too many requests"),
        ({"error": "Slow down"}, 429, "Slow down"),
    ],
)
def test_an_answer_is_an_error_only_where_it_says_so(
    answer: Any, http_status: int, error: str | None
) -> None:
    assert answers.read_error(answer, http_status) == error


@pytest.mark.parametrize(
    "answer",
    [None, "7", [], {}, {"order": None}, {"order": "0"}, {"order": "NaN"}, {"order": "1" * 65},
     {"order": "7;8"}],
)  # fmt: skip
def test_no_number_is_read_out_of_anything_else(answer: Any) -> None:
    with pytest.raises(OutcomeUnknown):
        answers.read_id(answer, "order")
