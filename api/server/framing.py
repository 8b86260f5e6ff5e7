"""Where a request ends: what must be known before a thread is given to it.

This only says when a request can be handed over. What it means is read by gunicorn's own parser
afterwards, and a mistake here can therefore cut a request short, but never join two.
"""

import re
from enum import Enum, auto

EMPTY_LINE = b"\r\n\r\n"
MAX_CHUNK_LINE_BYTES = 8190

# Whatever a client sends comes here: no pattern may take more than one way through it.
_HEADER = re.compile(rb"\r\n(content-length|transfer-encoding|expect):([^\r\n]*)", re.I)
_LENGTH = re.compile(rb"[0-9]{1,15}")
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(;.*)?", re.S)


class Verdict(Enum):
    """What is to be done with the bytes that have come of a request."""

    MORE = auto()
    """It is not whole: wait."""
    WHOLE = auto()
    """A thread can read all of it without waiting."""
    REFUSE = auto()
    """It will be refused as it stands, so that more of it is not worth waiting for."""


class Framing:
    """The search for the end of one request. It goes on where it stopped when more bytes come.

    total_bytes: the whole request's length, 0 while it is not known.
    expects_continue: the client sends the body only when it was told to go on.
    """

    def __init__(self, max_body_bytes: int) -> None:
        self._max_body = max_body_bytes
        self._searched = 0
        self._chunk = 0
        self.head_bytes = 0
        self.total_bytes = 0
        self.expects_continue = False

    def examine(self, data: bytes | bytearray) -> Verdict:
        """Judge a request by its bytes so far; `data` begins where the request does."""
        if not self.head_bytes:
            verdict = self._find_head(data)
            if verdict is not Verdict.WHOLE:
                return verdict
        if self.total_bytes:
            return Verdict.WHOLE if len(data) >= self.total_bytes else Verdict.MORE
        return self._follow_chunks(data)

    def _find_head(self, data: bytes | bytearray) -> Verdict:
        begin = 2 if data.startswith(b"\r\n") else 0  # one empty line before it is passed over
        end = data.find(EMPTY_LINE, max(self._searched - 3, begin))
        self._searched = len(data)
        if data.startswith(b"\r\n", begin):
            return Verdict.REFUSE
        if end < 0:
            return Verdict.MORE
        self.head_bytes = end + len(EMPTY_LINE)
        return self._read_head(bytes(data[begin : end + 2]))

    def _read_head(self, head: bytes) -> Verdict:
        """Find out how long the body is: WHOLE if that can be told."""
        fields: dict[bytes, list[bytes]] = {}
        for name, value in _HEADER.findall(head):
            fields.setdefault(name.lower(), []).append(value.strip(b" \t"))
        lengths = fields.get(b"content-length", [])
        codings = fields.get(b"transfer-encoding", [])
        is_old = head.partition(b"\r\n")[0].endswith(b"HTTP/1.0")
        expectation = fields.get(b"expect", [b""])[0].lower()
        self.expects_continue = expectation == b"100-continue" and not is_old
        if codings:
            last = codings[-1].lower().rpartition(b",")[2].strip()
            self._chunk = self.head_bytes
            return Verdict.REFUSE if lengths or last != b"chunked" else Verdict.WHOLE
        if lengths:
            if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
                return Verdict.REFUSE
            if int(lengths[0]) > self._max_body:
                return Verdict.REFUSE
        self.total_bytes = self.head_bytes + (int(lengths[0]) if lengths else 0)
        return Verdict.WHOLE

    def _follow_chunks(self, data: bytes | bytearray) -> Verdict:
        """Go from chunk to chunk; each begins with a line that has its size."""
        while (end := data.find(b"\r\n", self._chunk)) >= 0:
            line = _CHUNK_SIZE.fullmatch(bytes(data[self._chunk : end]))
            if line is None:
                return Verdict.REFUSE
            size = int(line[1], 16)
            if size == 0:
                return self._find_end_of_trailers(data, end)
            following = end + 2 + size
            if data[following : following + 2] not in (b"", b"\r", b"\r\n"):
                return Verdict.REFUSE
            if len(data) < following + 2:
                return self._more_chunks(data)
            self._chunk = following + 2
        if len(data) - self._chunk > MAX_CHUNK_LINE_BYTES:
            return Verdict.REFUSE
        return self._more_chunks(data)

    def _find_end_of_trailers(self, data: bytes | bytearray, end: int) -> Verdict:
        """Behind the last chunk's line, which ends at `end`, trailers may follow."""
        if data.find(EMPTY_LINE, end) >= 0:
            return Verdict.WHOLE
        return self._more_chunks(data)

    def _more_chunks(self, data: bytes | bytearray) -> Verdict:
        """Wait for the rest, unless there is more already than the app would take."""
        too_many = len(data) - self.head_bytes > self.max_bytes
        return Verdict.REFUSE if too_many else Verdict.MORE

    @property
    def max_bytes(self) -> int:
        """The most that is kept of a body: a chunked one has its sizes in it, too."""
        return 2 * self._max_body
