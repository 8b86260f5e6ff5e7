"""flask service: the catalogue."""

from typing import Any

import click

from cli.common import AMOUNT, NUMBER, Group, as_json, show_one, show_rows, when
from models import Service
from panel import services
from panel.money import format_exact


@click.group("service", cls=Group)
def group() -> None:
    """The catalogue of services."""


def _row(service: Service) -> dict[str, Any]:
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
        "active": service.active,
    }


@group.command("add")
@click.option("--name", required=True, help="What customers see.")
@click.option("--category", required=True, help="What the catalogue groups it under.")
@click.option("--rate", type=AMOUNT, required=True, help="Price of 1000, or of one package.")
@click.option("--min", type=int, required=True, help="The smallest quantity.")
@click.option("--max", type=int, required=True, help="The largest quantity.")
@click.option("--type", default="Default", show_default=True, help="What an order needs.")
@click.option("--refill", is_flag=True, help="Completed orders can be refilled.")
@click.option("--cancel", is_flag=True, help="Open orders can be canceled.")
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
    show_rows([_row(service) for service in services.listing()], as_json, "No services yet.")


@group.command("show")
@click.argument("id", type=NUMBER)
@as_json
def show(id: int, as_json: bool) -> None:
    """One service."""
    service = services.get(id)
    show_one({**_row(service), "created": when(service.created_at)}, as_json)


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
def edit(id: int, **fields: Any) -> None:
    """Change a service, from the next request on. Orders keep what they were charged."""
    services.edit(id, **{name: value for name, value in fields.items() if value is not None})
    click.echo(f"Service {id} is changed.")


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
