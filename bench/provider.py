"""A provider for measurements: it knows every order, and answers as fast as it can.

Each time that an order is asked for, one more of it is delivered. Only what the worker needs is
understood: multi status, balance, and GET /asked for how many statuses were told so far.

    python -m bench.provider     prints its port and serves on 127.0.0.1 until it is killed
"""

import re
import socketserver
import threading
from collections import Counter

QUANTITY = 1_000_000
_ORDERS = re.compile(rb"orders=([0-9%C,]+)")
_LENGTH = re.compile(rb"content-length: *([0-9]+)", re.I)
_BALANCE = b'{"balance":"1000.0000","currency":"USD"}'

told: Counter[str] = Counter()
"""How often each order's status was told."""
_lock = threading.Lock()


class Handler(socketserver.StreamRequestHandler):
    """One kept connection."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Answer request after request, until the other side hangs up."""
        while line := self.rfile.readline():
            length = 0
            while (header := self.rfile.readline()) not in (b"\r\n", b""):
                if match := _LENGTH.match(header):
                    length = int(match[1])
            answer = _answer(line, self.rfile.read(length))
            self.wfile.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(answer), answer)
            )


def _answer(line: bytes, body: bytes) -> bytes:
    if line.startswith(b"GET /asked"):
        return b"%d" % told.total()
    if match := _ORDERS.search(body):
        return _statuses(match[1].replace(b"%2C", b",").decode().split(","))
    return _BALANCE


def _statuses(orders: list[str]) -> bytes:
    with _lock:
        told.update(orders)
        entries = [
            f'"{order}":{{"charge":"0.500000","start_count":7,"status":"In progress",'
            f'"remains":{QUANTITY - told[order]},"currency":"USD"}}'
            for order in orders
        ]
    return f"{{{','.join(entries)}}}".encode()


class Server(socketserver.ThreadingTCPServer):
    """A thread for each connection."""

    daemon_threads = True
    request_queue_size = 64


if __name__ == "__main__":
    with Server(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
