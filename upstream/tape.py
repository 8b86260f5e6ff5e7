"""What was sent to a provider and what came back, word for word, while a thread listens.

Clients note each request and its answer; the worker, which asked, keeps what is worth it. No key
is in what a tape gives.
"""

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import Any

from panel.orders.exchanges import Exchange
from upstream import secrets

MOST_READ = 1_000_000
"""So many bytes of an answer are kept while it is looked through."""
MOST_OF_ENTRY = 20_000
MOST_TRIED = 20
"""An entry of a list is looked for so many characters around its number, among so many beginnings:
what has many would hold up the worker, and all who write to the database, for minutes."""

log = logging.getLogger("panel.worker")

_LISTS = ("order", "orders", "refill", "refills")
_NUMBERED = re.compile(r'"(?:order|order_id|id|refill|refill_id)"\s*:\s*"?([^",}\s]+)"?\s*[,}]')
"""Where an entry of a list names its number."""

_NAMED_SECRETS = tuple(
    re.compile(
        rf"""(\b{name}["']?\s*[:=]\s*["']?)(?!\[key\])[^\s"'&,;}}<>]{{{least},}}""", re.IGNORECASE
    )
    for name, least in ((r"(?:password|passwd|pwd)", 1), (r"\w{0,30}?(?:key|token|secret)", 16))
)
"""Values beside a name that says that they are secret; as for keys, only what is long enough."""

_tape: ContextVar["Tape | None"] = ContextVar("tape", default=None)


class _Taken:
    """One request and its answer."""

    def __init__(
        self, params: Mapping[str, str], http_status: int | None, body: bytes, key: str
    ) -> None:
        self.params = params
        self.http_status = http_status
        self._body = body[:MOST_READ]
        self._key = key

    @cached_property
    def answer(self) -> str:
        """The whole answer, as text."""
        return self._body.decode("utf-8", "backslashreplace")

    @cached_property
    def numbers(self) -> set[str]:
        """The provider's numbers that it asks about."""
        return {n for name in _LISTS for n in self.params.get(name, "").split(",") if n}

    def exchange(self, provider_id: int | None, number: str | None = None) -> Exchange:
        """The request and its answer; of one for many, what is about one number."""
        sent = {name: text for name, text in self.params.items() if name != "action"}
        answer = ""
        if number is not None and len(self.numbers) > 1:
            others = f" (and {len(self.numbers) - 1} more)"
            sent = {name: number + others if name in _LISTS else sent[name] for name in sent}
            answer = self._clean(_by_key(self.answer, number) or self._in_list(number))
        answer = answer or self._clean_answer
        return Exchange(provider_id, self.params.get("action", ""), sent, self.http_status, answer)

    @cached_property
    def _clean_answer(self) -> str:
        return self._clean(self.answer)

    def _clean(self, text: str) -> str:
        return without_secrets(text, self._key)

    @cached_property
    def _places(self) -> dict[str, int]:
        """Where the entries of a list name their numbers."""
        return {found[1]: found.end() for found in _NUMBERED.finditer(self.answer)}

    def _in_list(self, number: str) -> str:
        """`{"order": 123, ...}`, as it was written; "" where it is not found soon."""
        place = self._places.get(number, 0)
        first = max(place - MOST_OF_ENTRY, 0)
        near = self.answer[first : place + MOST_OF_ENTRY]
        start = place - first
        for _ in range(MOST_TRIED):
            start = near.rfind("{", 0, start)
            if start < 0:
                break
            end = _end_of_value(near, start)
            if end and end >= place - first:
                return near[start:end]
        return ""


class Tape:
    """The requests of a block, in their order."""

    def __init__(self, provider_id: int | None) -> None:
        self.taken: list[_Taken] = []
        self._provider_id = provider_id

    def last(self) -> Exchange | None:
        """The last request, and its answer; None if nothing was asked."""
        return self._exchange(self.taken[-1], None) if self.taken else None

    def about(self, number: str | None) -> Exchange | None:
        """The last request that asked about a provider's number, and what was answered of it."""
        for taken in reversed(self.taken):
            if number in taken.numbers:
                return self._exchange(taken, number)
        return None

    def _exchange(self, taken: _Taken, number: str | None) -> Exchange | None:
        try:
            return taken.exchange(self._provider_id, number)
        except Exception:  # what came of an order is recorded, whatever its answer looks like
            log.exception("what was sent and answered cannot be kept")
            return None


@contextmanager
def recorded_on(tape: Tape) -> Iterator[None]:
    """Keep on this tape what this thread asks a provider meanwhile."""
    before = _tape.set(tape)
    try:
        yield
    finally:
        _tape.reset(before)


def note(params: Mapping[str, str], http_status: int | None, body: bytes, key: str = "") -> None:
    """Note a request and its answer, if anybody listens.

    :param params: without the key; body: empty where there was no answer.
    :param key: the provider's key, which is hidden wherever it stands.
    """
    tape = _tape.get()
    if tape is not None:
        tape.taken.append(_Taken(params, http_status, body, key))


def without_secrets(text: str, key: str) -> str:
    """A text without a provider's key, however it is written, and what else is named a secret."""
    text = secrets.hide(text, key)
    for named in _NAMED_SECRETS:
        text = named.sub(rf"\1{secrets.HIDDEN}", text)
    return text


def _by_key(answer: str, number: str) -> str:
    """`"123": {...}`, as it was written; "" where it is not found."""
    quoted, start = json.dumps(number), -1
    while (start := answer.find(quoted, start + 1)) >= 0:
        at = _skip_blanks(answer, start + len(quoted))
        if answer[at : at + 1] == ":":
            end = _end_of_value(answer, _skip_blanks(answer, at + 1))
            return answer[start:end] if end else ""
    return ""


def _skip_blanks(text: str, at: int) -> int:
    while text[at : at + 1].isspace():
        at += 1
    return at


_DECODER: Any = json.JSONDecoder()


def _end_of_value(text: str, at: int) -> int | None:
    """Where the JSON value ends that begins here; None for what is none."""
    try:
        _, end = _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None
    return int(end)
