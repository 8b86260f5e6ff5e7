"""flask order: looking at orders and moving them on by hand."""

from typing import Any

import click

from cli.common import NUMBER, Group, as_json, limit, show_one, show_rows, when
from panel import accounts, orders
from panel.money import format_exact


@click.group("order", cls=Group)
def group() -> None:
    """Orders: look at them, move them on by hand."""


def _row(order: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": order["id"],
        "user": order["account_name"],
        "service": order["service"],
        "service_name": order["service_name"],
        "link": order["link"],
        "quantity": order["quantity"],
        "charge": format_exact(order["charge_micros"]),
        "refunded": format_exact(order["refunded_micros"]),
        "status": order["status"],
        "start_count": order["start_count"],
        "remains": order["remains"],
        "created": when(order["created_at"]),
        "updated": when(order["updated_at"]),
    }


@group.command("list")
@click.option("--user", help="Only this customer's.")
@click.option("--status", type=click.Choice(list(orders.FOLLOWS)), help="Only of this status.")
@limit()
@as_json
def list_(user: str | None, status: str | None, limit: int, as_json: bool) -> None:
    """The newest orders."""
    account_id = accounts.get(user).id if user is not None else None
    rows = [_row(order) for order in orders.listing(account_id, status, limit)]
    show_rows(rows, as_json, "No such orders.")


@group.command("show")
@click.argument("id", type=NUMBER)
@as_json
def show(id: int, as_json: bool) -> None:
    """One order."""
    show_one(_row(orders.details(id)), as_json)


@group.command("set")
@click.argument("id", type=NUMBER)
@click.option("--status", help="Pending, Processing, In progress, Completed, Partial, Canceled.")
@click.option("--start-count", type=int, help="The count before delivery began.")
@click.option("--remains", type=int, help="How many are not delivered.")
def set_(id: int, status: str | None, start_count: int | None, remains: int | None) -> None:
    """Change an order; Partial and Canceled pay back what remains, once.

    Example: flask order set 17 --status Partial --remains 200
    """
    if status is None and start_count is None and remains is None:
        raise click.UsageError("Give --status, --start-count or --remains.")
    orders.change(id, status=status, start_count=start_count, remains=remains)
    row = orders.details(id)
    refunded = format_exact(row["refunded_micros"])
    click.echo(f"Order {id} is {row['status']}, {row['remains']} remain, {refunded} refunded.")
