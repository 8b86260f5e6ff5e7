"""The worker class: gunicorn's gthread, in which no client can keep a thread waiting.

The main thread receives each request until it is whole, gives it to a thread, and sends what the
client does not take of the answer at once. Threads do the app's work and nothing else.
"""

import math
import resource
import selectors
import socket
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from api.context import settings_of
from api.server import parser
from api.server.client import MAX_WINDOWS, ClientSocket, Connection, Pace, Phase
from api.server.framing import Verdict
from api.server.hooks import write_json_error
from api.server.room import Room
from api.server.threads import RequestThreads
from database import transactions

MAX_THREADS = 256
"""Of one process: so many requests can wait for the write lock."""

REQUESTS_BETWEEN_CLIENTS = 8
"""After so many a busy worker takes a new client all the same, so that none waits forever."""
BUSY_TURN_S = 0.02
"""How long a busy worker waits for events before it looks whether it is still busy."""

TICK_S = 0.5
"""How often deadlines are looked at."""

LINGER_S = 2
"""How long a stopping worker keeps an idle client, which may be sending a request just now; and
how long a closed connection is read, for otherwise its client may lose the last answer."""

STOP_S = 5
"""How long a stopping worker waits for requests that arrive, and for clients to read. Who has
connected to the next one waits for that, too."""

REQUEST_S = 10
MAX_BODY_BYTES = 1024 * 1024
"""For an app that is not the panel: the bench serves one."""


class PanelWorker(ThreadWorker):
    """A worker process: gunicorn's gthread with another way for requests to reach its threads.

    keeps_listening: somebody else holds the socket open for the next server (systemd), so that
        clients who have connected to it can be left there at a stop.
    """

    keeps_listening = False
    alive: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: dict[Connection, None] = {}  # for their clients; the longest waiting first
        self._room = Room()
        self._answered_since_accept = 0
        self._next_accept = 0.0
        self._next_tick = 0.0
        self._ends_by = math.inf
        self._request_s = REQUEST_S
        self._max_body_bytes = MAX_BODY_BYTES

    def get_thread_pool(self) -> RequestThreads:
        """Make the threads; gunicorn calls this after the fork."""
        threads = RequestThreads(self.cfg.threads, MAX_THREADS)
        transactions.while_waiting = threads.waiting
        return threads

    # The worker's life

    def run(self) -> None:
        """Serve until a stop, then finish what was begun."""
        if (settings := settings_of(self.wsgi)) is not None:
            self._request_s = settings.request_seconds
            self._max_body_bytes = self.wsgi.config["MAX_CONTENT_LENGTH"]
        allow_many_files()
        self.poller.register(
            self.method_queue.fileno(), selectors.EVENT_READ, self.method_queue.run_callbacks
        )
        while self.alive:
            is_accepting = self._takes_clients()
            self.set_accept_enabled(is_accepting)
            self._turn(TICK_S if is_accepting else BUSY_TURN_S)
            self.alive = self.alive and self.is_parent_alive()
        self._stop_listening()
        last = monotonic() + self.cfg.graceful_timeout
        while self.nr_conns > 0 and monotonic() < last:
            self._turn(BUSY_TURN_S)
        for conn in list(self._waiting):
            self._drop(conn)
        self.tpool.shutdown(wait=False)
        self.poller.close()
        self.method_queue.close()

    def _turn(self, timeout_s: float) -> None:
        """Wait for events and handle them, and whatever is overdue."""
        self.wait_for_and_dispatch_events(timeout_s)
        self.tpool.adjust()
        now = monotonic()
        if now >= self._next_tick:
            self._next_tick = now + TICK_S
            self.notify()
            for conn in list(self._waiting):
                if conn.pace.is_over(now):
                    self._give_up(conn)

    def _stop_listening(self) -> None:
        """Take no more clients, and give those that are here a last deadline."""
        self.set_accept_enabled(False)
        now = monotonic()
        self._ends_by = now + min(STOP_S, self._request_s)
        for conn in self._waiting:
            conn.pace.end_by(now + LINGER_S if conn.phase is Phase.IDLE else self._ends_by)
        for listener in self.sockets:
            # Who has connected is served: the kernel would reset them with the last copy of the
            # socket. Where the socket stays open, the next server takes them.
            for _ in range(0 if self.keeps_listening else self.cfg.backlog):
                if not self._accept(listener):
                    break
            listener.close()

    # Clients come

    def _takes_clients(self) -> bool:
        """Whether to take a new client; a busy worker leaves it to the others for a while.

        Otherwise the first to wake takes all that connect at once, and keeps them for as long as
        they keep their connections, while another worker and its core have nothing to do.
        """
        if monotonic() < self._next_accept:
            return False
        since = self._answered_since_accept
        return since >= REQUESTS_BETWEEN_CLIENTS or self.tpool.has_free_thread()

    def accept(self, listener: Any) -> None:
        """Accept a new client."""
        self._accept(listener)

    def _accept(self, listener: Any) -> bool:
        """Accept a new client, if there is one."""
        self._answered_since_accept = 0
        try:
            accepted, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return False
        except OSError as error:  # too many open files, mostly
            self.log.error("Cannot accept a client: %s", error)
            self._next_accept = monotonic() + TICK_S
            self._drop_longest_waiting()
            return False
        sock = ClientSocket(accepted)
        conn = Connection(self.cfg, sock, address, listener.getsockname())
        self.nr_conns += 1
        if self.nr_conns > self.cfg.worker_connections:
            self._drop_longest_waiting()
        self._enter(conn, Phase.IDLE, self._request_s if self.alive else LINGER_S)
        self._on_readable(conn)
        return True

    def _drop_longest_waiting(self) -> None:
        """Make room for another client."""
        if self._waiting:
            self._drop(next(iter(self._waiting)))

    # A request comes

    def _on_ready(self, conn: Connection, _: socket.socket) -> None:
        """Go on with a connection, unless another event of this turn has closed it."""
        if not conn.is_polled:
            return
        if conn.phase is Phase.SENDING:
            self._on_writable(conn)
        elif conn.phase is Phase.CLOSING:
            self._on_last_bytes(conn)
        else:
            self._on_readable(conn)

    def _on_readable(self, conn: Connection) -> None:
        """Receive a part of a request, or the end of the connection."""
        try:
            count = conn.sock.receive()
        except BlockingIOError:
            self._poll(conn)
        except OSError:
            self._drop(conn)
        else:
            if count:
                self._examine(conn, count)
            elif conn.sock.received:
                self._hand_over(conn, is_whole=False)
            else:
                self._drop(conn)

    def _examine(self, conn: Connection, count: int) -> None:
        """Hand a request over to a thread if it is whole; `count` bytes of it are new."""
        if conn.phase is Phase.IDLE:
            conn.begin_request(self._max_body_bytes)
            self._enter(conn, Phase.RECEIVING, self._request_s)
        conn.pace.move(count)
        verdict = conn.framing.examine(conn.sock.received)
        if verdict is Verdict.MORE and self._is_refused(conn, count):
            verdict = Verdict.REFUSE
        if verdict is Verdict.MORE:
            self._wait_for_more(conn)
        else:
            self._hand_over(conn, is_whole=verdict is Verdict.WHOLE)

    def _is_refused(self, conn: Connection, count: int) -> bool:
        """Whether a request is refused as far as it has come, so that its rest does not matter."""
        data = conn.sock.received
        is_time = parser.is_worth_a_look(data, count, conn.framing.head_bytes)
        return is_time and parser.refuses(self.cfg, bytes(data), conn.client)

    def _wait_for_more(self, conn: Connection) -> None:
        if not self._room.enter(conn):
            self._unpoll(conn)
            self._enter(conn, Phase.RESTING, MAX_WINDOWS * self._request_s)
            return
        if conn.framing.expects_continue and not conn.told_to_continue:
            conn.told_to_continue = True
            with suppress(OSError):  # the next receive() meets it too
                conn.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._poll(conn)

    def _free_room(self, conn: Connection) -> None:
        """Go on with the large requests that there is room for now."""
        for other in self._room.leave(conn):
            self._enter(other, Phase.RECEIVING, self._request_s)
            self._wait_for_more(other)

    def _hand_over(self, conn: Connection, *, is_whole: bool) -> None:
        """Let a thread read and answer the request."""
        self._leave(conn)
        conn.is_whole = is_whole
        self.tpool.submit(partial(self._serve, conn))

    # A thread works on it

    def _serve(self, conn: Connection) -> None:
        is_kept = False
        try:
            is_kept = bool(self.handle(conn))
        except (Exception, SystemExit):
            self.log.exception("A request ended a thread.")
        self.method_queue.defer(self._answered, conn, is_kept)

    def handle_request(self, req: Any, conn: Connection) -> bool:
        """Have the app answer a request; gunicorn's handle() calls this in the thread."""
        req._expected_100_continue = False  # it was told so, or has sent the body without
        if not conn.is_whole:
            req.force_close()  # nobody can tell where the next one begins
        return bool(super().handle_request(req, conn))

    # The answer goes

    def _answered(self, conn: Connection, is_kept: bool) -> None:
        """Go on with a connection that a thread is done with."""
        self.tpool.finish()
        self._answered_since_accept += 1
        self._free_room(conn)
        if conn.sock.fileno() < 0:  # gunicorn has closed it: the answer broke off
            self._drop(conn)
            return
        conn.is_kept = is_kept and conn.is_whole
        if conn.parser is not None:
            conn.sock.put_back(conn.parser.unreader.take_buffered())
        self._go_on(conn)

    def _go_on(self, conn: Connection) -> None:
        """Send the rest of the answer; then wait for the next request, or close."""
        if conn.sock.has_unsent:
            self._enter(conn, Phase.SENDING, self._request_s)
            self._poll(conn)
        elif not conn.is_kept:
            self._close(conn)
        else:
            self._enter(conn, Phase.IDLE, self.cfg.keepalive if self.alive else LINGER_S)
            if conn.sock.received:
                self._examine(conn, len(conn.sock.received))
            else:
                self._poll(conn)

    def _on_writable(self, conn: Connection) -> None:
        """Send more of the answer."""
        try:
            conn.pace.move(conn.sock.send_more())
        except OSError:
            self._drop(conn)
            return
        if not conn.sock.has_unsent:
            self._leave(conn)
            self._go_on(conn)

    # Clients go

    def _give_up(self, conn: Connection) -> None:
        """Close a connection whose time is up; a request that was begun is answered."""
        if conn.phase not in (Phase.RECEIVING, Phase.RESTING):
            self._drop(conn)
            return
        self._leave(conn)
        conn.phase = Phase.CLOSING
        self._free_room(conn)
        with suppress(OSError):
            write_json_error(conn.sock, 408, "Request Timeout", "")
        self._close(conn)

    def _close(self, conn: Connection) -> None:
        """Say that nothing more follows, and wait a while for the client to say so too."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)
        else:
            self._enter(conn, Phase.CLOSING, LINGER_S)
            self._poll(conn)

    def _on_last_bytes(self, conn: Connection) -> None:
        """Throw away what comes after the last answer."""
        try:
            count = conn.sock.receive()
        except BlockingIOError:
            return
        except OSError:
            count = 0
        conn.sock.received.clear()
        if not count:
            self._drop(conn)

    def _drop(self, conn: Connection) -> None:
        """Close a connection at once, unless it is closed."""
        if conn.phase is Phase.CLOSED:
            return
        self._leave(conn)
        conn.phase = Phase.CLOSED
        self._free_room(conn)
        self.nr_conns -= 1
        conn.close()

    # What is waited for

    def _enter(self, conn: Connection, phase: Phase, window_s: float) -> None:
        """Let a connection wait for its client; _poll() tells when the client is ready."""
        conn.phase = phase
        conn.pace = Pace(monotonic(), window_s)
        conn.pace.end_by(self._ends_by)
        self._waiting.pop(conn, None)
        self._waiting[conn] = None

    def _leave(self, conn: Connection) -> None:
        self._unpoll(conn)
        self._waiting.pop(conn, None)

    def _poll(self, conn: Connection) -> None:
        if conn.is_polled:
            return
        conn.is_polled = True
        event = selectors.EVENT_READ
        if conn.phase is Phase.SENDING:
            event = selectors.EVENT_WRITE
        self.poller.register(conn.sock, event, partial(self._on_ready, conn))

    def _unpoll(self, conn: Connection) -> None:
        if conn.is_polled:
            conn.is_polled = False
            self.poller.unregister(conn.sock)


def allow_many_files() -> None:
    """Let the process open as many files as it may; clients and threads need more than 1024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # the service's sandbox forbids it, and allows enough
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
