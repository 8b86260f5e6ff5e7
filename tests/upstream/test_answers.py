"""What a provider's answer means, without a provider: errors among answers of every shape."""

from typing import Any

import pytest

from panel.money import ONE_PPT
from upstream import answers
from upstream.provider import OutcomeUnknown


@pytest.mark.parametrize(
    ("answer", "http_status", "error"),
    [
        ({"status": "Fail", "charge": "0.9", "remains": "5"}, 200, None),
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
        ({"error": "x" * 4000}, 200, "x" * 2000),
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
    ("answer", "error"),
    [
        ({"status": "Error"}, None),
        ({"status": "Fail"}, None),
        ({"status": "error", "message": "No such order"}, "No such order"),
        ({"error": "Incorrect order ID"}, "Incorrect order ID"),
        ({"success": False}, "refused without a reason"),
    ],
)
def test_the_status_of_one_order_may_be_error(answer: Any, error: str | None) -> None:
    assert answers.read_error(answer, 200, about_order=True) == error


NOTHING: list[Any] = [None, "0", "", "00", " ", False, "null", "-1", [], {}]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        *[
            ({"order": nothing, "error": "Not enough funds"}, "Not enough funds")
            for nothing in NOTHING
        ],
        ({"order": None, "status": "error", "message": "Bad link"}, "Bad link"),
        ({"order": None, "success": False}, "refused without a reason"),
        ({"order_id": "0", "error": "Bad link"}, "Bad link"),
        ({"error": "Insufficient funds", "charge": "0.90"}, "Insufficient funds"),
        ({"error": "Bad link", "remains": "0", "start_count": "0"}, "Bad link"),
        ({"error": "Bad link", "refill": False}, "Bad link"),
        ({"order": "7"}, None),
        ({"order": "7", "error": None}, None),
        ({"order": "7", "error": ""}, None),
        ({"order": "7", "status": "success", "message": "Done"}, None),
        ({"order": "7", "status": "Pending", "charge": "0.9"}, None),
        ({"order": None}, None),
    ],
)
def test_an_order_that_was_refused_has_no_number(answer: Any, error: str | None) -> None:
    assert answers.read_error(answer, 200, adding=True) == error


@pytest.mark.parametrize(
    ("answer", "http_status", "why"),
    [
        ({"order": "907", "error": "Bad link"}, 200, "an order, 907, and an error: Bad link"),
        ({"order": "911", "status": "error", "message": "No"}, 200, "911, and an error: No"),
        ({"order": "911", "success": False}, 200, "911, and an error: an error without a reason"),
        ({"order": "911", "error": {"code": "5"}}, 200, "911, and an error: an error without"),
        ({"order": "9 1", "error": "Bad link"}, 200, "an order, 9 1, and an error"),
        ({"order": {"id": "907"}, "error": "Bad link"}, 200, "907"),
        ({"order_id": "907", "error": "Bad link"}, 200, "an order, 907"),
        ({"orders": ["907"], "error": "Bad link"}, 200, "907"),
        ({"order": "907", "error": "Not enough funds", "charge": "0.9"}, 200, "907"),
    ],
)
def test_an_order_that_has_a_number_and_an_error_is_in_doubt(
    answer: Any, http_status: int, why: str
) -> None:
    with pytest.raises(OutcomeUnknown, match=why):
        answers.read_error(answer, http_status, adding=True)


@pytest.mark.parametrize(
    "answer",
    [None, "7", [], {}, {"order": None}, {"order": "0"}, {"order": "00"}, {"order": "NaN"},
     {"order": "1" * 65}, {"order": "7,8"}, {"order": "7 8"}, {"order": "-7"}, {"order": "1.5"},
     {"order": "7\n"}, {"order": "null"}, {"order": "undefined"}, {"order": "False"},
     {"order": True}, {"order": {"id": "7"}}, {"id": "7"}],
)  # fmt: skip
def test_no_number_is_read_out_of_anything_else(answer: Any) -> None:
    with pytest.raises(OutcomeUnknown):
        answers.read_order(answer)


@pytest.mark.parametrize(
    "number",
    ["7", "1" * 64, "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "deadbeef", "0xfeed", "A-7/b", "7;8",
     "#15", "\u0665"],
)  # fmt: skip
def test_an_order_number_is_what_the_provider_says(number: str) -> None:
    assert answers.read_order({"order": number}) == number


LISTING = {"service": "5", "name": "Likes", "rate": "1.5", "min": "10", "max": "1000"}


@pytest.mark.parametrize(
    "answer",
    [[LISTING], {"5": LISTING}, {"services": [LISTING]}, {"data": {"5": LISTING}},
     {"status": "success", "data": [LISTING]}],
    ids=str,
)  # fmt: skip
def test_a_catalogue_is_a_list_or_an_object(answer: Any) -> None:
    assert [listing.service for listing in answers.read_listings(answer, ONE_PPT)] == ["5"]


@pytest.mark.parametrize(
    "answer", [None, "5", {}, {"data": "5"}, {"status": "success"}, {"data": {}}], ids=str
)
def test_a_catalogue_is_nothing_else(answer: Any) -> None:
    with pytest.raises(OutcomeUnknown):
        answers.read_listings(answer, ONE_PPT)
