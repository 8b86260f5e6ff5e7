"""Where a request ends, found out byte by byte, against gunicorn's own parser."""

from collections.abc import Iterator

import pytest
from gunicorn.config import Config
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from hypothesis import given
from hypothesis import strategies as st

from api.server.framing import Framing, Verdict
from api.server.parser import refuses

LINE = b"POST /api/v2 HTTP/1.1\r\nHost: p\r\n"
CHUNKED = LINE + b"Transfer-Encoding: chunked\r\n\r\n"
MAX_BODY = 1000

WHOLE = {
    "no header": b"GET / HTTP/1.0\r\n\r\n",
    "no body": LINE + b"\r\n",
    "an empty line before it": b"\r\n" + LINE + b"\r\n",
    "a length": LINE + b"Content-Length: 5\r\n\r\nabcde",
    "a length of nothing": LINE + b"Content-Length: 0\r\n\r\n",
    "a length in other letters": LINE + b"cOnTeNt-LeNgTh:\t5 \r\nA: b\r\n\r\nabcde",
    "a length that is only named": LINE + b"X-Content-Length: 5\r\n\r\n",
    "a body that looks like a head": LINE + b"Content-Length: 8\r\n\r\n\r\n\r\n\r\n\r\n",
    "the longest body": LINE + b"Content-Length: 1000\r\n\r\n" + b"x" * 1000,
    "a body that was asked for": LINE + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
    "chunks": CHUNKED + b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
    "chunks that look like an end": CHUNKED + b"5\r\n0\r\n\r\n\r\n0\r\n\r\n",
    "no chunks": CHUNKED + b"0\r\n\r\n",
    "chunks and trailers": CHUNKED + b"1\r\na\r\n0\r\nA: b\r\nC: d\r\n\r\n",
    "codings": LINE + b"Transfer-Encoding: gzip, Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
}

REFUSED = {
    "two empty lines before it": b"\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "a length that is no number": LINE + b"Content-Length: five\r\n\r\n",
    "a length with a sign": LINE + b"Content-Length: +5\r\n\r\n",
    "a length below nothing": LINE + b"Content-Length: -5\r\n\r\n",
    "a length of letters that are digits elsewhere": LINE + b"Content-Length: \xb2\r\n\r\n",
    "an endless length": LINE + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "two lengths": LINE + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
    "a length that is folded": LINE + b"Content-Length:\r\n 5\r\n\r\n",
    "a length and chunks": LINE + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a coding without chunks": LINE + b"Transfer-Encoding: gzip\r\n\r\n",
    "an unknown coding": LINE + b"Transfer-Encoding: chunked, secret\r\n\r\n",
}

LONG = 60_000
HARD_TO_SEARCH = {
    "blanks and a bare return": LINE + b"Expect:" + b" " * LONG + b"\rx\r\n\r\n",
    "blanks and a bare line end": LINE + b"Expect:" + b" " * LONG + b"\nx\r\n\r\n",
    "blanks within a value": LINE + b"Expect:a" + b" " * LONG + b"x\r\n\r\n",
    "blanks within a length": LINE + b"Content-Length: 1" + b" " * LONG + b"1\r\n\r\n",
    "tabs within a coding": LINE + b"Transfer-Encoding: a" + b"\t," * LONG + b"\r\n\r\n",
    "many headers": LINE + b"Expect: x\r\n" * (LONG // 11) + b"\r\n",
    "returns": LINE + b"Expect:" + b"\r" * LONG + b"\r\n\r\n",
    "blanks within a chunk's size": CHUNKED + b"1" + b" " * 8000 + b"x\r\n",
    "a long extension of a chunk": CHUNKED + b"1;" + b"a;" * 4000 + b"\nx\r\n",
}
"""Heads for which a pattern that goes back would take minutes, and stop the process."""


@pytest.mark.parametrize("data", HARD_TO_SEARCH.values(), ids=HARD_TO_SEARCH)
def test_no_head_takes_long_to_search(data: bytes) -> None:
    assert Framing(MAX_BODY).examine(data) in Verdict


REFUSED_BY_THE_APP = {
    "a body that is too long": LINE + b"Content-Length: 1001\r\n\r\n",
    "a chunk without a size": CHUNKED + b"\r\n",
    "a chunk with a wrong size": CHUNKED + b"key=KEY\r\n",
    "a chunk of a negative size": CHUNKED + b"-1\r\n",
    "a chunk that is longer than its size": CHUNKED + b"2\r\nabc",
    "a chunk with an endless size": CHUNKED + b"1" * 9000,
    "more chunks than a body may have": CHUNKED + b"1\r\na\r\n" * 400,
}


def judge(data: bytes) -> Verdict:
    return Framing(MAX_BODY).examine(data)


@pytest.mark.parametrize("kind", WHOLE)
def test_a_request_is_whole_with_its_last_byte_and_not_before(kind: str) -> None:
    framing = Framing(MAX_BODY)
    data = WHOLE[kind]
    for end in range(1, len(data)):
        assert framing.examine(bytearray(data[:end])) is Verdict.MORE, data[:end]
        assert judge(data[:end]) is Verdict.MORE, data[:end]
    assert framing.examine(data) is Verdict.WHOLE
    assert judge(data) is Verdict.WHOLE


@pytest.mark.parametrize("kind", WHOLE)
def test_what_follows_a_request_makes_no_difference(kind: str) -> None:
    assert judge(WHOLE[kind] + b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n") is Verdict.WHOLE


@pytest.mark.parametrize("kind", REFUSED | REFUSED_BY_THE_APP)
def test_what_will_be_refused_is_not_waited_for(kind: str) -> None:
    assert judge((REFUSED | REFUSED_BY_THE_APP)[kind]) is Verdict.REFUSE


@pytest.mark.parametrize("kind", REFUSED)
def test_gunicorn_refuses_it_too(kind: str) -> None:
    assert refuses(Config(), REFUSED[kind], ("127.0.0.1", 1))


@pytest.mark.parametrize("kind", WHOLE)
def test_no_beginning_of_a_good_request_is_refused(kind: str) -> None:
    for end in range(1, len(WHOLE[kind]) + 1):
        assert not refuses(Config(), WHOLE[kind][:end], ("127.0.0.1", 1))


@pytest.mark.parametrize(
    "begun",
    [
        b"GET / HTTP/9.7\r\n",
        b"key / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\nHost: p\n\n",
        b"GET /" + b"a" * 9000,
        LINE + b"A: b\nC: d",
        LINE + b"no colon\r\n\r\n",
        LINE + b"A: " + b"b" * 1_100_000,
    ],
)
def test_a_malformed_head_is_refused_before_it_is_whole(begun: bytes) -> None:
    assert judge(begun) in (Verdict.MORE, Verdict.WHOLE)
    assert refuses(Config(), begun, ("127.0.0.1", 1))


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nexpect:100-Continue\r\nContent-Length: 2\r\n\r\n", True),
        (b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", False),
        (b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n", False),
        (b"POST / HTTP/1.1\r\nExpect: 100-continue\r\n", False),
    ],
)
def test_who_waits_for_a_word_is_told_once_the_head_is_whole(head: bytes, expected: bool) -> None:
    framing = Framing(MAX_BODY)
    assert framing.examine(head) is Verdict.MORE
    assert framing.expects_continue is expected


class Pieces:
    """A source that gunicorn's parser reads from: bytes as they come, and then their end."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        yield self._data


def parsed(data: bytes) -> tuple[str, str, list[tuple[str, str]], bytes]:
    """A request as gunicorn reads it."""
    request: Request = next(RequestParser(Config(), Pieces(data), ("127.0.0.1", 1)))
    return request.method, request.uri, request.headers, request.body.read()


chunks = st.lists(st.binary(min_size=1, max_size=40), max_size=6)
headers = st.lists(st.sampled_from([b"A: b\r\n", b"Accept: */*\r\n", b"X: \r\n"]), max_size=3)


@given(headers, chunks, st.booleans(), st.binary(max_size=30), st.data())
def test_gunicorn_reads_the_same_when_it_is_asked_as_soon_as_the_request_is_whole(
    headers: list[bytes], chunks: list[bytes], is_chunked: bool, behind: bytes, data: st.DataObject
) -> None:
    head = LINE + b"".join(headers)
    body = b"".join(chunks)
    if is_chunked:
        framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
        sent = head + b"Transfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"
    else:
        sent = head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    ends = data.draw(st.lists(st.integers(1, len(sent)), max_size=5))
    framing = Framing(MAX_BODY)
    for end in sorted(ends):
        verdict = framing.examine(sent[:end])
        assert verdict is (Verdict.WHOLE if end == len(sent) else Verdict.MORE)
    assert framing.examine(sent + behind) is Verdict.WHOLE
    assert parsed(sent) == parsed(sent + behind)
    assert parsed(sent)[3] == body
