"""What gunicorn's own parser says of a request that is not whole yet."""

from typing import Any

from gunicorn.http.errors import NoMoreData
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

PIECE_BYTES = 8192
"""So much the parser reads at a time; the checks of its limits depend on it."""


def is_worth_a_look(data: bytearray, count: int, head_bytes: int) -> bool:
    """Whether the parser may have something new to say, since `count` bytes are new.

    It is asked for each new line of a short head, whenever a longer one has doubled, and once
    when the head is whole.
    """
    before = len(data) - count
    if head_bytes:
        return before < head_bytes
    if len(data) < PIECE_BYTES:
        return data.find(b"\n", before) >= 0
    return before.bit_length() < len(data).bit_length()


def refuses(cfg: Any, data: bytes, peer: Any) -> bool:
    """Whether the parser refuses a request that begins with these bytes, whatever follows."""
    pieces = (data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES))
    try:
        Request(cfg, IterUnreader(pieces), peer)
    except NoMoreData:
        return False
    except Exception:
        return True
    return False
