"""What a tape gives of requests and answers: what is about one thing, word for word, no key."""

import json
from urllib.parse import quote

import pytest

from upstream import tape
from upstream.tape import Tape, note, recorded_on, without_secrets

KEY = "5ecre7/+5ecre7==5ecre7"


def taped(params: dict[str, str], answer: str, status: int | None = 200, key: str = KEY) -> Tape:
    heard = Tape(1)
    with recorded_on(heard):
        note(params, status, answer.encode(), key)
    return heard


def test_a_request_is_kept_with_its_answer_as_it_came() -> None:
    params = {"action": "add", "service": "2", "link": "https://a.example/"}
    last = taped(params, '{"order": 17,\n "x":1.50}').last()
    assert last is not None
    assert last == (
        1, "add", {"service": "2", "link": "https://a.example/"}, 200, '{"order": 17,\n "x":1.50}'
    )  # fmt: skip


def test_nothing_is_kept_where_nobody_listens() -> None:
    heard = Tape(1)
    with recorded_on(heard):
        pass
    note({"action": "balance"}, 200, b"{}")
    assert heard.last() is None
    assert heard.about("17") is None


def test_an_inner_block_has_a_tape_of_its_own() -> None:
    outer, inner = Tape(1), Tape(2)
    with recorded_on(outer):
        with recorded_on(inner):
            note({"action": "balance"}, 200, b"inner")
        note({"action": "balance"}, 200, b"outer")
    assert [heard.last() and heard.last().answer for heard in (outer, inner)] == ["outer", "inner"]  # type: ignore[union-attr]


LISTS = [
    '{"7": {"status": "In progress", "remains": 5.0}, "17": {"status":"Partial", "n":{"a":1}}}',
    '{"data": {"7": {"status": "Pending"}, "17" : {"status":"Partial", "n":{"a":1}}}}',
    '[{"order": 7, "status": "Pending"}, {"status":"Partial", "n":{"a":1}, "order": 17}]',
    '[{"order_id": "7"}, {"n":{"a":1}, "order_id": "17", "status":"Partial"}]',
    '[{"id":7},{"status":"Partial","parts":[{"x":1},{"y":2}],"id":17}]',
]


@pytest.mark.parametrize("answer", LISTS)
def test_of_an_answer_for_many_only_what_is_about_one_is_given(answer: str) -> None:
    about = taped({"action": "status", "orders": "7,17,9"}, answer).about("17")
    assert about is not None
    assert "Partial" in about.answer
    assert "7," not in about.answer.replace("17,", "")
    assert "Pending" not in about.answer and "In progress" not in about.answer
    assert about.answer in answer  # word for word
    json.loads(about.answer if about.answer.startswith("{") else f"{{{about.answer}}}")
    assert about.sent == {"orders": "17 (and 2 more)"}


@pytest.mark.parametrize(
    "answer",
    ["", "<html>busy</html>", '{"error": "Too many requests"}', '{"17": ', '[{"order": 17', "17",
     '{"17"}', "[" * 5000],
)  # fmt: skip
def test_an_answer_that_is_about_nothing_is_given_whole(answer: str) -> None:
    about = taped({"action": "status", "orders": "7,17"}, answer).about("17")
    assert about is not None
    assert about.answer == answer


def test_an_answer_about_one_thing_is_given_whole() -> None:
    about = taped({"action": "refill_status", "refill": "3"}, '{"status": "Pending"}').about("3")
    assert about is not None
    assert (about.sent, about.answer) == ({"refill": "3"}, '{"status": "Pending"}')


def test_the_last_request_about_a_number_counts() -> None:
    heard = Tape(None)
    with recorded_on(heard):
        note({"action": "status", "orders": "7,17"}, 500, b"")
        note({"action": "status", "order": "17"}, 200, b'{"status": "Completed"}')
        note({"action": "status", "order": "7"}, 200, b'{"status": "Pending"}')
    found = heard.about("17")
    assert found is not None
    assert found.answer == '{"status": "Completed"}'


@pytest.mark.parametrize(
    "written",
    [KEY, quote(KEY, ""), quote(KEY), KEY.upper(), json.dumps(KEY)[1:-1].replace("/", "\\/")],
)
@pytest.mark.parametrize("around", ['{{"error": "bad {}"}}', "{}", "?key={}&x=1", "<p>{}{}</p>"])
def test_no_form_of_the_key_is_given(written: str, around: str) -> None:
    last = taped({"action": "add"}, around.format(written, written)).last()
    assert last is not None
    assert "5ecre7" not in last.answer.lower()
    assert "[key]" in last.answer


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ('{"api_key": "0123456789abcdef"}', '{"api_key": "[key]"}'),
        ("token=0123456789abcdef&x=1", "token=[key]&x=1"),
        ("SMTP password: hunter2, retry", "SMTP password: [key], retry"),
        ("DB_SECRET = '0123456789abcdef'", "DB_SECRET = '[key]'"),
        ('{"error": "Incorrect key: try again"}', '{"error": "Incorrect key: try again"}'),
        ('{"keyword": "monkey", "order": 1}', '{"keyword": "monkey", "order": 1}'),
    ],
)
def test_what_is_named_a_secret_is_hidden(text: str, hidden: str) -> None:
    assert without_secrets(text, KEY) == hidden


def test_a_long_answer_takes_no_time_to_clean() -> None:
    long = "1" * tape.MOST_READ
    assert without_secrets(long, KEY) == long


def test_only_so_many_beginnings_of_an_entry_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []
    end_of_value = tape._end_of_value

    def counted(text: str, at: int) -> int | None:
        tried.append(len(text))
        return end_of_value(text, at)

    monkeypatch.setattr(tape, "_end_of_value", counted)
    junk = '{"x": [' * 500 + "1" + "]}" * 500
    entry = f'{{"junk": [{", ".join([junk] * 20)}], "order": 17, "status": "Completed"}}'
    about = taped({"action": "status", "orders": "17,18"}, f"[{entry}]").about("17")
    assert about is not None
    assert about.answer == f"[{entry}]"
    assert len(tried) <= tape.MOST_TRIED
    assert max(tried) <= 2 * tape.MOST_OF_ENTRY


def test_what_is_odd_about_an_answer_never_stops_the_worker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object) -> str:
        raise RuntimeError

    heard = taped({"action": "add"}, "{}")
    monkeypatch.setattr(tape, "without_secrets", broken)
    assert heard.last() is None
    assert "cannot be kept" in caplog.text
