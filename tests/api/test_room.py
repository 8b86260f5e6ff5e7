"""Room for large requests: for so many, and then one after the other."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from gunicorn.config import Config

from api.server.client import ClientSocket, Connection, Phase
from api.server.room import SMALL_BYTES, Room

MAX_BODY = 1_000_000
MakeConnection = Callable[[int], Connection]


@pytest.fixture
def receiving() -> Iterator[MakeConnection]:
    """Makes connections whose request is so long."""
    with ExitStack() as open_sockets:

        def make(length: int) -> Connection:
            ours, theirs = map(open_sockets.enter_context, socket.socketpair())
            sock = open_sockets.enter_context(ClientSocket(ours))
            conn = Connection(Config(), sock, "", "")
            conn.begin_request(MAX_BODY)
            conn.phase = Phase.RECEIVING
            conn.framing.examine(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % length)
            conn.sock.received += b"x" * min(length, SMALL_BYTES + 1)
            assert theirs
            return conn

        yield make


def enter(room: Room, conn: Connection) -> bool:
    admitted = room.enter(conn)
    conn.phase = Phase.RECEIVING if admitted else Phase.RESTING
    return admitted


def test_a_small_request_needs_no_room(receiving: MakeConnection) -> None:
    room = Room(0)
    assert all(enter(room, receiving(SMALL_BYTES - 100)) for _ in range(9))


def test_a_request_that_is_only_announced_takes_no_room(receiving: MakeConnection) -> None:
    room, announced = Room(0), receiving(MAX_BODY)
    announced.sock.received.clear()
    assert enter(room, announced)


def test_large_ones_are_admitted_in_the_order_they_came(receiving: MakeConnection) -> None:
    room = Room(350_000)
    first, second, third, fourth = (receiving(n) for n in (150_000, 150_000, 300_000, 100_000))
    assert [enter(room, conn) for conn in (first, second, third, fourth)] == [
        True, True, False, False,
    ]  # fmt: skip
    assert enter(room, first), "who has room keeps it"
    assert room.leave(first) == []
    assert room.leave(second) == [third]
    assert room.leave(third) == [fourth]


def test_who_was_given_up_is_passed_over(receiving: MakeConnection) -> None:
    room = Room(200_000)
    first, second, third = (receiving(150_000) for _ in range(3))
    assert [enter(room, conn) for conn in (first, second, third)] == [True, False, False]
    second.phase = Phase.CLOSING
    assert room.leave(second) == []
    assert room.leave(first) == [third]


def test_what_is_received_of_an_unknown_length_counts_as_the_most(
    receiving: MakeConnection,
) -> None:
    room = Room(2 * MAX_BODY)
    chunked, next_one = receiving(0), receiving(100_000)
    chunked.begin_request(MAX_BODY)
    chunked.framing.examine(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert enter(room, chunked), "nothing has come of it"
    chunked.sock.received += b"x" * (SMALL_BYTES + 1)
    assert enter(room, chunked)
    assert not enter(room, next_one)
    assert room.leave(chunked) == [next_one]
