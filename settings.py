"""The settings: one table of PANEL_* environment variables, read once into a frozen object.

Only app.py reads them. Every other module imports this one for the type `Settings` alone, and is
passed the object.
"""

import errno
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

import limits


class SettingsError(ValueError):
    """A variable holds something that cannot be used; the text says what to write instead."""


def _sqlite_path(text: str) -> Path:
    """The file, by its own name where it is a symbolic link.

    What lies beside it, such as locks and the log, has one place then, whoever opens it by which
    name. A link in the name of its folder changes nothing of that, and stays.
    """
    prefix = "sqlite:///"
    if not text.startswith(prefix) or len(text) == len(prefix):
        raise ValueError("write sqlite:///panel.db, or sqlite:////var/lib/panel/panel.db")
    path = Path(text.removeprefix(prefix)).absolute()
    try:
        path.lstat()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise ValueError("the name of the file is too long") from None
    return path.resolve() if path.is_symlink() else path


def _currency(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{3,5}", text):
        raise ValueError("write a currency code such as USD")
    return text


def _rate_limit(text: str) -> str:
    notation = f"{text} per minute" if re.fullmatch(r"[0-9]+", text) else text
    try:
        items = limits.parse_many(notation)
    except ValueError:
        items = []
    if len(items) != 1 or items[0].amount < 1:
        raise ValueError("write a number of requests per minute such as 120, or 5/second")
    return notation


def _storage(text: str) -> str:
    if text and not re.match(r"[a-z][a-z0-9+]*://", text):
        raise ValueError("write a storage address such as redis://127.0.0.1:6379")
    return text


def _synchronous(text: str) -> str:
    if text.upper() not in ("EXTRA", "FULL", "NORMAL", "OFF"):
        raise ValueError("write EXTRA, FULL, NORMAL or OFF")
    return text.upper()


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,2}", text):
        raise ValueError("write a whole number from 0 to 99")
    return int(text)


def _seconds(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) == 0:
        raise ValueError("write a number of seconds from 1 to 99999")
    return int(text)


def _minutes(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text):
        raise ValueError("write a number of minutes, or 0 for never")
    return int(text)


def _percent(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or int(text) == 0:
        raise ValueError("write a whole number of percent from 1 to 9999")
    return int(text)


def _days(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text):
        raise ValueError("write a number of days, or 0 for never")
    return int(text)


def _below_cost(text: str) -> str:
    if text not in ("flag", "disable"):
        raise ValueError("write flag or disable")
    return text


def _dialect(text: str) -> str:
    if text not in ("sns", "perfectpanel"):
        raise ValueError("write sns or perfectpanel")
    return text


def _name(text: str) -> str:
    if not 1 <= len(text) <= 64 or not text.isprintable():
        raise ValueError("write a name of 1 to 64 printable characters")
    return text


def _secret_key(text: str) -> str:
    if text and len(text) < 32:
        raise ValueError("write at least 32 random characters, or nothing")
    return text


def _amount(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError("write a whole amount such as 10, or 0 for never")
    return int(text) * 1_000_000


def _public_url(text: str) -> str:
    text = text.removesuffix("/")
    if text and not re.fullmatch(
        r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?", text
    ):
        raise ValueError("write an address such as https://panel.example.com, without a path")
    return text


def _yes(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError("write yes or no")
    return text == "yes"


def _log_format(text: str) -> str:
    if text not in ("text", "json"):
        raise ValueError("write text or json")
    return text


def _hours(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text):
        raise ValueError("write a number of hours, or 0 for never")
    return int(text)


def _notify(text: str) -> tuple[str, ...]:
    """Addresses in Apprise's form; a comma within one separates nothing."""
    if not text:
        return ()
    addresses = re.split(r"[\s,]+(?=[a-z][a-z0-9+]*://)", text.strip())
    if not all(re.fullmatch(r"[a-z][a-z0-9+]*://\S*[^\s,]", address) for address in addresses):
        raise ValueError("write addresses as Apprise has them, such as ntfy://TOPIC")
    return tuple(addresses)


def _ping_url(text: str) -> str:
    if text and not re.fullmatch(r"https?://[^\s/?#]+[^\s#]*", text):
        raise ValueError("write an address that begins with https://, or nothing")
    return text


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError("write networks such as 127.0.0.1/32,10.0.0.0/8") from None


def _setting(default: str, parse: Callable[[str], Any], help: str, *, secret: bool = False) -> Any:
    return field(metadata={"default": default, "parse": parse, "help": help, "secret": secret})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting; the variable is the field's name in capitals behind PANEL_."""

    database: Path = _setting("sqlite:///panel.db", _sqlite_path, "The database file.")
    synchronous: str = _setting(
        "FULL",
        _synchronous,
        "SQLite's `synchronous`. `FULL`: an answered order survives a power cut. `NORMAL`: "
        "faster, but a power cut may take the last orders back.",
    )
    currency: str = _setting("USD", _currency, "The currency of every amount.")
    dialect: str = _setting(
        "sns",
        _dialect,
        "How answers are shaped for accounts without a dialect of their own, and for requests "
        "without a good key: `sns`, or `perfectpanel` as clients of Perfect Panel and "
        "JustAnotherPanel expect it.",
    )
    rate_limit: str = _setting(
        "120",
        _rate_limit,
        "Requests a minute for each key, and for each address without a good key; "
        "`5/second` and the like work too.",
    )
    ratelimit_storage: str = _setting(
        "",
        _storage,
        "Where requests are counted: empty for memory that all workers of this server share, "
        "or any storage of the `limits` package such as `redis://127.0.0.1:6379`.",
        secret=True,
    )
    trusted_proxies: int = _setting(
        "0",
        _count,
        "How many reverse proxies stand before the panel. Each one's `X-Forwarded-For` entry "
        "is believed; 0 believes none.",
    )
    status_seconds: int = _setting(
        "15",
        _seconds,
        "How soon the worker asks for an order's status again; old orders are asked for "
        "less often, down to twice an hour.",
    )
    prices_minutes: int = _setting(
        "60",
        _minutes,
        "How often the worker follows the providers' prices and ranges; 0 for never.",
    )
    below_cost: str = _setting(
        "flag",
        _below_cost,
        "What becomes of a service whose rate falls below its cost: `flag` reports it, "
        "`disable` stops selling it until the cost falls again.",
    )
    cost_fall: int = _setting(
        "50",
        _percent,
        "A provider's price that falls by more than so many percent at once is not followed "
        "until you confirm it; the service goes on selling at its present rate.",
    )
    cost_rise: int = _setting(
        "100",
        _percent,
        "A provider's price that rises by more than so many percent at once holds the service "
        "until you confirm it.",
    )
    catalogue_loss: int = _setting(
        "30",
        _percent,
        "When more than so many percent of the services that you buy from a provider, and at "
        "least 5, vanish at once, they stay on sale until you confirm it, or for a day.",
    )
    exchange_days: int = _setting(
        "30",
        _days,
        "A rate of exchange that is older than so many days is warned about; 0 for never.",
    )
    refusal_minutes: int = _setting(
        "120",
        _minutes,
        "How long an order waits for you after a provider refused it in words that are not "
        "known; then it is canceled and paid back. 0: at once.",
    )
    provider_timeout: int = _setting(
        "30", _seconds, "How many seconds a provider has for a whole answer."
    )
    sandbox_seconds: int = _setting(
        "40", _seconds, "How many seconds an order takes in the built-in sandbox provider."
    )

    name: str = _setting("SMM panel", _name, "What the pages call the panel.")
    command: str = _setting(
        "flask",
        _name,
        "How you call the commands that the panel tells you of; on a server the units and "
        "`deploy/panel` set it to `panel`.",
    )
    low_balance: int = _setting(
        "10",
        _amount,
        "The dashboard warns of a provider where less than this is left, in the provider's "
        "currency; 0 for never.",
    )
    secret_key: str = _setting(
        "",
        _secret_key,
        "What signs the dashboard's session cookies: empty for a random one that is kept beside "
        "the database, or at least 32 characters, the same for all servers of a panel.",
        secret=True,
    )
    request_seconds: int = _setting(
        "10",
        _seconds,
        "How many seconds a client has to send a whole request, head and body. Longer only while "
        "its bytes keep coming.",
    )
    deposit_ask: int = _setting(
        "500",
        _amount,
        "A deposit or withdrawal of more than this is asked for once more, in the dashboard and, "
        "at a terminal, by `flask user fund` and `flask user add`; 0 for never.",
    )
    public_url: str = _setting(
        "",
        _public_url,
        "The address under which customers reach the panel, such as `https://panel.example.com`: "
        "the examples on the pages show it. Empty: the address that the server listens on.",
    )
    public_services: bool = _setting(
        "yes", _yes, "Whether the page at `/` shows the services and their rates to everybody."
    )
    log_format: str = _setting(
        "text", _log_format, "`text`, or `json` for logs of one JSON object a line."
    )
    notify: tuple[str, ...] = _setting(
        "",
        _notify,
        "Where alerts are sent: addresses in Apprise's form, separated by commas, such as "
        "`ntfy://TOPIC,mailto://USER:PASSWORD@example.com`.",
        secret=True,
    )
    ping_url: str = _setting(
        "",
        _ping_url,
        "An address that the worker fetches each minute while all is well, and with `/fail` "
        "appended when it is not, as healthchecks.io and Uptime Kuma expect it.",
        secret=True,
    )
    metrics_allow: tuple[IPv4Network | IPv6Network, ...] = _setting(
        "",
        _networks,
        "The networks that may read `/metrics`, separated by commas; empty: there is none.",
    )
    failing_minutes: int = _setting(
        "15",
        _minutes,
        "An alert is sent when a provider has not answered, or has refused, for so many minutes; "
        "0 for never.",
    )
    stuck_hours: int = _setting(
        "72",
        _hours,
        "An alert is sent when an open order has not moved for so many hours; 0 for never.",
    )
    price_alert: int = _setting(
        "20",
        _percent,
        "An alert is sent when a provider's price has risen by more than so many percent.",
    )
    backup_hours: int = _setting(
        "26",
        _hours,
        "An alert is sent when the last backup is older than so many hours; 0 for never.",
    )

    @property
    def secret_key_file(self) -> Path:
        """Where the signing key is kept, if none is set."""
        return self.database.with_name(self.database.stem + "-session.key")


def listening_url(environ: Mapping[str, str]) -> str:
    """The address that gunicorn.conf.py has the server listen on, as a browser on it writes it."""
    bind = environ.get("BIND", f"127.0.0.1:{environ.get('PORT', '8000')}")
    found = re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]*)(?::([0-9]{1,5}))?", bind)
    if found is None:  # a socket's path, or several addresses
        return "http://127.0.0.1"
    host, port = found[1], found[2] or "8000"
    everywhere = ("", "0.0.0.0", "[::]")  # noqa: S104 - compared, not listened on
    return f"http://{'127.0.0.1' if host in everywhere else host}:{port}"


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"PANEL_{name.upper()}"


def read(environ: Mapping[str, str]) -> Settings:
    """Read every setting from the environment.

    A secret one is also read from the file that PANEL_…_FILE names.

    :raises SettingsError: with one line that names the variable and what to write.
    """
    values = {}
    for item in fields(Settings):
        name = variable(item.name)
        text = environ.get(name, item.metadata["default"])
        if item.metadata["secret"] and f"{name}_FILE" in environ:
            text = _secret_file(f"{name}_FILE", environ[f"{name}_FILE"])
        try:
            values[item.name] = item.metadata["parse"](text)
        except ValueError as error:
            # A secret's value is not repeated: this line ends up in a log.
            shown = "" if item.metadata["secret"] else f" is {text!r}"
            raise SettingsError(f"{name}{shown}: {error}") from None
    return Settings(**values)


def explain(environ: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Every setting as an operator sees it: its variable, its value, and where that came from.

    The value is as it was written; of a secret one only whether it is set. It came from
    "default", "environment", or the file that it was read from.
    """
    found = []
    for item in fields(Settings):
        name, secret = variable(item.name), item.metadata["secret"]
        origin = "environment" if name in environ else "default"
        value = environ.get(name, item.metadata["default"])
        if secret and f"{name}_FILE" in environ:
            value, origin = "set", environ[f"{name}_FILE"]
        elif secret and value:
            value = "set"
        found.append((name, value, origin))
    return found


def unknown(environ: Mapping[str, str]) -> list[str]:
    """The PANEL_* variables that no setting reads: misspelt ones, mostly."""
    known = {variable(item.name) for item in fields(Settings)}
    known |= {
        f"{variable(item.name)}_FILE" for item in fields(Settings) if item.metadata["secret"]
    }
    return sorted(name for name in environ if name.startswith("PANEL_") and name not in known)


def _secret_file(name: str, path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{name}: cannot read the file {path!r}") from None
