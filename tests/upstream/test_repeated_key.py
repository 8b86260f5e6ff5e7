"""A provider that repeats our key, in any form and any place of its answers: it is not told."""

import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from support.faulty import DOLLARS, Fault, FaultyProvider, says

from panel.orders.dispatch import Outgoing
from upstream.http import HttpProvider
from upstream.provider import OutcomeUnknown, ProviderMoved, ProviderRejected, ProviderUnreachable
from upstream.tape import Tape, recorded_on

KEYS = ["Zk9/aB3+dE7/fG1hI5jK9lM2", "s3cr3t/key123", "a/3+"]

FORMS: dict[str, Callable[[str], str]] = {
    "as it is": lambda key: key,
    "JSON of PHP": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    "JSON of escapes": lambda key: "".join(f"\\u{ord(c):04x}" for c in key),
    "capitals": str.upper,
    "an address": lambda key: quote(key, ""),
    "an address in an address": lambda key: quote(quote(key, ""), ""),
    "HTML": lambda key: key.replace("/", "&#x2F;").replace("+", "&plus;"),
}

ANSWERS = {
    "an error": '{"error": "Account KEY is frozen"}',
    "an error at the end of what is kept": '{"error": "' + "x" * 296 + 'KEY"}',
    "an error in an object": '{"error": {"message": "Account KEY"}, "status": "fail"}',
    "an unknown outcome": '{"error": "server error of KEY"}',
    "a number and an error": '{"order": 5, "refill": "KEY !", "error": "Account KEY"}',
    "no number": '{"order": "KEY !", "refill": "KEY !", "balance": "at KEY"}',
    "a balance": '{"balance": "' + "x" * 60 + 'KEY"}',
    "a list": '["KEY", "KEY"]',
    "a list at the end of what is kept": '["' + "x" * 260 + 'KEY"]',
    "a word": '{"7": {"status": "Frozen KEY", "charge": "KEY", "remains": "KEY"}}',
    "a list of words": '[{"order": 7, "refill": 7, "status": "KEY"}]',
    "an error of one": '{"7": {"error": "not KEY"}}',
    "a name": '{"7": {"status": "Pending"}, "KEY": "KEY"}',
    "text": "Account KEY",
}

CALLS: dict[str, Callable[[HttpProvider], object]] = {
    "services": lambda client: client.services(),
    "balance": lambda client: client.account(),
    "add": lambda client: client.add(Outgoing(1, 1, {"service": "1"}, "k")),
    "status": lambda client: client.statuses(["7"]),
    "cancel": lambda client: client.cancel(["7"]),
    "refill": lambda client: client.refill("7"),
    "refill_status": lambda client: client.refill_statuses(["7"]),
}


def seen_of(told: str, key: str) -> bool:
    """Whether somebody who reads this could tell the key, or most of it."""
    plain = told.replace("\\\\", "\\").replace("\\/", "/").replace("&#x2F;", "/")
    plain = plain.replace("&plus;", "+").replace("%25", "%").replace("%2F", "/")
    plain = plain.replace("%2B", "+").lower()
    escaped = "".join(f"\\u{ord(c):04x}" for c in key)[:24]
    return key.lower()[:4] in plain or escaped in told.replace("\\\\", "\\")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("action", CALLS)
def test_it_is_in_nothing_that_is_told(
    faulty: FaultyProvider, action: str, form: str, key: str
) -> None:
    faulty.keys = {key}
    client = HttpProvider(faulty.url, key, DOLLARS)
    for answer in ANSWERS.values():
        faulty.plan(action, Fault(says(answer.replace("KEY", FORMS[form](key)).encode())))
        tape = Tape(1)
        try:
            with recorded_on(tape):
                told = repr(CALLS[action](client))
        except (ProviderRejected, ProviderUnreachable, OutcomeUnknown) as error:
            told = f"{error!r} {error} {error.__cause__!r} {error.__context__!r}"
        assert not seen_of(told, key), answer
        kept = tape.last()
        assert kept is not None
        assert not seen_of(kept.answer, key), answer


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "form", ["as it is", "capitals", "an address", "an address in an address"]
)
@pytest.mark.parametrize("action", CALLS)
def test_it_is_not_where_a_redirect_leads(
    faulty: FaultyProvider, action: str, form: str, key: str
) -> None:
    location = f"https://b.example/{FORMS[form](key)}/v2"
    faulty.plan(action, Fault(says(b"", 301, Location=location)))
    with pytest.raises(ProviderMoved) as moved:
        CALLS[action](HttpProvider(faulty.url, key, DOLLARS))
    assert moved.value.address == "https://b.example/KEY/v2"
    assert str(moved.value) == "it redirects to https://b.example/KEY/v2, nothing was taken"


def test_it_is_not_where_a_redirect_leads_nowhere_else(faulty: FaultyProvider) -> None:
    faulty.plan("add", Fault(says(b"", 302, Location=f"/{quote(KEYS[0], '')}")))
    with pytest.raises(OutcomeUnknown, match=r"HTTP 302 to http://127.0.0.1:\d+/KEY$"):
        CALLS["add"](HttpProvider(faulty.url, KEYS[0], DOLLARS))


def test_what_is_read_is_not_changed_by_a_short_key(faulty: FaultyProvider) -> None:
    """Numbers, amounts, words and names may be like it by chance."""
    client = HttpProvider(faulty.url, "4821", DOLLARS)
    faulty.plan("add", Fault(says({"order": 48210})))
    assert client.add(Outgoing(1, 1, {"service": "1"}, "k")) == "48210"
    faulty.plan("balance", Fault(says({"balance": "4821.50", "currency": "USD"})))
    assert client.account().balance == "4821.50 USD"
    entry = {"status": "Partial", "charge": "0.4821", "remains": 4821, "orders": ["148211"]}
    faulty.plan("status", Fault(says({"48210": entry})))
    found = client.statuses(["48210"])["48210"]
    assert (found.status, found.remains, found.children) == ("Partial", 4821, ("148211",))
    assert found.charge is not None
    assert (found.charge.micros, found.charge.text) == (482_100, "0.4821")
    faulty.plan("refill", Fault(says({"refill": 4821})))
    assert client.refill("1") == "4821"
    service = {"service": 4821, "name": "4821 likes", "rate": 1, "min": 4821, "max": 48210}
    faulty.plan("services", Fault(says([service])))
    (listing,) = client.services()
    assert (listing.service, listing.name, listing.min) == ("4821", "4821 likes", 4821)
    faulty.plan("add", Fault(says(b"", 301, Location="https://4821.example:4821/api")))
    with pytest.raises(ProviderMoved) as moved:
        client.add(Outgoing(1, 1, {"service": "1"}, "k"))
    assert moved.value.address == "https://4821.example:4821/api"


def test_a_words_status_is_known_also_where_it_is_like_the_key(faulty: FaultyProvider) -> None:
    client = HttpProvider(faulty.url, "Completed", DOLLARS)
    faulty.plan("status", Fault(says({"7": {"status": "Completed", "remains": 0}})))
    assert client.statuses(["7"])["7"].status == "Completed"
