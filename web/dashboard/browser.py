"""The browser that a request comes from: its address, its name, and its device's cookie."""

import re

from flask import Response, request

from api.rate_limit import network
from panel.operations.sign_in import Browser
from panel.sign_in import devices
from web.sessions import ADMIN

COOKIE = "panel_device"

_BROWSERS = {
    "Edg/": "Edge",
    "EdgA/": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser/": "Samsung Internet",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
    "curl/": "curl",
}
"""What a browser calls itself by, in the order of looking: most name others as well."""

_SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "CrOS": "ChromeOS",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


def current_browser() -> Browser:
    """The browser of this request."""
    address = request.remote_addr or ""
    return Browser(
        address, network(address), name_of(request.headers.get("User-Agent", "")), device_token()
    )


def device_token() -> str:
    """What the device's cookie holds; '' without one."""
    return request.cookies.get(COOKIE, "")


def name_of(user_agent: str) -> str:
    """A browser as a person reads it, such as "Firefox on Linux".

    Anybody can send anything: only words that are known are repeated, or the product's name as
    far as it is letters and digits.
    """
    user_agent = user_agent[:500]
    browser = next((name for mark, name in _BROWSERS.items() if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS.items() if mark in user_agent), "")
    if not browser:
        product = re.match(r"[A-Za-z][A-Za-z0-9-]{1,29}(?=/|$)", user_agent)
        browser = product[0] if product and product[0] != "Mozilla" else "Unknown browser"
    return f"{browser} on {system}" if system else browser


def keep_device(response: Response, token: str) -> None:
    """Give the browser its device's cookie, which outlives the session."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=devices.LIFE_S,
        path=ADMIN,
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )
