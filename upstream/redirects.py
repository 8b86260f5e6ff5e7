"""Redirects, which are never followed: a request carries our key, and an order is money."""

from urllib.parse import SplitResult, urljoin, urlsplit

from upstream.provider import OutcomeUnknown, ProviderMoved, ProviderUnreachable, RedirectedUnclear

STATUSES = (301, 302, 303, 307, 308)
_AFTER_WORK = (302, 303)
"""A server may redirect like this after it did what it was asked for: to a page of its own."""

_PORTS = {"http": 80, "https": 443}
MAX_ADDRESS_LENGTH = 300


def read_redirect(
    url: str, http_status: int, location: str | None
) -> ProviderUnreachable | OutcomeUnknown:
    """What a redirect of a request to this address means.

    A panel that moved says that nothing was taken. A redirect to the very same address, to
    nowhere, or to a page of the same server that may come after the work, does not say so.

    :param location: the header, which may hold anything.
    """
    before, after = urlsplit(url), _target(url, location or "")
    if after is None:
        return RedirectedUnclear(f"HTTP {http_status} to no address")
    address = after._replace(query="", fragment="").geturl()
    is_near = after.scheme == before.scheme and _server(after) == _server(before)
    if is_near and (after.path == before.path or http_status in _AFTER_WORK):
        return RedirectedUnclear(f"HTTP {http_status} to {address}")
    return ProviderMoved(address)


def _target(url: str, location: str) -> SplitResult | None:
    """Where a redirect leads, without a name and password; None if no request can go there."""
    try:
        target = urlsplit(urljoin(url, location.strip()))
        server = _server(target)
    except ValueError:
        return None
    is_address = location and location.isprintable() and target.scheme in _PORTS and server[0]
    if not is_address or len(location) > MAX_ADDRESS_LENGTH:
        return None
    return target._replace(netloc=target.netloc.rpartition("@")[2], path=target.path or "/")


def _server(address: SplitResult) -> tuple[str, int | None]:
    return (address.hostname or "").lower(), address.port or _PORTS.get(address.scheme)
