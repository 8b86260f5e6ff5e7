"""The public table of services, at the catalogue's own rates.

It is read at most every FRESH_S seconds, however many visitors there are, and is compressed once.
"""

import gzip
import hashlib
import json
import threading
import time
from typing import Any, NamedTuple

from api.dialects import DIALECTS
from panel import pricing, services
from panel.pricing import Offer
from panel.service_types import SERVICE_TYPES

FRESH_S = 5
"""How long a table is shown before it is read again."""

PAGE_ROWS = 25
MAX_SEARCH = 200


class Table(NamedTuple):
    """The table at one time.

    rows: the entries of the `services` answer, each with how much the rate is for (`per`) and with
        its description, which is no part of the answer.
    texts: what each is searched by.
    body, packed: all of it as JSON, plain and with gzip.
    """

    rows: list[dict[str, Any]]
    texts: list[str]
    body: bytes
    packed: bytes
    etag: str


class Found(NamedTuple):
    """One page of what a search found, and how much there is."""

    rows: list[dict[str, Any]]
    total: int
    page: int
    pages: int


class Pricelist:
    """The present table, read again when it is older than FRESH_S."""

    def __init__(self, currency: str) -> None:
        self._currency = currency
        self._lock = threading.Lock()
        self._table: Table | None = None
        self._read_at = 0.0

    def table(self) -> Table:
        """The table; whoever comes while it is read again waits for that."""
        with self._lock:
            if self._table is None or time.monotonic() - self._read_at >= FRESH_S:
                offers, described = pricing.public(), services.descriptions()
                self._table = _table(offers, described, self._currency, self._table)
                self._read_at = time.monotonic()
            return self._table

    def search(self, wanted: str, page: int) -> Found:
        """The services whose number, name, category or type hold every word, a page of them."""
        rows, texts = self.table()[:2]
        words = wanted[:MAX_SEARCH].lower().split()
        found = [
            row for row, text in zip(rows, texts, strict=True) if all(w in text for w in words)
        ]
        pages = max(1, -(-len(found) // PAGE_ROWS))
        page = min(max(page, 1), pages)
        return Found(found[(page - 1) * PAGE_ROWS :][:PAGE_ROWS], len(found), page, pages)


def _table(
    offers: list[Offer], described: dict[int, str], currency: str, before: Table | None
) -> Table:
    """The table of these services; the one before, if nothing has changed."""
    rows = DIALECTS["sns"].shapes["services"](offers, currency)
    for row in rows:
        row["per"] = 1 if SERVICE_TYPES[row["type"]].charged == "package" else 1000
        row["description"] = described.get(row["service"], "")
    fields = list(rows[0]) if rows else []
    # Values alone, under one line of names: a third of the size.
    compact = {"fields": fields, "services": [list(row.values()) for row in rows]}
    body = json.dumps(compact, ensure_ascii=False, separators=(",", ":")).encode()
    etag = hashlib.sha256(body).hexdigest()[:32]
    if before is not None and before.etag == etag:
        return before
    texts = [f"{r['service']} {r['name']} {r['category']} {r['type']}".lower() for r in rows]
    return Table(rows, texts, body, gzip.compress(body, 5, mtime=0), etag)
