"""What is kept of requests to providers: bounded by text, by order and by time."""

from types import SimpleNamespace

import pytest
from support.clock import Clock
from support.dashboard import place, put_in_review
from support.orders import Place

from database.transactions import immediate
from models import KeptExchange
from panel.orders import dispatch, events, exchanges
from panel.orders.exchanges import KEPT_S, MAX_ANSWER, MAX_VALUE, MOST_OF_AN_ORDER, Exchange


def keep(order_id: int, understood: str = "", **values: object) -> None:
    given: dict[str, object] = {"provider_id": None, "action": "status", "sent": {}, **values}
    with immediate():
        exchanges.record(order_id, Exchange(**given), understood)  # type: ignore[arg-type]


def test_an_event_has_the_request_and_the_answer_that_it_is_known_by(place: Place) -> None:
    order_id = place()
    answer = Exchange(None, "add", {"service": "2"}, 422, '{"error": "no"}')
    with immediate():
        events.record_event(order_id, "refused", "no", answer)
    (event,) = events.events(order_id)
    (kept,) = exchanges.exchanges(order_id)
    assert kept["event"] == event["id"]
    assert (kept["action"], kept["sent"]) == ("add", {"service": "2"})
    assert (kept["http_status"], kept["answer"]) == (422, '{"error": "no"}')


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ünïcode, 漢字 🙂", "plain, ünïcode, 漢字 🙂"),
        ("two\r\nlines\n", "two\nlines\n"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\u202eb\u200bc\u2028d", "a\\u202eb\\u200bc\\u2028d"),
        ("nul \x00, \ud800", "nul \\x00, \\ud800"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, shown: str, place: Place) -> None:
    order_id = place()
    keep(order_id, sent={"comments": text}, answer=text, understood=text)
    (kept,) = exchanges.exchanges(order_id)
    assert kept["answer"] == kept["sent"]["comments"] == kept["understood"] == shown


def test_long_texts_are_cut_and_say_how_long_they_are(place: Place) -> None:
    order_id = place()
    keep(order_id, sent={"comments": "x\n" * 5_000}, answer="\u202e" * 1_000_000)
    (kept,) = exchanges.exchanges(order_id)
    assert len(kept["answer"]) < MAX_ANSWER + 60
    assert kept["answer"].endswith(" … (1,000,000 characters in all)")
    assert len(kept["sent"]["comments"]) < MAX_VALUE + 60
    assert kept["sent"]["comments"].endswith(" … (10,000 characters in all)")


def test_only_the_newest_of_an_order_are_kept(place: Place) -> None:
    busy, quiet = place(), place()
    keep(quiet, "first")
    for number in range(MOST_OF_AN_ORDER + 10):
        keep(busy, f"status {number}")
    told = [row["understood"] for row in exchanges.exchanges(busy)]
    assert told == [f"status {number}" for number in range(10, MOST_OF_AN_ORDER + 10)]
    assert [row["understood"] for row in exchanges.exchanges(quiet)] == ["first"]


def test_what_is_old_is_forgotten_in_steps(
    cast: SimpleNamespace, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchanges, "A_TRANSACTION", 3)
    monkeypatch.setattr(exchanges, "MOST_FORGOTTEN", 6)
    order_id = place(cast, "alice")
    for number in range(8):
        keep(order_id, f"old {number}")
    clock.move(seconds=KEPT_S // 2)
    keep(order_id, "young")
    assert exchanges.forget_old() == 0
    clock.move(seconds=KEPT_S // 2 + 1)
    assert [exchanges.forget_old() for _ in range(3)] == [6, 2, 0]
    assert [row["understood"] for row in exchanges.exchanges(order_id)] == ["young"]
    assert KeptExchange.select().count() == 1


def test_what_is_known_of_an_order_in_doubt_is_kept_until_it_is_settled(
    cast: SimpleNamespace, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchanges, "A_TRANSACTION", 2)
    doubtful = put_in_review(cast)
    other = place(cast, "alice")
    for _ in range(5):
        keep(doubtful)
        keep(other)
    clock.move(seconds=KEPT_S + 1)
    assert exchanges.forget_old() == 5
    assert exchanges.exchanges(other) == []
    assert len(exchanges.exchanges(doubtful)) > 5  # what was sent, too
    dispatch.fail(doubtful)
    exchanges.forget_old()
    assert exchanges.exchanges(doubtful) == []
