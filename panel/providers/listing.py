"""A service as a provider's catalogue lists it."""

from typing import NamedTuple

NO_CATEGORY = "Other"
"""The category of a service that the provider names none for."""


class Listing(NamedTuple):
    """A service in a provider's catalogue; the rate is in micros, per 1000 or per package."""

    service: str
    name: str
    category: str
    type: str
    rate_micros: int
    min: int
    max: int
    refill: bool
    cancel: bool
    dripfeed: bool = False
