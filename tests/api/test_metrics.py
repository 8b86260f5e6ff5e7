"""/metrics: for whom it is there, what it says, and that the Grafana dashboard shows all of it."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as read_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as read
from support.apps import ROOT, make_app
from support.orders import new_order
from support.trouble import add_up, in_review, provider

from database.connection import database
from panel import figures, heartbeat, tasks
from panel.orders import transition
from panel.tasks import Task

DASHBOARD = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text())


@pytest.fixture
def measured(panel_file: Path, cast: SimpleNamespace) -> FlaskClient:
    """A panel whose figures this machine may read, and its own networks."""
    return make_app(
        panel_file, PANEL_METRICS_ALLOW="127.0.0.1/32,10.1.0.0/16,::1/128"
    ).test_client()


def values(client: FlaskClient, **headers: str) -> dict[tuple[str, frozenset[Any]], float]:
    text = client.get("/metrics", headers=headers).text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in read(text)
        for sample in family.samples
    }


def value(client: FlaskClient, name: str, **labels: str) -> float:
    return values(client)[name, frozenset(labels.items())]


def test_the_figures_are_those_of_the_panel(measured: FlaskClient, cast: SimpleNamespace) -> None:
    up = add_up(cast)
    provider(balance="3.50 USD")(up)
    in_review(up)
    new_order(cast.followers)
    done = new_order(cast.views)
    transition.change(done, status="Completed")
    heartbeat.record_alive()
    tasks.record_success(Task.BACKUP)

    assert value(measured, "panel_orders", status="Pending") == 2
    assert value(measured, "panel_orders", status="Completed") == 1
    assert value(measured, "panel_orders", status="Canceled") == 0
    assert value(measured, "panel_orders_in_review") == 1
    assert value(measured, "panel_provider_balance", provider="up", currency="USD") == 3.5
    assert value(measured, "panel_oldest_waiting_order_age_seconds", provider="up") >= 0
    assert value(measured, "panel_worker_last_seen_timestamp_seconds") == heartbeat.last_seen_at()
    assert value(measured, "panel_last_backup_timestamp_seconds") > 0
    assert value(measured, "panel_last_ledger_check_timestamp_seconds") == 0
    assert value(measured, "panel_services_below_cost") == 0
    assert value(measured, "panel_alerts_active", kind="balance") == 0
    assert value(measured, "panel_database_size_bytes") > 10_000
    ((_, labels),) = [key for key in values(measured) if key[0] == "panel_build_info"]
    assert {label for label, _ in labels} == {"version", "python", "sqlite"}


def test_openmetrics_are_written_where_they_are_asked_for(measured: FlaskClient) -> None:
    asked = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
    response = measured.get("/metrics", headers=asked)
    assert response.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert {family.name for family in read_openmetrics(response.text)} > {"panel_orders"}
    assert measured.get("/metrics").content_type.startswith("text/plain; version=")


ALLOWED: list[tuple[str, str, str, bool]] = [
    # From which address, with which X-Forwarded-For, behind how many proxies that are believed.
    ("127.0.0.1", "", "0", True),
    ("10.1.2.3", "", "0", True),
    ("::1", "", "0", True),
    ("::ffff:10.1.2.3", "", "0", True),
    ("10.2.0.1", "", "0", False),
    ("", "", "0", False),
    ("127.0.0.1", "", "1", True),
    ("127.0.0.1", "203.0.113.9", "1", False),
    ("127.0.0.1", "203.0.113.9", "0", False),
    ("127.0.0.1", "127.0.0.1, 203.0.113.9", "1", False),
    ("127.0.0.1", "203.0.113.9, 127.0.0.1", "1", False),
    ("127.0.0.1", "127.0.0.1, 203.0.113.9", "2", False),
    ("127.0.0.1", "10.1.2.3", "1", True),
    ("127.0.0.1", "nonsense", "0", False),
    ("127.0.0.1", " ", "0", True),
    ("127.0.0.1", "127.0.0.1,", "0", False),
]

OTHER_HEADERS: list[tuple[str, str, bool]] = [
    ("X-Real-IP", "203.0.113.9", False),
    ("X-Real-IP", "10.1.2.3", True),
    ("X-Real-IP", " ", True),
    ("X-Real-IP", "nonsense", False),
    ("Forwarded", "for=203.0.113.9", False),
    ("Forwarded", 'For="203.0.113.9:4711";proto=https', False),
    ("Forwarded", "proto=https;FOR = 203.0.113.9", False),
    ("Forwarded", "for=10.1.2.3, for=203.0.113.9", False),
    ("Forwarded", "for=203.0.113.9,for=10.1.2.3", False),
    ("Forwarded", 'for="[2001:db8::9]:4711"', False),
    ("Forwarded", "for=_hidden", False),
    ("Forwarded", "for=unknown", False),
    ("Forwarded", "for=", False),
    ("Forwarded", 'for="203.0.113.9', False),
    ("Forwarded", "for=10.1.2.3;by=203.0.113.9", True),
    ("Forwarded", 'for="10.1.2.3:80", for="[::1]"', True),
    ("Forwarded", 'for="[::1]:4711"', True),
    ("Forwarded", "proto=https", True),
    ("Forwarded", " ", True),
]


@pytest.mark.parametrize(("header", "value", "is_allowed"), OTHER_HEADERS)
def test_an_address_in_another_header_of_a_proxy_counts_too(
    panel_file: Path, header: str, value: str, is_allowed: bool
) -> None:
    client = make_app(
        panel_file, PANEL_METRICS_ALLOW="127.0.0.1/32,10.1.0.0/16,::1/128"
    ).test_client()
    found = client.get("/metrics", headers={header: value})
    assert found.status_code == (200 if is_allowed else 404)


@pytest.mark.parametrize(("address", "forwarded", "proxies", "is_allowed"), ALLOWED)
def test_only_the_named_networks_may_read_them(
    panel_file: Path, address: str, forwarded: str, proxies: str, is_allowed: bool
) -> None:
    client = make_app(
        panel_file,
        PANEL_METRICS_ALLOW="127.0.0.1/32,10.1.0.0/16,::1/128",
        PANEL_TRUSTED_PROXIES=proxies,
    ).test_client()
    headers = {"X-Request-Id": "the-same-one"}
    headers |= {"X-Forwarded-For": forwarded} if forwarded else {}
    asked: dict[str, Any] = {"headers": headers, "environ_base": {"REMOTE_ADDR": address}}
    for method in ("GET", "HEAD", "POST", "OPTIONS", "DELETE"):
        found = client.open("/metrics", method=method, **asked)
        unknown = client.open("/nowhere", method=method, **asked)
        is_shown = is_allowed and method in ("GET", "HEAD")
        assert (found.status_code == 200) is is_shown
        if not is_shown:
            assert (found.data, dict(found.headers)) == (unknown.data, dict(unknown.headers))


def test_there_are_none_unless_a_network_is_named(client: FlaskClient) -> None:
    found, unknown = client.get("/metrics"), client.get("/nowhere")
    assert (
        (found.status_code, found.data) == (unknown.status_code, unknown.data) == (404, found.data)
    )


def test_names_and_units_are_as_prometheus_has_them(measured: FlaskClient) -> None:
    for family in read(measured.get("/metrics").text):
        assert re.fullmatch(r"panel_[a-z_]+[a-z]", family.name)
        assert family.documentation.endswith((".", "waits."))
        assert family.type == "gauge"
        assert not family.name.endswith(("_total", "_ms", "_mb", "_minutes", "_kilobytes"))


# The dashboard.


def expressions() -> list[str]:
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]


def test_the_dashboard_shows_every_metric_and_no_other(measured: FlaskClient) -> None:
    shown = {name for expr in expressions() for name in re.findall(r"\bpanel_\w+", expr)}
    assert shown == {family.name for family in read(measured.get("/metrics").text)}


def test_what_was_never_done_is_shown_as_never() -> None:
    """The time since the 0 that stands for never would be more than 50 years."""
    ages = [
        panel
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", [])
        if "time()" in target["expr"]
    ]
    assert len(ages) == 4
    for panel in ages:
        (target,) = panel["targets"]
        assert re.fullmatch(r"time\(\) - \(panel_\w+\{[^}]+\} > 0\)", target["expr"])
        assert panel["fieldConfig"]["defaults"]["noValue"] == "never"


def test_the_dashboard_can_be_imported() -> None:
    (variable,) = [v for v in DASHBOARD["templating"]["list"] if v["type"] == "datasource"]
    assert variable["query"] == "prometheus"
    assert DASHBOARD["id"] is None
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(numbers) == len(set(numbers))
    for panel in DASHBOARD["panels"]:
        assert panel["title"]
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == f"${{{variable['name']}}}"
            assert panel["targets"]


# However many orders there are.

SCANNED = ("providers", "services", "order_hours", "alerts", "task_runs", "heartbeats", "t1", "t2")


@pytest.mark.usefixtures("app")
def test_no_figure_walks_through_the_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    database.connection().set_trace_callback(seen.append)
    figures.orders_by_status()
    figures.orders_in_review()
    figures.oldest_waiting_ages_s()
    figures.services_below_cost()
    database.connection().set_trace_callback(None)
    steps = [
        detail
        for sql in seen
        if 'FROM "orders"' in sql
        for *_, detail in database.execute_sql(f"EXPLAIN QUERY PLAN {sql}")
    ]
    walks = [step for step in steps if step.startswith("SCAN")]
    assert [
        step for step in walks if not re.search(r"INDEX orders_(to_send|in_doubt)", step)
    ] == []
    assert len(steps) >= 3
