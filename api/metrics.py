"""/metrics for Prometheus: all values are read when they are asked for.

gunicorn has several processes, and a figure of one of them would change with each question. So
everything comes from the database and the disk, and nothing is counted in a process.
"""

import platform
import re
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

from flask import Flask, Response, abort, request
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from database.connection import database
from panel import __version__, figures, health, heartbeat, money
from panel.alerts.kinds import ALL
from panel.alerts.record import standing
from panel.providers import registry
from panel.tasks import Task, last
from settings import Settings

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
"""All: another answer to one of them would tell outsiders that there is something."""


def register(app: Flask, settings: Settings) -> None:
    """Add /metrics to the app, if the settings name networks that may read it."""
    if not settings.metrics_allow:
        return
    prometheus = CollectorRegistry(auto_describe=False)
    prometheus.register(PanelCollector(settings.database))
    app.add_url_rule(
        "/metrics",
        "metrics",
        lambda: _metrics(prometheus, settings),
        methods=METHODS,
        provide_automatic_options=False,
    )


def _metrics(prometheus: CollectorRegistry, settings: Settings) -> Response:
    if request.method not in ("GET", "HEAD") or not _is_allowed(settings):
        abort(404)
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(prometheus), content_type=content_type)


def _is_allowed(settings: Settings) -> bool:
    """Whether every address that the request came through is in an allowed network.

    A proxy adds its client's address to one of these headers: what a client writes there itself
    cannot hide it, and it counts also where PANEL_TRUSTED_PROXIES believes no proxy.
    """
    headers = request.headers
    passed = [
        *_listed(headers.get("X-Forwarded-For", "")),
        *_listed(headers.get("X-Real-IP", "")),
        *_FORWARDED_FOR.findall(headers.get("Forwarded", "")),
    ]
    return all(_is_in(settings, address) for address in (request.remote_addr or "", *passed))


_FORWARDED_FOR = re.compile(r"""(?<![^\s;,])for\s*=\s*("[^"]*"?|[^\s;,]*)""", re.IGNORECASE)
"""An address in the header Forwarded, with its port where there is one."""


def _listed(addresses: str) -> list[str]:
    """The addresses of a header; a blank one has none."""
    return [part.strip() for part in addresses.split(",")] if addresses.strip() else []


def _is_in(settings: Settings, address: str) -> bool:
    address = address.strip('"')
    if with_port := re.fullmatch(r"\[([^]]*)\](?::\d+)?|([\d.]+):\d+", address):
        address = with_port[1] or with_port[2]
    try:
        found = ip_address(address)
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in settings.metrics_allow)


class PanelCollector(Collector):
    """Reads the panel's figures when Prometheus asks."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def collect(self) -> Iterator[Metric]:
        """All metrics with their present values."""
        about = "The panel's version, and what it runs on."
        yield InfoMetricFamily("panel_build", about, value=_build())
        yield from _orders()
        yield from _providers()
        yield from _times()
        yield _alerts()
        yield from self._disk()

    def _disk(self) -> Iterator[Metric]:
        room = health.disk_room(self._path)
        yield _gauge("panel_disk_free_bytes", "Free on the database's disk.", room.free)
        yield _gauge("panel_disk_size_bytes", "The size of the database's disk.", room.total)
        yield _gauge("panel_database_size_bytes", "The size of the database's files.",
                     figures.database_bytes(self._path))  # fmt: skip


def _gauge(name: str, help: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help, value=value)


def _build() -> dict[str, str]:
    sqlite = ".".join(map(str, database.server_version))
    return {"version": __version__, "python": platform.python_version(), "sqlite": sqlite}


def _orders() -> Iterator[Metric]:
    by_status = GaugeMetricFamily(
        "panel_orders", "Orders by their present status.", labels=["status"]
    )
    for status, count in figures.orders_by_status().items():
        by_status.add_metric([status], count)
    yield by_status
    yield _gauge("panel_orders_in_review",
                 "Orders of which nobody knows whether a provider has them.",
                 figures.orders_in_review())  # fmt: skip
    yield _gauge("panel_services_below_cost", "Services that are sold below their cost.",
                 figures.services_below_cost())  # fmt: skip


def _providers() -> Iterator[Metric]:
    ages = GaugeMetricFamily(
        "panel_oldest_waiting_order_age_seconds",
        "Since when the oldest order waits to be sent to a provider; 0: none waits.",
        labels=["provider"],
    )
    balances = GaugeMetricFamily(
        "panel_provider_balance",
        "Our funds at a provider, in its currency, as far as they can be read.",
        labels=["provider", "currency"],
    )
    failing = GaugeMetricFamily(
        "panel_provider_failing",
        "Whether a provider fails to answer something, or was stopped.",
        labels=["provider"],
    )
    paused = GaugeMetricFamily(
        "panel_provider_paused",
        "Whether an operator has a provider paused: nothing new is sent there.",
        labels=["provider"],
    )
    waiting = figures.oldest_waiting_ages_s()
    for provider in registry.listing():
        ages.add_metric([provider.name], waiting.get(provider.id, 0))
        micros = registry.funds_micros(provider.balance)
        if micros is not None:
            balances.add_metric([provider.name, provider.currency], micros / money.MICROS)
        fails = bool(provider.failing_because or provider.stopped_because)
        failing.add_metric([provider.name], fails)
        paused.add_metric([provider.name], provider.paused_at is not None)
    yield from (ages, balances, failing, paused)


def _times() -> Iterator[Metric]:
    """When things were last done; 0 for never, so that their age is an alarm in itself."""
    yield _gauge("panel_worker_last_seen_timestamp_seconds", "When the worker was last seen.",
                 heartbeat.last_seen_at() or 0)  # fmt: skip
    for name, task, what in (
        ("panel_last_backup", Task.BACKUP, "backup"),
        ("panel_last_ledger_check", Task.LEDGER_CHECK, "check of the ledger"),
        ("panel_last_replica_check", Task.REPLICA_CHECK, "check of the replica"),
    ):
        done = last(task)
        succeeded_at = (done.succeeded_at or 0) if done is not None else 0
        yield _gauge(
            f"{name}_timestamp_seconds", f"When the last good {what} was made.", succeeded_at
        )


def _alerts() -> Metric:
    active = GaugeMetricFamily(
        "panel_alerts_active", "What is wrong now, by kind.", labels=["kind"]
    )
    counts = dict.fromkeys(map(str, ALL), 0)
    for alert in standing():
        counts[alert.kind] = counts.get(alert.kind, 0) + 1
    for kind, count in counts.items():
        active.add_metric([kind], count)
    return active
