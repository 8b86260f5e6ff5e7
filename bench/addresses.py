"""Which addresses bench.pages asks for: those of the app's own map, with what matters in them.

A new page without arguments is measured by itself; PAGES says what else is to be measured of it.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from flask import Flask, url_for

from database.connection import database

DAY_S = 24 * 3600

LEFT_OUT = {
    "nowhere": "stands for every address that there is not",
    "provider_catalogue": "waits for the provider",
    "provider_import": "waits for the provider",
    "sign_in": "leads on who is signed in already",
    "sign_in_code": "leads on who is signed in already",
    "totp_page": "leads on who does not just set up one-time passwords",
}
"""What is not measured, and why."""

Facts = dict[str, str]
Arguments = Mapping[str, str | tuple[str, ...]]
"""Of an address; several values of one name are a tuple."""

PAGES: dict[str, tuple[Arguments, ...]] = {
    "overview_page": ({"range": "today"}, {"range": "7"}, {"range": "30"}, {"range": "90"}),
    "order_list": (
        {},
        {"rows": "200"},
        {"before": "{early_order}"},
        *({"status": status} for status in (
            "Pending", "Processing", "In progress", "Completed", "Partial", "Canceled", "Active",
            "Paused", "Expired",
        )),
        {"status": "In progress", "before": "{early_order}"},
        *({"only": only} for only in ("review", "requests", "held", "warned", "warning")),
        {"only": ("review", "warning")},
        {"only": ("requests", "held")},
        {"only": "requests", "status": "Completed"},
        {"only": "warning", "before": "{early_order}"},
        {"customer": "{big}"},
        {"customer": "{big}", "before": "{early_order}"},
        {"customer": "{small}"},
        {"customer": "{big}", "status": "In progress"},
        {"customer": "{big}", "status": "Completed"},
        {"customer": "{big}", "status": "Canceled"},
        {"customer": "{big}", "status": "Expired"},
        {"customer": "{small}", "status": "Canceled"},
        {"customer": "{big}", "only": "warning"}, {"customer": "{big}", "only": "warned"},
        {"customer": "{big}", "only": "requests"},
        {"customer": "{small}", "only": "held"},
        {"customer": "{big}", "from": "{day}", "to": "{day}"},
        {"service": "{service}"},
        {"service": "{service}", "status": "Partial"},
        {"service": "{service}", "customer": "{big}"},
        {"service": "{service}", "provider": "{other_provider_id}"},
        {"provider": "{provider_id}"},
        {"provider": "{provider_id}", "before": "{early_order}"},
        {"provider": "{provider_id}", "status": "Canceled"},
        {"provider": "{provider_id}", "status": "Expired"},
        {"provider": "{provider_id}", "customer": "{big}"},
        {"provider": "{provider_id}", "only": "warning"},
        {"from": "{day}", "to": "{day}"},
        {"from": "{day}"},
        {"to": "{day}"},
        {"from": "{day}", "status": "Completed"},
        {"from": "{day}", "to": "{day}", "status": "Canceled"},
        {"from": "{day}", "to": "{day}", "customer": "{small}"},
        {"q": "{order}"},
        {"q": "{provider_order}"},
        {"q": "{link}"},
        {"q": "{link_start}"},
        {"q": "https://www.instagram.com/p/"},
        {"q": "{rare_part}"},
        {"q": "{name_part}"},
        {"q": "{name_part}", "before": "{early_order}"},
        {"q": "instagram"},
        {"q": "INSTAGRAM"},
        {"q": "https"},
        {"q": "com"},
        {"q": "co"},
        {"q": "nosuchlink"},
        {"q": "xyxyxyxy"},
        {"q": "{rare_part}", "status": "Completed"},
        {"q": "{name_part}", "status": "Expired"},
        {"q": "{name_part}", "provider": "{provider_id}"},
        {"q": "instagram", "customer": "{small}"},
        {"q": "instagram", "customer": "{big}", "status": "Expired"},
        {"q": "instagram", "only": "warning"}, {"q": "instagram", "only": "warned"},
        {"q": "instagram", "from": "{day}", "to": "{day}"},
        {"q": "tiktok", "status": "Expired"},
        {"q": "nosuchlink", "only": "held"},
    ),
    "order_csv": (
        {}, {"status": "Canceled"}, {"customer": "{big}"}, {"q": "{name_part}"},
        {"only": "warning"}, {"customer": "{big}", "status": "Expired"},
        {"q": "nosuchlink", "status": "Expired"},
    ),
    "order_page": (
        {"order_id": "{order}"}, {"order_id": "{in_review}"}, {"order_id": "{drip_feed}"},
        {"order_id": "{subscription}"}, {"order_id": "{held}"}, {"order_id": "{canceled}"},
    ),
    "order_text": ({"order_id": "{with_comments}", "name": "comments"},),
    "request_list": (
        {}, *({"show": show} for show in ("waiting", "open", "all")),
        {"kind": "cancel"}, {"kind": "refill"}, {"show": "open", "kind": "refill"},
        {"order": "newest"}, {"show": "all", "order": "oldest"},
        {"show": "all", "after": "{early_requests}"},
        {"show": "open", "order": "newest", "after": "{early_requests}"},
    ),
    "restored_page": ({}, {"after": "order-{early_order}"}, {"after": "refill-1"}),
    "customer_list": (
        {}, {"before": "500"}, {"q": "account-7"}, {"q": "{small}"}, {"q": "nobody"},
        {"q": "unt-99"}, {"q": "9999"},
        *({"sort": sort} for sort in ("spent", "orders", "last", "balance")),
        {"sort": "spent", "q": "account-7"}, {"sort": "spent", "q": "nobody"},
        {"sort": "last", "before": "{early_customer}"},
    ),
    "customer_page": (
        {"name": "{big}"}, {"name": "{small}"}, {"name": "{big}", "before": "{early_entry}"},
        {"name": "{big}", "kind": "refund"}, {"name": "{big}", "kind": "withdrawal"},
        {"name": "{big}", "from": "{day}", "to": "{day}"},
    ),
    "customer_csv": (
        {"name": "{big}"}, {"name": "{small}"}, {"name": "{big}", "kind": "withdrawal"},
    ),
    "ledger_page": (
        {}, {"before": "{early_entry}"}, {"customer": "{big}"}, {"customer": "{small}"},
        {"customer": "{big}", "before": "{early_entry}"},
        *({"kind": kind} for kind in ("deposit", "withdrawal", "charge", "refund")),
        {"kind": "charge", "before": "{early_entry}"},
        {"customer": "{big}", "kind": "refund"}, {"customer": "{big}", "kind": "withdrawal"},
        {"customer": "{small}", "kind": "charge"}, {"order": "{order}"},
        {"from": "{day}", "to": "{day}"}, {"from": "{day}"}, {"to": "{day}"},
        {"from": "{day}", "to": "{day}", "kind": "withdrawal"},
        {"from": "{day}", "to": "{day}", "customer": "{small}"},
        {"from": "{day}", "to": "{day}", "customer": "{big}", "kind": "deposit"},
    ),
    "ledger_csv": (
        {}, {"kind": "withdrawal"}, {"customer": "{big}"}, {"from": "{day}", "to": "{day}"},
    ),
    "reports_page": (
        {},
        *({"range": span, "by": by} for by in ("service", "user", "provider", "day")
          for span in ("1", "7", "30", "90", "month", "last-month", "365")),
        {"range": "90", "by": "user", "sort": "revenue"},
        {"range": "365", "by": "service", "sort": "orders"},
        {"from": "{day}", "to": "{day}", "by": "user"},
        {"from": "{day}", "by": "user"},
        {"from": "{early_day}", "by": "user"},
        {"from": "{early_day}", "by": "service"},
        {"from": "{early_day}", "to": "{day}", "by": "user"},
    ),
    "reports_csv": (
        *({"range": span, "by": by} for by in ("service", "user", "day") for span in ("7", "365")),
    ),
    "service_list": (
        {}, {"after": "4000"}, {"q": "Service 49"}, {"q": "nothing"}, {"category": "Category 7"},
        {"category": "Category 7", "q": "Real"}, {"provider": "{provider}"},
        *({"only": only} for only in ("enabled", "disabled", "held", "below", "by hand")),
    ),
    "service_page": ({"service_id": "{service}"}, {"service_id": "{held_service}"}),
    "provider_page": ({"name": "{provider}"},),
    "audit_page": (
        {}, {"before": "{early_line}"}, {"operator": "ann"},
        {"operator": "ann", "before": "{early_line}"}, {"operator": "nobody"},
        *({"kind": kind} for kind in ("order", "customer", "service", "provider", "panel",
                                      "sign-in")),
        {"operator": "ann", "kind": "sign-in"}, {"operator": "ann", "kind": "panel"},
        {"q": "refund"}, {"q": "order 12345:"}, {"q": "nowhere to be found"},
        {"q": "nowhere to be found", "operator": "ann"}, {"q": "fund", "kind": "customer"},
        {"from": "{day}", "to": "{day}"}, {"from": "{day}"}, {"to": "{day}"},
        {"from": "{day}", "to": "{day}", "operator": "ann", "kind": "order"},
        {"from": "{day}", "to": "{day}", "q": "refund"},
    ),
    "audit_csv": (
        {}, {"operator": "ann", "kind": "panel"}, {"q": "nowhere to be found"},
    ),
}  # fmt: skip
"""The arguments to measure each endpoint with; {names} are those of FACTS."""

FACTS: dict[str, str] = {
    "big": "SELECT name FROM accounts WHERE id = (SELECT account_id FROM orders GROUP BY "
    "account_id ORDER BY COUNT(*) DESC LIMIT 1)",
    "small": "SELECT name FROM accounts WHERE id = (SELECT account_id FROM orders GROUP BY "
    "account_id ORDER BY COUNT(*) LIMIT 1)",
    "early_order": "SELECT MAX(id) / 10 FROM orders",
    "early_line": "SELECT MAX(id) / 10 FROM audit_lines",
    "early_entry": "SELECT MAX(id) / 10 FROM ledger_entries",
    "early_customer": "SELECT MAX(id) / 10 FROM accounts",
    "order": "SELECT id FROM orders WHERE id >= (SELECT MAX(id) / 3 FROM orders) AND "
    "provider_order IS NOT NULL AND runs IS NULL LIMIT 1",
    "provider_order": "SELECT provider_order FROM orders WHERE id = {order}",
    "link": "SELECT link FROM orders WHERE id = {order}",
    "link_start": "SELECT substr(link, 1, length(link) - 3) FROM orders WHERE id = {order}",
    "name_part": "SELECT substr(link, instr(link, '_') - 8, 12) FROM orders WHERE id > {order} "
    "AND link LIKE '%instagram.com/%!_%' ESCAPE '!' LIMIT 1",
    "with_comments": "SELECT id FROM orders WHERE id > {order} AND parameters LIKE '%comments%' "
    "LIMIT 1",
    "early_requests": "SELECT (SELECT MAX(id) / 5 FROM cancels) || '-' || "
    "(SELECT MAX(id) / 5 FROM refills)",
    "rare_part": "SELECT substr(link, -9, 7) FROM orders WHERE id = {order}",
    "day": "SELECT date(created_at, 'unixepoch') FROM orders WHERE id = {order}",
    "early_day": "SELECT date(MIN(created_at) + 700000, 'unixepoch') FROM orders",
    "in_review": "SELECT id FROM orders WHERE dispatch_state = 'review' LIMIT 1",
    "held": "SELECT id FROM orders WHERE held_because <> '' LIMIT 1",
    "canceled": "SELECT MAX(id) FROM orders WHERE status = 'Canceled'",
    "drip_feed": "SELECT parent_id FROM orders WHERE parent_id IS NOT NULL AND part = 1 LIMIT 1",
    "subscription": "SELECT parent_id FROM orders WHERE parent_id IS NOT NULL AND part IS NULL "
    "LIMIT 1",
    "service": "SELECT service_id FROM orders WHERE id = {order}",
    "held_service": "SELECT id FROM services WHERE held LIMIT 1",
    "provider": "SELECT name FROM providers ORDER BY id LIMIT 1",
    "provider_id": "SELECT MIN(id) FROM providers",
    "other_provider_id": "SELECT MAX(id) FROM providers",
}
"""What addresses name, each found by a query, which may name those before it.

What a database has not leaves out the pages that name it.
"""


class Page(NamedTuple):
    """An address to ask for, and its endpoint without the blueprint's name."""

    endpoint: str
    address: str


def facts() -> Facts:
    """What there is to ask for in the database that is open."""
    found: Facts = {}
    for name, query in FACTS.items():
        row = database.execute_sql(query.format_map(_Known(found))).fetchone()
        if row is not None and row[0] is not None:
            found[name] = str(row[0])
    return found


class _Known(dict[str, str]):
    """What is not known is a number that nothing has."""

    def __missing__(self, name: str) -> str:
        return "-1"


def pages(app: Flask, known: Facts) -> Iterator[Page]:
    """All pages of the dashboard, each with the arguments that matter.

    :raises KeyError: for a page whose address needs arguments that PAGES does not give.
    """
    for endpoint in endpoints(app):
        name = endpoint.removeprefix("admin.")
        if name in LEFT_OUT:
            continue
        for arguments in (
            PAGES[name] if _needs_arguments(app, endpoint) else PAGES.get(name, ({},))
        ):
            try:
                filled = {key: _filled(value, known) for key, value in arguments.items()}
            except KeyError:
                continue
            with app.test_request_context():
                yield Page(name, url_for(endpoint, **filled))  # type: ignore[arg-type]


def _filled(value: str | tuple[str, ...], known: Facts) -> str | list[str]:
    if isinstance(value, str):
        return value.format_map(known)
    return [text.format_map(known) for text in value]


def endpoints(app: Flask) -> list[str]:
    """The dashboard's endpoints that answer GET, by name."""
    rules = app.url_map.iter_rules()
    found = {rule.endpoint for rule in rules if "GET" in (rule.methods or ())}
    return sorted(name for name in found if name.startswith("admin."))


def _needs_arguments(app: Flask, endpoint: str) -> bool:
    return all(rule.arguments for rule in app.url_map.iter_rules(endpoint))
