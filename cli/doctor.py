"""flask doctor: whether everything is as it should be, a line each."""

import json
from collections.abc import Iterator
from typing import Any

import click
import urllib3
from urllib3.exceptions import HTTPError

from api import proxy_probe
from api.context import current_settings
from cli.common import Command
from panel import doctor
from panel.doctor import Finding, Mark
from settings import Settings
from upstream import ask

FORGED = "192.0.2.77"
"""An address that nobody has (RFC 5737): a client's claim, which the panel is not to believe."""

PROBE_TIMEOUT_S = 10


def make(explained: list[tuple[str, str, str]], unknown: list[str]) -> click.Command:
    """The command.

    :param explained: variable, value and origin of each setting.
    :param unknown: variables that look like settings and are none.
    """

    @click.command("doctor", cls=Command)
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @click.pass_context
    def command(ctx: click.Context, as_json: bool) -> None:
        """Look at every part of the panel, and say what is wrong.

        Settings and where each came from, versions, the database, the disk, the worker, backups,
        providers, and whether PANEL_TRUSTED_PROXIES fits a real request. Changes nothing. Exit
        code 1 if something is wrong. Checking a large database takes a while.
        """
        findings = []
        for finding in _examine(current_settings(), explained, unknown):
            findings.append(finding)
            if not as_json:
                click.echo(f"{finding.mark:5}  {finding.name}: {finding.text}")
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
    yield from doctor.examine(settings, lambda row: ask.ask_account(row, settings))
    yield _proxy(settings)


def _proxy(settings: Settings) -> Finding:
    """Whether the panel believes the right address of a request that came the usual way."""
    name = "proxy"
    if not settings.public_url:
        text = "not looked at: PANEL_PUBLIC_URL is empty"
        return Finding(Mark.WARN, name, text)
    try:
        seen = _probe(settings.public_url, proxy_probe.sign(_secret_key(settings)))
    except (HTTPError, OSError, ValueError) as error:
        text = f"{settings.public_url} gave no answer of this panel ({type(error).__name__})"
        return Finding(Mark.WRONG, name, text)
    if seen is None:
        text = f"{settings.public_url} is answered by another server, or by another panel"
        return Finding(Mark.WRONG, name, text)
    problem = judge(seen, settings.trusted_proxies, settings.public_url)
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
    return response.json() if response.status == 200 else None


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
