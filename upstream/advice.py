"""What an operator may try where a provider does not answer as one."""

from urllib.parse import urlsplit

from upstream import vocabulary
from upstream.provider import (
    NotUnderstood,
    OutcomeUnknown,
    ProviderMoved,
    ProviderRejected,
    ProviderUnreachable,
    RedirectedUnclear,
)

USUAL_PATH = "/api/v2"

NOWHERE = (404, 405)
"""What servers answer where there is no API: no such page, or none that takes a POST."""

FORBIDDEN = 403
NO_KEY = (401, FORBIDDEN)


def advice(error: ProviderUnreachable | ProviderRejected | OutcomeUnknown, url: str) -> str:
    """What to try after an error of a request to this address, in a sentence; "" for nothing."""
    status = error.http_status
    if isinstance(error, ProviderMoved):
        return "Use that address."
    if status in NOWHERE or isinstance(error, NotUnderstood | RedirectedUnclear):
        return _about_address(url)
    if status == FORBIDDEN:
        return "Check the key, and that our account there is active."
    if status in NO_KEY or (isinstance(error, ProviderRejected) and _names_key(error)):
        return "Check the key."
    if isinstance(error, ProviderRejected):
        return ""
    return "Check the address, or try again later."


def _about_address(url: str) -> str:
    if urlsplit(url).path.rstrip("/").endswith(USUAL_PATH):
        return "Is this the address of its API?"
    return f"Does its address end in {USUAL_PATH}?"


def _names_key(error: ProviderRejected) -> bool:
    return vocabulary.refuses_the_key(str(error))
