"""flask doctor: whether everything is as it should be, a line each."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import click
import urllib3
from urllib3 import exceptions

from api import proxy_probe
from api.context import current_settings
from command_line import PlainCommand
from database.connection import configure, database, disconnect
from panel import doctor
from panel.doctor import Finding, Mark
from settings import Settings
from upstream import ask

FORGED = "192.0.2.77"
"""An address that nobody has (RFC 5737): a client's claim, which the panel is not to believe."""

PROBE_TIMEOUT_S = 10

WHY: dict[type[Exception], str] = {
    exceptions.NameResolutionError: "its name cannot be resolved",
    exceptions.NewConnectionError: "nobody answers there",
    exceptions.TimeoutError: f"it did not answer within {PROBE_TIMEOUT_S} s",
    exceptions.SSLError: "its certificate is not valid",
}
"""The errors of a request, in the order in which they are told apart."""


def make(explained: list[tuple[str, str, str]], unknown: list[str]) -> click.Command:
    """The command.

    :param explained: variable, value and origin of each setting.
    :param unknown: variables that look like settings and are none.
    """

    @click.command("doctor", cls=PlainCommand)
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @click.pass_context
    def command(ctx: click.Context, as_json: bool) -> None:
        """Look at every part of the panel, and say what is wrong.

        Settings and where each came from, versions, the database, the disk, the worker, backups,
        providers, and whether PANEL_TRUSTED_PROXIES fits a real request. Changes nothing. Exit
        code 1 if something is wrong. Checking a large database takes a while.
        """
        findings = []
        try:
            for finding in _examine(current_settings(), explained, unknown):
                findings.append(finding)
                if not as_json:
                    click.echo(f"{finding.mark:5}  {finding.name}: {finding.text}")
        finally:
            disconnect()
        if as_json:
            click.echo(json.dumps([finding._asdict() for finding in findings], indent=2))
        if any(finding.mark is Mark.WRONG for finding in findings):
            ctx.exit(1)

    return command


def _examine(
    settings: Settings, explained: list[tuple[str, str, str]], unknown: list[str]
) -> Iterator[Finding]:
    for variable, value, origin in explained:
        yield Finding(Mark.OK, variable, f"{value or 'empty'} ({origin})")
    for variable in unknown:
        yield Finding(Mark.WARN, variable, "is not a setting of the panel, ignored")
    yield from doctor.examine(
        settings, lambda row: ask.ask_account(row, settings), partial(_open_tables, settings)
    )
    yield _proxy(settings)


def _open_tables(settings: Settings) -> None:
    """Point the models at the database as it is: nothing is created, upgraded or marked."""
    if database.deferred:
        configure(settings.database, settings.synchronous)


def _proxy(settings: Settings) -> Finding:
    """Whether the panel believes the right address of a request that came the usual way."""
    name = "proxy"
    if not settings.public_url:
        text = "not looked at: PANEL_PUBLIC_URL is empty"
        return Finding(Mark.WARN, name, text)
    url = settings.public_url
    try:
        signature = proxy_probe.sign(_secret_key(settings))
    except OSError:
        return Finding(Mark.WARN, name, "not looked at: the server was never started here")
    try:
        seen = _probe(url, signature)
    except (exceptions.HTTPError, OSError) as error:
        return Finding(Mark.WRONG, name, f"{url}: {_why(error)}")
    if seen is None:
        text = f"{url} is answered by another server, or by another panel"
        return Finding(Mark.WRONG, name, text)
    problem = judge(seen, settings.trusted_proxies, url)
    if problem:
        return Finding(Mark.WRONG, name, problem)
    return Finding(Mark.OK, name, f"this machine is seen as {seen['address']}")


def _secret_key(settings: Settings) -> str:
    return settings.secret_key or settings.secret_key_file.read_text()


def _probe(url: str, signature: str) -> dict[str, Any] | None:
    """Ask the panel under its public address what it sees; None if it does not know us."""
    response = urllib3.request(
        "GET",
        url + proxy_probe.PATH,
        headers={proxy_probe.HEADER: signature, "X-Forwarded-For": FORGED},
        timeout=PROBE_TIMEOUT_S,
        redirect=False,
        retries=False,
    )
    try:
        seen = response.json() if response.status == 200 else None
    except ValueError:
        return None
    return seen if isinstance(seen, dict) and seen.keys() >= proxy_probe.ANSWER else None


def _why(error: Exception) -> str:
    """Why nothing was answered, in words."""
    for kind, words in WHY.items():
        if isinstance(error, kind):
            return words
    return "the connection broke"


def judge(seen: dict[str, Any], trusted_proxies: int, public_url: str) -> str:
    """What is wrong with how the panel saw a request; "" if nothing is."""
    setting = f"PANEL_TRUSTED_PROXIES is {trusted_proxies}"
    hops = [hop.strip() for hop in seen["forwarded_for"].split(",") if hop.strip()]
    if trusted_proxies and seen["address"] == FORGED:
        return f"{setting}, and fewer proxies stand before the panel: clients choose their address"
    if trusted_proxies and len(hops) < trusted_proxies:
        return f"{setting}, and the proxies pass on {len(hops)} addresses: customers share one"
    if not trusted_proxies and hops != [FORGED]:
        return f"{setting}, and a proxy stands before the panel: customers share its address"
    if trusted_proxies and public_url.startswith("https:") and not seen["https"]:
        return "the proxy does not say that a request came over HTTPS (X-Forwarded-Proto)"
    return ""
