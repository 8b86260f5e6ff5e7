"""An operator in the dashboard, and what its pages and the audit show."""

import re
from types import SimpleNamespace
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from models import AuditLine
from panel.money import MICROS
from panel.orders import dispatch
from panel.providers import registry, sources
from support.apps import listed
from support.orders import new_order

PASSWORD = "a good password"

SCRIPT = "https://t.me/x?<script>alert(1)</script>"

PAGES = (
    "/admin", "/admin/attention", "/admin?range=today", "/admin?range=90", "/admin/orders",
    "/admin/orders/1", "/admin/requests", "/admin/requests?show=all",
    "/admin/customers", "/admin/customers/alice", "/admin/services",
    "/admin/services/1", "/admin/services/add", "/admin/providers", "/admin/providers/sandbox",
    "/admin/providers/sandbox/import", "/admin/providers/sandbox/catalogue",
    "/admin/audit", "/admin/sessions", "/admin/account", "/admin/reports", "/admin/ledger",
    "/admin/panel", "/admin/operators",
)  # fmt: skip


class Operator:
    """A browser that is signed in, as far as a form goes."""

    def __init__(self, client: FlaskClient, name: str = "olga") -> None:
        self.client = client
        self.token = token(client, "/admin/sign-in")
        answer = self.post("/admin/sign-in", name=name, password=PASSWORD)
        assert answer.status_code == 302, answer.text
        self.token = token(client, "/admin/sessions")

    def post(self, path: str, **fields: Any) -> TestResponse:
        return self.client.post(path, data={"csrf_token": self.token, **fields})

    def text(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text


def token(client: FlaskClient, path: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(path).text)
    assert found is not None
    return found[1]


def said(page: str) -> list[str]:
    """The messages of a page."""
    return re.findall(r'<p class="message \w+">(.*?)</p>', page)


def lines() -> list[tuple[str, str, str]]:
    """The audit's lines but for sign-ins: who, what, and what came of it."""
    query = AuditLine.select().where(AuditLine.act != "sign in").order_by(AuditLine.id)
    return [(line.operator, line.act, line.outcome) for line in query]


def place(cast: SimpleNamespace, name: str, link: str = "https://t.me/x") -> int:
    return new_order(cast.followers, link=link, name=name)


def put_in_review(cast: SimpleNamespace) -> int:
    """An order that was being sent to the sandbox when nobody answered any more."""
    provider = registry.add("sandbox", registry.SANDBOX_URL, "", 60)
    sources.set_source(cast.followers, provider.id, listed("1", MICROS), 1)
    number = place(cast, "alice")
    assert dispatch.claim(provider.id) is not None
    dispatch.mark_in_doubt(number, "HTTP 502")
    return number
