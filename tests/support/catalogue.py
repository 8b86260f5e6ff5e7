"""A provider's listings, imported and synced."""

from typing import Any

from models import Service
from panel import services
from panel.providers import import_services, price_sync, sources
from panel.providers.changes import CatalogueChange, describe
from panel.providers.listing import Listing
from panel.providers.policy import SyncPolicy

QUARTER = 250_000
"""A markup of 25 %."""

UPSTREAM_KEY = "u5" * 16


def listing(service: str = "7", rate: int = 800_000, **changes: Any) -> Listing:
    plain = Listing(service, f"Likes {service}", "Social", "Default", rate, 10, 5000, True, False)
    return plain._replace(**changes)


def import_from(upstream: int, *listings: Listing, **options: Any) -> list[CatalogueChange]:
    options = {"markup_ppm": QUARTER, **options}
    return import_services.import_services(upstream, listings, **options)


def sync(
    upstream: int,
    *listings: Listing,
    disable: bool = False,
    confirmed: bool = False,
    **limits: int,
) -> list[str]:
    """What a sync tells; the limits are those of SyncPolicy."""
    policy = SyncPolicy(disable, **limits)
    return [
        describe(change)
        for change in price_sync.sync_prices(upstream, listings, policy, confirmed)
    ]


def boundless(upstream: int, *listings: Listing, **options: bool) -> list[str]:
    """What a sync tells that follows every cost above 0."""
    return sync(upstream, *listings, fall_percent=100, rise_percent=10**9, **options)


def service(number: int = 1) -> Service:
    return services.get(number)


def cost(number: int = 1) -> int:
    return sources.costs()[number]


OTHERS = listing("99")
