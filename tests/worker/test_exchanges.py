"""What was sent to a real provider and what came back, for each thing that can come of it."""

from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from support.faulty import KEY, Fault, FaultyProvider, cut, cut_in_the_middle, huge, says
from support.orders import account_id, everything
from support.shop import come_due, place

from models import Order, Refill, Service
from panel.orders import cancels, dispatch, exchanges, history, refills, status_sync, transition
from panel.orders.provider_status import ProviderStatus
from upstream.provider import OutcomeUnknown, ProviderRejected, ProviderUnreachable
from worker import poll, send
from worker.contact import Contact

ERRORS = (OutcomeUnknown, ProviderRejected, ProviderUnreachable)
PAGE = b"<html>\x1b[31m502 Bad Gateway</html>"


def contact_of(shop: SimpleNamespace) -> Contact:
    return Contact(shop.provider, shop.client, lambda: True, {})


def sent_on(shop: SimpleNamespace) -> int:
    """An order that was claimed and sent, whatever came of it."""
    (order_id,) = place(shop, 1)
    outgoing = dispatch.claim(shop.provider)
    assert outgoing is not None
    assert outgoing.order_id == order_id
    with suppress(*ERRORS):
        send.send(shop.client, outgoing, 0, 0, 0)
    return order_id


def kept(order_id: int) -> list[tuple[str, str, int | None, str]]:
    """The lines of an order's story that have an exchange: kind, action, HTTP status, answer."""
    return [
        (line.kind, line.exchange["action"], line.exchange["http_status"], line.exchange["answer"])
        for line in history.history(order_id).lines
        if line.exchange
    ]


OUTCOMES: list[tuple[str, Any, str, int | None, str]] = [
    ("accepted", None, "sent", 200, '{"order": 1}'),
    ("refused", Fault(says({"error": "Bad link", "key": KEY}, 422)), "refused", 422,
     '{"error": "Bad link", "key": "[key]"}'),
    ("a failure", Fault(says(PAGE, 502, "text/html")), "unknown", 502,
     "<html>\\x1b[31m502 Bad Gateway</html>"),
    ("not understood", Fault(says({"order": None})), "unknown", 200, '{"order": null}'),
    ("no answer", Fault(cut, takes=True), "unknown", None, ""),
    ("half an answer", Fault(cut_in_the_middle, takes=True), "unknown", 200, ""),
    ("too much", Fault(huge, takes=True), "unknown", 200, ""),
    ("a redirect", Fault(says(b"gone", 302, Location="https://a.example/")), "refused", 302,
     "gone"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "fault", "kind", "status", "answer"), OUTCOMES, ids=[row[0] for row in OUTCOMES]
)
def test_each_try_has_what_was_sent_and_what_came_back(
    what: str,
    fault: Any,
    kind: str,
    status: int | None,
    answer: str,
    shop: SimpleNamespace,
    faulty: FaultyProvider,
) -> None:
    faulty.plan("add", fault)
    order_id = sent_on(shop)
    sending, outcome = kept(order_id)
    assert sending == ("sending", "add", None, "")
    assert outcome == (kind, "add", status, answer)
    first = next(line for line in history.history(order_id).lines if line.kind == "sending")
    assert first.exchange is not None
    link = Order.get_by_id(order_id).link
    assert first.exchange["sent"] == {"service": "2", "link": link, "quantity": "100"}


def test_a_provider_that_is_not_reached_has_said_nothing(shop: SimpleNamespace) -> None:
    (order_id,) = place(shop, 1)
    outgoing = dispatch.claim(shop.provider)
    assert outgoing is not None

    class Gone:
        def add(self, order: object) -> str:
            raise ProviderUnreachable("it is gone")

    with pytest.raises(ProviderUnreachable):
        send.send(Gone(), outgoing, 0, 60, 0)  # type: ignore[arg-type]
    assert kept(order_id) == [("sending", "add", None, "")]
    assert history.history(order_id).lines[-1].text == "not sent: it is gone"


def test_what_was_sent_is_known_when_the_worker_dies(shop: SimpleNamespace) -> None:
    (order_id,) = place(shop, 1)
    assert dispatch.claim(shop.provider) is not None
    dispatch.recover_interrupted()
    assert [line.kind for line in history.history(order_id).lines] == ["sending", "unknown"]
    assert kept(order_id) == [("sending", "add", None, "")]


def test_a_status_is_kept_where_it_changes_or_is_not_understood(
    shop: SimpleNamespace, faulty: FaultyProvider
) -> None:
    first, second = sent_on(shop), sent_on(shop)
    batch = [(first, "1"), (second, "2")]
    for order in faulty.orders.values():
        order["charge"] = "0.000330"  # as expected

    def told(**values: Any) -> list[str]:
        """Move the first order on there, ask for both, and tell what is new of it."""
        before = len(exchanges.exchanges(first))
        faulty.orders[1].update(values)
        come_due([first, second])
        poll.poll_statuses(contact_of(shop), batch, 15)
        return [row["understood"] for row in exchanges.exchanges(first)[before:]]

    assert told() == []
    assert told(status="In progress", remains=90) == ["In progress, 90 remain (before: Pending)"]
    for remains in (80, 70, 60):
        assert told(remains=remains) == []
    assert told(status="Strange", remains=60) == [""]  # an event says so
    assert told(remains=55) == []
    assert told(status="Completed", remains=0) == ["Completed (before: In progress)"]
    assert len(exchanges.exchanges(second)) == 2  # it was sent, and accepted
    last = exchanges.exchanges(first)[-1]
    assert last["sent"] == {"orders": "1 (and 1 more)"}
    assert last["answer"].startswith('"1": {"charge"') and '"2"' not in last["answer"]
    assert last["provider_name"] == shop.row.name
    (word,) = [line for line in history.history(first).lines if line.kind == "warning"]
    assert word.exchange is not None and '"Strange"' in word.exchange["answer"]


def test_the_answer_to_a_cancel_request_is_kept_with_it(
    shop: SimpleNamespace, faulty: FaultyProvider
) -> None:
    Service.update(cancel=True).where(Service.id == shop.service).execute()
    yes, no = sent_on(shop), sent_on(shop)
    del faulty.orders[2]
    (a, b) = cancels.request(account_id(), [yes, no])
    send.send_cancels(contact_of(shop), 60)
    texts = {order: history.history(order).lines[-1] for order in (yes, no)}
    assert texts[yes].text == f"cancel request {a}: accepted"
    assert texts[no].text == f"cancel request {b}: refused"
    for line in texts.values():
        assert line.exchange is not None
        assert line.exchange["action"] == "cancel"
    assert "requested" in texts[yes].exchange["answer"]  # type: ignore[index]
    assert "Incorrect order ID" in texts[no].exchange["answer"]  # type: ignore[index]


REFILLS: list[tuple[str, Any, str, str]] = [
    ("accepted", None, "the provider's number is 1", '{"refill": 1}'),
    ("refused", Fault(says({"error": "Refill is disabled"}, 422)), "refused: Refill is disabled",
     "Refill is disabled"),
    ("without a number", Fault(says({"refill": "ok"})), "an answer that was not", '"ok"'),
    ("a failure", Fault(says(PAGE, 502)), "HTTP 502", "Bad Gateway"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "fault", "text", "answer"), REFILLS, ids=[row[0] for row in REFILLS]
)
def test_the_answer_to_a_refill_is_kept_with_it(
    what: str, fault: Any, text: str, answer: str, shop: SimpleNamespace, faulty: FaultyProvider
) -> None:
    Service.update(refill=True).where(Service.id == shop.service).execute()
    order_id = sent_on(shop)
    transition.change(order_id, status="Completed")
    (refill,) = refills.request(account_id(), [order_id])
    faulty.plan("refill", fault)
    with suppress(*ERRORS):
        send.send_refill(contact_of(shop), 0)
    line = history.history(order_id).lines[-1]
    assert line.text.startswith(f"refill {refill}: {text}")
    assert line.exchange is not None
    assert answer in line.exchange["answer"]
    assert Refill.get_by_id(refill).status == {
        "accepted": "in progress", "refused": "rejected",
    }.get(what, "pending")  # fmt: skip


def test_a_refills_status_is_kept_where_it_changes(
    shop: SimpleNamespace, faulty: FaultyProvider
) -> None:
    Service.update(refill=True).where(Service.id == shop.service).execute()
    order_id = sent_on(shop)
    transition.change(order_id, status="Completed")
    (refill,) = refills.request(account_id(), [order_id])
    send.send_refill(contact_of(shop), 0)
    for status in ("pending", "pending", "puzzling", "puzzling", "completed"):
        faulty.refills[1] = status
        Refill.update(poll_at=0).execute()
        poll.poll_refills(contact_of(shop), 0)
    told = [row["understood"] for row in exchanges.exchanges(order_id) if row["understood"]]
    assert told == [f"refill {refill}: status 'puzzling'", f"refill {refill}: completed"]


REPEATED = {
    "as it is": KEY,
    "capitals": KEY.upper(),
    "JSON of escapes": "".join(f"\\u{ord(c):04x}" for c in KEY),
    "an address in an address": KEY.replace("5", "%2535"),
    "HTML": KEY.replace("e", "&#x65;"),
}


@pytest.mark.parametrize("form", REPEATED)
def test_no_key_is_anywhere(form: str, shop: SimpleNamespace, faulty: FaultyProvider) -> None:
    Service.update(refill=True).where(Service.id == shop.service).execute()

    def answer(text: str, status: int = 200) -> Fault:
        return Fault(says(text.replace("KEY", REPEATED[form]).encode(), status))

    order_id = sent_on(shop)
    faulty.plan("add", answer('{"error": "bad KEY", "request": "key=KEY"}', 422))
    sent_on(shop)
    number = str(Order.get_by_id(order_id).provider_order)
    faulty.plan("status", answer(f'{{"{number}": {{"status": "Frozen KEY", "remains": "KEY"}}}}'))
    come_due([order_id])
    poll.poll_statuses(contact_of(shop), [(order_id, number)], 0)
    transition.change(order_id, status="Completed")
    refills.request(account_id(), [order_id])
    faulty.plan("refill", answer('{"error": "not KEY"}', 422))
    with suppress(*ERRORS):
        send.send_refill(contact_of(shop), 0)
    told = [row for row in everything() if not row.startswith("providers")]
    plain = "\n".join(told).replace("\\\\", "\\").lower()
    for part in ("5ecre7" * 2, REPEATED[form][:24].lower()):
        assert part not in plain
    for words in ("bad [key]", "frozen [key]", "not [key]"):
        assert words in plain


def test_statuses_that_are_not_asked_for_by_a_tape_are_applied_all_the_same(
    shop: SimpleNamespace,
) -> None:
    order_id = sent_on(shop)
    status_sync.apply_statuses({order_id: ProviderStatus("In progress", 0, 50)}, 15)
    assert Order.get_by_id(order_id).status == "In progress"
