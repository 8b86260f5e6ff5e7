"""All pages of the dashboard, and where each is looked at in a panel that has everything."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from flask import Flask

from support.every_state import ALICE, LONG_NAME, NORTH, SANDBOX, TROUBLE, Panel

Address = str | Callable[[Panel], str]


class Look(NamedTuple):
    """A page with its arguments.

    name: of the look, as pictures are called. empty: whether a panel without anything has it.
    """

    name: str
    address: Address
    empty: bool = True

    def path(self, panel: Panel) -> str:
        """Where it is in a panel."""
        return self.address if isinstance(self.address, str) else self.address(panel)


def _order(case: str) -> Look:
    name = case.replace(": ", "-").replace(" ", "-")
    return Look(f"order-{name}", lambda panel: f"/admin/orders/{panel.orders[case]}", False)


def _service(name: str, key: str) -> Look:
    return Look(name, lambda panel: f"/admin/services/{panel.services[key]}", False)


ORDERS = (
    "review", "review: moved by hand", "review: given up", "restored: was sent meanwhile",
    "restored: drip-feed", "restored: refill", "waiting: refused in hostile words",
    "waiting: for funds", "waiting: dearer than it was sold for", "sending",
    "sent: held for a word", "sent: held for a status", "sent: cancel request",
    "sent: refill without a number", "sent: dearer than expected", "by hand: Completed",
    "by hand: cancel request", "by hand: refill pending", "drip-feed: second part",
    "drip-feed: Partial", "subscription: by hand", "subscription: held posts",
    "type: Custom Comments", "type: Mentions Custom List", "type: Web Traffic", "hostile: 0",
    "hostile: 3", "hostile: 10", "amount: 1000000 paid back", "amount: 0.000001",
)  # fmt: skip
"""Orders whose pages are each different."""

PAGES: dict[str, tuple[Look, ...]] = {
    "overview_page": (Look("overview", "/admin"), Look("overview-30", "/admin?range=30")),
    "attention_page": (Look("attention", "/admin/attention"),),
    "restored_page": (Look("restored", "/admin/restored"),),
    "order_list": (
        Look("orders", "/admin/orders"),
        Look("orders-held", "/admin/orders?only=held"),
        Look("orders-warnings", "/admin/orders?only=warning"),
        Look("orders-of-the-hostile", f"/admin/orders?customer={LONG_NAME}", False),
        Look("orders-none", "/admin/orders?q=there-is-no-such-link"),
    ),
    "request_list": (
        Look("requests", "/admin/requests"),
        Look("requests-all", "/admin/requests?show=all"),
    ),
    "order_page": tuple(_order(case) for case in ORDERS),
    "customer_list": (Look("customers", "/admin/customers"),),
    "customer_page": (
        Look("customer", f"/admin/customers/{ALICE}", False),
        Look("customer-long", f"/admin/customers/{LONG_NAME}", False),
        Look("customer-poor", "/admin/customers/poor", False),
    ),
    "service_list": (Look("services", "/admin/services"),),
    "service_add": (Look("service-add", "/admin/services/add"),),
    "service_page": (
        _service("service", "by hand"),
        _service("service-hostile", "hostile"),
        _service("service-renamed", "renamed"),
        _service("service-twice", "first north, then the sandbox"),
    ),
    "provider_list": (Look("providers", "/admin/providers"),),
    "provider_page": (
        Look("provider", f"/admin/providers/{NORTH}", False),
        Look("provider-sandbox", f"/admin/providers/{SANDBOX}", False),
        Look("provider-in-trouble", f"/admin/providers/{TROUBLE}", False),
    ),
    "provider_import": (
        Look("import", f"/admin/providers/{NORTH}/import", False),
        Look("import-sandbox", f"/admin/providers/{SANDBOX}/import", False),
    ),
    "provider_catalogue": (
        Look("catalogue", f"/admin/providers/{NORTH}/catalogue", False),
        Look("catalogue-sandbox", f"/admin/providers/{SANDBOX}/catalogue?q=members", False),
    ),
    "ledger_page": (
        Look("ledger", "/admin/ledger"),
        Look("ledger-refunds", "/admin/ledger?kind=refund"),
        Look("ledger-none", "/admin/ledger?order=999999999"),
    ),
    "reports_page": tuple(
        Look(f"reports-by-{by}", f"/admin/reports?by={by}&range=365")
        for by in ("service", "user", "provider", "day")
    ),
    "audit_page": (
        Look("audit", "/admin/audit"),
        Look("audit-of-customers", "/admin/audit?kind=customer&q=deposit"),
    ),
    "panel_page": (Look("panel", "/admin/panel"),),
    "operator_list": (Look("operators", "/admin/operators"),),
    "sessions_page": (Look("sessions", "/admin/sessions"),),
    "account_page": (Look("account", "/admin/account"),),
}
"""The looks of each page, by its endpoint without the blueprint."""

BEFORE_SIGN_IN = {"sign_in": Look("sign-in", "/admin/sign-in")}
"""What is seen without being signed in."""

SEEN_ON_THE_WAY = {
    "sign_in_code": "after the password, where one-time passwords are on",
    "totp_page": "while one-time passwords are set up",
}
"""Pages that no address alone leads to: a test goes the way to each."""

NO_PAGES = {
    "customer_csv": "a file",
    "ledger_csv": "a file",
    "reports_csv": "a file",
    "audit_csv": "a file",
    "order_csv": "a file",
    "order_text": "a file",
    "nowhere": "what no other address fits",
}
"""What is answered to GET and is no page of its own."""

LOOKS = [look for looks in PAGES.values() for look in looks]


def endpoints(app: Flask) -> Iterator[str]:
    """What the dashboard answers to GET, by endpoints without the blueprint."""
    for rule in app.url_map.iter_rules():
        blueprint, _, endpoint = rule.endpoint.partition(".")
        if blueprint == "admin" and "GET" in (rule.methods or ()):
            yield endpoint
