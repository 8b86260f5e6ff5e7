"""flask service: the catalogue."""

from typing import Any

import click

from cli.common import (
    AMOUNT,
    NUMBER,
    PERCENT,
    FailedError,
    Group,
    as_json,
    connect,
    show_one,
    show_rows,
    when,
)
from models import Service
from panel import services
from panel.errors import OperatorError
from panel.money import format_exact
from panel.providers import import_services, registry, sources
from upstream import PROVIDER_ERRORS


@click.group("service", cls=Group)
def group() -> None:
    """The catalogue of services."""


def _row(service: Service, cost: int | None) -> dict[str, Any]:
    return {
        "id": service.id,
        "name": service.name,
        "category": service.category,
        "type": service.type,
        "rate": format_exact(service.rate_micros),
        "min": service.min,
        "max": service.max,
        "refill": service.refill,
        "cancel": service.cancel,
        "dripfeed": service.dripfeed,
        "one_per_link": service.one_per_link,
        "active": service.active,
        "cost": format_exact(cost) if cost is not None else None,
        "note": _note(service, cost),
    }


def _note(service: Service, cost: int | None) -> str:
    if not service.active:
        return service.inactive_because
    return "below cost" if cost is not None and service.rate_micros < cost else ""


@group.command("add")
@click.option("--name", required=True, help="What customers see.")
@click.option("--category", required=True, help="What the catalogue groups it under.")
@click.option("--rate", type=AMOUNT, required=True, help="Price of 1000, or of one package.")
@click.option("--min", type=int, required=True, help="The smallest quantity.")
@click.option("--max", type=int, required=True, help="The largest quantity.")
@click.option("--type", default="Default", show_default=True, help="What an order needs.")
@click.option("--refill", is_flag=True, help="Completed orders can be refilled.")
@click.option("--cancel", is_flag=True, help="Open orders can be canceled.")
@click.option("--dripfeed", is_flag=True, help="Orders can be delivered in runs.")
@click.option("--one-per-link", is_flag=True, help="A link has one open order at a time.")
def add(rate: int, **fields: Any) -> None:
    """Add a service and print its number.

    Example: flask service add --name "Channel members" --category Telegram
    --rate 1.20 --min 10 --max 50000 --refill --cancel
    """
    click.echo(services.add(rate_micros=rate, **fields))


@group.command("list")
@as_json
def list_(as_json: bool) -> None:
    """All services, disabled ones too."""
    costs = sources.costs()
    rows = [_row(service, costs.get(service.id)) for service in services.listing()]
    show_rows(rows, as_json, "No services yet.")


@group.command("show")
@click.argument("id", type=NUMBER)
@as_json
def show(id: int, as_json: bool) -> None:
    """One service."""
    service = services.get(id)
    bought_from = [
        f"{s['provider_name']} {s['provider_service']} at {format_exact(s['cost_micros'])}"
        for s in sources.sources(id)
    ]
    row = _row(service, sources.costs().get(id))
    shown = bought_from if as_json else ", then ".join(bought_from)
    show_one({**row, "bought_from": shown, "created": when(service.created_at)}, as_json)


@group.command("source")
@click.argument("id", type=NUMBER)
@click.argument("provider")
@click.argument("their_service")
@click.option("--second", is_flag=True, help="Where to turn when the first clearly refuses.")
def source(id: int, provider: str, their_service: str, second: bool) -> None:
    """Say where a service is bought; the cost is read from the provider's catalogue.

    Example: flask service source 3 upstream 1204 --second
    """
    services.get(id)
    row = registry.get(provider)
    try:
        found = [item for item in connect(row).services() if item.service == their_service]
    except PROVIDER_ERRORS as error:
        raise FailedError(f"{provider}: {error}") from None
    if not found:
        raise OperatorError(f"{provider} has no service {their_service}")
    sources.set_source(id, row.id, found[0], 2 if second else 1)
    cost = format_exact(found[0].rate_micros)
    click.echo(f"Service {id} is bought from {provider}, service {their_service}, at {cost}.")


@group.command("edit")
@click.argument("id", type=NUMBER)
@click.option("--name", help="What customers see.")
@click.option("--category", help="What the catalogue groups it under.")
@click.option("--rate", "rate_micros", type=AMOUNT, help="Price of 1000, or of one package.")
@click.option("--min", type=int, help="The smallest quantity.")
@click.option("--max", type=int, help="The largest quantity.")
@click.option("--type", help="What an order needs.")
@click.option("--refill/--no-refill", default=None, help="Completed orders can be refilled.")
@click.option("--cancel/--no-cancel", default=None, help="Open orders can be canceled.")
@click.option("--dripfeed/--no-dripfeed", default=None, help="Orders can be delivered in runs.")
@click.option(
    "--one-per-link/--no-one-per-link",
    default=None,
    help="A link has one open order at a time.",
)
@click.option(
    "--position", "sort_order", type=int, help="Its place in the catalogue: smaller is earlier."
)
def edit(id: int, **fields: Any) -> None:
    """Change a service, from the next request on. Orders keep what they were charged."""
    services.edit(id, **{name: value for name, value in fields.items() if value is not None})
    click.echo(f"Service {id} is changed.")


@group.command("move")
@click.argument("id", type=NUMBER)
@click.option("--before", type=NUMBER, help="The service that it is to stand before.")
def move(id: int, before: int | None) -> None:
    """Move a service within the catalogue: before another one, or to the end."""
    services.move(id, before)
    click.echo(f"Service {id} is moved.")


@group.command("markup")
@click.argument("percent", type=PERCENT)
@click.option("--id", "ids", type=NUMBER, multiple=True, help="A service; repeatable.")
@click.option("--category", help="All services of this category.")
@click.option("--round", "step", type=AMOUNT, default=1, help="Round rates up to this step.")
def markup(percent: int, ids: tuple[int, ...], category: str | None, step: int) -> None:
    """Let rates follow their costs with a markup, such as 25%.

    Example: flask service markup 25% --category Telegram --round 0.01
    """
    chosen = set(ids)
    if category is not None:
        chosen |= {item.id for item in services.listing() if item.category == category}
    changes = import_services.mark_up(sorted(chosen), percent, step)
    rows = [{"service": c.service_id, "name": c.name, "change": c.what} for c in changes]
    show_rows(rows, False, "")


@group.command("disable")
@click.argument("id", type=NUMBER)
def disable(id: int) -> None:
    """Take a service out of the catalogue; its orders go on."""
    services.edit(id, active=False)
    click.echo(f"Service {id} is disabled.")


@group.command("enable")
@click.argument("id", type=NUMBER)
def enable(id: int) -> None:
    """Put a service back into the catalogue."""
    services.edit(id, active=True)
    click.echo(f"Service {id} is enabled.")
